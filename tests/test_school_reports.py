"""Reports: what registers say, counted by lesson, student and day, and given out in ways that nothing can hide in."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from photocall.ports import Register
from photocall.roster import Status, Student
from photocall.school import choices, reports
from photocall.school.errors import EntryInvalid, NotAllowed, NotThere
from photocall.school.lesson_records import Lesson, Mark, RegisterLine
from photocall.school.records import Course, Member
from photocall.school.report_files import LINE_HEADER, TOTAL_HEADER, matrix_json, report_csv, report_json, report_xlsx
from photocall.school.reports import Question
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore
from postgres import PostgresServer
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, VIEWER, school

P, L, E, A, U = Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT, Status.UNCERTAIN


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Register]:
    """Berlin; three lessons of 7b that were taken, one that was not, and one of 8a."""
    with school(tmp_path) as opened:
        found = opened.places.store
        choices.choose(found, "admin", NOW, time_zone="Europe/Berlin")
        taken(found, "mon", "7b", datetime(2026, 9, 7, 6, tzinfo=UTC), {"s-1": P, "s-2": A})
        taken(found, "tue", "7b", datetime(2026, 9, 7, 22, 30, tzinfo=UTC), {"s-1": L, "s-2": E})  # half past midnight
        taken(found, "wed", "7b", datetime(2026, 9, 9, 6, tzinfo=UTC), {"s-1": U, "s-2": P, "gone": A})
        taken(found, "thu", "7b", datetime(2026, 9, 10, 6, tzinfo=UTC), {})
        taken(found, "8a-mon", "8a", datetime(2026, 9, 7, 8, tzinfo=UTC), {"s-1": A})
        yield found


def taken(store: Register, lesson_id: str, course_id: str, starts: datetime, said: dict[str, Status]) -> None:
    """Put a lesson with its register."""
    store.put(Lesson(lesson_id, course_id, f"On {lesson_id}", starts))
    store.put(*(RegisterLine(lesson_id, who, status, 98.765, "", False, NOW) for who, status in said.items()))


def counted(store: Register, question: Question, account: object = ADMINISTRATOR) -> dict[str, list[int]]:
    """Present, late, excused, absent and uncertain, by student."""
    found = report_json(reports.report(store, account, question))  # type: ignore[arg-type]
    names = TOTAL_HEADER[2:7]
    return {one["student_id"]: [one[name] for name in names] for one in found["students"]}


# --- what is counted


def test_everybody_is_counted_by_lesson_student_and_day(store: Register) -> None:
    found = report_json(reports.report(store, TEACHER, Question("7b")))
    assert [(one["lesson_id"], one["taken"], one["present"], one["absent"]) for one in found["lessons"]] == [
        ("mon", True, 1, 1),
        ("tue", True, 0, 0),
        ("wed", True, 1, 1),
        ("thu", False, 0, 0),
    ]
    assert [(one["student_id"], one["name"], one["share"]) for one in found["students"]] == [
        ("s-1", "Ada Lovelace", 0.6667),
        ("s-2", "Bob Babbage", 0.5),
        ("gone", "", 0.0),
    ]
    assert counted(store, Question("7b")) == {"s-1": [1, 1, 0, 0, 1], "s-2": [1, 0, 1, 1, 0], "gone": [0, 0, 0, 1, 0]}
    assert [(day["date"], day["present"], day["late"]) for day in found["days"]] == [
        ("2026-09-07", 1, 0),
        ("2026-09-08", 0, 1),
        ("2026-09-09", 1, 0),
    ]
    assert found["total"] == {"present": 2, "late": 1, "excused": 1, "absent": 2, "uncertain": 1, "share": 0.5}
    assert found["lessons"][1]["starts"] == "2026-09-08T00:30:00+02:00"


def test_days_are_whole_days_of_the_schools_time_zone(store: Register) -> None:
    seventh, eighth = date(2026, 9, 7), date(2026, 9, 8)

    def lessons(first: date | None, last: date | None) -> list[str]:
        found = reports.report(store, TEACHER, Question("7b", None, first, last))
        return [lesson.lesson_id for lesson, _, _ in found.lessons]

    assert lessons(seventh, seventh) == ["mon"]
    assert lessons(eighth, eighth) == ["tue"]
    assert lessons(None, eighth) == ["mon", "tue"]
    assert lessons(eighth, None) == ["tue", "wed", "thu"]
    for first, last in ((eighth, seventh), (date(1, 1, 1), None), (None, date(9999, 12, 31))):
        with pytest.raises(EntryInvalid):
            lessons(first, last)


def test_a_day_of_summer_time_ends_with_its_25th_hour(store: Register) -> None:
    taken(
        store, "late", "7b", datetime(2026, 10, 25, 22, 30, tzinfo=UTC), {"s-1": P}
    )  # 23:30, after the clocks changed
    day = date(2026, 10, 25)
    assert counted(store, Question("7b", None, day, day)) == {"s-1": [1, 0, 0, 0, 0]}
    assert counted(store, Question("7b", None, day + timedelta(days=1))) == {}


def test_a_student_is_reported_alone(store: Register) -> None:
    assert counted(store, Question(student_id="s-1")) == {"s-1": [1, 1, 0, 1, 1]}
    assert counted(store, Question(student_id="s-1"), TEACHER) == {"s-1": [1, 1, 0, 0, 1]}
    assert counted(store, Question("7b", "s-2", date(2026, 9, 9)), VIEWER) == {"s-2": [1, 0, 0, 0, 0]}


def test_nobody_sees_more_than_the_own_classes(store: Register) -> None:
    assert counted(store, Question(), STRANGER) == {"s-1": [0, 0, 0, 1, 0]}
    for account, question in ((STRANGER, Question("7b")), (TEACHER, Question("8a")), (STRANGER, Question(None, "s-2"))):
        with pytest.raises(NotAllowed):
            reports.report(store, account, question)
        with pytest.raises(NotAllowed):
            reports.lines(store, account, question)
    with pytest.raises(NotThere):
        reports.report(store, ADMINISTRATOR, Question("9c"))


def test_the_matrix_has_a_row_for_everybody_and_a_column_for_every_register(store: Register) -> None:
    store.put(Student("New", {}, "new"), Member("7b", "new"))
    found = matrix_json(reports.matrix(store, TEACHER, Question("7b")))
    assert [lesson["lesson_id"] for lesson in found["lessons"]] == ["mon", "tue", "wed"]
    assert {one["student_id"]: list(one["statuses"]) for one in found["students"]} == {
        "s-1": [P, L, U],
        "s-2": [A, E, P],
        "new": [None, None, None],
        "gone": [None, None, A],
    }
    assert [one["name"] for one in found["students"]] == ["Ada Lovelace", "Bob Babbage", "New", ""]
    with pytest.raises(NotAllowed):
        reports.matrix(store, STRANGER, Question("7b"))


def test_lines_come_in_the_order_of_time_and_names_with_notes(store: Register) -> None:
    store.put(Mark("tue", "s-2", E, "at the doctor's", "teacher", NOW))
    found = list(reports.lines(store, TEACHER, Question("7b")))
    assert [(line.lesson.lesson_id, line.student.student_id) for line in found] == [
        *(("mon", "s-1"), ("mon", "s-2"), ("tue", "s-1"), ("tue", "s-2")),
        *(("wed", "s-1"), ("wed", "s-2"), ("wed", "gone")),
    ]
    assert [line.note for line in found] == ["", "", "", "at the doctor's", "", "", ""]
    assert [line.line.status for line in reports.lines(store, ADMINISTRATOR, Question(student_id="s-1"))] == [
        P,
        A,
        L,
        U,
    ]


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_counting_is_right_on_every_database(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """More lessons than one question asks for, and statuses spread by arithmetic that can be told beforehand."""
    if server == "postgresql":
        made: PostgresServer = request.getfixturevalue("postgres")
        url = made.new_database()
    else:
        url = sqlite_url(tmp_path / "photocall.db")
    lessons, people, statuses = 1100, 7, list(Status)
    with SqlStore(url) as found:
        found.put(ADMINISTRATOR, Course("c", "C"), *(Student(f"N{who}", {}, f"s{who}") for who in range(people)))
        found.put(*(Lesson(f"l{day}", "c", "", NOW + timedelta(days=day)) for day in range(lessons)))
        found.put(
            *(
                RegisterLine(f"l{day}", f"s{who}", statuses[(day * who) % 5], None, "", False, NOW)
                for day in range(lessons)
                for who in range(people)
            )
        )
        got = counted(found, Question("c"))
        order = [P, L, E, A, U]
        assert got == {
            f"s{who}": [sum(statuses[day * who % 5] is each for day in range(lessons)) for each in order]
            for who in range(people)
        }


# --- files


HOSTILE = Student('=HYPERLINK("http://x.example","Ada")', {}, "+1")


@pytest.fixture
def hostile(store: Register) -> Register:
    store.put(HOSTILE, Course("7b", "@class"), Mark("wed", "+1", A, "-2+3\r\n=1", "teacher", NOW))
    store.put(RegisterLine("wed", "+1", A, None, "", True, NOW))
    return store


def test_a_csv_has_every_line_and_no_formula(hostile: Register) -> None:
    made = report_csv(reports.lines(hostile, TEACHER, Question("7b")))
    rows = list(csv.DictReader(io.StringIO(made)))
    assert made.splitlines()[0] == ",".join(LINE_HEADER)
    assert len(rows) == 8
    assert rows[2] == {
        "date": "2026-09-08",
        "time": "00:30",
        "class_id": "7b",
        "class": "'@class",
        "lesson": "On tue",
        "student_id": "s-1",
        "name": "Ada Lovelace",
        "status": "late",
        "similarity": "98.77",
        "by_hand": "",
        "note": "",
    }
    (bad,) = [row for row in rows if row["by_hand"]]
    assert (bad["student_id"], bad["name"][:6], bad["note"]) == ("'+1", "'=HYPE", "'-2+3  =1")


def test_a_workbook_has_totals_and_lines_and_no_formula_or_link(hostile: Register) -> None:
    question = Question("7b")
    made = report_xlsx(reports.report(hostile, TEACHER, question), reports.lines(hostile, TEACHER, question))
    book = load_workbook(io.BytesIO(made))
    assert book.sheetnames == ["Totals", "Lines"]
    totals, lines = ([[cell.value for cell in row] for row in book[name].iter_rows()] for name in book.sheetnames)
    assert (totals[0], lines[0]) == (list(TOTAL_HEADER), list(LINE_HEADER))
    assert totals[1] == ["+1", HOSTILE.name, 0, 0, 0, 1, 0, 0]
    assert totals[2][:7] == ["s-1", "Ada Lovelace", 1, 1, 0, 0, 1] and totals[2][7] == pytest.approx(2 / 3)
    assert lines[3][:8] == [datetime(2026, 9, 8), "00:30", "7b", "@class", "On tue", "s-1", "Ada Lovelace", "late"]
    assert len(lines) == 9
    for sheet in book:
        kinds = {(cell.data_type, cell.hyperlink) for row in sheet.iter_rows() for cell in row}
        assert not {"f"} & {kind for kind, _ in kinds} and {link for _, link in kinds} == {None}


def test_a_workbook_of_too_many_lines_is_refused(store: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocall.school.report_files.MOST_LINES", 6)
    question = Question("7b")
    with pytest.raises(EntryInvalid, match="fewer days"):
        report_xlsx(reports.report(store, TEACHER, question), reports.lines(store, TEACHER, question))


def test_a_report_of_nothing_is_empty(store: Register) -> None:
    question = Question("7b", None, date(2030, 1, 1))
    found = reports.report(store, TEACHER, question)
    assert report_json(found) == {
        "lessons": [],
        "students": [],
        "days": [],
        "total": {"present": 0, "late": 0, "excused": 0, "absent": 0, "uncertain": 0, "share": None},
    }
    assert report_csv(reports.lines(store, TEACHER, question)) == ",".join(LINE_HEADER) + "\n"
    assert load_workbook(io.BytesIO(report_xlsx(found, []))).sheetnames == ["Totals", "Lines"]
    assert [one.student_id for one, _ in reports.matrix(store, TEACHER, question).rows] == [
        ADA.student_id,
        BOB.student_id,
    ]
