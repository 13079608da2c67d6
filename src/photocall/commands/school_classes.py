"""The command classes: the school's classes, the students who belong to them, and to whom they are given."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime

from photocall.app import open_store
from photocall.console import counted, say, say_json, show_rows
from photocall.errors import SettingInvalid
from photocall.ports import Register
from photocall.roster import Student
from photocall.school import courses, students
from photocall.school.accounts import COMMAND_LINE, account_named
from photocall.school.courses import course_json
from photocall.school.permissions import course
from photocall.school.records import Course
from photocall.school.students import placed_json, student_json
from photocall.settings import load_settings


def classes(options: argparse.Namespace) -> int:
    """List, make, change or delete classes, and say who belongs to them."""
    act = {
        "list": _list,
        "show": _show,
        "create": _create,
        "change": _change,
        "delete": _delete,
        "join": _join,
        "leave": _leave,
        "give": _give,
        "take": _take,
        "students": _students,
        "show-student": _show_student,
        "add-student": _add_student,
        "change-student": _change_student,
    }[options.action]
    with open_store(load_settings(data=options.data)) as store:
        act(store, options)
    return 0


def _list(store: Register, options: argparse.Namespace) -> None:
    found = [{**course_json(each), "students": size} for each, size in courses.sizes(store, COMMAND_LINE)]
    if options.json:
        say_json(found)
        return
    columns = ("course_id", "name", "students")
    rows = [{**{name: each[name] for name in columns}, "": "archived" if each["archived"] else ""} for each in found]
    show_rows([{**row, "fields": _told(each["fields"])} for row, each in zip(rows, found, strict=True)])


def _show(store: Register, options: argparse.Namespace) -> None:
    found = course(store, COMMAND_LINE, options.course_id)
    members = students.students_of(store, COMMAND_LINE, options.course_id)
    staff = courses.staff_of(store, COMMAND_LINE, options.course_id)
    if options.json:
        told = {"students": [student_json(one) for one in members], "staff": [each.login for each in staff]}
        say_json({**course_json(found), **told})
        return
    keys = list(dict.fromkeys(key for one in members for key in one.fields))
    show_rows(
        [
            {"student_id": one.student_id, "name": one.name, **{key: one.fields.get(key, "") for key in keys}}
            for one in members
        ]
    )
    given = f", given to {', '.join(each.login for each in staff)}" if staff else ""
    say(f"{found.name}: {counted(len(members), 'student')}{given}")


def _create(store: Register, options: argparse.Namespace) -> None:
    made = courses.create_course(store, COMMAND_LINE, options.name, _fields(options), _now(), options.id)
    _tell_course(made, options)


def _change(store: Register, options: argparse.Namespace) -> None:
    before = course(store, COMMAND_LINE, options.course_id)
    fields = {**before.fields, **_fields(options)}
    changed = courses.change_course(
        store, COMMAND_LINE, options.course_id, _now(), name=options.name, fields=fields, archived=options.archived
    )
    _tell_course(changed, options)


def _delete(store: Register, options: argparse.Namespace) -> None:
    deleted = courses.delete_course(store, COMMAND_LINE, options.course_id, _now())
    if options.json:
        say_json({"course_id": options.course_id, "deleted": deleted})
    else:
        say(f"{options.course_id}: {'deleted' if deleted else 'archived, since it had lessons, whose registers stay'}")


def _join(store: Register, options: argparse.Namespace) -> None:
    students.join(store, COMMAND_LINE, options.course_id, options.student_id, _now())
    _tell_student(store, students.student(store, COMMAND_LINE, options.student_id), options)


def _leave(store: Register, options: argparse.Namespace) -> None:
    students.leave(store, COMMAND_LINE, options.course_id, options.student_id, _now())
    _tell_student(store, students.student(store, COMMAND_LINE, options.student_id), options)


def _give(store: Register, options: argparse.Namespace) -> None:
    account_id = account_named(store, options.login).account_id
    courses.add_staff(store, COMMAND_LINE, options.course_id, account_id, _now())
    _show(store, options)


def _take(store: Register, options: argparse.Namespace) -> None:
    account_id = account_named(store, options.login).account_id
    courses.remove_staff(store, COMMAND_LINE, options.course_id, account_id, _now())
    _show(store, options)


def _students(store: Register, options: argparse.Namespace) -> None:
    found = placed_json(store, COMMAND_LINE, students.students_of(store, COMMAND_LINE, options.course, options.search))
    if options.json:
        say_json(found)
        return
    columns = ("student_id", "name", "courses", "fields")
    rows = [each | {"courses": ", ".join(each["courses"]), "fields": _told(each["fields"])} for each in found]
    show_rows([{column: row[column] for column in columns} for row in rows])


def _show_student(store: Register, options: argparse.Namespace) -> None:
    _tell_student(store, students.student(store, COMMAND_LINE, options.student_id), options)


def _add_student(store: Register, options: argparse.Namespace) -> None:
    made = students.create_student(
        store, COMMAND_LINE, options.name, _fields(options), options.courses, _now(), options.id
    )
    _tell_student(store, made, options)


def _change_student(store: Register, options: argparse.Namespace) -> None:
    before = students.student(store, COMMAND_LINE, options.student_id)
    fields = {**before.fields, **_fields(options)}
    changed = students.change_student(store, COMMAND_LINE, options.student_id, _now(), name=options.name, fields=fields)
    _tell_student(store, changed, options)


def _fields(options: argparse.Namespace) -> dict[str, str]:
    """What was typed as KEY=VALUE. Raises `SettingInvalid`."""
    pairs = [text.partition("=") for text in options.fields or []]
    if wrong := next((key for key, equals, _ in pairs if not equals), None):
        raise SettingInvalid("--field", f"must be KEY=VALUE, such as room=12, not {wrong!r}")
    return {key: value for key, _, value in pairs}


def _tell_course(found: Course, options: argparse.Namespace) -> None:
    if options.json:
        say_json(course_json(found))
    else:
        say(f"{found.course_id}: {found.name}{', archived' if found.archived else ''}")


def _tell_student(store: Register, found: Student, options: argparse.Namespace) -> None:
    (told,) = placed_json(store, COMMAND_LINE, [found])
    if options.json:
        say_json(told)
    else:
        say(f"{found.student_id}: {found.name}, in {', '.join(told['courses']) or 'no class'}")


def _told(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in fields.items())


def _now() -> datetime:
    return datetime.now(UTC)
