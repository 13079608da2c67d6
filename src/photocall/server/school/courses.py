"""The routes of classes: who is in them, and who may see them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from photocall.school import courses, students
from photocall.school.courses import course_json
from photocall.school.permissions import course as seen_course
from photocall.school.records import Account
from photocall.school.register import Records
from photocall.school.students import student_json
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.entries import Entry, Id, Name
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of
from photocall.server.school.students import FIELDS, STUDENT, Fields

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_PARTS: Json = {
    "course_id": text(),
    "name": text(),
    "fields": FIELDS,
    "archived": {"type": "boolean", "description": "It is over"},
}
COURSE = thing("course_id name fields archived", **_PARTS)
SHOWN: Json = {"course_id": "maths-7b", "name": "Maths 7b", "fields": {"room": "12"}, "archived": False}
_SIZED = thing(
    "course_id name fields archived students",
    **_PARTS,
    students={"type": "integer", "description": "How many belong to it"},
)
_STAFF = thing(
    "account_id name role",
    account_id=text(),
    name=text(),
    role=text(enum=["administrator", "teacher", "viewer"]),
)
_WHOLE = thing(
    "course_id name fields archived students staff", **_PARTS, students=listing(STUDENT), staff=listing(_STAFF)
)
_SHOWN_WHOLE: Json = {
    **SHOWN,
    "students": [{"student_id": "s-1042", "name": "Ada Lovelace", "fields": {"major": "mathematics"}}],
    "staff": [{"account_id": "5f0c7a4e-2d1b-4c3a-9e8f-1a2b3c4d5e6f", "name": "Charles Babbage", "role": "teacher"}],
}
_GONE = thing("course_id deleted", course_id=text(), deleted={"type": "boolean", "description": "If not, archived"})


class NewCourse(Entry):
    """A class to be made."""

    name: Name
    fields: Fields = Field(default_factory=dict)
    course_id: Id | None = None


class CourseChanges(Entry):
    """What of a class is to be different."""

    name: Name | None = None
    fields: Fields | None = None
    archived: bool | None = None


@router.get(
    "/courses",
    summary="The classes that you may see",
    **described.answering(thing("courses", courses=listing(_SIZED)), {"courses": [{**SHOWN, "students": 24}]}),
)
def list_courses(request: Request, account: Asker) -> JSONResponse:
    """By name, archived ones too, each with how many students belong to it."""
    found = courses.sizes(of(request).school, account)
    return JSONResponse({"courses": [{**course_json(course), "students": count} for course, count in found]})


@router.post("/courses", summary="Make a class", **described.answering(COURSE, SHOWN, 409, status=201))
def create_course(request: Request, new: NewCourse, account: Changer) -> JSONResponse:
    """For administrators; with a random id where none is given."""
    made = courses.create_course(of(request).school, account, new.name, new.fields, now(), new.course_id)
    return JSONResponse(course_json(made), 201)


@router.get(
    "/courses/{course_id}", summary="A class, with its students", **described.answering(_WHOLE, _SHOWN_WHOLE, 404)
)
def get_course(request: Request, course_id: Id, account: Asker) -> JSONResponse:
    """A class, who belongs to it, and to whom it was given."""
    return JSONResponse(_whole(of(request).school, account, course_id))


@router.patch("/courses/{course_id}", summary="Change a class", **described.answering(COURSE, SHOWN, 404))
def change_course(request: Request, course_id: Id, changes: CourseChanges, account: Changer) -> JSONResponse:
    """For administrators. `fields` replaces all of them."""
    changed = courses.change_course(of(request).school, account, course_id, now(), **changes.given())
    return JSONResponse(course_json(changed))


@router.delete(
    "/courses/{course_id}",
    summary="Delete a class",
    **described.answering(_GONE, {"course_id": "maths-7b", "deleted": True}, 404),
)
def delete_course(request: Request, course_id: Id, account: Changer) -> JSONResponse:
    """For administrators. A class that had lessons is archived instead, since their registers stay."""
    deleted = courses.delete_course(of(request).school, account, course_id, now())
    return JSONResponse({"course_id": course_id, "deleted": deleted})


@router.put(
    "/courses/{course_id}/students/{student_id}",
    summary="Bring a student into a class",
    response_class=Response,
    **described.emptily(404),
)
def join(request: Request, course_id: Id, student_id: Id, account: Changer) -> Response:
    """A teacher may do so with students of other classes of the own."""
    students.join(of(request).school, account, course_id, student_id, now())
    return Response(status_code=204)


@router.delete(
    "/courses/{course_id}/students/{student_id}",
    summary="Take a student out of a class",
    response_class=Response,
    **described.emptily(404),
)
def leave(request: Request, course_id: Id, student_id: Id, account: Changer) -> Response:
    """The student stays in its old registers."""
    students.leave(of(request).school, account, course_id, student_id, now())
    return Response(status_code=204)


@router.put(
    "/courses/{course_id}/staff/{account_id}",
    summary="Give a class to an account",
    response_class=Response,
    **described.emptily(404),
)
def add_staff(request: Request, course_id: Id, account_id: Id, account: Changer) -> Response:
    """For administrators; it counts at once."""
    courses.add_staff(of(request).school, account, course_id, account_id, now())
    return Response(status_code=204)


@router.delete(
    "/courses/{course_id}/staff/{account_id}",
    summary="Take a class from an account",
    response_class=Response,
    **described.emptily(404),
)
def remove_staff(request: Request, course_id: Id, account_id: Id, account: Changer) -> Response:
    """For administrators; it counts at once."""
    courses.remove_staff(of(request).school, account, course_id, account_id, now())
    return Response(status_code=204)


def _whole(records: Records, account: Account, course_id: str) -> dict[str, Any]:
    found = seen_course(records, account, course_id)
    staff = [
        {"account_id": each.account_id, "name": each.name, "role": each.role.value}
        for each in courses.staff_of(records, account, course_id)
    ]
    members = [student_json(one) for one in students.students_of(records, account, course_id)]
    return {**course_json(found), "students": members, "staff": staff}
