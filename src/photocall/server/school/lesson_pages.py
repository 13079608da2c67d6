"""The pages of a lesson and of the operator: attendance is taken in one, and the other shows the work behind it.

Both are filled by their modules in static/, which ask the routes; the privacy pages are made here.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from photocall.school import audit, permissions, privacy
from photocall.school.records import Account, AuditEntry, Consent, Member, Role
from photocall.school.register import Records
from photocall.server.school.lessons import places_of
from photocall.server.school.shell import PageRoute, register_of, shown
from photocall.server.school.sign_ins import Asker, now, of

MOST_ENTRIES = 200
"""Of the audit log, on one page."""

PERIODS = (
    ("photo_days", "Days for photos and videos of lessons", 1, "Then they are deleted; the registers stay."),
    ("crop_days", "Days for pictures and templates of faces in lessons", 1, "Then nothing can be looked at again."),
    ("leaver_days", "Days for students in no class", 1, "Then everything of them is erased."),
    (
        "unknown_days",
        "Days for templates of strangers",
        0,
        "0: nothing is kept, nobody is noticed who comes again.",
    ),
)
"""Fields of the form that says how long things are kept: name, label, the least days, and what happens then."""

router = APIRouter(prefix="/school", route_class=PageRoute, include_in_schema=False)


@router.get("/lessons/{lesson_id}")
def show_lesson(request: Request, account: Asker, lesson_id: str) -> HTMLResponse:
    """A lesson: its photos, its register, and the roll by hand."""
    register = register_of(request)
    lesson = permissions.lesson(register, account, lesson_id)
    course = permissions.course(register, account, lesson.course_id)
    return shown(
        request,
        account,
        "lesson.html",
        lesson=lesson,
        course=course,
        may_change=account.role is not Role.VIEWER,
        by_hand=not has_consent(register, course.course_id),
    )


@router.get("/live")
def live(request: Request, account: Asker) -> HTMLResponse:
    """What the operator sees."""
    permissions.check_administrator(account)
    return shown(request, account, "live.html")


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
    entries = entries_before(register, subject, before)
    verdict = audit.verified(register) if verify else None
    names = {each.account_id: each.name for each in register.find(Account)}
    return shown(
        request,
        account,
        "audit.html",
        entries=entries,
        names=names,
        subject=subject,
        verdict=verdict,
    )


@router.get("/privacy")
def show_privacy(request: Request, account: Asker) -> HTMLResponse:
    """What is stored of students, and for how long."""
    permissions.check_administrator(account)
    facts = privacy.summary(places_of(of(request)), now())
    return shown(request, account, "privacy.html", facts=facts, periods=PERIODS, moment=datetime.fromisoformat)


def has_consent(records: Records, course_id: str) -> bool:
    """Whether somebody of a class may be recognised at all; where nobody may, the roll is called by hand first."""
    ids = [member.student_id for member in records.find(Member, course_id=course_id)]
    return any(consent.withdrawn is None for consent in records.find(Consent, student_id=ids))


def entries_before(records: Records, subject: str, before: int | None) -> list[AuditEntry]:
    """A page of the audit log, the newest entries first: about a subject, or those before a number."""
    if subject or before is None:
        return audit.entries(records, subject or None, None, MOST_ENTRIES)
    return audit.entries(records, None, max(before - 1 - MOST_ENTRIES, 0), min(MOST_ENTRIES, before - 1))[::-1]
