"""The routes of the audit log, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from photocall.school import audit
from photocall.school.records import AuditEntry
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.entries import Text
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Administrator, of

MOST = 1000
"""Entries in an answer."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_ENTRY = thing(
    "number time account_id action subject details previous digest",
    number={"type": "integer", "minimum": 1},
    time=text(format="date-time"),
    account_id=text("Who; `cli` for the command line, empty for the server itself"),
    action=text("What, such as `student.erased`"),
    subject=text("To what: an id"),
    details={"type": "object"},
    previous=text("Digest of the entry before"),
    digest=text("SHA-256 over all else"),
)
_SHOWN: Json = {
    "number": 1,
    "time": "2026-09-01T08:00:00+00:00",
    "account_id": described.SHOWN_ACCOUNT["account_id"],
    "action": "account.created",
    "subject": described.SHOWN_ACCOUNT["account_id"],
    "details": {"role": "administrator"},
    "previous": audit.START,
    "digest": "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b",
}
_VERIFIED = thing(
    "entries whole",
    entries={"type": "integer", "minimum": 0, "description": "That are as they were written"},
    whole={"type": "boolean"},
    broken_at={"type": "integer", "description": "Number of the first entry that is not"},
    reason=text("Why"),
    digest=text("Of the newest entry: kept elsewhere, it proves later that none was removed or changed"),
)


@router.get(
    "/audit",
    summary="The audit log",
    **described.answering(thing("entries", entries=listing(_ENTRY, maxItems=MOST)), {"entries": [_SHOWN]}),
)
def list_entries(
    request: Request,
    administrator: Administrator,
    subject: Annotated[Text | None, Query(description="Only entries about this id")] = None,
    after: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Entries from the one after this on")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many")] = 100,
) -> JSONResponse:
    """Entries in the order of their numbers after `after`; without it the newest ones, the newest first."""
    entries = audit.entries(of(request).school, subject, after, limit)
    return JSONResponse({"entries": [entry_json(each) for each in entries]})


@router.get(
    "/audit/verify",
    summary="Whether the audit log is as it was written",
    **described.answering(_VERIFIED, {"entries": 17, "whole": True, "digest": _SHOWN["digest"]}),
)
def verify(request: Request, administrator: Administrator) -> JSONResponse:
    """Look at every entry and its digest."""
    return JSONResponse(audit.verified(of(request).school))


def entry_json(entry: AuditEntry) -> Json:
    """An entry."""
    return audit.entry_json(entry)
