"""What all pages of the attendance application share: how they are rendered, for whom, and what their errors look like.

A page is HTML that the server makes from a template. It changes nothing: what a person does there goes to the routes
below /v1/school, sent by the modules in static/. It loads nothing from elsewhere and runs no script but those served
here, and every text of a person goes in as text.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from photocall.errors import PhotocallError
from photocall.ports import Register
from photocall.school.choices import Choices, choices
from photocall.school.errors import NotAllowed, NotSignedIn
from photocall.school.records import Account, Role
from photocall.server.problems import Handler
from photocall.server.school.problems import status_of
from photocall.server.school.sign_ins import COOKIE, csrf_of, visitor
from photocall.statuses import told

PAGES = Path(__file__).with_name("pages")
"""The templates."""

STATIC = Path(__file__).with_name("static")
"""Style sheets and modules."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # a photo that was chosen, or just taken, before it is sent
        "media-src 'self' blob:",  # the camera
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
)

START, SIGN_IN, ME = "/school/start", "/school/sign-in", "/school/me"

TITLES: Mapping[int, str] = MappingProxyType(
    {403: "You may not see this", 404: "There is no such page", 429: "Too many tries", 503: "Try again in a moment"}
)
"""What a page says in place of what was asked for."""


class PageRoute(APIRoute):
    """A route of a page: whoever is not signed in is sent there, and other errors are pages too."""

    def get_route_handler(self) -> Handler:
        """The route's own handler, with its errors told as pages."""
        answer = super().get_route_handler()

        async def answer_or_say_why(request: Request) -> Response:
            try:
                return await answer(request)
            except NotSignedIn:
                return RedirectResponse(f"{SIGN_IN}?then={quote(_asked_for(request), safe='')}", 303)
            except RequestValidationError as invalid:
                request.state.error, invalid.__traceback__ = "EntryInvalid", None
                return _error(request, 400, TITLES[404], "The address is not one of ours")
            except PhotocallError as error:
                if isinstance(error, NotAllowed) and _must_change(request):
                    return RedirectResponse(ME, 303)
                request.state.error, request.state.failure = type(error).__name__, error
                status = status_of(error)
                return _error(request, status, TITLES.get(status, "This did not work"), told(error, status))

        return answer_or_say_why


def shown(request: Request, account: Account, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page for somebody who is signed in.

    Args:
        request: that asks for it.
        account: who asks.
        template: its file in `PAGES`; every template extends layout.html.
        status: of HTTP.
        values: what the template names beside `account`, `school` (the `Choices`) and `path`.
    """
    csrf = csrf_of(request.cookies.get(COOKIE, ""))
    return _page(request, template, status, account=account, csrf=csrf, school=choices(register_of(request)), **values)


def bare(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page for anybody: it shows nothing of the school but what `values` has."""
    return _page(request, template, status, account=None, csrf="", school=Choices(), **values)


def register_of(request: Request) -> Register:
    """What the school's records are in."""
    register: Register = request.app.state.service.school
    return register


def is_own_path(path: str) -> bool:
    """Whether an address is one of these pages; to others nobody is sent, whatever a link says."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return plain and (path == "/school" or path.startswith(("/school/", "/school?")))


def _page(request: Request, template: str, status: int, **values: object) -> HTMLResponse:
    page = _environment().get_template(template)
    text = page.render(path=request.url.path, **values)
    return HTMLResponse(text, status, {**HEADERS, "Cache-Control": "no-store"})


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.filters |= {"time": time_text, "day": day_text, "part": part, "local": local_text}
    found.globals |= {"Role": Role}
    return found


def time_text(time: datetime, school: Choices) -> str:
    """A time as people write it, in the school's time zone."""
    return f"{time.astimezone(school.zone):%a %-d %b %Y, %H:%M}"


def day_text(time: datetime, school: Choices) -> str:
    """A day as people write it, in the school's time zone."""
    return f"{time.astimezone(school.zone):%a %-d %b %Y}"


def local_text(time: datetime, school: Choices) -> str:
    """A time as a field of the kind datetime-local has it, in the school's time zone."""
    return f"{time.astimezone(school.zone):%Y-%m-%dT%H:%M}"


def part(text: str) -> str:
    """A text as one part of an address's path."""
    return quote(text, safe="")


def _error(request: Request, status: int, title: str, reason: str) -> HTMLResponse:
    account = visitor(request) if status < 500 else None  # or what failed would fail again
    if account is None:
        return bare(request, "error.html", status, title=title, reason=reason)
    return shown(request, account, "error.html", status, title=title, reason=reason)


def _must_change(request: Request) -> bool:
    account = visitor(request)
    return account is not None and account.must_change


def _asked_for(request: Request) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
