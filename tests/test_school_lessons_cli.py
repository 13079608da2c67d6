"""Attendance on the command line: what the page of a lesson does, without server or worker."""

import json
from pathlib import Path
from typing import Any

import pytest

from commandline import photocall
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from taking import side_by_side, taking


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, engine: FaceEngine, portraits: dict[str, ByteArray]) -> Path:
    """A data directory with the class 7b."""
    folder = tmp_path_factory.mktemp("data")
    with taking(folder, engine, portraits):
        return folder


@pytest.fixture(scope="module")
def photo(portraits: dict[str, ByteArray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "class.jpg"
    path.write_bytes(side_by_side([portraits["obama2"], portraits["astronaut"]]))
    return path


def asked(data: Path, *words: object) -> Any:
    answer = photocall("lessons", *words, "--data", data, "--json")
    assert answer.code == 0, answer.problems
    return json.loads(answer.out) if answer.out else None


def test_a_lesson_is_taken_and_corrected(data: Path, photo: Path) -> None:
    lesson = asked(data, "create", "7b", "--title", "Fractions", "--minutes", 90)["lesson_id"]
    assert asked(data, "list", "7b")[0]["lesson_id"] == lesson
    assert asked(data, "photo", lesson, photo)["state"] == "done"
    found = asked(data, "register", lesson)
    assert {line["student_id"]: line["status"] for line in found["lines"]} == {"s-1": "present", "s-2": "absent"}
    (stranger,) = [each for each in found["seen"] if each["state"] == "stranger"]
    asked(data, "judge", stranger["seen_id"], "is", "s-2")
    asked(data, "mark", lesson, "late", "s-1", "--note", "the bus")
    found = asked(data, "register", lesson)
    assert {line["student_id"]: line["status"] for line in found["lines"]} == {"s-1": "late", "s-2": "present"}
    asked(data, "judge", stranger["seen_id"], "undo")
    asked(data, "mark", lesson, "undo", "s-1")
    found = asked(data, "register", lesson)
    assert {line["student_id"]: line["status"] for line in found["lines"]} == {"s-1": "present", "s-2": "absent"}
    asked(data, "mark", lesson, "excused")
    assert {line["status"] for line in asked(data, "register", lesson)["lines"]} == {"excused"}


def test_people_read_it_as_a_table(data: Path, photo: Path) -> None:
    lesson = photocall("lessons", "create", "7b", "--data", data).out.strip()
    assert photocall("lessons", "photo", lesson, photo, "--data", data).out == "class.jpg: done\n"
    table = photocall("lessons", "register", lesson, "--data", data).out
    assert "Ada Lovelace" in table and "present" in table
    assert lesson in photocall("lessons", "list", "7b", "--data", data).out


def test_a_time_is_one_of_the_school(data: Path) -> None:
    made = asked(data, "create", "7b", "--starts", "2026-11-23T08:00", "--grace", 5)
    assert (made["starts"], made["grace"]) == ("2026-11-23T08:00:00+00:00", 5)
    answer = photocall("lessons", "create", "7b", "--starts", "soon", "--data", data)
    assert answer.code == 2 and "2026-11-23T08:00" in answer.problems[0]


def test_a_file_that_cannot_be_looked_at_does_not_stop_the_others(data: Path, photo: Path, tmp_path: Path) -> None:
    lesson = asked(data, "create", "7b")["lesson_id"]
    broken, text = tmp_path / "broken.mp4", tmp_path / "a.svg"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(16))
    text.write_text("<svg/>")
    answer = photocall("lessons", "photo", lesson, text, tmp_path / "none.jpg", broken, photo, "--data", data)
    assert answer.code == 1
    assert answer.out == "class.jpg: done\n"
    named = zip(("a.svg", "none.jpg", "broken.mp4"), answer.problems, strict=True)
    assert all(name in line for name, line in named)
    states = {each["name"]: each["state"] for each in asked(data, "register", lesson)["evidence"]}
    assert states == {"broken.mp4": "failed", "class.jpg": "done"}


def test_what_is_not_there_is_said_plainly(data: Path, photo: Path) -> None:
    for words in (("create", "9z"), ("list", "9z"), ("register", "gone"), ("photo", "gone", photo)):
        answer = photocall("lessons", *words, "--data", data)
        assert answer.code == 1 and "There is no" in answer.err.splitlines()[-1]
