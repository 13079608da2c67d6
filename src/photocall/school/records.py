"""The nouns of a school, as a Register keeps them.

A record is found by its `key`, the first field or fields, named in `KEYS`. Times have a time zone and are kept as UTC.
Bytes are templates of faces; a Register keeps them sealed where it has a key for that. Names of people are in `Student`
and `Account` alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from photocall.roster import Student
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Remembered, Seen


class Role(StrEnum):
    """What an account may do."""

    ADMINISTRATOR = "administrator"
    """Everything."""

    TEACHER = "teacher"
    """See and change the courses it is given, and their students and lessons."""

    VIEWER = "viewer"
    """See the courses it is given."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in.

    Attributes:
        account_id: a random UUID.
        login: what is typed; unique, small letters.
        name: the person's.
        role: what it may do.
        password: its argon2id hash, in the PHC string format.
        created: when.
        disabled: whether it may sign in no more.
        must_change: whether its password was set by somebody else, and is good only for setting another one.
        failures: wrong passwords in a row.
        locked_until: no password is looked at before; None where that is not so.
    """

    account_id: str
    login: str
    name: str
    role: Role
    password: str
    created: datetime
    disabled: bool = False
    must_change: bool = False
    failures: int = 0
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser that is signed in (a web session; a lesson is never called so).

    Attributes:
        digest: SHA-256 of the token in its cookie, hexadecimal.
        account_id: whose it is.
        created: when.
        expires: until when, if it is used no more.
        browser: what it calls itself, shortened.
    """

    digest: str
    account_id: str
    created: datetime
    expires: datetime
    browser: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """A class of students.

    Attributes:
        course_id: its name for machines: given, or a random UUID.
        name: its name for people.
        fields: everything else that is known, values as text: term, room, ...
        archived: whether it is over, and shown only to those who look for it.
    """

    course_id: str
    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A student belongs to a course."""

    course_id: str
    student_id: str


@dataclass(frozen=True, slots=True)
class Staff:
    """An account may see a course, and change it if its role may."""

    course_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Consent:
    """Somebody agreed that a student's face is stored and recognised.

    Attributes:
        student_id: whose face.
        given_by: who agreed: the student, or a parent, by name.
        purpose: what to.
        given: when.
        recorded_by: account that wrote it down.
        withdrawn: when it was withdrawn; None while it is in force.
    """

    student_id: str
    given_by: str
    purpose: str
    given: datetime
    recorded_by: str
    withdrawn: datetime | None = None


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo that a student is known by.

    Attributes:
        portrait_id: derived from student and image, a UUID.
        student_id: whose.
        face_id: of the face in the collection of students.
        key: of the photo in the school's bucket; empty once the photo was deleted and the template stays.
        added: when.
        added_by: account.
        resembles: student_id of somebody else whom it resembles as much as one person's photos do; empty for nobody.
    """

    portrait_id: str
    student_id: str
    face_id: str
    key: str
    added: datetime
    added_by: str
    resembles: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log, chained to the line before.

    Attributes:
        number: 1 for the first.
        time: when.
        account_id: who; empty for the server itself, "cli" for the command line.
        action: what, such as "student.erased".
        subject: to what: the id of a student, lesson, course or account.
        details: what else is to be known; no names of people, no faces.
        previous: digest of the entry before; 64 zeros before the first.
        digest: SHA-256 over all the other fields, hexadecimal.
    """

    number: int
    time: datetime
    account_id: str
    action: str
    subject: str
    details: Mapping[str, object]
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class SchoolSetting:
    """Something that the administrator decides in the browser: the time zone, how long photos are kept, ..."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class RosterPreview:
    """What a file of students would change, until somebody confirms it or an hour has passed.

    Attributes:
        preview_id: a random UUID.
        account_id: who sent the file, and alone may confirm it.
        created: when.
        content: what the file says, as JSON; empty once it was confirmed.
        digest: SHA-256 over what it would change, hexadecimal: it must be the same when it is confirmed.
        counts: how much was changed; empty until it was confirmed.
    """

    preview_id: str
    account_id: str
    created: datetime
    content: str
    digest: str
    counts: Mapping[str, object] = field(default_factory=dict)


Record = (
    Account
    | SignIn
    | Course
    | Member
    | Staff
    | Consent
    | Portrait
    | Lesson
    | Evidence
    | Seen
    | Remembered
    | Mark
    | RegisterLine
    | AuditEntry
    | SchoolSetting
    | RosterPreview
    | Student
)

KEYS: Mapping[type, tuple[str, ...]] = MappingProxyType(
    {
        Account: ("account_id",),
        SignIn: ("digest",),
        Course: ("course_id",),
        Member: ("course_id", "student_id"),
        Staff: ("course_id", "account_id"),
        Consent: ("student_id",),
        Portrait: ("portrait_id",),
        Lesson: ("lesson_id",),
        Evidence: ("evidence_id",),
        Seen: ("seen_id",),
        Remembered: ("seen_id", "student_id"),
        Mark: ("lesson_id", "student_id"),
        RegisterLine: ("lesson_id", "student_id"),
        AuditEntry: ("number",),
        SchoolSetting: ("name",),
        RosterPreview: ("preview_id",),
        Student: ("student_id",),
    }
)
"""What finds a record of each kind, and what records of a kind are ordered by."""

Noun = TypeVar("Noun", bound=Record)
