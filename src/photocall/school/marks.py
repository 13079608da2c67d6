"""Verbs of the roll call by hand: what somebody writes into a register counts, whatever faces say."""

from collections.abc import Sequence
from datetime import datetime

from photocall.roster import Status
from photocall.school import audit, permissions
from photocall.school.errors import EntryInvalid, NotThere
from photocall.school.lesson_records import Lesson, Mark, RegisterLine
from photocall.school.places import lesson_lock
from photocall.school.records import Account, Member
from photocall.school.register import Records, SchoolRegister
from photocall.school.settling import settle

STATUSES = (Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT)
"""What may be written by hand."""

MOST_NOTE = 500
"""Characters of a note."""


def mark(
    register: SchoolRegister,
    account: Account,
    lesson_id: str,
    students: Sequence[str],
    status: str,
    now: datetime,
    note: str = "",
) -> None:
    """Write a status of one or many students, all or none; doing it again changes nothing.

    Args:
        register: that is changed.
        account: who writes.
        lesson_id: into the register of which lesson.
        students: student_id of each.
        status: one of `STATUSES`.
        now: with a time zone.
        note: why; may be empty.

    Raises:
        NotAllowed, NotThere: the lesson is somebody else's, or nobody's; or a student is not in its register.
        EntryInvalid: there is no such status, or the note is too long.
    """
    status, note = _status(status), _note(note)
    with register.changing(audit.LOCK, lesson_lock(lesson_id)) as records:
        lesson = permissions.lesson(records, account, lesson_id, change=True)
        _check_students(records, lesson, students)
        before = {each.student_id: each for each in records.find(Mark, lesson_id=lesson_id)}
        made = [Mark(lesson_id, student_id, status, note, account.account_id, now) for student_id in students]
        new = [each for each in made if not _is_same(before.get(each.student_id), each)]
        if not new:
            return
        records.put(*new)
        subject = new[0].student_id if len(new) == 1 else lesson_id
        told = {"lesson": lesson_id, "status": str(status), "students": len(new)}
        audit.note(records, account.account_id, "student.marked", subject, now, **told)
        settle(records, lesson_id, now)


def unmark(register: SchoolRegister, account: Account, lesson_id: str, student_id: str, now: datetime) -> None:
    """Take back what was written of a student by hand, so that faces count again. Raises `NotAllowed`, `NotThere`."""
    with register.changing(audit.LOCK, lesson_lock(lesson_id)) as records:
        permissions.lesson(records, account, lesson_id, change=True)
        if records.remove(Mark, lesson_id=lesson_id, student_id=student_id):
            audit.note(records, account.account_id, "student.unmarked", student_id, now, lesson=lesson_id)
            settle(records, lesson_id, now)


def _status(status: str) -> Status:
    if status not in STATUSES:
        raise EntryInvalid("status", f"it must be {', '.join(STATUSES)}")
    return Status(status)


def _note(note: str) -> str:
    note = note.strip()
    if len(note) > MOST_NOTE or not all(letter.isprintable() or letter == "\n" for letter in note):
        raise EntryInvalid("note", f"it must be at most {MOST_NOTE} printable characters")
    return note


def _check_students(records: Records, lesson: Lesson, students: Sequence[str]) -> None:
    if not students:
        raise EntryInvalid("students", "it must name one student or more")
    known = {each.student_id for each in records.find(Member, course_id=lesson.course_id)}
    known |= {each.student_id for each in records.find(RegisterLine, lesson_id=lesson.lesson_id)}
    for student_id in students:
        if student_id not in known:
            raise NotThere("student in this class", student_id)


def _is_same(old: Mark | None, new: Mark) -> bool:
    return old is not None and (old.status, old.note) == (new.status, new.note)
