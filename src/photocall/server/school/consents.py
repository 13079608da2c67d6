"""The routes of consent: recorded before any face of a student is stored; taking it back erases every face."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from photocall.school import consents
from photocall.school.erasing import removed_json
from photocall.school.records import Consent
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.entries import Entry, Id
from photocall.server.school.lessons import places_of
from photocall.server.school.memory import forget_now
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_CONSENT = thing(
    "student_id given_by purpose given recorded_by withdrawn",
    student_id=text(),
    given_by=text("Who agreed, by name"),
    purpose=text("What to"),
    given=text(format="date-time"),
    recorded_by=text("Id of the account that wrote it down"),
    withdrawn=text("When it was taken back", format="date-time") | {"nullable": True},
)
_SHOWN: Json = {
    "student_id": "s-1042",
    "given_by": "Annabella Byron",
    "purpose": "Calling the roll from photos of the class",
    "given": "2026-09-01T08:00:00+00:00",
    "recorded_by": "5f0c7a4e-2d1b-4c3a-9e8f-1a2b3c4d5e6f",
    "withdrawn": None,
}
_COUNTS = ("portraits", "templates", "crops", "sightings", "corrections", "lines", "memberships", "records")

REMOVED = thing(
    "student_id removed",
    student_id=text(),
    removed=thing(
        "portraits templates crops objects queue_messages",
        **{name: {"type": "integer"} for name in (*_COUNTS, "queue_messages")},
        objects=listing(text(), description="Keys of the objects that went"),
    ),
)
"""The report of an erasure, as it is answered."""

SHOWN_REMOVED: Json = {
    "student_id": "s-1042",
    "removed": dict.fromkeys(_COUNTS, 1)
    | {"queue_messages": 0, "objects": ["student_photos/s-1042_20260901080000.jpg"]},
}

_Text = Annotated[str, StringConstraints(min_length=1, max_length=consents.MOST_TEXT, pattern=r"^[^\x00-\x1f\x7f]*$")]


class NewConsent(Entry):
    """That somebody agreed."""

    given_by: _Text
    purpose: _Text


@router.get(
    "/students/{student_id}/consent",
    summary="What was agreed to for a student",
    **described.answering(thing("consent", consent=_CONSENT | {"nullable": True}), {"consent": _SHOWN}, 404),
)
def get_consent(request: Request, student_id: Id, account: Asker) -> JSONResponse:
    """Nothing, if nobody has said anything yet; what was taken back says when."""
    found = consents.consent_of(of(request).school, account, student_id)
    return JSONResponse({"consent": found and consent_json(found)})


@router.put(
    "/students/{student_id}/consent",
    summary="Record that somebody agreed",
    **described.answering(thing("consent", consent=_CONSENT), {"consent": _SHOWN}, 404),
)
def give(request: Request, student_id: Id, new: NewConsent, account: Changer) -> JSONResponse:
    """From now on the student's face may be stored and recognised."""
    given = consents.give(of(request).school, account, student_id, new.given_by, new.purpose, now())
    return JSONResponse({"consent": consent_json(given)})


@router.delete(
    "/students/{student_id}/consent",
    summary="Take consent back, and erase every face of a student",
    **described.answering(REMOVED, SHOWN_REMOVED, 404),
)
def withdraw(request: Request, student_id: Id, account: Changer) -> JSONResponse:
    """The student stays, and what registers say; the answer is what was removed where. Again, it finishes."""
    service = of(request)
    removed = consents.withdraw(places_of(service), service.queue, account, student_id, now())
    forget_now(service)
    return JSONResponse(removed_json(student_id, removed))


def consent_json(consent: Consent) -> dict[str, Any]:
    """What was agreed to, as it is answered."""
    return {
        "student_id": consent.student_id,
        "given_by": consent.given_by,
        "purpose": consent.purpose,
        "given": consent.given.isoformat(timespec="seconds"),
        "recorded_by": consent.recorded_by,
        "withdrawn": consent.withdrawn and consent.withdrawn.isoformat(timespec="seconds"),
    }
