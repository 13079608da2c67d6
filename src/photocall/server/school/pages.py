"""The pages of the attendance application: first run, sign-in, classes, students, accounts, import, oneself."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import available_timezones

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from photocall.school import permissions
from photocall.school.records import Account, Role, Staff
from photocall.server.school.shell import (
    HEADERS,
    SIGN_IN,
    START,
    STATIC,
    PageRoute,
    bare,
    is_own_path,
    register_of,
    shown,
)
from photocall.server.school.sign_ins import Asker, SignedIn

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Of the files in `STATIC`."""

HOME = "/school"

router = APIRouter(prefix="/school", route_class=PageRoute, include_in_schema=False)


@router.get("/static/{file}")
def static(file: str) -> FileResponse:
    """A style sheet or a module."""
    found = {path.name: path for path in STATIC.iterdir() if path.suffix in TYPES}.get(file)
    if found is None:
        raise HTTPException(404)
    return FileResponse(found, media_type=TYPES[found.suffix], headers={**HEADERS, "Cache-Control": "no-cache"})


@router.get("/start")
def start(request: Request) -> Response:
    """The first run: who becomes the administrator."""
    if has_administrator(request):
        return RedirectResponse(SIGN_IN, 303)
    return bare(request, "start.html", zones=sorted(available_timezones()))


@router.get("/sign-in")
def sign_in(request: Request, then: Annotated[str, Query(max_length=2000)] = HOME) -> Response:
    """Who are you? Afterwards they are where they wanted to be, if that is one of these pages."""
    if not has_administrator(request):
        return RedirectResponse(START, 303)
    to = then if is_own_path(then) else HOME
    return bare(request, "sign-in.html", then=to.replace("{", "%7B").replace("}", "%7D"))


@router.get("/me")
def me(request: Request, account: SignedIn) -> HTMLResponse:
    """One's own password and sign-ins."""
    return shown(request, account, "me.html")


@router.get("/accounts")
def accounts(request: Request, account: Asker) -> HTMLResponse:
    """Who may sign in, for administrators."""
    permissions.check_administrator(account)
    register = register_of(request)
    given: dict[str, list[str]] = {}
    for staff in register.find(Staff):
        given.setdefault(staff.account_id, []).append(staff.course_id)
    found = sorted(register.find(Account), key=lambda each: (each.disabled, each.name.casefold()))
    courses = permissions.courses_of(register, account)
    return shown(request, account, "accounts.html", accounts=found, given=given, courses=courses, now=datetime.now(UTC))


@router.get("/import")
def importing(request: Request, account: Asker) -> HTMLResponse:
    """Students and classes out of a file, for whoever may change something."""
    permissions.check_may_change(account)
    return shown(request, account, "import.html")


def has_administrator(request: Request) -> bool:
    """Whether the first run is over."""
    return bool(register_of(request).find(Account, role=Role.ADMINISTRATOR))
