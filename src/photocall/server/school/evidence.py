"""The routes of photos and videos of a lesson, of the faces in them, and of what people say of those."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import anyio
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData

from photocall.errors import ObjectNotFound
from photocall.media import signatures
from photocall.school import evidence, permissions, verdicts
from photocall.school.errors import EntryInvalid
from photocall.school.evidence import Sent
from photocall.school.lesson_records import Evidence, Lesson, Seen
from photocall.school.lesson_view import evidence_json, note_shown
from photocall.school.records import Account
from photocall.school.register import Records
from photocall.school.settling import PHOTO, VIDEO
from photocall.server.jobs import FIELD, MOST_FILES
from photocall.server.multipart import Upload, received
from photocall.server.openapi_parts import Json, listing, thing
from photocall.server.problems import BadRequest
from photocall.server.school import described, lesson_shapes
from photocall.server.school.entries import Entry, Id
from photocall.server.school.lessons import places_of
from photocall.server.school.pictures import SANDBOXED
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of
from photocall.server.service import Service
from photocall.server.uploads import MAX_IMAGE_BYTES

TAKEN = "taken"
"""Field of the form that says when files were taken."""

MODIFIED = "modified"
"""Field of the form that says when files were made, for those that do not say themselves when they were taken."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_MANY = thing("evidence", evidence=listing(lesson_shapes.EVIDENCE))
_SHOWN = {"evidence": [lesson_shapes.SHOWN_EVIDENCE | {"state": "waiting", "width": None, "height": None}]}
_POST: Json = described.answering(_MANY, _SHOWN, 404, 413, 415, status=202)
_POST["openapi_extra"] = _POST["openapi_extra"] | {"requestBody": lesson_shapes.UPLOAD}
_File = tuple[Upload, datetime | None, datetime | None]
_PICTURE = described.sending("image/jpeg", errors=(404,))


class EvidenceChanges(Entry):
    """What of a photo or video is to be different."""

    late: bool


class NewVerdict(Entry):
    """What somebody says of a face; empty to take back what was said."""

    verdict: Literal["is", "is-not", "nobody", ""]
    student_id: Id | None = None


@router.post("/lessons/{lesson_id}/evidence", summary="Send photos and videos of a lesson", **_POST)
async def add_evidence(request: Request, lesson_id: Id, account: Changer) -> JSONResponse:
    """They are looked at as soon as a worker has time. The same file sent again changes nothing."""
    service, limiter = of(request), request.app.state.uploaders
    await anyio.to_thread.run_sync(_check_may_send, service, account, lesson_id)
    async with received(request, FIELD, MOST_FILES) as uploads:
        form = await request.form()
        taken, modified = (_times(form, field, len(uploads)) for field in (TAKEN, MODIFIED))
        files = [*zip(uploads, taken, modified, strict=True)]
        added = await anyio.to_thread.run_sync(_add, service, account, lesson_id, files, limiter=limiter)
    return JSONResponse({"evidence": [evidence_json(each) for each in added]}, 202)


@router.patch(
    "/evidence/{evidence_id}",
    summary="Say whether a photo shows who came late",
    **described.answering(
        thing("evidence", evidence=lesson_shapes.EVIDENCE), {"evidence": lesson_shapes.SHOWN_EVIDENCE}, 404
    ),
)
def change_evidence(request: Request, evidence_id: Id, changes: EvidenceChanges, account: Changer) -> JSONResponse:
    """Whoever is seen only there is late, or is not."""
    changed = evidence.change_evidence(of(request).school, account, evidence_id, now(), late=changes.late)
    return JSONResponse({"evidence": evidence_json(changed)})


@router.delete("/evidence/{evidence_id}", summary="Delete a photo or video", **described.emptily(404))
def delete_evidence(request: Request, evidence_id: Id, account: Changer) -> Response:
    """With all that it showed; what it alone says goes from the register."""
    evidence.delete_evidence(places_of(of(request)), account, evidence_id, now())
    return Response(status_code=204)


@router.get("/evidence/{evidence_id}/image", summary="A photo of a lesson", response_class=Response, **_PICTURE)
def get_photo(request: Request, evidence_id: Id, account: Asker) -> Response:
    """As it is kept; of a video there is none."""
    service = of(request)
    found = evidence.evidence_of(service.school, account, evidence_id)
    if found.kind != PHOTO or not found.key:
        raise ObjectNotFound(evidence_id)
    note_shown(service.school, account, found.lesson_id, now())
    return _picture(service, found.key)


@router.get("/seen/{seen_id}/image", summary="The picture of a face", response_class=Response, **_PICTURE)
def get_face(request: Request, seen_id: Id, account: Asker) -> Response:
    """Cut out of the photo or video that it was seen in."""
    service = of(request)
    found = _seen(service.school, account, seen_id)
    if not found.crop:
        raise ObjectNotFound(seen_id)
    note_shown(service.school, account, found.lesson_id, now())
    return _picture(service, found.crop)


@router.put("/seen/{seen_id}/verdict", summary="Say whom a face shows", **described.emptily(404, 409))
def judge(request: Request, seen_id: Id, new: NewVerdict, account: Changer) -> Response:
    """It counts at once, and later lessons know of it."""
    verdicts.judge(of(request).school, account, seen_id, new.verdict, new.student_id or "", now())
    return Response(status_code=204)


def _seen(records: Records, account: Account, seen_id: str) -> Seen:
    found = verdicts.seen_in(records, seen_id)
    permissions.lesson(records, account, found.lesson_id)
    return found


def _picture(service: Service, key: str) -> Response:
    data = service.bucket(service.settings.school_bucket).get(key)
    return Response(data, media_type="image/jpeg", headers=dict(SANDBOXED))


def _check_may_send(service: Service, account: Account, lesson_id: str) -> Lesson:
    """Before two gigabytes are on their way."""
    return permissions.lesson(service.school, account, lesson_id, change=True)


def _add(service: Service, account: Account, lesson_id: str, files: Sequence[_File]) -> list[Evidence]:
    """Keep files and ask for their jobs, in order; whoever was refused one may send all of them again."""
    sent = [_sent(*each) for each in files]
    return [evidence.add_evidence(places_of(service), service.submit, account, lesson_id, each, now()) for each in sent]


def _sent(upload: Upload, taken: datetime | None, modified: datetime | None) -> Sent:
    """A file, unless it is surely neither a photo nor a video. Raises `BadRequest`."""
    kind = upload.kind()
    if kind in signatures.IMAGES and upload.size > MAX_IMAGE_BYTES:
        too_large = f"{upload.name!r} has more than {MAX_IMAGE_BYTES // 2**20} MiB; make it smaller"
        raise BadRequest(413, "ImageTooLarge", too_large)
    if kind not in (*signatures.IMAGES, "video", None):
        raise BadRequest(415, "UnsupportedMediaType", f"{upload.name!r} is neither a photo nor a video but {kind}")
    is_photo = kind in signatures.IMAGES
    return Sent(upload.name, PHOTO if is_photo else VIDEO, upload.file, upload.digest(), taken, modified)


def _times(form: FormData, field: str, files: int) -> list[datetime | None]:
    """The time of each file that a field says: once for all, or for each."""
    texts = [str(value) for value in form.getlist(field)]
    if len(texts) not in (0, 1, files):
        raise EntryInvalid(field, f"there are {len(texts)} times for {files} files; send one, or one for each")
    try:
        times = [datetime.fromisoformat(text) if text else None for text in texts]
    except ValueError as error:
        raise EntryInvalid(field, "it must be a time such as 2026-11-23T08:00:00+01:00") from error
    return times if len(times) == files else files * (times or [None])
