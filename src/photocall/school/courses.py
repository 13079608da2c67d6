"""Verbs about classes: administrators make them and say who may see them; everybody sees those they are given."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from photocall.school import audit
from photocall.school.entries import ROSTER, fields_of, filled, id_of, name_of
from photocall.school.errors import AlreadyThere, NotThere
from photocall.school.lesson_records import Lesson
from photocall.school.permissions import check_administrator, courses_of
from photocall.school.permissions import course as seen_course
from photocall.school.records import Account, Course, Member, Role, Staff
from photocall.school.register import Records, SchoolRegister


def create_course(
    register: SchoolRegister,
    account: Account,
    name: str,
    fields: Mapping[str, str],
    now: datetime,
    course_id: str | None = None,
) -> Course:
    """Make a class, with a random id where none is given. Raises `NotAllowed`, `EntryInvalid`, `AlreadyThere`."""
    check_administrator(account)
    made = Course(id_of("course_id", course_id), name_of("name", name), filled(fields_of(fields)))
    with register.changing(audit.LOCK, ROSTER) as records:
        if records.get(Course, made.course_id) is not None:
            raise AlreadyThere("class", made.course_id)
        records.put(made)
        audit.note(records, account.account_id, "course.created", made.course_id, now)
    return made


def change_course(
    register: SchoolRegister,
    account: Account,
    course_id: str,
    now: datetime,
    *,
    name: str | None = None,
    fields: Mapping[str, str] | None = None,
    archived: bool | None = None,
) -> Course:
    """Change what is given of a class. Raises `NotAllowed`, `NotThere`, `EntryInvalid`."""
    check_administrator(account)
    with register.changing(audit.LOCK, ROSTER) as records:
        before = seen_course(records, account, course_id)
        after = replace(
            before,
            name=before.name if name is None else name_of("name", name),
            fields=before.fields if fields is None else filled(fields_of(fields)),
            archived=before.archived if archived is None else archived,
        )
        if after != before:
            records.put(after)
            audit.note(records, account.account_id, "course.changed", course_id, now, archived=after.archived)
    return after


def delete_course(register: SchoolRegister, account: Account, course_id: str, now: datetime) -> bool:
    """Delete a class; one that had lessons is archived instead, since their registers are to stay.

    Returns:
        True if it is deleted, with who belonged to it and who might see it; False if it is archived.

    Raises:
        NotAllowed, NotThere: it is not for this account, or there is none.
    """
    check_administrator(account)
    with register.changing(audit.LOCK, ROSTER) as records:
        found = seen_course(records, account, course_id)
        if records.find(Lesson, course_id=course_id):
            records.put(replace(found, archived=True))
            audit.note(records, account.account_id, "course.changed", course_id, now, archived=True)
            return False
        for member in records.find(Member, course_id=course_id):
            audit.note(records, account.account_id, "member.removed", member.student_id, now, course=course_id)
        for kind in (Member, Staff, Course):
            records.remove(kind, course_id=course_id)
        audit.note(records, account.account_id, "course.deleted", course_id, now)
    return True


def add_staff(register: SchoolRegister, account: Account, course_id: str, staff_id: str, now: datetime) -> None:
    """Give a class to an account; nothing happens if it has it. Raises `NotAllowed`, `NotThere`."""
    check_administrator(account)
    with register.changing(audit.LOCK, ROSTER) as records:
        seen_course(records, account, course_id)
        if records.get(Account, staff_id) is None:
            raise NotThere("account", staff_id)
        if records.get(Staff, course_id, staff_id) is None:
            records.put(Staff(course_id, staff_id))
            audit.note(records, account.account_id, "staff.added", staff_id, now, course=course_id)


def remove_staff(register: SchoolRegister, account: Account, course_id: str, staff_id: str, now: datetime) -> None:
    """Take a class from an account; nothing happens if it does not have it. Raises `NotAllowed`, `NotThere`."""
    check_administrator(account)
    with register.changing(audit.LOCK, ROSTER) as records:
        seen_course(records, account, course_id)
        if records.remove(Staff, course_id=course_id, account_id=staff_id):
            audit.note(records, account.account_id, "staff.removed", staff_id, now, course=course_id)


def sizes(records: Records, account: Account) -> list[tuple[Course, int]]:
    """The classes that an account may see, by name, each with how many students belong to it."""
    found = courses_of(records, account)
    everything = account.role is Role.ADMINISTRATOR
    members = records.find(Member) if everything else records.find(Member, course_id=[one.course_id for one in found])
    counts = Counter(member.course_id for member in members)
    return [(course, counts[course.course_id]) for course in found]


def staff_of(records: Records, account: Account, course_id: str) -> list[Account]:
    """Who may see a class, by name; administrators, who see all of them, only where they were given it.

    Raises `NotAllowed`, `NotThere`.
    """
    seen_course(records, account, course_id)
    ids = [each.account_id for each in records.find(Staff, course_id=course_id)]
    return sorted(records.find(Account, account_id=ids), key=lambda each: (each.name.casefold(), each.account_id))


def course_json(course: Course) -> dict[str, Any]:
    """A class."""
    fields = dict(course.fields)
    return {"course_id": course.course_id, "name": course.name, "fields": fields, "archived": course.archived}
