"""Verbs about students, and who belongs to which class.

A teacher may change the students of the own classes, and make new ones in them. Nobody but an administrator brings a
student into a class who may not see that student anyway: knowing an id is no way to somebody's photos. Who leaves a
class stays in its old registers.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from photocall.roster import Student
from photocall.school import audit
from photocall.school.entries import ROSTER, fields_of, filled, id_of, name_of
from photocall.school.errors import AlreadyThere, NotAllowed, NotThere
from photocall.school.permissions import check_student, course, courses_of
from photocall.school.records import Account, Course, Member, Role
from photocall.school.register import Records, SchoolRegister
from photocall.school.settling import settle_open


def create_student(
    register: SchoolRegister,
    account: Account,
    name: str,
    fields: Mapping[str, str],
    courses: Collection[str],
    now: datetime,
    student_id: str | None = None,
) -> Student:
    """Make a student in some classes, with a random id where none is given; others may have the same name.

    Raises:
        NotAllowed, NotThere: a class is not for this account, or there is none; a teacher names no class.
        EntryInvalid, AlreadyThere: the student cannot be kept like this, or another one has the id.
    """
    if not courses and account.role is not Role.ADMINISTRATOR:
        raise NotAllowed("Only an administrator makes a student who is in no class; name one of your classes")
    made = Student(name_of("name", name), filled(fields_of(fields)), id_of("student_id", student_id))
    with register.changing(audit.LOCK, ROSTER) as records:
        for course_id in courses:
            course(records, account, course_id, change=True)
        if records.get(Student, made.student_id) is not None:
            raise AlreadyThere("student", made.student_id)
        records.put(made, *(Member(course_id, made.student_id) for course_id in courses))
        audit.note(records, account.account_id, "student.created", made.student_id, now, courses=sorted(courses))
    settle_open(register, courses, now)
    return made


def change_student(
    register: SchoolRegister,
    account: Account,
    student_id: str,
    now: datetime,
    *,
    name: str | None = None,
    fields: Mapping[str, str] | None = None,
) -> Student:
    """Change what is given of a student. Raises `NotAllowed`, `NotThere`, `EntryInvalid`."""
    with register.changing(audit.LOCK, ROSTER) as records:
        before = student(records, account, student_id, change=True)
        after = replace(
            before,
            name=before.name if name is None else name_of("name", name),
            fields=before.fields if fields is None else filled(fields_of(fields)),
        )
        if after != before:
            records.put(after)
            audit.note(records, account.account_id, "student.changed", student_id, now)
    return after


def join(register: SchoolRegister, account: Account, course_id: str, student_id: str, now: datetime) -> None:
    """Bring a student into a class, and into registers that are new; nothing happens if it is there.

    Raises `NotAllowed`, `NotThere`.
    """
    with register.changing(audit.LOCK, ROSTER) as records:
        course(records, account, course_id, change=True)
        student(records, account, student_id, change=True)
        if records.get(Member, course_id, student_id) is None:
            records.put(Member(course_id, student_id))
            audit.note(records, account.account_id, "member.added", student_id, now, course=course_id)
    settle_open(register, [course_id], now)


def leave(register: SchoolRegister, account: Account, course_id: str, student_id: str, now: datetime) -> None:
    """Take a student out of a class, whose old registers stay; nothing happens if it is not in it.

    Raises `NotAllowed`, `NotThere`.
    """
    with register.changing(audit.LOCK, ROSTER) as records:
        course(records, account, course_id, change=True)
        if records.remove(Member, course_id=course_id, student_id=student_id):
            audit.note(records, account.account_id, "member.removed", student_id, now, course=course_id)


def student(records: Records, account: Account, student_id: str, *, change: bool = False) -> Student:
    """A student that the account may see, or change. Raises `NotThere`, `NotAllowed`."""
    found = records.get(Student, student_id)
    if found is None:
        raise NotThere("student", student_id)
    check_student(records, account, student_id, change=change)
    return found


def students_of(records: Records, account: Account, course_id: str | None = None, query: str = "") -> list[Student]:
    """Students that the account may see, by name.

    Args:
        records: what they are in.
        account: who asks.
        course_id: only those of this class.
        query: only those whose name or id has this text in it, capitals and small letters alike.

    Raises:
        NotThere, NotAllowed: there is no such class, or it is not for this account.
    """
    if course_id is not None:
        course(records, account, course_id)
        found = members_of(records, [course_id])
    elif account.role is Role.ADMINISTRATOR:
        found = records.find(Student)
    else:
        found = members_of(records, [each.course_id for each in courses_of(records, account)])
    wanted = query.strip().casefold()
    chosen = [each for each in found if wanted in each.name.casefold() or wanted in each.student_id.casefold()]
    return sorted(chosen, key=by_name)


def members_of(records: Records, course_ids: Collection[str]) -> list[Student]:
    """Everybody who belongs to one of some classes, each once, in no order."""
    ids = sorted({each.student_id for each in records.find(Member, course_id=list(course_ids))})
    return [one for batch in batches(ids) for one in records.find(Student, student_id=batch)]


def batches(ids: list[str]) -> list[list[str]]:
    """Ids in parts that a database takes as one question: SQLite has 32,766 values at most."""
    return [ids[at : at + 10_000] for at in range(0, len(ids), 10_000)]


def courses_by_student(records: Records, account: Account, student_ids: Collection[str]) -> dict[str, list[Course]]:
    """The classes of each student that the account may see, by name."""
    found: dict[str, list[Course]] = {one: [] for one in student_ids}
    memberships: dict[str, list[str]] = {}
    for member in _memberships(records, student_ids):
        memberships.setdefault(member.course_id, []).append(member.student_id)
    for each in courses_of(records, account):
        for one in memberships.get(each.course_id, []):
            found[one].append(each)
    return found


def student_json(student: Student) -> dict[str, Any]:
    """A student."""
    return {"student_id": student.student_id, "name": student.name, "fields": dict(student.fields)}


def placed_json(records: Records, account: Account, found: list[Student]) -> list[dict[str, Any]]:
    """Students, with the ids of those of their classes that the account may see."""
    classes = courses_by_student(records, account, [one.student_id for one in found])
    return [{**student_json(one), "courses": [each.course_id for each in classes[one.student_id]]} for one in found]


def by_name(one: Student) -> tuple[str, str, str]:
    """What students are sorted by: capitals and small letters alike."""
    return one.name.casefold(), one.name, one.student_id


def _memberships(records: Records, student_ids: Collection[str]) -> list[Member]:
    return [one for batch in batches(sorted(student_ids)) for one in records.find(Member, student_id=batch)]
