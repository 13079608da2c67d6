"""Verbs that give classes and students out: as a table for people, or as OneRoster 1.1 for other systems."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from photocall.roster import Student
from photocall.school import audit
from photocall.school.choices import choices
from photocall.school.oneroster import write_roster
from photocall.school.permissions import courses_of
from photocall.school.records import Account, Course, Member
from photocall.school.register import Records, SchoolRegister
from photocall.school.students import by_name, courses_by_student, members_of, students_of
from photocall.students import no_formula

OWN_COLUMNS = ("student_id", "name", "class")
"""What a table of students has before their fields."""

SCHOOL_YEAR_ENDS = 7
"""July: what is exported later belongs to the next school year."""


def students_csv(register: SchoolRegister, account: Account, course_id: str | None, now: datetime) -> str:
    """A CSV of students: student_id, name, class, and a column for each field; a line for each class of a student.

    It can be imported again. No cell is one that a spreadsheet takes for a formula.

    Args:
        register: what is known.
        account: who asks.
        course_id: only the students of this class, and only this class of theirs.
        now: for the audit log.

    Raises:
        NotThere, NotAllowed: there is no such class, or it is not for this account.
    """
    students = students_of(register, account, course_id)
    classes = courses_by_student(register, account, [one.student_id for one in students])
    keys = list(dict.fromkeys(key for one in students for key in one.fields))
    names = _names(courses_of(register, account))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(no_formula(cell) for cell in (*OWN_COLUMNS, *map(_heading, keys)))
    for one in students:
        own = [each for each in classes[one.student_id] if course_id in (None, each.course_id)]
        for name in [names[each.course_id] for each in own] or [""]:
            cells = [one.student_id, one.name, name, *(one.fields.get(key, "") for key in keys)]
            writer.writerow(map(no_formula, cells))
    audit.noted(register, account.account_id, "roster.exported", course_id or "", now, students=len(students))
    return text.getvalue()


def oneroster_zip(register: SchoolRegister, account: Account, now: datetime) -> bytes:
    """All classes that the account may see and are not archived, with their students, as OneRoster 1.1.

    For an administrator also the students that are in no class. Nothing in it is changed for spreadsheets.
    """
    courses = [each for each in courses_of(register, account) if not each.archived]
    ids = {each.course_id for each in courses}
    students = _exported(register, account, courses)
    members = register.find(Member, course_id=sorted(ids))
    year = now.year + (now.month > SCHOOL_YEAR_ENDS)
    audit.noted(register, account.account_id, "roster.exported", "", now, students=len(students))
    return write_roster(choices(register).name, students, courses, members, year)


def _exported(records: Records, account: Account, courses: Sequence[Course]) -> list[Student]:
    """Who belongs to these classes, or to none."""
    inside = {one.student_id: one for one in members_of(records, [each.course_id for each in courses])}
    everybody = students_of(records, account)
    classes = courses_by_student(records, account, [one.student_id for one in everybody])
    outside = [one for one in everybody if one.student_id not in inside and not classes[one.student_id]]
    return sorted([*inside.values(), *outside], key=by_name)


def _names(courses: Sequence[Course]) -> dict[str, str]:
    """What each class is called, so that it is found again: by name where no other one has it, else by id."""
    times = Counter(each.name.casefold() for each in courses)
    times.update(each.course_id.casefold() for each in courses if each.course_id != each.name)
    return {each.course_id: each.name if times[each.name.casefold()] == 1 else each.course_id for each in courses}


def _heading(key: str) -> str:
    return f"field {key}" if key.lower() in OWN_COLUMNS else key
