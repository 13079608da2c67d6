"""The routes around the door: which school this is, its first administrator, signing in and out, one's own password."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import StringConstraints

from photocall.school import accounts, choices, sign_ins
from photocall.school.records import Account
from photocall.server.openapi_parts import Json, text, thing
from photocall.server.school import described
from photocall.server.school.accounts import account_json
from photocall.server.school.entries import Entry, Name, Password, Text
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import (
    Proved,
    check_own_page,
    csrf_of,
    drop_cookie,
    guesses_of,
    now,
    of,
    set_cookie,
    token_of,
    visitor,
)

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_SIGNED_IN = thing(
    "account token csrf",
    account=described.ACCOUNT,
    token=text("For the header Authorization: Bearer"),
    csrf=text("For the header X-CSRF-Token, which every change with the cookie needs"),
)
_SHOWN: Json = {"account": described.SHOWN_ACCOUNT, "token": "Zl6a...", "csrf": "9f2c..."}
_SCHOOL = thing(
    "name time_zone has_administrator account",
    name=text(),
    time_zone=text("By its name in the IANA database"),
    has_administrator={"type": "boolean", "description": "Whether the first one was made"},
    account=described.ACCOUNT | {"nullable": True},
)
_SHOWN_SCHOOL: Json = {
    "name": "Oak Street School",
    "time_zone": "Europe/Berlin",
    "has_administrator": True,
    "account": described.SHOWN_ACCOUNT,
}


class First(Entry):
    """The first administrator, and the school."""

    login: Name
    name: Name
    password: Password
    school_name: Text | None = None
    time_zone: Annotated[str, StringConstraints(max_length=100)] | None = None


class Credentials(Entry):
    """Who signs in."""

    login: Annotated[str, StringConstraints(max_length=200)]
    password: Password


class Passwords(Entry):
    """One's own password, and the next one."""

    old: Password
    new: Password


@router.get("/", include_in_schema=False)
@router.get(
    "",
    summary="Which school this is, and who you are",
    **described.answering(_SCHOOL, _SHOWN_SCHOOL, security=described.OPEN),
)
def school(request: Request) -> JSONResponse:
    """What a page needs to know before anybody is signed in."""
    store = of(request).school
    account, chosen = visitor(request), choices.choices(store)
    told = {"name": chosen.name, "time_zone": chosen.time_zone, "has_administrator": accounts.has_administrator(store)}
    return JSONResponse(told | {"account": account and account_json(store, account)})


@router.post(
    "/administrator",
    summary="Make the first administrator",
    **described.answering(_SIGNED_IN, _SHOWN, 409, status=201, security=described.OPEN),
)
def create_first_administrator(request: Request, first: First) -> JSONResponse:
    """The account of whoever comes first, who is signed in; ever after that is refused."""
    check_own_page(request)
    store = of(request).school
    wanted = {"name": first.school_name, "time_zone": first.time_zone}
    chosen = {name: value for name, value in wanted.items() if value is not None}
    account = accounts.create_first_administrator(store, first.login, first.name, first.password, now(), chosen=chosen)
    return _welcome(request, *sign_ins.open_sign_in(store, account, account.password, now(), _browser(request)), 201)


@router.post("/sign-in", summary="Sign in", **described.answering(_SIGNED_IN, _SHOWN, security=described.OPEN))
def sign_in(request: Request, credentials: Credentials) -> JSONResponse:
    """A new token, in a cookie and in the answer. Wrong passwords lock a login, first for a minute."""
    check_own_page(request)
    store, address = of(request).school, request.client.host if request.client else ""
    account, token = sign_ins.sign_in(
        store,
        credentials.login,
        credentials.password,
        now(),
        guesses_of(request),
        address=address,
        browser=_browser(request),
    )
    before = token_of(request)
    if before:
        sign_ins.sign_out(store, before)
    return _welcome(request, account, token)


@router.delete("/sign-in", summary="Sign out", **described.emptily())
def sign_out(request: Request, account: Proved) -> Response:
    """The token is good for nothing from now on."""
    sign_ins.sign_out(of(request).school, token_of(request) or "")
    return _farewell(request)


@router.delete("/sign-ins", summary="Sign out everywhere", **described.emptily())
def sign_out_everywhere(request: Request, account: Proved) -> Response:
    """No token of the account is good for anything from now on."""
    sign_ins.sign_out_everywhere(of(request).school, account, account.account_id, now())
    return _farewell(request)


@router.put(
    "/password",
    summary="Set your password",
    **described.answering(thing("account", account=described.ACCOUNT), {"account": described.SHOWN_ACCOUNT}),
)
def set_password(request: Request, sent: Passwords, account: Proved) -> JSONResponse:
    """Another password for one's own account, which stays signed in here and nowhere else."""
    store, token = of(request).school, token_of(request) or ""
    changed = sign_ins.set_password(store, token, sent.old, sent.new, now(), guesses_of(request))
    return JSONResponse({"account": account_json(store, changed)})


def _welcome(request: Request, account: Account, token: str, status: int = 200) -> JSONResponse:
    told = {"account": account_json(of(request).school, account), "token": token, "csrf": csrf_of(token)}
    response = JSONResponse(told, status)
    set_cookie(request, response, token)
    return response


def _farewell(request: Request) -> Response:
    response = Response(status_code=204)
    drop_cookie(request, response)
    return response


def _browser(request: Request) -> str:
    return request.headers.get("user-agent", "")
