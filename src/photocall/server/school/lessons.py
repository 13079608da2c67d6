"""The routes of lessons: made, changed, deleted; their register, read and written by hand."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from photocall import fleet
from photocall.app import SCHOOL_COLLECTION
from photocall.roster import Student
from photocall.school import lessons, marks, permissions, reports
from photocall.school.errors import NotThere
from photocall.school.evidence import learn_failures
from photocall.school.lesson_records import EvidenceState
from photocall.school.lesson_view import LessonView, lesson_json, note_shown, register_json, view
from photocall.school.places import Places
from photocall.school.reports import Line, Question
from photocall.school.settling import VIDEO
from photocall.server.jobs import progress_json
from photocall.server.openapi_parts import listing, thing
from photocall.server.school import described, lesson_shapes
from photocall.server.school.entries import Entry, Id, Text
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of
from photocall.server.service import Service

MOST_STUDENTS = 5000
"""That may be marked at once."""

Title = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
First = Annotated[date | None, Query(alias="from", description="Only lessons of this day and later")]
Last = Annotated[date | None, Query(description="Only lessons of this day and earlier")]
Minutes = Annotated[int, Field(ge=0, le=lessons.MOST_MINUTES)]

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_ONE = thing("lesson", lesson=lesson_shapes.LESSON)
_SHOWN = {"lesson": lesson_shapes.SHOWN_LESSON}


class NewLesson(Entry):
    """A lesson to be made; without a time it starts now."""

    title: Title = ""
    starts: datetime | None = None
    minutes: Minutes = 45
    grace: Minutes = 10


class LessonChanges(Entry):
    """What of a lesson is to be different."""

    title: Title | None = None
    starts: datetime | None = None
    minutes: Minutes | None = None
    grace: Minutes | None = None


class NewMark(Entry):
    """What the register is to say of a student."""

    status: Literal["present", "late", "excused", "absent"]
    note: Text = ""


class ManyMarks(Entry):
    """What the register is to say of several students."""

    status: Literal["present", "late", "excused", "absent"]
    students: list[Id] = Field(min_length=1, max_length=MOST_STUDENTS)
    note: Text = ""


@router.get(
    "/courses/{course_id}/lessons",
    summary="The lessons of a class",
    **described.answering(
        thing("lessons", lessons=listing(lesson_shapes.LESSON)), {"lessons": [lesson_shapes.SHOWN_LESSON]}, 404
    ),
)
def list_lessons(request: Request, course_id: Id, account: Asker) -> JSONResponse:
    """The newest first."""
    found = lessons.lessons_of(of(request).school, account, course_id)
    return JSONResponse({"lessons": [lesson_json(each) for each in found]})


@router.post(
    "/courses/{course_id}/lessons", summary="Make a lesson", **described.answering(_ONE, _SHOWN, 404, status=201)
)
def create_lesson(request: Request, course_id: Id, new: NewLesson, account: Changer) -> JSONResponse:
    """A lesson whose register is empty."""
    made = lessons.create_lesson(of(request).school, account, course_id, now(), **new.given())
    return JSONResponse({"lesson": lesson_json(made)}, 201)


@router.get("/lessons/{lesson_id}", summary="A lesson", **described.answering(_ONE, _SHOWN, 404))
def get_lesson(request: Request, lesson_id: Id, account: Asker) -> JSONResponse:
    """When it is, and of which class."""
    return JSONResponse({"lesson": lesson_json(view(of(request).school, account, lesson_id, now()).lesson)})


@router.patch("/lessons/{lesson_id}", summary="Change a lesson", **described.answering(_ONE, _SHOWN, 404))
def change_lesson(request: Request, lesson_id: Id, changes: LessonChanges, account: Changer) -> JSONResponse:
    """Who was late by the old times is judged by the new ones."""
    changed = lessons.change_lesson(of(request).school, account, lesson_id, now(), **changes.given())
    return JSONResponse({"lesson": lesson_json(changed)})


@router.delete("/lessons/{lesson_id}", summary="Delete a lesson", **described.emptily(404))
def delete_lesson(request: Request, lesson_id: Id, account: Changer) -> Response:
    """With its register, its photos and videos, and all that they showed."""
    lessons.delete_lesson(places_of(of(request)), account, lesson_id, now())
    return Response(status_code=204)


@router.get(
    "/lessons/{lesson_id}/register",
    summary="The register of a lesson",
    **described.answering(lesson_shapes.REGISTER, lesson_shapes.SHOWN_REGISTER, 404),
)
def get_register(request: Request, lesson_id: Id, account: Asker) -> JSONResponse:
    """Every student of the class, everybody who was seen, and how far photos and videos are."""
    service = of(request)
    store = service.school
    found = view(store, account, lesson_id, now())
    is_open = any(each.state in (EvidenceState.WAITING, EvidenceState.FOUND) for each in found.evidence)
    if is_open and learn_failures(store, service.objects, lesson_id, now()):
        found = view(store, account, lesson_id, now())
    if found.faces:
        note_shown(store, account, lesson_id, now())
    return JSONResponse(register_json(found, _progress(service, found)))


@router.put("/lessons/{lesson_id}/marks", summary="Mark several students by hand", **described.emptily(404))
def mark_several(request: Request, lesson_id: Id, new: ManyMarks, account: Changer) -> Response:
    """All of them or none; it counts more than any face."""
    marks.mark(of(request).school, account, lesson_id, new.students, new.status, now(), new.note)
    return Response(status_code=204)


@router.put("/lessons/{lesson_id}/marks/{student_id}", summary="Mark a student by hand", **described.emptily(404))
def mark(request: Request, lesson_id: Id, student_id: Id, new: NewMark, account: Changer) -> Response:
    """It counts more than any face, until it is taken back."""
    marks.mark(of(request).school, account, lesson_id, [student_id], new.status, now(), new.note)
    return Response(status_code=204)


@router.delete("/lessons/{lesson_id}/marks/{student_id}", summary="Take a mark back", **described.emptily(404))
def unmark(request: Request, lesson_id: Id, student_id: Id, account: Changer) -> Response:
    """Faces count again."""
    marks.unmark(of(request).school, account, lesson_id, student_id, now())
    return Response(status_code=204)


@router.get(
    "/students/{student_id}/record",
    summary="What registers say of a student",
    **described.answering(lesson_shapes.RECORD, lesson_shapes.SHOWN_RECORD, 404),
)
def get_record(request: Request, student_id: Id, account: Asker, first: First = None, to: Last = None) -> JSONResponse:
    """A line for each lesson of the classes that you may see, in the order of time."""
    store = of(request).school
    permissions.check_student(store, account, student_id)
    student = store.get(Student, student_id)
    if student is None:
        raise NotThere("student", student_id)
    found = reports.lines(store, account, Question(None, student_id, first, to))
    lines = [_record_json(each) for each in found]
    return JSONResponse({"student_id": student_id, "name": student.name, "lines": lines})


def places_of(service: Service) -> Places:
    """Where this server keeps what shows faces."""
    name = service.settings.school_bucket
    return Places(service.school, service.objects, service.bucket(name), name, SCHOOL_COLLECTION)


def _progress(service: Service, found: LessonView) -> dict[str, dict[str, Any]]:
    """How far the videos are that workers look at, by evidence_id."""
    told = {}
    for each in found.evidence:
        if each.kind == VIDEO and each.state is EvidenceState.WAITING:
            worker = fleet.worker_on(service.objects, each.job_id)
            if worker is not None:
                told[each.evidence_id] = {"progress": progress_json(worker)}
    return told


def _record_json(line: Line) -> dict[str, Any]:
    """What one register says of a student."""
    return {
        "lesson_id": line.lesson.lesson_id,
        "course_id": line.course.course_id,
        "course": line.course.name,
        "title": line.lesson.title,
        "starts": line.starts.isoformat(),
        "status": str(line.line.status),
        "similarity": None if line.line.similarity is None else round(line.line.similarity, 1),
        "by_hand": line.line.by_hand,
        "note": line.note,
    }
