"""The routes of photos that students are known by: one student's, many students' at once, and a look before."""

from collections.abc import Mapping, Sequence
from functools import partial

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from photocall.media.images import read_image
from photocall.roster import Student
from photocall.school import looks, zips
from photocall.school.errors import EntryInvalid
from photocall.school.permissions import check_may_change
from photocall.school.portrait_archives import add_portraits
from photocall.school.portraits import (
    MAX_BYTES,
    Added,
    Enrolment,
    check_may_add,
    portrait_photo,
    portraits_of,
    remove_portrait,
    try_portrait,
)
from photocall.school.records import Account, Portrait
from photocall.school.students import students_of
from photocall.school.zips import Entry
from photocall.server.jobs import FIELD
from photocall.server.multipart import Upload, received
from photocall.server.openapi_parts import Json
from photocall.server.problems import BadRequest
from photocall.server.school import described, portrait_shapes
from photocall.server.school.entries import Id
from photocall.server.school.lessons import places_of
from photocall.server.school.memory import forget_now, students_gallery
from photocall.server.school.pictures import SANDBOXED
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of
from photocall.server.service import Service

MOST_FILES = 1000
"""In one request: a folder of a large school year."""

LOOK_BYTES = 8 * 2**20
LOOK_PIXELS = 25_000_000
"""Of a picture of a webcam, which has two million."""

ELSEWHERE = "a student of another class"
"""Who is meant, where the name is not for the account to know."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_POST: Json = described.answering(portrait_shapes.ADDED, portrait_shapes.SHOWN_ADDED, 404, 409, 413)
_POST["openapi_extra"] = _POST["openapi_extra"] | {"requestBody": portrait_shapes.PHOTOS}
_MANY: Json = described.answering(portrait_shapes.ADDED, portrait_shapes.SHOWN_MANY, 413)
_MANY["openapi_extra"] = _MANY["openapi_extra"] | {"requestBody": portrait_shapes.ARCHIVES}
_LOOK: Json = described.answering(portrait_shapes.LOOK, portrait_shapes.SHOWN_LOOK, 413)
_LOOK["openapi_extra"] = _LOOK["openapi_extra"] | {"requestBody": portrait_shapes.PICTURE}


@router.get(
    "/students/{student_id}/portraits",
    summary="The photos that a student is known by",
    **described.answering(portrait_shapes.LISTED, portrait_shapes.SHOWN_LISTED, 404),
)
def list_portraits(request: Request, student_id: Id, account: Asker) -> JSONResponse:
    """Oldest first, each with whom else it resembles."""
    store = of(request).school
    found, students = portraits_of(store, account, student_id), _students(of(request), account)
    return JSONResponse({"portraits": [_portrait_json(each, students) for each in found]})


@router.post("/students/{student_id}/portraits", summary="Add photos of a student", **_POST)
async def add(request: Request, student_id: Id, account: Changer) -> JSONResponse:
    """Each must show the student alone and well; a file with a problem never stops the others. Needs consent."""
    service, limiter = of(request), request.app.state.uploaders
    await anyio.to_thread.run_sync(check_may_add, service.school, account, student_id)
    async with received(request, FIELD, MOST_FILES) as uploads:
        add_all = partial(_add, service, account, student_id, uploads)
        told = await anyio.to_thread.run_sync(add_all, limiter=limiter)
    return JSONResponse({"portraits": told})


@router.post("/portrait-archives", summary="Add photos of many students, from ZIPs or files named after them", **_MANY)
async def add_archives(request: Request, account: Changer) -> JSONResponse:
    """`<student_id>.jpg`, `<name>.jpg`, or any files in a folder of such a name. What became of each is said."""
    service, limiter = of(request), request.app.state.archivists
    check_may_change(account)
    async with received(request, FIELD, MOST_FILES, with_folders=True) as uploads:
        told = await anyio.to_thread.run_sync(partial(_add_archives, service, account, uploads), limiter=limiter)
    return JSONResponse({"portraits": told})


@router.get(
    "/portraits/{portrait_id}/image",
    summary="A photo that a student is known by",
    response_class=Response,
    **described.sending("image/jpeg", errors=(404,)),
)
def get_photo(request: Request, portrait_id: Id, account: Asker) -> Response:
    """As it is kept; the audit log knows who saw it."""
    data = portrait_photo(places_of(of(request)), account, portrait_id, now())
    return Response(data, media_type="image/jpeg", headers=dict(SANDBOXED))


@router.delete("/portraits/{portrait_id}", summary="Erase a photo with its face", **described.emptily(404))
def remove(request: Request, portrait_id: Id, account: Changer) -> Response:
    """The student is not known by it any more, from now on."""
    service = of(request)
    remove_portrait(places_of(service), account, portrait_id, now())
    forget_now(service)
    return Response(status_code=204)


@router.post("/look", summary="Whether a picture would do as a photo of a student", **_LOOK)
async def look(request: Request, account: Changer) -> JSONResponse:
    """What to change, in plain words. Nothing of the picture is kept."""
    check_may_change(account)
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        async with received(request, FIELD, 1) as uploads:
            uploads[0].file.seek(0)
            data = uploads[0].file.read(LOOK_BYTES + 1)
    else:
        data = await request.body()
    if len(data) > LOOK_BYTES:
        raise BadRequest(413, "ImageTooLarge", f"the picture has more than {LOOK_BYTES // 2**20} MiB; make it smaller")
    return JSONResponse(await anyio.to_thread.run_sync(_look, of(request), data))


def enrolment_of(service: Service) -> Enrolment:
    """What photos are looked at with; waits until the engine is loaded."""
    settings, gallery = service.settings, partial(students_gallery, service)
    return Enrolment(places_of(service), service.engine, gallery, settings.quality_filter, settings.keep_photos)


def _add(service: Service, account: Account, student_id: str, uploads: Sequence[Upload]) -> list[Json]:
    enrolment, students = enrolment_of(service), _students(service, account)
    told = []
    for upload in uploads:
        try:
            data = _content(upload, MAX_BYTES)
            added = try_portrait(enrolment, account, student_id, data, upload.name, now())
        except EntryInvalid as error:
            added = Added(upload.name, problem=str(error), student_id=student_id)
        told.append(_added_json(added, students))
    return told


def _add_archives(service: Service, account: Account, uploads: Sequence[Upload]) -> list[Json]:
    enrolment, students = enrolment_of(service), _students(service, account)
    archives = [upload for upload in uploads if upload.kind() == "ZIP"]
    photos = [Entry(each.name, partial(_content, each)) for each in uploads if each not in archives]
    added = list(add_portraits(enrolment, account, photos, now()))
    for archive in archives:
        try:
            added.extend(add_portraits(enrolment, account, zips.entries(archive.file, archive.name), now()))
        except EntryInvalid as error:  # the archive itself, or the rest of it
            added.append(Added(archive.name, problem=str(error)))
    return [_added_json(each, students) for each in added]


def _content(upload: Upload, most: int) -> bytes:
    """A file, at most so many bytes. Raises `EntryInvalid`."""
    if upload.size > most:
        raise EntryInvalid(upload.name[:200], f"it has more than {most // 2**20} MiB; make it smaller")
    upload.file.seek(0)
    return upload.file.read()


def _look(service: Service, data: bytes) -> Json:
    image = read_image(data, name="the picture", max_pixels=LOOK_PIXELS)
    found = looks.look(service.engine, image, service.settings.quality_filter)
    told = {"faces": found.faces, "good": found.good, "advice": found.advice, "reasons": list(found.reasons)}
    box = found.box and [round(edge, 1) for edge in (found.box.left, found.box.top, found.box.width, found.box.height)]
    return {**told, "box": box, "width": found.width, "height": found.height}


def _students(service: Service, account: Account) -> dict[str, Student]:
    """Those whose names the account may know."""
    return {each.student_id: each for each in students_of(service.school, account)}


def _portrait_json(portrait: Portrait, students: Mapping[str, Student]) -> Json:
    return {
        "portrait_id": portrait.portrait_id,
        "student_id": portrait.student_id,
        "added": portrait.added.isoformat(timespec="seconds"),
        "added_by": portrait.added_by,
        "has_photo": bool(portrait.key),
        "resembles": _known(portrait.resembles, students) if portrait.resembles else None,
    }


def _added_json(added: Added, students: Mapping[str, Student]) -> Json:
    other = added.portrait.resembles if added.portrait else ""
    return {
        "file": added.file,
        "student": _known(added.student_id, students) if added.student_id else None,
        "portrait_id": added.portrait and added.portrait.portrait_id,
        "problem": added.problem or None,
        "reasons": list(added.reasons),
        "resembles": _known(other, students) if other else None,
    }


def _known(student_id: str, students: Mapping[str, Student]) -> Json:
    """A student by name, unless that is not for the account to know."""
    known = students.get(student_id)
    return {"student_id": student_id if known else None, "name": known.name if known else ELSEWHERE}
