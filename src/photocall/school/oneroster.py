"""OneRoster 1.1 CSV, the form in which school information systems exchange classes (1EdTech, formerly IMS Global).

https://www.imsglobal.org/oneroster-v11-final-csv-tables has the tables. Of users and enrolments the students are taken;
what is to be deleted leaves its classes, and erasing a student stays with people. Columns of the standard that say
something of a student or class become fields of that name, and come back by it; fields of other names are `metadata.`
columns, which the standard leaves to whoever writes it. Passwords are never read.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial

from photocall.roster import Student
from photocall.school.entries import fields_of, id_of, name_of
from photocall.school.errors import EntryInvalid
from photocall.school.records import Course, Member
from photocall.school.roster_files import Sheet
from photocall.school.roster_rows import ONEROSTER, CourseRow, MemberRow, Roster, StudentRow, add_student, for_each_row


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_BASE = "sourcedId status dateLastModified"
USERS = _listed(
    f"{_BASE} enabledUser orgSourcedIds role username userIds givenName familyName middleName identifier email sms "
    "phone agentSourcedIds grades password"
)
CLASSES = _listed(
    f"{_BASE} title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds subjects "
    "subjectCodes periods"
)
ENROLLMENTS = _listed(f"{_BASE} classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate")
ORGS = _listed(f"{_BASE} name type identifier parentSourcedId")
SESSIONS = _listed(f"{_BASE} title type startDate endDate parentSourcedId schoolYear")
COURSES = _listed(f"{_BASE} schoolYearSourcedId title courseCode grades orgSourcedId subjects subjectCodes")
"""The columns of each table, in the order of the standard."""

FILES = _listed(
    "academicSessions categories classes classResources courses courseResources demographics enrollments lineItems "
    "orgs resources results users"
)
"""The tables of the standard, as a manifest names them."""

USER_FIELDS = _listed("username userIds middleName identifier email sms phone agentSourcedIds grades")
CLASS_FIELDS = _listed("grades classCode classType location subjects periods")
"""The columns that are fields."""

METADATA = "metadata."
"""Begins a column that is not the standard's."""

WHOLE_NAME = "metadata.photocall.name"
"""A name that first and last name would not give again, such as one of a single word."""

SCHEDULED = "scheduled"
"""The type of a class that is no homeroom."""

_ORG, _YEAR = "school", "year"
_NEEDED = {
    "users": ("sourcedId", "role", "givenName", "familyName"),
    "classes": ("sourcedId", "title"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
_Row = dict[str, str]


def is_oneroster(sheets: Iterable[Sheet]) -> bool:
    """Whether some of the tables are OneRoster's."""
    return any("sourcedId" in sheet.header or sheet.name.lower() == "manifest.csv" for sheet in sheets)


def read_roster(sheets: Sequence[Sheet]) -> Roster:
    """What the tables say of students and classes.

    Raises:
        EntryInvalid: a table lacks a column, or the manifest names another version or a table that is not there.
    """
    by_name = {sheet.name.lower().removesuffix(".csv"): sheet for sheet in sheets}
    if len(by_name) < len(sheets):
        raise EntryInvalid("file", "two files have the same name")
    if "manifest" in by_name:
        _check_manifest(by_name["manifest"], by_name.keys())
    if not by_name.keys() & _NEEDED.keys():
        raise EntryInvalid("file", "there is none of users.csv, classes.csv and enrollments.csv in it")
    roster = Roster(ONEROSTER)
    known: dict[str, StudentRow] = {}
    takers = {
        "users": partial(_user, roster, known),
        "classes": partial(_class, roster, {}),
        "enrollments": partial(_enrolment, roster),
    }
    for table, take in takers.items():
        if table in by_name:
            _read(roster, by_name[table], _NEEDED[table], take)
    return roster


def _read(roster: Roster, sheet: Sheet, needed: Sequence[str], take: Callable[[str, int, _Row], None]) -> None:
    missing = [column for column in needed if column not in sheet.header]
    if missing:
        raise EntryInvalid(sheet.name, f"it has no column {missing[0]!r}; OneRoster 1.1 has one")
    for_each_row(roster, sheet, partial(take, sheet.name))


def _check_manifest(sheet: Sheet, there: Iterable[str]) -> None:
    rows = [row[1] for row in sheet.rows() if isinstance(row, tuple)]
    told = {row.get("propertyName", ""): row.get("value", "") for row in rows}
    version = told.get("oneroster.version", "")
    if version != "1.1":
        raise EntryInvalid(sheet.name, f"it says that this is OneRoster {version[:20]!r}; version 1.1 is read")
    for table in _NEEDED:
        if told.get(f"file.{table}", "absent") != "absent" and table not in there:
            raise EntryInvalid(sheet.name, f"it names {table}.csv, which is not there")


def _user(roster: Roster, known: dict[str, StudentRow], file: str, number: int, cells: _Row) -> None:
    if cells["role"].lower() != "student":
        roster.ignored += 1
        return
    name = cells.get(WHOLE_NAME) or f"{cells['givenName']} {cells['familyName']}"
    fields = fields_of(_fields(cells, USER_FIELDS))
    row = StudentRow(file, number, _id(cells, "sourcedId"), name_of("name", name), fields, _is_gone(cells))
    if row.key in known:
        raise EntryInvalid("row", f"row {known[row.key].row} has the same sourcedId")
    add_student(roster, known, row)


def _class(roster: Roster, known: dict[str, int], file: str, number: int, cells: _Row) -> None:
    fields = fields_of(_fields(cells, CLASS_FIELDS))
    row = CourseRow(file, number, _id(cells, "sourcedId"), name_of("title", cells["title"]), fields, _is_gone(cells))
    if known.setdefault(row.course_id, number) != number:
        raise EntryInvalid("row", f"row {known[row.course_id]} has the same sourcedId")
    roster.courses.append(row)


def _enrolment(roster: Roster, file: str, number: int, cells: _Row) -> None:
    if cells["role"].lower() != "student":
        roster.ignored += 1
        return
    course, student = _id(cells, "classSourcedId"), _id(cells, "userSourcedId")
    roster.members.append(MemberRow(file, number, course, student, _is_gone(cells)))


def _id(cells: _Row, column: str) -> str:
    if not cells[column]:
        raise EntryInvalid("row", f"{column} is missing")
    return id_of(column, cells[column])


def _is_gone(cells: _Row) -> bool:
    status = cells.get("status", "").lower()
    if status not in ("", "active", "inactive", "tobedeleted"):
        raise EntryInvalid("status", "it must be active, tobedeleted or nothing")
    return status == "tobedeleted"


def _fields(cells: _Row, columns: Sequence[str]) -> _Row:
    own = {column: cells[column] for column in columns if column in cells}
    if own.get("username") == cells["sourcedId"]:  # what is written where the standard needs one and there is none
        del own["username"]
    if own.get("classType") == SCHEDULED:
        del own["classType"]
    others = {
        heading.removeprefix(METADATA): cell
        for heading, cell in cells.items()
        if heading.startswith(METADATA) and heading != WHOLE_NAME
    }
    return {**others, **own}


# --- writing


def write_roster(
    school: str, students: Sequence[Student], courses: Sequence[Course], members: Sequence[Member], year: int
) -> bytes:
    """A ZIP that every reader of OneRoster 1.1 takes as a whole, and that says all that is known of students here.

    Args:
        school: its name.
        students: everybody.
        courses: the classes.
        members: who belongs to them.
        year: in which the school year ends.
    """
    tables = {
        "users": _table(USERS, [_user_row(one) for one in students]),
        "classes": _table(CLASSES, [_class_row(one) for one in courses]),
        "enrollments": _table(ENROLLMENTS, [_enrolment_row(one) for one in members]),
        "courses": _table(COURSES, [_course_row(one) for one in courses]),
        "orgs": _table(ORGS, [{"sourcedId": _ORG, "name": school or "School", "type": "school"}]),
        "academicSessions": _table(SESSIONS, [_session_row(year)]),
    }
    properties = {"manifest.version": "1.0", "oneroster.version": "1.1"}
    properties |= {f"file.{table}": "bulk" if table in tables else "absent" for table in FILES}
    properties |= {"source.systemName": "photocall", "source.systemCode": "photocall"}
    manifest = [{"propertyName": name, "value": value} for name, value in properties.items()]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.csv", _table(["propertyName", "value"], manifest))
        for table, text in tables.items():
            archive.writestr(f"{table}.csv", text)
    return packed.getvalue()


def _table(columns: Sequence[str], rows: Sequence[_Row]) -> str:
    """A table with the standard's columns, then those that some row has beside them."""
    standard = set(columns)
    others = list(dict.fromkeys(name for row in rows for name in row if name not in standard))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, *others], restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _user_row(one: Student) -> _Row:
    given, _, family = one.name.rpartition(" ")
    names = {"givenName": given or family, "familyName": family}
    whole = {} if given and f"{given.strip()} {family}" == one.name else {WHOLE_NAME: one.name}
    own = {"sourcedId": one.student_id, "enabledUser": "true", "orgSourcedIds": _ORG, "role": "student", **names}
    return {"username": one.student_id, **_columns(one.fields, USER_FIELDS), **whole, **own}


def _class_row(one: Course) -> _Row:
    kept = _columns(one.fields, CLASS_FIELDS)
    own = {"sourcedId": one.course_id, "title": one.name, "courseSourcedId": one.course_id}
    return {"classType": SCHEDULED, **kept, **own, "schoolSourcedId": _ORG, "termSourcedIds": _YEAR}


def _enrolment_row(one: Member) -> _Row:
    own = {"sourcedId": f"{one.course_id}:{one.student_id}", "role": "student", "primary": "false"}
    return {**own, "classSourcedId": one.course_id, "schoolSourcedId": _ORG, "userSourcedId": one.student_id}


def _course_row(one: Course) -> _Row:
    return {"sourcedId": one.course_id, "title": one.name, "orgSourcedId": _ORG, "schoolYearSourcedId": _YEAR}


def _session_row(year: int) -> _Row:
    dates = {"startDate": date(year - 1, 8, 1).isoformat(), "endDate": date(year, 7, 31).isoformat()}
    return {"sourcedId": _YEAR, "title": f"{year - 1}/{year}", "type": "schoolYear", "schoolYear": str(year), **dates}


def _columns(fields: Mapping[str, str], standard: Sequence[str]) -> _Row:
    return {key if key in standard else METADATA + key: value for key, value in fields.items()}
