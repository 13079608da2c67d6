"""The routes of accounts: an administrator makes and changes them."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from photocall.school import accounts, sign_ins
from photocall.school.records import Account, Role
from photocall.school.register import Records
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.entries import Entry, Id, Name, Password
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Administrator, now, of

MOST_COURSES = 1000
"""That an account may be given at once."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_ONE = thing("account", account=described.ACCOUNT)
_TEMPORARY = thing("password", password=text("It is shown this once"))
_SHOWN: Json = {"account": described.SHOWN_ACCOUNT}


class NewAccount(Entry):
    """An account to be made."""

    login: Name
    name: Name
    role: Role
    password: Password
    courses: list[Id] = Field(default_factory=list, max_length=MOST_COURSES)


class AccountChanges(Entry):
    """What of an account is to be different."""

    name: Name | None = None
    role: Role | None = None
    disabled: bool | None = None
    courses: list[Id] | None = Field(None, max_length=MOST_COURSES)


@router.get(
    "/accounts",
    summary="All accounts",
    **described.answering(
        thing("accounts", accounts=listing(described.ACCOUNT)), {"accounts": [described.SHOWN_ACCOUNT]}
    ),
)
def list_accounts(request: Request, administrator: Administrator) -> JSONResponse:
    """Every account, disabled ones too, by login."""
    store = of(request).school
    return JSONResponse({"accounts": [account_json(store, each) for each in accounts.everybody(store)]})


@router.post("/accounts", summary="Make an account", **described.answering(_ONE, _SHOWN, 404, 409, status=201))
def create_account(request: Request, new: NewAccount, administrator: Administrator) -> JSONResponse:
    """An account whose password must be changed by whoever signs in first."""
    store = of(request).school
    made = accounts.create_account(
        store, administrator, new.login, new.name, new.role, new.password, new.courses, now()
    )
    return JSONResponse({"account": account_json(store, made)}, 201)


@router.patch("/accounts/{account_id}", summary="Change an account", **described.answering(_ONE, _SHOWN, 404))
def change_account(
    request: Request, account_id: Id, changes: AccountChanges, administrator: Administrator
) -> JSONResponse:
    """Another name, role or classes; disabled or not. It counts at once."""
    store = of(request).school
    changed = accounts.change_account(store, administrator, account_id, now(), **changes.given())
    return JSONResponse({"account": account_json(store, changed)})


@router.post(
    "/accounts/{account_id}/password",
    summary="Give an account a temporary password",
    **described.answering(_TEMPORARY, {"password": "k7mq2-9xw4d-hp3zt"}, 404),
)
def reset_password(request: Request, account_id: Id, administrator: Administrator) -> JSONResponse:
    """It is good for setting another one; the account is signed out everywhere, and a lock is lifted."""
    return JSONResponse({"password": sign_ins.reset_password(of(request).school, administrator, account_id, now())})


@router.delete(
    "/accounts/{account_id}/sign-ins",
    summary="Sign an account out everywhere",
    response_class=Response,
    **described.emptily(404),
)
def sign_out(request: Request, account_id: Id, administrator: Administrator) -> Response:
    """None of its tokens is good for anything from now on."""
    sign_ins.sign_out_everywhere(of(request).school, administrator, account_id, now())
    return Response(status_code=204)


def account_json(records: Records, account: Account) -> dict[str, Any]:
    """An account without its password."""
    return accounts.account_json(account, accounts.courses_given(records, account.account_id))
