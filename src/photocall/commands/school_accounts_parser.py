"""What can be typed after `photocall accounts` and `photocall audit`. Light; the work is in `school_accounts`."""

import argparse

from photocall.commands import Commands

ROLES = ("administrator", "teacher", "viewer")


def add_accounts(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command accounts, with a command of its own for everything that can be done with them."""
    accounts = commands.add_parser("accounts", help="who may sign in to the school's pages, and as what")
    actions = accounts.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", parents=[common], help="make an account, with a temporary password")
    create.add_argument("login", metavar="LOGIN", help="what is typed to sign in")
    create.add_argument("--name", metavar="NAME", help="the person's [LOGIN]")
    create.add_argument("--role", choices=ROLES, default="teacher", help="what it may do [teacher]")
    create.add_argument("--class", dest="courses", action="append", metavar="ID", help="that it may see; repeatable")
    _add_ask(create)
    actions.add_parser("list", parents=[common], help="every account, without its password")
    _add_change(actions, common)
    password = _add_one(actions, common, "password", "give it a temporary password; it is signed out everywhere")
    _add_ask(password)
    _add_one(actions, common, "disable", "let it sign in no more; it is signed out at once")
    _add_one(actions, common, "enable", "let it sign in again")
    _add_one(actions, common, "sign-out", "end all of its sign-ins; it may sign in again")


def add_audit(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command audit, with a command of its own for everything that can be done with the log."""
    audit = commands.add_parser("audit", help="who saw or changed what about faces and accounts")
    actions = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", parents=[common], help="the newest entries, the newest first")
    listed.add_argument("--subject", metavar="ID", help="only about this student, class, lesson or account")
    listed.add_argument("--after", type=int, metavar="N", help="from the entry after number N on, oldest first")
    listed.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many [100]")
    actions.add_parser("verify", parents=[common], help="is every entry as it was written?")


def _add_change(actions: Commands, common: argparse.ArgumentParser) -> None:
    change = _add_one(actions, common, "change", "another name, role or classes, at once")
    change.add_argument("--name", metavar="NAME", help="the person's")
    change.add_argument("--role", choices=ROLES, help="what it may do")
    classes = change.add_mutually_exclusive_group()
    classes.add_argument("--class", dest="courses", action="append", metavar="ID", help="all that it may see")
    classes.add_argument("--no-class", dest="courses", action="store_const", const=[], help="it may see none")


def _add_one(actions: Commands, common: argparse.ArgumentParser, name: str, about: str) -> argparse.ArgumentParser:
    action = actions.add_parser(name, parents=[common], help=about)
    action.add_argument("login", metavar="LOGIN")
    return action


def _add_ask(action: argparse.ArgumentParser) -> None:
    action.add_argument("--ask", action="store_true", help="ask for a password, or read it from standard input")
