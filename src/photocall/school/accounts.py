"""The verbs of accounts: who may sign in, as what, and to which courses. How one signs in is in `sign_ins`."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher

from photocall.school import audit, choices, passwords
from photocall.school.errors import AlreadyThere, EntryInvalid, NotAllowed, NotThere
from photocall.school.passwords import HASHER
from photocall.school.permissions import check_administrator
from photocall.school.records import Account, Course, Role, SignIn, Staff
from photocall.school.register import Records, SchoolRegister

LOCK = "accounts"
"""What whoever adds an account, or changes a role, must have locked, so that an administrator is always left."""

COMMAND_LINE = Account(
    audit.COMMAND_LINE, audit.COMMAND_LINE, "", Role.ADMINISTRATOR, "", datetime(1970, 1, 1, tzinfo=UTC)
)
"""Whoever works on the server itself: no account of the register, and an administrator."""

MOST_LOGIN, MOST_NAME = 100, 200
"""Characters."""


def lock_of(account_id: str) -> str:
    """What whoever changes an account or its sign-ins must have locked."""
    return f"account/{account_id}"


def has_administrator(records: Records) -> bool:
    """Whether the first one was made."""
    return bool(records.find(Account, role=Role.ADMINISTRATOR))


def account_by_login(records: Records, login: str) -> Account | None:
    """The account of a login, as anybody may type it."""
    login = _login(login)
    found = records.find(Account, login=login) if _is_login(login) else []
    return found[0] if found else None


def account_named(records: Records, login: str) -> Account:
    """The account of a login. Raises `NotThere`."""
    found = account_by_login(records, login)
    if found is None:
        raise NotThere("account", login)
    return found


def everybody(records: Records) -> list[Account]:
    """Every account, disabled ones too, by login."""
    return sorted(records.find(Account), key=lambda account: account.login)


def account_json(account: Account, courses: Sequence[str]) -> dict[str, Any]:
    """An account without its password, and the courses that it was given."""
    return {
        "account_id": account.account_id,
        "login": account.login,
        "name": account.name,
        "role": account.role.value,
        "created": account.created.isoformat(timespec="seconds"),
        "disabled": account.disabled,
        "must_change": account.must_change,
        "locked_until": account.locked_until and account.locked_until.isoformat(timespec="seconds"),
        "courses": list(courses),
    }


def courses_given(records: Records, account_id: str) -> list[str]:
    """The ids of the courses that an account was given; an administrator sees all others, too."""
    return [each.course_id for each in records.find(Staff, account_id=account_id)]


def create_first_administrator(
    register: SchoolRegister,
    login: str,
    name: str,
    password: str,
    now: datetime,
    hasher: PasswordHasher = HASHER,
    *,
    chosen: Mapping[str, object] | None = None,
) -> Account:
    """The account of whoever comes first, who may choose something for the school, too (`choices.Choices`).

    Raises:
        AlreadyThere: there is an administrator.
        EntryInvalid: something cannot be so; nothing is kept.
    """
    _check_first(register)
    account = _new(login, name, Role.ADMINISTRATOR, password, now, hasher)
    with register.changing(LOCK, audit.LOCK, choices.LOCK) as records:
        _check_first(records)
        records.put(account)
        audit.note(records, account.account_id, "account.created", account.account_id, now, role=account.role)
        if chosen:
            choices.change(records, account.account_id, now, **chosen)
    return account


def create_account(
    register: SchoolRegister,
    by: Account,
    login: str,
    name: str,
    role: Role,
    password: str,
    courses: Sequence[str],
    now: datetime,
    *,
    must_change: bool = True,
    hasher: PasswordHasher = HASHER,
) -> Account:
    """A new account.

    Args:
        register: where it will be.
        by: an administrator.
        login: 1 to 100 printable characters without spaces; capitals are small letters.
        name: the person's, 1 to 200 printable characters.
        role: what it may do.
        password: its first one; `passwords.temporary` makes one.
        courses: ids of those that it may see.
        now: with a time zone.
        must_change: whether whoever signs in first sets another password.
        hasher: of the password.

    Raises:
        NotAllowed, EntryInvalid: somebody else asks; something cannot be so.
        AlreadyThere: the login is somebody's.
        NotThere: there is no such course.
    """
    check_administrator(by)
    account = replace(_new(login, name, role, password, now, hasher), must_change=must_change)
    with register.changing(LOCK, audit.LOCK) as records:
        if account_by_login(records, login):
            raise AlreadyThere("login", account.login)
        records.put(account)
        _give(records, account.account_id, courses)
        told = {"role": role, "courses": list(courses)}
        audit.note(records, by.account_id, "account.created", account.account_id, now, **told)
    return account


def change_account(
    register: SchoolRegister,
    by: Account,
    account_id: str,
    now: datetime,
    *,
    name: str | None = None,
    role: Role | None = None,
    disabled: bool | None = None,
    courses: Sequence[str] | None = None,
) -> Account:
    """Change some of what an account is; it counts at once, and a disabled one is signed out.

    Raises:
        NotAllowed: somebody else than an administrator asks, or none would be left.
        NotThere: there is no such account, or course.
        EntryInvalid: nobody can have this name.
    """
    check_administrator(by)
    wanted: dict[str, Any] = {"name": name if name is None else _name(name), "role": role, "disabled": disabled}
    changes = {key: value for key, value in wanted.items() if value is not None}
    with register.changing(LOCK, lock_of(account_id), audit.LOCK) as records:
        before = existing(records, account_id)
        after = replace(before, **changes)
        records.put(after)
        if _administers(before) and not any(map(_administers, records.find(Account))):
            raise NotAllowed("The last administrator must stay one; make another one first")
        if after.disabled:
            records.remove(SignIn, account_id=account_id)
        if courses is not None:
            _give(records, account_id, courses)
            changes["courses"] = list(courses)
        told = {key: value for key, value in changes.items() if key != "name"}
        told |= {"renamed": True} if name is not None else {}
        audit.note(records, by.account_id, "account.changed", account_id, now, **told)
    return after


def existing(records: Records, account_id: str) -> Account:
    """The account of an id. Raises `NotThere`."""
    found = records.get(Account, account_id)
    if found is None:
        raise NotThere("account", account_id)
    return found


def _new(login: str, name: str, role: Role, password: str, now: datetime, hasher: PasswordHasher) -> Account:
    login, name = _checked(login), _name(name)
    return Account(str(uuid4()), login, name, role, passwords.hashed(password, login, hasher), now)


def _check_first(records: Records) -> None:
    if has_administrator(records):
        raise AlreadyThere("first account", "administrator")


def _administers(account: Account) -> bool:
    return account.role is Role.ADMINISTRATOR and not account.disabled


def _give(records: Records, account_id: str, courses: Sequence[str]) -> None:
    """Let an account see these courses and no others. Raises `NotThere`."""
    wanted = sorted(set(courses))
    there = {each.course_id for each in records.find(Course, course_id=wanted)} if wanted else set()
    for course_id in wanted:
        if course_id not in there:
            raise NotThere("class", course_id)
    records.remove(Staff, account_id=account_id)
    records.put(*(Staff(course_id, account_id) for course_id in wanted))


def _login(login: str) -> str:
    return unicodedata.normalize("NFKC", login).casefold()


def _is_login(login: str) -> bool:
    return 0 < len(login) <= MOST_LOGIN and login.isprintable() and not any(map(str.isspace, login))


def _checked(login: str) -> str:
    login = _login(login)
    if not _is_login(login):
        raise EntryInvalid("login", f"it must be 1 to {MOST_LOGIN} printable characters without spaces")
    return login


def _name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise EntryInvalid("name", f"it must be 1 to {MOST_NAME} printable characters")
    return name
