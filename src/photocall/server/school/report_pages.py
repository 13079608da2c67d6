"""The pages of reports: who was there, by day, student and lesson; a class's register; a student's own record.

All of them are made here, as tables and drawings that can be printed; a form asks for other days by its address.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from photocall.roster import Status, Student
from photocall.school import permissions, reports
from photocall.school.choices import choices
from photocall.school.errors import EntryInvalid, NotThere
from photocall.school.register import Records
from photocall.school.reports import Counts, Line, Matrix, Question, share
from photocall.school.students import members_of
from photocall.server.school.charts import stacked
from photocall.server.school.shell import PageRoute, register_of, shown
from photocall.server.school.sign_ins import Asker

MONTH, YEAR = timedelta(days=30), timedelta(days=365)
"""How far back a report and a record go where nobody says."""

ON_PAGE = 20
"""Lessons of a class's register on one page: as many as fit beside each other, and quick with 1,000 students."""

NAMES: Mapping[Status, str] = MappingProxyType(
    {
        Status.PRESENT: "Present",
        Status.LATE: "Late",
        Status.EXCUSED: "Excused",
        Status.UNCERTAIN: "Not sure",
        Status.ABSENT: "Absent",
    }
)
"""What the pages call each status, in the order of columns."""

AT_ONCE = 50
"""Students whose row the server makes whole; the page itself makes the cells of the others, while nobody waits."""

LETTERS: Mapping[Status | None, str] = MappingProxyType(
    {
        Status.PRESENT: "P",
        Status.LATE: "L",
        Status.EXCUSED: "E",
        Status.UNCERTAIN: "?",
        Status.ABSENT: "A",
        None: "·",
    }
)
"""A status in a class's register."""

router = APIRouter(prefix="/school", route_class=PageRoute, include_in_schema=False)

Id = Annotated[str, Query(max_length=500)]
Day = Annotated[str, Query(max_length=20)]
From = Annotated[str, Query(max_length=20, alias="from")]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a class's register.

    Attributes:
        name: of the student.
        share: of all lessons that were asked for, as text.
        letters: one for each of the lessons on this page.
    """

    name: str
    share: str
    letters: str


@router.get("/reports")
def show_report(
    request: Request, account: Asker, course: Id = "", student: Id = "", first: From = "", to: Day = ""
) -> HTMLResponse:
    """Who was there."""
    register = register_of(request)
    question = _question(register, course, student, first, to, MONTH)
    found = reports.report(register, account, question)
    days = [(f"{day:%-d %b}", counts) for day, counts in found.days]
    return shown(
        request,
        account,
        "reports.html",
        courses=permissions.courses_of(register, account),
        students=_choosable(register, question),
        report=found,
        chart=stacked(days),
        share_text=share_text,
        **_asked(question),
    )


@router.get("/classes/{course_id}/register")
def show_matrix(
    request: Request,
    account: Asker,
    course_id: str,
    first: From = "",
    to: Day = "",
    page: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> HTMLResponse:
    """The register of a class; without a page the newest lessons."""
    register = register_of(request)
    question = _question(register, course_id, "", first, to, YEAR)
    found = reports.matrix(register, account, question)
    pages = max(1, -(-len(found.lessons) // ON_PAGE))
    page = min(page or pages, pages)
    start = (page - 1) * ON_PAGE
    return shown(
        request,
        account,
        "matrix.html",
        course=found.course,
        lessons=found.lessons[start : start + ON_PAGE],
        rows=_rows(found, start),
        total=len(found.lessons),
        page=page,
        pages=pages,
        size=ON_PAGE,
        at_once=AT_ONCE,
        **_asked(question),
    )


@router.get("/students/{student_id}/record")
def show_record(request: Request, account: Asker, student_id: str, first: From = "", to: Day = "") -> HTMLResponse:
    """The record of one student, to look at and to print."""
    register = register_of(request)
    permissions.check_student(register, account, student_id)
    student = register.get(Student, student_id)
    if student is None:
        raise NotThere("student", student_id)
    question = _question(register, "", student_id, first, to, YEAR)
    lines = list(reports.lines(register, account, question))
    counts = Counter(each.line.status for each in lines)
    return shown(
        request,
        account,
        "record.html",
        student=student,
        lines=lines,
        counts=counts,
        share=share_text(counts),
        chart=stacked(_months(lines)),
        **_asked(question),
    )


def share_text(counts: Counts) -> str:
    """The share of lessons in which somebody was there, as people write it."""
    part = share(counts)
    return "none" if part is None else f"{100 * part:.0f} %"


def _question(records: Records, course: str, student: str, first: str, to: str, back: timedelta) -> Question:
    """What a form asks for; without days those up to today."""
    last = _day("to", to) or datetime.now(choices(records).zone).date()
    return Question(course or None, student or None, _day("from", first) or _before(last, back), last)


def _before(day: date, back: timedelta) -> date:
    return max(day - back, reports.FIRST_DAY) if day > reports.FIRST_DAY else day


def _day(name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise EntryInvalid(name, "it must be a day such as 2026-11-23") from error


def _asked(question: Question) -> dict[str, Any]:
    """What every template of a report says of what was asked for."""
    asked = {"course": question.course_id, "student": question.student_id, "from": question.first, "to": question.last}
    return {
        "course_id": question.course_id or "",
        "student_id": question.student_id or "",
        "first": question.first,
        "last": question.last,
        "query": urlencode({name: value for name, value in asked.items() if value is not None}),
        "days_only": urlencode({"from": question.first, "to": question.last}),
        "names": NAMES,
    }


def _choosable(records: Records, question: Question) -> list[Student]:
    """The students of the class that was asked for; of all classes there may be too many to choose from."""
    if question.course_id:
        return sorted(members_of(records, [question.course_id]), key=lambda one: (one.name.casefold(), one.student_id))
    return records.find(Student, student_id=question.student_id) if question.student_id else []


def _rows(found: Matrix, start: int) -> list[Row]:
    rows = []
    for student, statuses in found.rows:
        letters = "".join([LETTERS[status] for status in statuses])
        counts = {status: letters.count(letter) for status, letter in LETTERS.items() if status is not None}
        rows.append(Row(student.name or student.student_id, share_text(counts), letters[start : start + ON_PAGE]))
    return rows


def _months(lines: Sequence[Line]) -> list[tuple[str, Counts]]:
    """How often somebody had each status, by month."""
    months: dict[str, Counter[Status]] = {}
    for each in lines:
        months.setdefault(f"{each.starts:%b %Y}", Counter())[each.line.status] += 1
    return list(months.items())
