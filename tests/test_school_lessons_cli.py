"""Attendance on the command line: what the page of a lesson does, without server or worker."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from commandline import photocall
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import read_image
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


def test_a_lesson_is_changed_and_who_was_late_by_the_old_times_is_judged_by_the_new_ones(
    data: Path, photo: Path
) -> None:
    lesson = asked(data, "create", "7b", "--starts", "2026-09-07T08:00")["lesson_id"]
    sent = asked(data, "photo", lesson, photo, "--taken", "2026-09-07T08:30")
    assert sent["late"] is True
    changed = asked(data, "change", lesson, "--title", "Fractions", "--starts", "2026-09-07T08:25")
    assert (changed["title"], changed["minutes"], changed["grace"]) == ("Fractions", 45, 10)
    found = asked(data, "register", lesson)
    assert (found["evidence"][0]["late"], found["counts"]["present"]) == (False, 1)
    told = photocall("lessons", "late", sent["evidence_id"], "yes", "--data", data)
    assert told.out == "class.jpg: done, late\n"
    assert asked(data, "register", lesson)["counts"]["late"] == 1


def test_a_photo_has_the_time_at_which_its_file_was_made_where_nothing_else_says_more(data: Path, photo: Path) -> None:
    os.utime(photo, (1_788_768_600, 1_788_768_600))  # 2026-09-07 08:10 UTC
    lesson = asked(data, "create", "7b", "--starts", "2026-09-07T08:00")["lesson_id"]
    sent = asked(data, "photo", lesson, photo)
    assert (sent["taken"], sent["late"]) == ("2026-09-07T08:10:00+00:00", True)


def test_a_photo_and_a_face_are_written_to_files_and_the_photo_deleted_with_the_lesson(
    data: Path, photo: Path, tmp_path: Path
) -> None:
    lesson = asked(data, "create", "7b")["lesson_id"]
    sent = asked(data, "photo", lesson, photo)["evidence_id"]
    assert f"photo {sent}: class.jpg, done" in photocall("lessons", "register", lesson, "--data", data).out
    face = asked(data, "register", lesson)["seen"][0]["seen_id"]
    for name in (sent, face):
        assert asked(data, "picture", name, "--out", tmp_path / f"{name}.jpg")["id"] == name
    whole, crop = (read_image(tmp_path / f"{name}.jpg") for name in (sent, face))
    assert whole.size > crop.size
    assert photocall("lessons", "remove", sent, "--data", data).out == f"{sent}: deleted\n"
    found = asked(data, "register", lesson)
    assert (found["evidence"], found["seen"]) == ([], [])
    assert asked(data, "delete", lesson) == {"lesson_id": lesson, "deleted": True}
    assert lesson not in {each["lesson_id"] for each in asked(data, "list", "7b")}
    (noted,) = photocall("audit", "list", "--subject", lesson, "--limit", 1, "--data", data, "--json").values[0]
    assert (noted["account_id"], noted["action"]) == ("cli", "lesson.deleted")


def test_what_is_not_there_is_said_plainly(data: Path, photo: Path) -> None:
    for words in (
        ("create", "9z"),
        ("list", "9z"),
        ("register", "gone"),
        ("photo", "gone", photo),
        ("change", "gone"),
        ("delete", "gone"),
        ("late", "gone", "no"),
        ("remove", "gone"),
        ("picture", "gone", "--out", photo),
    ):
        answer = photocall("lessons", *words, "--data", data)
        assert answer.code == 1 and "There is no" in answer.err.splitlines()[-1]
