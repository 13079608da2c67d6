"""Whose lines a register has: who joins while it is new, and who is there only by a mark or a face."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from photocall.roster import Status, Student
from photocall.school.consents import withdraw
from photocall.school.imports import confirm, preview
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, RegisterLine, Seen, Verdict
from photocall.school.lesson_view import view
from photocall.school.marks import mark, unmark
from photocall.school.places import lesson_lock
from photocall.school.records import Member
from photocall.school.settling import PHOTO, settle
from photocall.school.students import create_student, join
from schooling import ADMINISTRATOR, BOB, NOW, TEACHER, School, school

NEW, OLD = Lesson("new", "7b", "", NOW), Lesson("old", "7b", "", NOW - timedelta(days=30))
CAL = Student("Cal", {}, "s-3")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    """A school in which the roll of a new and of an old lesson was called, and of one that comes it was not."""
    with school(tmp_path) as opened:
        store = opened.places.store
        store.put(NEW, OLD, CAL, Lesson("later", "7b", "", NOW + timedelta(days=1)))
        for lesson in (NEW, OLD):
            mark(store, TEACHER, lesson.lesson_id, ["s-1"], "present", NOW)
        yield opened


def said(there: School, lesson: Lesson) -> dict[str, str]:
    """What the database has, which is what reports read."""
    lines = there.places.store.find(RegisterLine, lesson_id=lesson.lesson_id)
    found = {each.student_id: str(each.status) for each in lines}
    seen = view(there.places.store, TEACHER, lesson.lesson_id, NOW).lines
    assert {each.student_id: str(each.status) for each in seen} == found  # and so does the page
    return found


BEFORE = {"s-1": "present", "s-2": "absent"}


# --- who joins


def test_who_joins_a_class_is_in_its_new_registers_at_once_and_in_no_old_one(there: School) -> None:
    join(there.places.store, ADMINISTRATOR, "7b", CAL.student_id, NOW)
    assert said(there, NEW) == BEFORE | {"s-3": "absent"}
    assert said(there, OLD) == BEFORE
    assert there.places.store.find(RegisterLine, lesson_id="later") == []


def test_a_new_student_of_a_class_is_in_its_new_registers_at_once(there: School) -> None:
    made = create_student(there.places.store, TEACHER, "Dora", {}, ["7b"], NOW)
    assert said(there, NEW) == BEFORE | {made.student_id: "absent"}


def test_who_comes_by_an_import_is_in_new_registers_at_once(there: School) -> None:
    store = there.places.store
    shown = preview(store, ADMINISTRATOR, [("a.csv", b"student_id,name,class\ns-9,Eve,Class 7b\n")], NOW)
    confirm(store, ADMINISTRATOR, shown.import_id, NOW)
    assert said(there, NEW) == BEFORE | {"s-9": "absent"}
    assert said(there, OLD) == BEFORE


# --- who is there only by a mark or a face


def test_a_mark_that_is_taken_back_leaves_nobody_absent_where_they_never_were(there: School) -> None:
    store = there.places.store
    store.put(Member("7b", CAL.student_id))
    for status in ("late", "present"):
        mark(store, TEACHER, "old", [CAL.student_id], status, NOW)
        assert said(there, OLD) == BEFORE | {"s-3": status}
    unmark(store, TEACHER, "old", CAL.student_id, NOW)
    assert said(there, OLD) == BEFORE
    unmark(store, TEACHER, "new", "s-1", NOW)  # nobody is marked any more
    assert there.places.store.find(RegisterLine, lesson_id="new") == []


def test_a_verdict_that_is_taken_back_leaves_nobody_absent_where_they_never_were(there: School) -> None:
    store = there.places.store
    where, shown = ("f-1", "old", "photo", "0,0,9,9", 0.0), ("photo", "old", PHOTO, "a.jpg", "key", "job", NOW, "", NOW)
    face = Seen(*where, "", 0, False, "", "crop", "", b"", NOW)
    store.put(Evidence(*shown, state=EvidenceState.DONE))
    for seen, expected in (
        (replace(face, verdict=Verdict.IS, is_student="s-3", judged=NOW), BEFORE | {"s-3": "present"}),
        (face, BEFORE),
    ):
        with store.changing(lesson_lock("old")) as records:
            records.put(seen)
            settle(records, "old", NOW)
        assert said(there, OLD) == expected


def test_what_the_register_said_of_a_face_that_was_erased_is_there_again_once_a_mark_is_taken_back(
    there: School,
) -> None:
    store = there.places.store
    store.put(RegisterLine("old", "s-2", Status.PRESENT, None, "", False, NOW))
    mark(store, TEACHER, "old", ["s-2"], "excused", NOW)
    assert said(there, OLD)["s-2"] == "excused"
    unmark(store, TEACHER, "old", "s-2", NOW)
    assert said(there, OLD)["s-2"] == "present"


@pytest.mark.parametrize(
    ("certain", "late", "status"), [(True, True, "late"), (True, False, "present"), (False, False, "uncertain")]
)
def test_what_a_face_said_is_there_again_once_it_was_erased_and_the_mark_is_taken_back(
    there: School, certain: bool, late: bool, status: str
) -> None:
    """The mark was there when the face was erased."""
    store = there.places.store
    there.agree(BOB)
    store.put(Evidence("photo", "old", PHOTO, "a.jpg", "key", "job", NOW, "", NOW, late, EvidenceState.DONE))
    store.put(Seen("f-1", "old", "photo", "0,0,9,9", 0.0, "s-2", 90, certain, "", "", "", b"", NOW))
    mark(store, TEACHER, "old", ["s-2"], "excused", NOW)
    withdraw(there.places, there.queue, TEACHER, "s-2", NOW)
    assert said(there, OLD)["s-2"] == "excused"
    unmark(store, TEACHER, "old", "s-2", NOW)
    assert said(there, OLD)["s-2"] == status
