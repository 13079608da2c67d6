"""The commands accounts and audit: who may sign in to the school's pages, and who did what there.

Whoever may run them may do everything: the account in the audit log is "cli".
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from getpass import getpass
from typing import Any

from photocall.app import open_store
from photocall.console import complain, counted, say, say_json, show_rows
from photocall.errors import SettingInvalid
from photocall.ports import Register
from photocall.school import accounts as school_accounts
from photocall.school import audit as audit_log
from photocall.school import passwords, sign_ins
from photocall.school.accounts import COMMAND_LINE
from photocall.school.errors import EntryInvalid
from photocall.school.records import Account, Role
from photocall.settings import load_settings

MOST_ENTRIES = 10_000
"""Of the audit log, at once."""


def accounts(options: argparse.Namespace) -> int:
    """Make, list or change accounts."""
    act = {
        "create": _create,
        "list": _list,
        "change": _change,
        "password": _password,
        "disable": _disable,
        "enable": _enable,
        "sign-out": _sign_out,
    }[options.action]
    with open_store(load_settings(data=options.data)) as store:
        act(store, options)
    return 0


def audit(options: argparse.Namespace) -> int:
    """Show the audit log, or look whether it is whole; how many entries are broken, 0 or 1."""
    with open_store(load_settings(data=options.data)) as store:
        return _verify(store, options) if options.action == "verify" else _show(store, options)


def _create(store: Register, options: argparse.Namespace) -> None:
    name, role, courses = options.name or options.login, Role(options.role), options.courses or []
    password, is_own = _password_for(options)
    account = school_accounts.create_account(
        store, COMMAND_LINE, options.login, name, role, password, courses, _now(), must_change=not is_own
    )
    _tell(store, options, account, None if is_own else password)


def _list(store: Register, options: argparse.Namespace) -> None:
    found = [_account_json(store, each) for each in school_accounts.everybody(store)]
    if options.json:
        say_json(found)
        return
    columns = ("login", "name", "role", "courses", "state")
    rows = [each | {"courses": " ".join(each["courses"]), "state": _state(each)} for each in found]
    show_rows([{column: row[column] for column in columns} for row in rows])


def _change(store: Register, options: argparse.Namespace) -> None:
    role = Role(options.role) if options.role else None
    _changed(store, options, name=options.name, role=role, courses=options.courses)


def _disable(store: Register, options: argparse.Namespace) -> None:
    _changed(store, options, disabled=True)


def _enable(store: Register, options: argparse.Namespace) -> None:
    _changed(store, options, disabled=False)


def _sign_out(store: Register, options: argparse.Namespace) -> None:
    account = school_accounts.account_named(store, options.login)
    sign_ins.sign_out_everywhere(store, COMMAND_LINE, account.account_id, _now())
    _tell(store, options, account, None)


def _changed(store: Register, options: argparse.Namespace, **changes: Any) -> None:
    account_id = school_accounts.account_named(store, options.login).account_id
    account = school_accounts.change_account(store, COMMAND_LINE, account_id, _now(), **changes)
    _tell(store, options, account, None)


def _password(store: Register, options: argparse.Namespace) -> None:
    account_id = school_accounts.account_named(store, options.login).account_id
    password, is_own = _password_for(options)
    account = sign_ins.give_password(store, COMMAND_LINE, account_id, password, _now(), must_change=not is_own)
    _tell(store, options, account, None if is_own else password)


def _tell(store: Register, options: argparse.Namespace, account: Account, temporary: str | None) -> None:
    """What an account is now, and its temporary password."""
    if options.json:
        say_json(_account_json(store, account) | ({"password": temporary} if temporary else {}))
    elif temporary:
        say(temporary)
        complain(f"the password of {account.login}: it is shown this once, and good for setting another one")
    else:
        say(f"{account.login} ({account.name}): {account.role}{', disabled' if account.disabled else ''}")


def _password_for(options: argparse.Namespace) -> tuple[str, bool]:
    """A password, and whether somebody chose it, for whom it is good as it is. Raises `EntryInvalid`."""
    return (_asked(), True) if options.ask else (passwords.temporary(), False)


def _asked() -> str:
    """The password that is typed, or sent to standard input. Raises `EntryInvalid`."""
    if not sys.stdin.isatty():
        try:
            return sys.stdin.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise EntryInvalid("password", "standard input is not text") from None
    password = getpass("Password: ")
    if getpass("The same again: ") != password:
        raise EntryInvalid("password", "the two are not the same")
    return password


def _show(store: Register, options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= MOST_ENTRIES:
        raise SettingInvalid("--limit", f"must be 1 to {MOST_ENTRIES}, not {options.limit}")
    if options.after is not None and not 0 <= options.after < 2**31:
        raise SettingInvalid("--after", f"must be the number of an entry, not {options.after}")
    found = [
        audit_log.entry_json(each) for each in audit_log.entries(store, options.subject, options.after, options.limit)
    ]
    if options.json:
        say_json(found)
    else:
        columns = ("number", "time", "account_id", "action", "subject", "details")
        told = [each | {"details": json.dumps(each["details"], ensure_ascii=False)} for each in found]
        show_rows([{column: each[column] for column in columns} for each in told])
    return 0


def _verify(store: Register, options: argparse.Namespace) -> int:
    found = audit_log.verified(store)
    if options.json:
        say_json(found)
    elif found["whole"]:
        say(f"{counted(found['entries'], 'entry', 'entries')}, all as they were written")
        say(f"digest of the newest, to be kept elsewhere: {found['digest']}")
    else:
        complain(f"The audit log is broken at entry {found['broken_at']}: {found['reason']}")
    return 0 if found["whole"] else 1


def _account_json(store: Register, account: Account) -> dict[str, Any]:
    return school_accounts.account_json(account, school_accounts.courses_given(store, account.account_id))


def _state(account: dict[str, Any]) -> str:
    if account["disabled"]:
        return "disabled"
    if account["locked_until"] and datetime.fromisoformat(account["locked_until"]) > _now():
        return "locked"
    return "must set a password" if account["must_change"] else ""


def _now() -> datetime:
    return datetime.now(UTC)
