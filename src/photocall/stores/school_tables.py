"""The tables of a school, since schema 4: one a kind of record, a column a field (`school.records`)."""

from sqlalchemy import Boolean, Column, Double, Index, Integer, LargeBinary, Table, Text

from photocall.roster import Student
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Remembered, Seen
from photocall.school.records import (
    Account,
    AuditEntry,
    Consent,
    Course,
    Member,
    Portrait,
    RosterPreview,
    SchoolSetting,
    SignIn,
    Staff,
)
from photocall.stores.tables import OrderedText, metadata, students


def _id(name: str) -> Column[str]:
    return Column(name, OrderedText, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _time(name: str) -> Column[str]:
    """Seconds of UTC as text, which sorts as the times do; none where there may be none."""
    return Column(name, OrderedText)


def _yes_no(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


accounts = Table(
    "accounts",
    metadata,
    _id("account_id"),
    Column("login", Text, nullable=False, unique=True),
    *map(_text, ("name", "role", "password")),
    _time("created"),
    *map(_yes_no, ("disabled", "must_change")),
    Column("failures", Integer, nullable=False),
    _time("locked_until"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    _id("digest"),
    _text("account_id"),
    _time("created"),
    _time("expires"),
    _text("browser"),
    Index("sign_ins_by_account", "account_id"),
)

courses = Table("courses", metadata, _id("course_id"), _text("name"), _text("fields"), _yes_no("archived"))

members = Table(
    "members", metadata, _id("course_id"), _id("student_id"), Index("members_by_student", "student_id", "course_id")
)

staff = Table(
    "staff", metadata, _id("course_id"), _id("account_id"), Index("staff_by_account", "account_id", "course_id")
)

consents = Table(
    "consents",
    metadata,
    _id("student_id"),
    *map(_text, ("given_by", "purpose")),
    _time("given"),
    _text("recorded_by"),
    _time("withdrawn"),
)

portraits = Table(
    "portraits",
    metadata,
    _id("portrait_id"),
    *map(_text, ("student_id", "face_id", "key")),
    _time("added"),
    *map(_text, ("added_by", "resembles")),
    Index("portraits_by_student", "student_id"),
)

lessons = Table(
    "lessons",
    metadata,
    _id("lesson_id"),
    *map(_text, ("course_id", "title")),
    _time("starts"),
    Column("minutes", Integer, nullable=False),
    Column("grace", Integer, nullable=False),
    _text("created_by"),
    Index("lessons_by_course", "course_id", "starts"),
    Index("lessons_by_time", "starts"),
)

evidence = Table(
    "evidence",
    metadata,
    _id("evidence_id"),
    *map(_text, ("lesson_id", "kind", "name", "key", "job_id")),
    _time("added"),
    _text("added_by"),
    _time("taken"),
    _yes_no("late"),
    *map(_text, ("state", "reason", "found")),
    Index("evidence_by_lesson", "lesson_id"),
)

seen = Table(
    "seen",
    metadata,
    _id("seen_id"),
    *map(_text, ("lesson_id", "evidence_id", "box")),
    Column("at", Double, nullable=False),
    _text("student_id"),
    Column("similarity", Double, nullable=False),
    _yes_no("certain"),
    *map(_text, ("reasons", "crop", "model")),
    Column("vector", LargeBinary, nullable=False),
    _time("seen"),
    *map(_text, ("verdict", "is_student", "judged_by")),
    _time("judged"),
    Index("seen_by_lesson", "lesson_id"),
    Index("seen_by_student", "student_id"),
    Index("seen_by_time", "seen"),
)

remembered = Table(
    "remembered",
    metadata,
    _id("seen_id"),
    _id("student_id"),
    _yes_no("is_student"),
    _text("model"),
    Column("vector", LargeBinary, nullable=False),
    _text("judged_by"),
    _time("judged"),
    Index("remembered_by_student", "student_id"),
)

marks = Table(
    "marks",
    metadata,
    _id("lesson_id"),
    _id("student_id"),
    *map(_text, ("status", "note", "marked_by")),
    _time("marked"),
)

register_lines = Table(
    "register_lines",
    metadata,
    _id("lesson_id"),
    _id("student_id"),
    _text("status"),
    Column("similarity", Double),
    _text("seen_id"),
    _yes_no("by_hand"),
    _time("changed"),
    _text("otherwise"),
    Index("register_lines_by_student", "student_id"),
    Index("register_lines_by_status", "lesson_id", "status", "student_id"),  # all that reports read
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _time("time"),
    *map(_text, ("account_id", "action", "subject", "details", "previous", "digest")),
    Index("audit_entries_by_subject", "subject"),
    Index("audit_entries_by_action", "action", "number"),
    Index("audit_entries_by_time", "time"),
)

school_settings = Table("school_settings", metadata, _id("name"), _text("value"))

roster_previews = Table(
    "roster_previews",
    metadata,
    _id("preview_id"),
    _text("account_id"),
    _time("created"),
    *map(_text, ("content", "digest", "counts")),
)

TABLES: dict[type, Table] = {
    Account: accounts,
    SignIn: sign_ins,
    Course: courses,
    Member: members,
    Staff: staff,
    Consent: consents,
    Portrait: portraits,
    Lesson: lessons,
    Evidence: evidence,
    Seen: seen,
    Remembered: remembered,
    Mark: marks,
    RegisterLine: register_lines,
    AuditEntry: audit_entries,
    SchoolSetting: school_settings,
    RosterPreview: roster_previews,
    Student: students,
}
"""Where records of each kind are."""

TEMPLATES: dict[type, tuple[str, ...]] = {Seen: ("vector",), Remembered: ("vector",)}
"""The fields that are templates of faces, which are sealed."""
