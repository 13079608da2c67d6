"""The routes of privacy: erasure and export of a student, how long things are kept, and the summary of all of it."""

from dataclasses import asdict
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from photocall.school import choices as chosen
from photocall.school import personal_data, privacy, retention
from photocall.school.choices import MOST_DAYS, MOST_NAME
from photocall.school.erasing import erase_student, removed_json
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.consents import REMOVED, SHOWN_REMOVED
from photocall.server.school.entries import Entry, Id
from photocall.server.school.lessons import places_of
from photocall.server.school.memory import forget_now
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Administrator, Asker, now, of

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_DAYS = {name: {"type": "integer"} for name in ("photo_days", "crop_days", "leaver_days", "unknown_days")}
_CHOICES = thing("name time_zone " + " ".join(_DAYS), name=text(), time_zone=text(), **_DAYS)
_SHOWN: Json = asdict(chosen.Choices("Oak Street School", "Europe/Berlin"))
_COUNTS = tuple(asdict(retention.Deleted()))
_DELETED = thing("deleted", deleted=thing(" ".join(_COUNTS), **{name: {"type": "integer"} for name in _COUNTS}))
_ENTRY = thing("time action subject details", time=text(), action=text(), subject=text(), details={"type": "object"})
_SUMMARY = thing(
    "school written purpose legal_basis leaves_the_server choices stored sealing consents accesses unfinished_erasures"
    " last_erasures last_runs leavers",
    school=text(),
    written=text(format="date-time"),
    purpose=text(),
    legal_basis=text(),
    leaves_the_server=text(),
    choices=thing(" ".join(_DAYS), **_DAYS),
    stored=listing(thing("what where count until", what=text(), where=text(), count={"type": "integer"}, until=text())),
    sealing=thing("sealed not_sealed keys", **{name: {"type": "integer"} for name in ("sealed", "not_sealed", "keys")}),
    consents=thing(
        "in_force withdrawn none", **{name: {"type": "integer"} for name in ("in_force", "withdrawn", "none")}
    ),
    accesses=listing(
        thing("account_id name action times", account_id=text(), name=text(), action=text(), times={"type": "integer"})
    ),
    leavers=listing(thing("student_id erased", student_id=text(), erased=text("When everything of the student goes"))),
    unfinished_erasures={"type": "integer"},
    last_erasures=listing(_ENTRY),
    last_runs=listing(_ENTRY),
)
_SHOWN_SUMMARY: Json = {
    "school": "Oak Street School",
    "written": "2026-09-01T08:00:00+00:00",
    "purpose": privacy.PURPOSE,
    "legal_basis": privacy.LEGAL_BASIS,
    "leaves_the_server": privacy.NOWHERE,
    "choices": {name: _SHOWN[name] for name in _DAYS},
    "stored": [{"what": "templates of students", "where": "database", "count": 40, "until": "with the consent"}],
    "sealing": {"sealed": 40, "not_sealed": 0, "keys": 1},
    "consents": {"in_force": 20, "withdrawn": 1, "none": 2},
    "accesses": [{"account_id": "5f0c", "name": "Ada Lovelace", "action": "portrait.seen", "times": 3}],
    "leavers": [{"student_id": "s-1042", "erased": "2026-10-01T08:00:00+00:00"}],
    "unfinished_erasures": 0,
    "last_erasures": [],
    "last_runs": [],
}

_Days = Annotated[int | None, Field(ge=0, le=MOST_DAYS)]


class NewChoices(Entry):
    """What is to be different from now on."""

    name: Annotated[str, StringConstraints(max_length=MOST_NAME)] | None = None
    time_zone: Annotated[str, StringConstraints(max_length=100)] | None = None
    photo_days: _Days = None
    crop_days: _Days = None
    leaver_days: _Days = None
    unknown_days: _Days = None


@router.delete("/students/{student_id}", summary="Erase a student", **described.answering(REMOVED, SHOWN_REMOVED, 404))
def erase(request: Request, student_id: Id, administrator: Administrator) -> JSONResponse:
    """Of all that is known only the id stays, in the audit log. The answer is what was removed where."""
    service = of(request)
    removed = erase_student(places_of(service), service.queue, administrator, student_id, now())
    forget_now(service)
    return JSONResponse(removed_json(student_id, removed))


@router.get(
    "/students/{student_id}/export",
    summary="Everything that is known of a student",
    response_class=Response,
    **described.sending("application/zip", errors=(404,)),
)
def export(request: Request, student_id: Id, administrator: Administrator) -> Response:
    """A ZIP of data.json, photos, and crops, for the student."""
    data = personal_data.export(places_of(of(request)), administrator, student_id, now())
    named = f"attachment; filename*=utf-8''{quote(f'student-{student_id}.zip', safe='')}"
    return Response(data, media_type="application/zip", headers={"Content-Disposition": named})


@router.get("/choices", summary="How long things are kept", **described.answering(_CHOICES, _SHOWN))
def get_choices(request: Request, account: Asker) -> JSONResponse:
    """The name of the school and its time zone, too."""
    return JSONResponse(asdict(chosen.choices(of(request).school)))


@router.put("/choices", summary="Say how long things are kept", **described.answering(_CHOICES, _SHOWN))
def choose(request: Request, new: NewChoices, administrator: Administrator) -> JSONResponse:
    """What is not sent stays as it is. What becomes due by it is deleted when the clock runs next."""
    changed = chosen.choose(of(request).school, administrator.account_id, now(), **new.given())
    return JSONResponse(asdict(changed))


@router.post(
    "/retention",
    summary="Delete now what is due",
    **described.answering(_DELETED, {"deleted": dict.fromkeys(_COUNTS, 0)}),
)
def run_retention(request: Request, administrator: Administrator) -> JSONResponse:
    """The server does so every hour by itself."""
    service = of(request)
    deleted = retention.run(places_of(service), service.queue, now(), administrator.account_id)
    forget_now(service)
    return JSONResponse({"deleted": asdict(deleted)})


@router.get(
    "/privacy",
    summary="What is stored of students, where, how long, and who saw it",
    **described.answering(_SUMMARY, _SHOWN_SUMMARY),
)
def summary(request: Request, administrator: Administrator) -> JSONResponse:
    """The facts for an assessment of what it means for the students (GDPR, Article 35)."""
    return JSONResponse(privacy.summary(places_of(of(request)), now()))
