"""The commands classes, roster and report, as they are typed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from commandline import photocall
from photocall.roster import Status
from photocall.school.lesson_records import Lesson, RegisterLine
from photocall.school.records import Member
from photocall.settings import Settings
from photocall.stores.sql import SqlStore

STARTS = datetime(2026, 9, 7, 8, tzinfo=UTC)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with the class 7b, in which is Ada."""
    assert photocall("classes", "create", "Class 7b", "--id", "7b", "--data", tmp_path).code == 0
    ada = photocall("classes", "add-student", "Ada", "--id", "s-1", "--class", "7b", "--data", tmp_path)
    assert (ada.code, ada.out, ada.err) == (0, "s-1: Ada, in 7b\n", "")
    return tmp_path


def test_a_class_is_made_changed_shown_and_deleted(data: Path) -> None:
    told = photocall("classes", "change", "7b", "--name", "Seven", "--field", "room=1=2", "--data", data, "--json")
    assert told.values == [{"course_id": "7b", "name": "Seven", "fields": {"room": "1=2"}, "archived": False}]
    photocall("classes", "change", "7b", "--field", "term=1", "--data", data)
    (found,) = photocall("classes", "list", "--data", data, "--json").values[0]
    assert (found["students"], found["fields"]) == (1, {"room": "1=2", "term": "1"})
    assert "Seven" in photocall("classes", "list", "--data", data).out
    shown = photocall("classes", "show", "7b", "--data", data)
    assert "Ada" in shown.out and shown.out.endswith("Seven: 1 student\n")
    assert photocall("classes", "delete", "7b", "--data", data).out == "7b: deleted\n"
    assert photocall("classes", "list", "--data", data, "--json").values == [[]]


def test_a_class_that_had_lessons_is_archived_and_can_be_opened_again(data: Path) -> None:
    with SqlStore(Settings(data=data).database) as store:
        store.put(Lesson("l", "7b", "", STARTS))
    assert "archived" in photocall("classes", "delete", "7b", "--data", data).out
    assert "archived" in photocall("classes", "list", "--data", data).out
    assert photocall("classes", "change", "7b", "--reopen", "--data", data).out == "7b: Class 7b\n"


def test_students_are_changed_and_join_and_leave(data: Path) -> None:
    photocall("classes", "create", "Art", "--id", "art", "--data", data)
    assert photocall("classes", "join", "art", "s-1", "--data", data).out == "s-1: Ada, in art, 7b\n"
    changed = photocall("classes", "change-student", "s-1", "--field", "year=2", "--data", data, "--json").values[0]
    assert (changed["fields"], sorted(changed["courses"])) == ({"year": "2"}, ["7b", "art"])
    for course in ("7b", "art"):
        photocall("classes", "leave", course, "s-1", "--data", data)
    told = photocall("classes", "change-student", "s-1", "--name", "Ada King", "--field", "year=", "--data", data)
    assert told.out == "s-1: Ada King, in no class\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("classes", "show", "9c"), 1, "There is no class '9c'"),
        (("classes", "create", "A", "--id", "7b"), 1, "There is a class '7b' already"),
        (("classes", "create", " "), 1, "name: the name is missing"),
        (("classes", "create", "A", "--field", "room"), 2, "KEY=VALUE"),
        (("classes", "join", "7b", "nobody"), 1, "There is no student 'nobody'"),
        (("roster", "import", "missing.csv"), 1, "missing.csv: no such file"),
        (("roster", "export", "a.pdf"), 2, "must end with .csv"),
        (("roster", "export", "a.zip", "--class", "7b"), 2, "CSV alone"),
        (("report", "--class", "9c"), 1, "There is no class '9c'"),
        (("report", "--from", "2026-09-02", "--to", "2026-09-01"), 1, "must not be before"),
        (("report", "--csv", "no/such\0/file.csv"), 1, "NUL"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    data: Path, arguments: tuple[str, ...], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    answer = photocall(*arguments, "--data", data)
    assert answer.code == code
    (problem,) = answer.err.splitlines()
    assert problem.startswith("photocall: ") and said in problem


def test_a_day_that_is_none_is_refused(data: Path) -> None:
    answer = photocall("report", "--from", "yesterday", "--data", data)
    assert answer.code == 2 and "no day such as 2026-09-01" in answer.err


def test_an_import_does_nothing_before_it_is_confirmed(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("student_id,name,class\ns-1,Ada King,7b\ns-2,Bob,8a\n,,\ns-3,,8a\n")
    seen = photocall("roster", "import", file, "--data", data)
    assert seen.code == 1 and "nothing was done" in seen.out and "Ada King" in seen.out
    assert seen.problems == ["photocall: new.csv: row 5: name: the name is missing"]
    assert len(photocall("classes", "list", "--data", data, "--json").values[0]) == 1
    done = photocall("roster", "import", file, "--confirm", "--data", data, "--json")
    (told,) = done.values
    assert (told["confirmed"], len(told["new"]), len(told["changed"]), len(told["bad"])) == (True, 2, 1, 1)
    assert "Ada King" in photocall("classes", "show", "7b", "--data", data).out


@pytest.mark.parametrize("name", ["all.csv", "all.zip"])
def test_what_is_exported_can_be_imported(data: Path, tmp_path: Path, name: str) -> None:
    assert photocall("roster", "export", tmp_path / name, "--data", data).code == 0
    other = photocall("roster", "import", tmp_path / name, "--confirm", "--data", tmp_path / "other", "--json")
    assert (other.code, [new["name"] for new in other.values[0]["new"]]) == (0, ["Class 7b", "Ada"])


def test_a_report_is_shown_and_written(data: Path, tmp_path: Path) -> None:
    with SqlStore(Settings(data=data).database) as store:
        store.put(Lesson("l", "7b", "=1", STARTS), Lesson("m", "7b", "", STARTS), Member("7b", "s-1"))
        store.put(RegisterLine("l", "s-1", Status.LATE, 99.0, "", False, STARTS))
    files = ["--csv", tmp_path / "r.csv", "--xlsx", tmp_path / "r.xlsx"]
    told = photocall("report", "--class", "7b", "--from", "2026-09-07", "--to", "2026-09-07", *files, "--data", data)
    assert told.out.endswith(
        "1 lesson, 1 more without a register; 0 present, 1 late, 0 excused, 0 absent, 0 uncertain\n"
    )
    assert "100.0 %" in told.out
    assert (tmp_path / "r.csv").read_text().splitlines()[1] == "2026-09-07,08:00,7b,Class 7b,'=1,s-1,Ada,late,99.0,,"
    assert load_workbook(tmp_path / "r.xlsx")["Totals"]["B2"].value == "Ada"
    (found,) = photocall("report", "--student", "s-1", "--data", data, "--json").values
    assert found["students"][0]["share"] == 1
