"""What can be typed after `photocall classes`, `roster` and `report`. Light, since `--help` loads it."""

import argparse
from datetime import date
from pathlib import Path

from photocall.commands import Commands


def add_classes(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command classes, with a command of its own for everything that can be done with them."""
    classes = commands.add_parser("classes", help="the school's classes, and who belongs to them")
    actions = classes.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[common], help="every class, and how many students it has")
    _add_one(actions, common, "show", "who belongs to a class")
    create = actions.add_parser("create", parents=[common], help="make a class")
    create.add_argument("name", metavar="NAME", help="for people")
    create.add_argument("--id", metavar="ID", help="for machines, such as maths-7b [a random one]")
    _add_fields(create)
    change = _add_one(actions, common, "change", "another name, other fields, archived or not")
    change.add_argument("--name", metavar="NAME", help="for people")
    _add_fields(change)
    archived = change.add_mutually_exclusive_group()
    archived.add_argument("--archive", dest="archived", action="store_const", const=True, help="it is over")
    archived.add_argument("--reopen", dest="archived", action="store_const", const=False, help="it is not")
    _add_one(actions, common, "delete", "delete a class, or archive it if it had lessons")
    for verb, words in {"join": "bring a student into a class", "leave": "take a student out of a class"}.items():
        _add_one(actions, common, verb, words).add_argument("student_id", metavar="STUDENT_ID")
    for verb, words in {"give": "let an account see a class", "take": "let it see the class no more"}.items():
        _add_one(actions, common, verb, words).add_argument("login", metavar="LOGIN")
    _add_students(actions, common)


def add_roster(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command roster."""
    roster = commands.add_parser("roster", help="students and classes from and to files: CSV, OneRoster")
    actions = roster.add_subparsers(dest="action", required=True, metavar="ACTION")
    imported = actions.add_parser("import", parents=[common], help="see what files would change, and do it")
    imported.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="CSV of students, OneRoster 1.1 ZIP or CSVs"
    )
    imported.add_argument("--confirm", action="store_true", help="do it")
    exported = actions.add_parser("export", parents=[common], help="write a CSV of students, or a OneRoster 1.1 ZIP")
    exported.add_argument("file", type=Path, metavar="FILE", help="ends with .csv or .zip, which says what it becomes")
    exported.add_argument("--class", dest="course", metavar="ID", help="only the students of this class; CSV alone")


def add_report(commands: Commands, common: argparse.ArgumentParser) -> None:
    """The command report."""
    report = commands.add_parser("report", parents=[common], help="who was there, and how often")
    report.add_argument("--class", dest="course", metavar="ID", help="only this class")
    report.add_argument("--student", metavar="ID", help="only this student")
    report.add_argument(
        "--from", dest="first", type=_day, metavar="DAY", help="lessons of this day and later: 2026-09-01"
    )
    report.add_argument("--to", dest="last", type=_day, metavar="DAY", help="lessons of this day and earlier")
    report.add_argument("--csv", type=Path, metavar="F", help="write every line of the registers")
    report.add_argument("--xlsx", type=Path, metavar="F", help="write a workbook: totals, and every line")


def _add_students(actions: Commands, common: argparse.ArgumentParser) -> None:
    listed = actions.add_parser("students", parents=[common], help="every student, with the classes")
    listed.add_argument("--class", dest="course", metavar="ID", help="only those of this class")
    listed.add_argument("--search", default="", metavar="TEXT", help="only those with this in name or id")
    show = actions.add_parser("show-student", parents=[common], help="who a student is, and in which classes")
    show.add_argument("student_id", metavar="STUDENT_ID")
    add = actions.add_parser("add-student", parents=[common], help="make a student")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--id", metavar="STUDENT_ID", help="for machines [a random one]")
    add.add_argument("--class", dest="courses", action="append", default=[], metavar="ID", help="to be in; repeatable")
    _add_fields(add)
    change = actions.add_parser("change-student", parents=[common], help="another name, other fields")
    change.add_argument("student_id", metavar="STUDENT_ID")
    change.add_argument("--name", metavar="NAME")
    _add_fields(change)


def _add_one(actions: Commands, common: argparse.ArgumentParser, name: str, about: str) -> argparse.ArgumentParser:
    action = actions.add_parser(name, parents=[common], help=about)
    action.add_argument("course_id", metavar="CLASS_ID")
    return action


def _add_fields(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--field", dest="fields", action="append", metavar="KEY=VALUE", help="what else is known; repeatable"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-09-01") from None
