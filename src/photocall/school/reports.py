"""Verbs that say who was there: of lessons, students, classes and days, as their registers have it.

A register has a line for everybody who belonged to the class when it was taken; a lesson that was not taken has none,
and counts for nobody. Days are those of the school's time zone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from photocall.roster import Status, Student
from photocall.school.choices import choices
from photocall.school.errors import EntryInvalid
from photocall.school.lesson_records import Lesson, Mark, RegisterLine
from photocall.school.permissions import check_student, course, courses_of
from photocall.school.records import Account, Course
from photocall.school.register import Between, Records, SchoolRegister
from photocall.school.students import batches, members_of

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
"""What can be asked for."""

Counts = Mapping[Status, int]
"""How many lines have each status."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is about: everything that the account may see, unless it is narrowed down.

    Attributes:
        course_id: only this class.
        student_id: only this student.
        first: only lessons of this day and later.
        last: only lessons of this day and earlier.
    """

    course_id: str | None = None
    student_id: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Who was there.

    Attributes:
        zone: the school's time zone.
        lessons: each with its class, and how many students have each status; none where it was not taken.
        students: everybody of whom a register says something, by name, with how often they have each status.
        days: on which there were lessons that were taken, with how many lines have each status.
        total: of all lines.
    """

    zone: ZoneInfo
    lessons: list[tuple[Lesson, Course, Counts]]
    students: list[tuple[Student, Counts]]
    days: list[tuple[date, Counts]]
    total: Counts


@dataclass(frozen=True, slots=True)
class Line:
    """What a register says of a student.

    Attributes:
        lesson: which.
        course: of which class.
        starts: the lesson, in the school's time zone.
        student: who; without a name if there is no such student any more.
        line: what it says.
        note: why, where somebody wrote that down.
    """

    lesson: Lesson
    course: Course
    starts: datetime
    student: Student
    line: RegisterLine
    note: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """The register of a class over many lessons.

    Attributes:
        zone: the school's time zone.
        course: which class.
        lessons: in the order of time; those that were taken.
        rows: everybody who belongs to the class, or is in one of these registers, by name: what each lesson's register
            says, None for nothing.
    """

    zone: ZoneInfo
    course: Course
    lessons: list[Lesson]
    rows: list[tuple[Student, tuple[Status | None, ...]]]


def report(register: SchoolRegister, account: Account, question: Question) -> Report:
    """How often who was there. Raises `NotThere`, `NotAllowed`, `EntryInvalid`."""
    lessons, zone = _lessons(register, account, question), choices(register).zone
    sums = _Sums({each.lesson_id: each.starts.astimezone(zone).date() for each, _ in lessons})
    for lesson_id, status, student_ids in _statuses(register, question, [each for each, _ in lessons]):
        sums.add(lesson_id, status, student_ids)
    students = sums.students()
    people = sorted(_people(register, students), key=_by_name)
    return Report(
        zone,
        [(each, of, sums.lessons.get(each.lesson_id, {})) for each, of in lessons],
        [(one, students[one.student_id]) for one in people],
        sorted(sums.days.items()),
        sum(sums.days.values(), Counter()),
    )


def lines(register: SchoolRegister, account: Account, question: Question) -> Iterator[Line]:
    """Every line of the registers, in the order of lessons and then of names.

    Raises `NotThere`, `NotAllowed`, `EntryInvalid`, before the first one is asked for.
    """
    lessons, zone = _lessons(register, account, question), choices(register).zone
    return _lines(register, lessons, zone, question.student_id)


def matrix(register: SchoolRegister, account: Account, question: Question) -> Matrix:
    """The register of the question's class. Raises `NotThere`, `NotAllowed`, `EntryInvalid`."""
    if question.course_id is None:
        raise EntryInvalid("course", "say which class")
    found, of = _lessons(register, account, question), course(register, account, question.course_id)
    said = _statuses(register, question, [each for each, _ in found])
    columns: dict[str, dict[str, Status]] = {}
    for lesson_id, status, student_ids in said:
        columns.setdefault(lesson_id, {}).update(dict.fromkeys(student_ids, status))
    lessons = [each for each, _ in found if each.lesson_id in columns]
    ids = {student_id for column in columns.values() for student_id in column}
    if question.student_id is None:
        ids |= {one.student_id for one in members_of(register, [question.course_id])}
    people = sorted(_people(register, ids), key=_by_name)
    order = [one.student_id for one in people]
    cells = [list(map(columns[each.lesson_id].get, order)) for each in lessons]
    rows = zip(*cells, strict=True) if cells else [() for _ in people]
    return Matrix(choices(register).zone, of, lessons, list(zip(people, rows, strict=True)))


def share(counts: Counts) -> float | None:
    """The part of lessons, 0..1, in which somebody was present or late; excused ones do not count. None without any."""
    there = counts.get(Status.PRESENT, 0) + counts.get(Status.LATE, 0)
    of = sum(counts.values()) - counts.get(Status.EXCUSED, 0)
    return there / of if of else None


@dataclass(slots=True)
class _Sums:
    """What is counted, by lesson_id, day, and status and student_id."""

    day_of: Mapping[str, date]
    lessons: dict[str, Counter[Status]] = field(default_factory=dict)
    days: dict[date, Counter[Status]] = field(default_factory=dict)
    ids: dict[Status, Counter[str]] = field(default_factory=dict)

    def add(self, lesson_id: str, status: Status, student_ids: list[str]) -> None:
        """Count the students who have a status in a lesson."""
        self.lessons.setdefault(lesson_id, Counter())[status] += len(student_ids)
        self.days.setdefault(self.day_of[lesson_id], Counter())[status] += len(student_ids)
        self.ids.setdefault(status, Counter()).update(student_ids)

    def students(self) -> dict[str, dict[Status, int]]:
        """How often each student has each status, by student_id."""
        found: dict[str, dict[Status, int]] = {}
        for status, counts in self.ids.items():
            for student_id, count in counts.items():
                found.setdefault(student_id, {})[status] = count
        return found


def _lessons(records: Records, account: Account, question: Question) -> list[tuple[Lesson, Course]]:
    """The lessons that a question is about, with their classes, in the order of time."""
    if question.course_id is not None:
        courses = [course(records, account, question.course_id)]
    else:
        courses = courses_of(records, account)
    if question.student_id is not None:
        check_student(records, account, question.student_id)
    by_id = {each.course_id: each for each in courses}
    between = _between(question, choices(records).zone)
    found = [each for batch in batches(list(by_id)) for each in records.find(Lesson, course_id=batch, starts=between)]
    return [(each, by_id[each.course_id]) for each in sorted(found, key=lambda each: (each.starts, each.lesson_id))]


def _between(question: Question, zone: ZoneInfo) -> Between:
    """The times that a question is about: whole days of a time zone."""
    first, last = question.first or FIRST_DAY, question.last or LAST_DAY
    for name, day in (("from", first), ("to", last)):
        if not FIRST_DAY <= day <= LAST_DAY:
            raise EntryInvalid(name, f"it must be a day from {FIRST_DAY} to {LAST_DAY}")
    if first > last:
        raise EntryInvalid("to", f"it must not be before {first}")
    start, end = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (first, last + timedelta(days=1)))
    return Between(start.astimezone(UTC), end.astimezone(UTC))


def _statuses(
    register: SchoolRegister, question: Question, lessons: list[Lesson]
) -> list[tuple[str, Status, list[str]]]:
    """What the registers of lessons say, of everybody or of one student."""
    if question.student_id is None:
        return register.students_by_status([each.lesson_id for each in lessons])
    wanted = {each.lesson_id for each in lessons}
    theirs = register.find(RegisterLine, student_id=question.student_id)
    return [(line.lesson_id, line.status, [line.student_id]) for line in theirs if line.lesson_id in wanted]


def _lines(
    register: SchoolRegister, lessons: list[tuple[Lesson, Course]], zone: ZoneInfo, student_id: str | None
) -> Iterator[Line]:
    people: dict[str, Student] = {}
    only = {} if student_id is None else {"student_id": student_id}
    for lesson, of in lessons:
        said = register.find(RegisterLine, lesson_id=lesson.lesson_id, **only)
        notes = {mark.student_id: mark.note for mark in register.find(Mark, lesson_id=lesson.lesson_id, **only)}
        new = {line.student_id for line in said} - people.keys()
        people |= {one.student_id: one for one in _people(register, new)}
        starts = lesson.starts.astimezone(zone)
        for line in sorted(said, key=lambda line: _by_name(people[line.student_id])):
            yield Line(lesson, of, starts, people[line.student_id], line, notes.get(line.student_id, ""))


def _people(records: Records, student_ids: Iterable[str]) -> list[Student]:
    """Students by their ids; who is no more has no name."""
    ids = sorted(student_ids)
    known = [one for batch in batches(ids) for one in records.find(Student, student_id=batch)]
    gone = set(ids) - {one.student_id for one in known}
    return [*known, *(Student("", {}, student_id) for student_id in gone)]


def _by_name(one: Student) -> tuple[bool, str, str]:
    """What lines are sorted by: capitals and small letters alike, and who has no name last."""
    return not one.name, one.name.casefold(), one.student_id
