"""The pages of privacy, for administrators: what is stored of students and for how long, and the audit log."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from photocall.roster import Student
from photocall.school import audit, permissions, privacy
from photocall.school.records import Account
from photocall.server.school.lessons import places_of
from photocall.server.school.shell import PageRoute, register_of, shown
from photocall.server.school.sign_ins import Asker, now, of

MOST_ENTRIES = 200
"""Of the audit log, on one page."""

PERIODS = (
    ("photo_days", "Days for photos and videos of lessons", 1, "Then they are deleted; the registers stay."),
    ("crop_days", "Days for pictures and templates of faces in lessons", 1, "Then nothing can be looked at again."),
    ("leaver_days", "Days for students who left their last class", 1, "Then everything of them is erased."),
    (
        "unknown_days",
        "Days for templates of strangers",
        0,
        "0: nothing is kept, nobody is noticed who comes again.",
    ),
)
"""Fields of the form that says how long things are kept: name, label, the least days, and what happens then."""

router = APIRouter(prefix="/school", route_class=PageRoute, include_in_schema=False)


@router.get("/audit")
def audit_log(
    request: Request,
    account: Asker,
    subject: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    verify: bool = False,
) -> HTMLResponse:
    """The audit log, the newest entries first; with `verify` also whether it is as it was written."""
    permissions.check_administrator(account)
    register = register_of(request)
    entries = audit.entries(register, subject or None, None, MOST_ENTRIES + 1, before)
    verdict = audit.verified(register) if verify else None
    names = {each.account_id: each.name for each in register.find(Account)}
    return shown(
        request,
        account,
        "audit.html",
        entries=entries[:MOST_ENTRIES],
        has_older=len(entries) > MOST_ENTRIES,
        names=names,
        subject=subject,
        verdict=verdict,
    )


@router.get("/privacy")
def show_privacy(request: Request, account: Asker) -> HTMLResponse:
    """What is stored of students, and for how long."""
    permissions.check_administrator(account)
    facts = privacy.summary(places_of(of(request)), now())
    names = {each.student_id: each.name for each in register_of(request).find(Student)}
    moment = datetime.fromisoformat
    return shown(request, account, "privacy.html", facts=facts, periods=PERIODS, moment=moment, names=names)
