"""Students who are known by an id: results call them by their names, and two may have the same one."""

import json
from pathlib import Path

import pytest

from photocall.app import open_app, open_store
from photocall.cli import main
from photocall.demo import Demo
from photocall.enrolment import enroll_photo
from photocall.roster import Student
from photocall.school.records import Member
from photocall.settings import Settings


@pytest.fixture(scope="module")
def data(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two students called Joe Biden, one of them with a face."""
    data = tmp_path_factory.mktemp("ids") / "data"
    with open_app(Settings(data=data, threads=2)) as app:
        app.gallery()
        app.store.put_students([Student("Joe Biden", {"year": "1"}, "s-17"), Student("Joe Biden", {}, "s-18")])
        enroll_photo(app.engine, app.store, "students", demo.enroll / "Joe Biden.jpg", "s-17")
    return data


def test_the_register_has_a_line_for_each_of_two_students_with_one_name(
    data: Path, demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attend", str(demo.photo), "--json", "--data", str(data)]) == 0
    lines = json.loads(capsys.readouterr().out)["students"]
    assert [(line["name"], line["status"]) for line in lines] == [("Joe Biden", "present"), ("Joe Biden", "absent")]


def test_who_is_only_in_a_class_of_the_application_is_not_in_the_register_of_the_command_line(
    data: Path, demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(Settings(data=data)) as store:
        store.put(Student("Ada Lovelace", {}, "s-19"), Member("7b", "s-19"), Member("7b", "s-17"))
    assert main(["attend", str(demo.photo), "--json", "--data", str(data)]) == 0
    assert [line["name"] for line in json.loads(capsys.readouterr().out)["students"]] == ["Joe Biden", "Joe Biden"]
    with open_store(Settings(data=data)) as store:
        store.delete_student("s-19")


def test_who_is_recognised_is_called_by_name(data: Path, demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recognize", str(demo.photo), "--data", str(data)]) == 0
    assert capsys.readouterr().out.endswith("face detected - Joe Biden\n")


def test_people_of_a_video_are_called_by_name(
    data: Path, demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", str(demo.clip), "--json", "--out", str(tmp_path), "--data", str(data)]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["people"]] == ["Joe Biden"]
    name, _, year = (tmp_path / f"{demo.clip.stem}.csv").read_text().splitlines()[1].split(",")[:3]
    assert (name, year) == ("Joe Biden", "1")


def test_a_name_that_two_students_have_erases_neither(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forget", "Joe Biden", "--data", str(data)]) == 1
    assert "that is the name of students s-17, s-18; give the id of one" in capsys.readouterr().err
    assert main(["forget", "s-18", "--data", str(data)]) == 0
    with open_store(Settings(data=data)) as store:
        assert [student.student_id for student in store.students()] == ["s-17"]
