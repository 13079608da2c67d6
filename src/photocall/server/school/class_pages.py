"""The pages of classes and students: what a teacher sees first, and where people are enrolled."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from photocall.roster import Student
from photocall.school import permissions, students
from photocall.school.lesson_records import Lesson
from photocall.school.records import Account, Consent, Course, Member, Portrait, Role, Staff
from photocall.school.register import Between, Records
from photocall.server.school.portraits import ELSEWHERE
from photocall.server.school.shell import PageRoute, register_of, shown
from photocall.server.school.sign_ins import Asker

NEAR = timedelta(days=14)
"""So far from now, a lesson is shown with its class."""

EARLY = timedelta(minutes=15)
"""So long before it starts, the roll of a lesson may be called."""

MOST_LESSONS = 30
"""On a class's page; the reports have all."""

router = APIRouter(prefix="/school", route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class CourseCard:
    """A class as it is among all others.

    Attributes:
        course: the class.
        students: how many it has.
        current: the lesson that goes on, or is about to; None while there is none.
        previous: the last one before; None where it is long ago.
        following: the next one; None where none is planned.
    """

    course: Course
    students: int
    current: Lesson | None
    previous: Lesson | None
    following: Lesson | None


@dataclass(frozen=True, slots=True)
class StudentLine:
    """A student as the list of a class has them.

    Attributes:
        student: who.
        consent: in force; None without.
        portraits: how many photos they are known by.
        resembles: name of somebody else whom one of the photos resembles, or that it is not told; empty for nobody.
    """

    student: Student
    consent: Consent | None
    portraits: int
    resembles: str


@router.get("")
def home(request: Request, account: Asker) -> HTMLResponse:
    """My classes."""
    register, now = register_of(request), datetime.now(UTC)
    courses = permissions.courses_of(register, account)
    cards = cards_of(register, [course for course in courses if not course.archived], now)
    archived = [course for course in courses if course.archived]
    return shown(request, account, "home.html", cards=cards, archived=archived)


@router.get("/classes/{course_id}")
def show_class(request: Request, account: Asker, course_id: str) -> HTMLResponse:
    """A class: its students, its lessons."""
    register, now = register_of(request), datetime.now(UTC)
    course = permissions.course(register, account, course_id)
    return shown(
        request,
        account,
        "class.html",
        card=cards_of(register, [course], now)[0],
        lines=lines_of(register, account, course_id),
        lessons=sorted(register.find(Lesson, course_id=course_id), key=lambda each: each.starts, reverse=True),
        most_lessons=MOST_LESSONS,
        staff=_staff(register, account, course_id),
        may_change=account.role is not Role.VIEWER,
        now=now,
    )


@router.get("/students/{student_id}")
def show_student(request: Request, account: Asker, student_id: str) -> HTMLResponse:
    """A student: what is known, the consent, the photos."""
    register = register_of(request)
    found = students.student(register, account, student_id)
    portraits = register.find(Portrait, student_id=student_id)
    courses = students.courses_by_student(register, account, [student_id])[student_id]
    others = [each for each in permissions.courses_of(register, account) if each not in courses and not each.archived]
    return shown(
        request,
        account,
        "student.html",
        student=found,
        courses=courses,
        others=others,
        consent=register.get(Consent, student_id),
        portraits=sorted(portraits, key=lambda each: each.added, reverse=True),
        names=names_of(register, account, [each.resembles for each in portraits]),
        may_change=account.role is not Role.VIEWER,
    )


def cards_of(records: Records, courses: list[Course], now: datetime) -> list[CourseCard]:
    """The classes with what is near in time."""
    ids = [course.course_id for course in courses]
    members = Counter(member.course_id for member in records.find(Member, course_id=ids))
    lessons: dict[str, list[Lesson]] = {course_id: [] for course_id in ids}
    for lesson in records.find(Lesson, course_id=ids, starts=Between(now - NEAR, now + NEAR)):
        lessons[lesson.course_id].append(lesson)
    return [_card(each, members[each.course_id], lessons[each.course_id], now) for each in courses]


def lines_of(records: Records, account: Account, course_id: str) -> list[StudentLine]:
    """The students of a class, by name, as the account may see them."""
    found = sorted(students.members_of(records, [course_id]), key=students.by_name)
    ids = [student.student_id for student in found]
    consents = {each.student_id: each for each in records.find(Consent, student_id=ids) if each.withdrawn is None}
    portraits: dict[str, list[Portrait]] = {student_id: [] for student_id in ids}
    for portrait in records.find(Portrait, student_id=ids):
        portraits[portrait.student_id].append(portrait)
    names = names_of(records, account, [each.resembles for kept in portraits.values() for each in kept])
    return [_line(each, consents.get(each.student_id), portraits[each.student_id], names) for each in found]


def names_of(records: Records, account: Account, student_ids: list[str]) -> dict[str, str]:
    """The names of students who are still there, by id; those that the account may not see have none."""
    found = records.find(Student, student_id=sorted({each for each in student_ids if each}))
    seen = {each.student_id for each in students.students_of(records, account)} if found else set()
    return {each.student_id: each.name if each.student_id in seen else ELSEWHERE for each in found}


def _line(student: Student, consent: Consent | None, portraits: list[Portrait], names: dict[str, str]) -> StudentLine:
    resembled = [names[each.resembles] for each in portraits if each.resembles in names]
    return StudentLine(student, consent, len(portraits), resembled[0] if resembled else "")


def _card(course: Course, students: int, lessons: list[Lesson], now: datetime) -> CourseCard:
    lessons = sorted(lessons, key=lambda lesson: lesson.starts)
    ends = {lesson.lesson_id: lesson.starts + timedelta(minutes=lesson.minutes) for lesson in lessons}
    current = [each for each in lessons if each.starts - EARLY <= now <= ends[each.lesson_id]]
    previous = [each for each in lessons if ends[each.lesson_id] < now]
    following = [each for each in lessons if now < each.starts - EARLY]
    return CourseCard(course, students, _first(current[::-1]), _first(previous[::-1]), _first(following))


def _first(lessons: list[Lesson]) -> Lesson | None:
    return lessons[0] if lessons else None


def _staff(records: Records, account: Account, course_id: str) -> list[tuple[Account, bool]]:
    """Everybody who may see classes at all, and whether they may see this one; nobody, unless an administrator asks."""
    if account.role is not Role.ADMINISTRATOR:
        return []
    given = {each.account_id for each in records.find(Staff, course_id=course_id)}
    others = [each for each in records.find(Account, disabled=False) if each.role is not Role.ADMINISTRATOR]
    return [(each, each.account_id in given) for each in sorted(others, key=lambda each: each.name.casefold())]
