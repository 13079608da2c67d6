"""The routes of students: who they are, and which classes they are in. Their faces are in `portraits`."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from photocall.school import students
from photocall.school.entries import MOST_FIELDS, MOST_KEY, MOST_VALUE
from photocall.school.students import placed_json
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.entries import Entry, Id, Name
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of

MOST_COURSES = 100
"""That a student may be brought into at once."""

Fields = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=MOST_KEY)],
        Annotated[str, StringConstraints(max_length=MOST_VALUE)],
    ],
    Field(max_length=MOST_FIELDS),
]
"""What else is known of a student or class."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

FIELDS: Json = {"type": "object", "additionalProperties": text(), "description": "Whatever else is known"}
_PARTS: Json = {"student_id": text(), "name": text(), "fields": FIELDS}
STUDENT = thing("student_id name fields", **_PARTS)
_PLACED = thing(
    "student_id name fields courses",
    **_PARTS,
    courses=listing(text(), description="Ids of the classes that you may see"),
)
_SHOWN: Json = {
    "student_id": "s-1042",
    "name": "Ada Lovelace",
    "fields": {"major": "mathematics", "year": "2"},
    "courses": ["maths-7b"],
}

_Course = Annotated[Id | None, Query(description="Only those of this class")]
_Search = Annotated[
    str, Query(max_length=200, description="Only those with this in name or id, capitals and small letters alike")
]


class NewStudent(Entry):
    """A student to be made."""

    name: Name
    fields: Fields = Field(default_factory=dict)
    courses: list[Id] = Field(default_factory=list, max_length=MOST_COURSES)
    student_id: Id | None = None


class StudentChanges(Entry):
    """What of a student is to be different."""

    name: Name | None = None
    fields: Fields | None = None


@router.get(
    "/students",
    summary="The students that you may see",
    **described.answering(thing("students", students=listing(_PLACED)), {"students": [_SHOWN]}, 404),
)
def list_students(request: Request, account: Asker, course: _Course = None, q: _Search = "") -> JSONResponse:
    """By name, each with the ids of the classes that you may see."""
    store = of(request).school
    found = students.students_of(store, account, course, q)
    return JSONResponse({"students": placed_json(store, account, found)})


@router.post("/students", summary="Make a student", **described.answering(_PLACED, _SHOWN, 404, 409, status=201))
def create_student(request: Request, new: NewStudent, account: Changer) -> JSONResponse:
    """In classes that you may change; with a random id where none is given. Others may have the same name."""
    store = of(request).school
    made = students.create_student(store, account, new.name, new.fields, new.courses, now(), new.student_id)
    return JSONResponse(placed_json(store, account, [made])[0], 201)


@router.get("/students/{student_id}", summary="A student", **described.answering(_PLACED, _SHOWN, 404))
def get_student(request: Request, student_id: Id, account: Asker) -> JSONResponse:
    """A student of one of your classes."""
    store = of(request).school
    return JSONResponse(placed_json(store, account, [students.student(store, account, student_id)])[0])


@router.patch("/students/{student_id}", summary="Change a student", **described.answering(_PLACED, _SHOWN, 404))
def change_student(request: Request, student_id: Id, changes: StudentChanges, account: Changer) -> JSONResponse:
    """Another name or other fields; `fields` replaces all of them."""
    store = of(request).school
    changed = students.change_student(store, account, student_id, now(), **changes.given())
    return JSONResponse(placed_json(store, account, [changed])[0])
