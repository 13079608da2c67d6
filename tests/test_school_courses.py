"""Classes and students: who may make, see and change them, and what stays when they go."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from photocall.ports import Register
from photocall.roster import Status, Student
from photocall.school import courses, students
from photocall.school.errors import AlreadyThere, EntryInvalid, NotAllowed, NotThere
from photocall.school.lesson_records import Lesson, RegisterLine
from photocall.school.records import AuditEntry, Course, Member, Staff
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, VIEWER, school


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Register]:
    with school(tmp_path) as opened:
        yield opened.places.store


def noted(store: Register) -> list[tuple[str, str]]:
    """The actions and subjects of the audit log."""
    return [(entry.action, entry.subject) for entry in store.find(AuditEntry)]


# --- classes


def test_an_administrator_makes_a_class_with_any_fields(store: Register) -> None:
    made = courses.create_course(store, ADMINISTRATOR, "  Maths ", {"room": " 12 ", "empty": ""}, NOW)
    assert store.get(Course, made.course_id) == Course(made.course_id, "Maths", {"room": "12"})
    assert len(made.course_id) == 36
    assert noted(store) == [("course.created", made.course_id)]


def test_an_id_is_given_to_one_class(store: Register) -> None:
    with pytest.raises(AlreadyThere):
        courses.create_course(store, ADMINISTRATOR, "Another", {}, NOW, "7b")
    assert courses.create_course(store, ADMINISTRATOR, "Class 7b", {}, NOW, "7c").course_id == "7c"


@pytest.mark.parametrize(
    ("name", "fields", "course_id"),
    [
        (" ", {}, None),
        ("a\x00b", {}, None),
        ("a" * 201, {}, None),
        ("a", {}, "../7b"),
        ("a", {}, ".."),
        ("a", {}, "a\\b"),
        ("a", {}, "a\nb"),
        ("a", {}, "a" * 129),
        ("a", {str(number): "x" for number in range(51)}, None),
        ("a", {"k" * 51: "x"}, None),
        ("a", {"k": "x" * 501}, None),
        ("a", {"k": "\x1b[31m"}, None),
        ("a", {" ": "x"}, None),
        ("a", {"Name": "x"}, None),
        ("a", {"k": "x", "k ": "y"}, None),
    ],
)
def test_what_cannot_be_kept_is_refused(
    store: Register, name: str, fields: dict[str, str], course_id: str | None
) -> None:
    with pytest.raises(EntryInvalid):
        courses.create_course(store, ADMINISTRATOR, name, fields, NOW, course_id)
    assert len(store.find(Course)) == 2


def test_only_what_is_given_of_a_class_changes(store: Register) -> None:
    courses.change_course(store, ADMINISTRATOR, "7b", NOW, fields={"room": "1"})
    changed = courses.change_course(store, ADMINISTRATOR, "7b", NOW, name="Seven b")
    assert changed == store.get(Course, "7b") == Course("7b", "Seven b", {"room": "1"})
    courses.change_course(store, ADMINISTRATOR, "7b", NOW, name="Seven b")
    assert noted(store) == [("course.changed", "7b")] * 2


@pytest.mark.parametrize("account", [TEACHER, VIEWER])
def test_nobody_but_an_administrator_makes_changes_or_gives_classes(store: Register, account: object) -> None:
    for refused in (
        lambda: courses.create_course(store, account, "Mine", {}, NOW),  # type: ignore[arg-type]
        lambda: courses.change_course(store, account, "7b", NOW, name="Mine"),  # type: ignore[arg-type]
        lambda: courses.delete_course(store, account, "7b", NOW),  # type: ignore[arg-type]
        lambda: courses.add_staff(store, account, "8a", "teacher", NOW),  # type: ignore[arg-type]
        lambda: courses.remove_staff(store, account, "7b", "viewer", NOW),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert (store.get(Course, "7b"), store.get(Staff, "8a", "teacher")) == (Course("7b", "Class 7b"), None)
    assert noted(store) == []


def test_a_class_that_is_given_and_taken_counts_at_once(store: Register) -> None:
    courses.add_staff(store, ADMINISTRATOR, "8a", "teacher", NOW)
    courses.add_staff(store, ADMINISTRATOR, "8a", "teacher", NOW)
    assert [course.course_id for course, _ in courses.sizes(store, TEACHER)] == ["7b", "8a"]
    courses.remove_staff(store, ADMINISTRATOR, "8a", "teacher", NOW)
    courses.remove_staff(store, ADMINISTRATOR, "8a", "teacher", NOW)
    assert [(course.course_id, size) for course, size in courses.sizes(store, TEACHER)] == [("7b", 2)]
    assert noted(store) == [("staff.added", "teacher"), ("staff.removed", "teacher")]
    with pytest.raises(NotThere):
        courses.add_staff(store, ADMINISTRATOR, "8a", "nobody", NOW)


def test_who_may_see_a_class_is_seen_by_those_who_may(store: Register) -> None:
    assert [each.account_id for each in courses.staff_of(store, TEACHER, "7b")] == ["teacher", "viewer"]
    with pytest.raises(NotAllowed):
        courses.staff_of(store, STRANGER, "7b")


def test_a_class_without_lessons_is_deleted_with_who_belonged_to_it(store: Register) -> None:
    assert courses.delete_course(store, ADMINISTRATOR, "7b", NOW)
    assert (store.get(Course, "7b"), store.find(Member), store.find(Staff, course_id="7b")) == (None, [], [])
    assert store.find(Student) == [ADA, BOB]
    assert noted(store) == [("member.removed", "s-1"), ("member.removed", "s-2"), ("course.deleted", "7b")]
    with pytest.raises(NotThere):
        courses.delete_course(store, ADMINISTRATOR, "7b", NOW)


def test_a_class_that_had_lessons_is_archived_and_its_registers_stay(store: Register) -> None:
    store.put(Lesson("monday", "7b", "", NOW), RegisterLine("monday", "s-1", Status.PRESENT, None, "", True, NOW))
    assert not courses.delete_course(store, ADMINISTRATOR, "7b", NOW)
    archived = store.get(Course, "7b")
    assert archived is not None and archived.archived
    assert (len(store.find(RegisterLine)), len(store.find(Member))) == (1, 2)


# --- students


def test_two_students_may_have_a_name_and_no_two_an_id(store: Register) -> None:
    made = [students.create_student(store, TEACHER, "Ada Lovelace", {}, ["7b"], NOW) for _ in range(2)]
    assert len({one.student_id for one in made} | {ADA.student_id}) == 3
    with pytest.raises(AlreadyThere):
        students.create_student(store, TEACHER, "Eve", {}, ["7b"], NOW, "s-1")
    assert [one.name for one in students.students_of(store, TEACHER, "7b")].count("Ada Lovelace") == 3


def test_a_name_is_the_same_text_however_it_was_typed(store: Register) -> None:
    made = students.create_student(store, TEACHER, " Zoe\u0308 ", {}, ["7b"], NOW)
    assert made.name == "Zo\u00eb"


def test_a_teacher_makes_students_in_classes_of_the_own_alone(store: Register) -> None:
    for account, given in ((TEACHER, ["8a"]), (TEACHER, ["7b", "8a"]), (TEACHER, []), (VIEWER, ["7b"])):
        with pytest.raises(NotAllowed):
            students.create_student(store, account, "Eve", {}, given, NOW)
    with pytest.raises(NotThere):
        students.create_student(store, ADMINISTRATOR, "Eve", {}, ["9c"], NOW)
    assert store.find(Student) == [ADA, BOB]
    assert students.create_student(store, ADMINISTRATOR, "Eve", {}, [], NOW).name == "Eve"


def test_only_what_is_given_of_a_student_changes(store: Register) -> None:
    changed = students.change_student(store, TEACHER, "s-1", NOW, fields={"year": "3", "major": "maths"})
    assert changed == store.get(Student, "s-1") == Student("Ada Lovelace", {"year": "3", "major": "maths"}, "s-1")
    for account in (VIEWER, STRANGER):
        with pytest.raises(NotAllowed):
            students.change_student(store, account, "s-1", NOW, name="Eve")
    with pytest.raises(NotThere):
        students.change_student(store, ADMINISTRATOR, "s-9", NOW, name="Eve")


def test_who_leaves_a_class_stays_in_its_old_registers(store: Register) -> None:
    store.put(Lesson("monday", "7b", "", NOW), RegisterLine("monday", "s-1", Status.PRESENT, None, "", True, NOW))
    for _ in range(2):
        students.leave(store, TEACHER, "7b", "s-1", NOW)
    assert [one.student_id for one in students.students_of(store, TEACHER)] == ["s-2"]
    assert [line.student_id for line in store.find(RegisterLine)] == ["s-1"]
    assert noted(store) == [("member.removed", "s-1")]


def test_knowing_an_id_is_no_way_to_a_student_of_another_class(store: Register) -> None:
    with pytest.raises(NotAllowed):
        students.join(store, STRANGER, "8a", "s-1", NOW)
    assert store.get(Member, "8a", "s-1") is None
    students.join(store, ADMINISTRATOR, "8a", "s-1", NOW)
    students.join(store, ADMINISTRATOR, "8a", "s-1", NOW)
    assert students.student(store, STRANGER, "s-1") == ADA
    assert noted(store) == [("member.added", "s-1")]


def test_students_are_found_by_a_part_of_name_or_id_whatever_the_case(store: Register) -> None:
    store.put(Student("Élodie", {}, "x-9"), Member("8a", "x-9"))

    def found(query: str, course: str | None = None) -> list[str]:
        return [one.student_id for one in students.students_of(store, ADMINISTRATOR, course, query)]

    assert (found("LOVE"), found("S-"), found("éLO"), found("%"), found("' OR 1=1 --")) == (
        ["s-1"],
        ["s-1", "s-2"],
        ["x-9"],
        [],
        [],
    )
    assert found("", "8a") == ["x-9"]
    assert [one.student_id for one in students.students_of(store, VIEWER)] == ["s-1", "s-2"]
    with pytest.raises(NotAllowed):
        students.students_of(store, VIEWER, "8a")


def test_the_classes_of_a_student_are_those_that_one_may_see(store: Register) -> None:
    students.join(store, ADMINISTRATOR, "8a", "s-1", NOW)

    def classes(account: object) -> list[str]:
        found = students.courses_by_student(store, account, ["s-1", "s-2"])  # type: ignore[arg-type]
        return [course.course_id for course in found["s-1"]]

    assert (classes(ADMINISTRATOR), classes(TEACHER), classes(STRANGER)) == (["7b", "8a"], ["7b"], ["8a"])
