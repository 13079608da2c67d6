"""The routes of reports: who was there, by lesson, student, class and day."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from photocall.school import report_files, reports
from photocall.school.report_files import STATUSES, matrix_json, report_json
from photocall.school.reports import Question
from photocall.server.openapi_parts import Json, listing, number, text, thing
from photocall.server.school import described
from photocall.server.school.entries import Id
from photocall.server.school.imports import attached
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_NAMES = [status.value for status in STATUSES]
_COUNT: Json = {"type": "integer", "minimum": 0}
_COUNTS: Json = {**dict.fromkeys(_NAMES, _COUNT), "share": number(0, 1) | {"nullable": True}}
_WORDS = " ".join([*_NAMES, "share"])
_STARTS = text("In the school's time zone", format="date-time")
_REPORT = thing(
    "lessons students days total",
    lessons=listing(
        thing(
            f"lesson_id course_id course title starts taken {_WORDS}",
            lesson_id=text(),
            course_id=text(),
            course=text("Its name"),
            title=text(),
            starts=_STARTS,
            taken={"type": "boolean", "description": "Whether it has a register"},
            **_COUNTS,
        )
    ),
    students=listing(thing(f"student_id name {_WORDS}", student_id=text(), name=text(), **_COUNTS)),
    days=listing(thing(f"date {_WORDS}", date=text(format="date"), **_COUNTS)),
    total=thing(_WORDS, **_COUNTS),
)
_SHOWN_COUNTS: Json = {"present": 20, "late": 1, "excused": 2, "absent": 1, "uncertain": 0, "share": 0.9545}
_LESSON_ID = "3d0f0c64-0b4a-4bb8-9c62-0d3c2e7f1a55"
_STARTED = "2026-09-01T08:00:00+02:00"
_SHOWN: Json = {
    "lessons": [
        {
            "lesson_id": _LESSON_ID,
            "course_id": "maths-7b",
            "course": "Maths 7b",
            "title": "Fractions",
            "starts": _STARTED,
            "taken": True,
            **_SHOWN_COUNTS,
        }
    ],
    "students": [
        {
            "student_id": "s-1042",
            "name": "Ada Lovelace",
            "present": 1,
            "late": 0,
            "excused": 0,
            "absent": 0,
            "uncertain": 0,
            "share": 1.0,
        }
    ],
    "days": [{"date": "2026-09-01", **_SHOWN_COUNTS}],
    "total": _SHOWN_COUNTS,
}
_MATRIX = thing(
    "lessons students",
    lessons=listing(thing("lesson_id starts title", lesson_id=text(), starts=_STARTS, title=text())),
    students=listing(
        thing(
            "student_id name statuses",
            student_id=text(),
            name=text(),
            statuses=listing(
                text(enum=[*_NAMES, None], nullable=True), description="One for each lesson; null for nothing"
            ),
        )
    ),
)
_SHOWN_MATRIX: Json = {
    "lessons": [{"lesson_id": _LESSON_ID, "starts": _STARTED, "title": "Fractions"}],
    "students": [{"student_id": "s-1042", "name": "Ada Lovelace", "statuses": ["present"]}],
}

_From = Annotated[date | None, Query(alias="from", description="Only lessons of this day and later")]
_To = Annotated[date | None, Query(description="Only lessons of this day and earlier")]


def _question(
    course: Annotated[Id | None, Query(description="Only this class")] = None,
    student: Annotated[Id | None, Query(description="Only this student")] = None,
    first: _From = None,
    to: _To = None,
) -> Question:
    return Question(course, student, first, to)


Asked = Annotated[Question, Depends(_question)]
"""What a request wants to know."""


@router.get("/reports", summary="Who was there, and how often", **described.answering(_REPORT, _SHOWN, 404))
def report(request: Request, account: Asker, question: Asked) -> JSONResponse:
    """By lesson, student and day, of the classes that you may see. `share` leaves out excused absences."""
    return JSONResponse(report_json(reports.report(of(request).school, account, question)))


@router.get(
    "/reports.csv",
    summary="Every line of the registers",
    response_class=Response,
    **described.sending("text/csv", errors=(404,)),
)
def report_csv(request: Request, account: Asker, question: Asked) -> Response:
    """A line for each student of each lesson."""
    made = report_files.report_csv(reports.lines(of(request).school, account, question))
    return attached(made.encode(), "report.csv", "text/csv; charset=utf-8")


@router.get(
    "/reports.xlsx",
    summary="The same for spreadsheets",
    response_class=Response,
    **described.sending(XLSX, errors=(404,)),
)
def report_xlsx(request: Request, account: Asker, question: Asked) -> Response:
    """A sheet of totals, and one of every line."""
    store = of(request).school
    found, lines = reports.report(store, account, question), reports.lines(store, account, question)
    return attached(report_files.report_xlsx(found, lines), "report.xlsx", XLSX)


@router.get(
    "/courses/{course_id}/register",
    summary="The register of a class over many lessons",
    **described.answering(_MATRIX, _SHOWN_MATRIX, 404),
)
def matrix(request: Request, account: Asker, course_id: Id, first: _From = None, to: _To = None) -> JSONResponse:
    """A row for each student, a column for each lesson that was taken."""
    question = Question(course_id, None, first, to)
    return JSONResponse(matrix_json(reports.matrix(of(request).school, account, question)))
