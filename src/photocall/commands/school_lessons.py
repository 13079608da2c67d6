"""The command lessons: what the page of a lesson does, without server or worker."""

import argparse
from datetime import UTC, datetime
from typing import Any

from photocall.app import open_places, open_store
from photocall.commands import school_evidence
from photocall.commands.school_times import time_of
from photocall.console import say, say_json, show_rows
from photocall.school import lessons as verbs
from photocall.school.accounts import COMMAND_LINE
from photocall.school.lesson_records import Lesson
from photocall.school.lesson_view import LessonView, lesson_json, note_shown, register_json, view
from photocall.school.marks import mark, unmark
from photocall.school.places import Places
from photocall.school.register import SchoolRegister
from photocall.school.settling import review
from photocall.school.verdicts import NOTHING, judge
from photocall.settings import load_settings

_OF_PHOTOS = {
    "photo": school_evidence.photo,
    "late": school_evidence.late,
    "remove": school_evidence.remove,
    "picture": school_evidence.picture,
}


def lessons(options: argparse.Namespace) -> int:
    """Make, change or delete lessons, look at photos, show and correct registers."""
    if options.action in _OF_PHOTOS:
        return _OF_PHOTOS[options.action](options)
    settings = load_settings(data=options.data)
    with open_store(settings) as store:
        if options.action == "delete":
            _delete(open_places(settings, store), options)
            return 0
        act = {
            "create": _create,
            "list": _list,
            "change": _change,
            "register": _register,
            "mark": _mark,
            "judge": _judge,
        }[options.action]
        act(store, options)
    return 0


def _create(store: SchoolRegister, options: argparse.Namespace) -> None:
    made = verbs.create_lesson(store, COMMAND_LINE, options.course, _now(), **_given(store, options))
    if options.json:
        say_json(lesson_json(made))
    else:
        say(made.lesson_id)


def _change(store: SchoolRegister, options: argparse.Namespace) -> None:
    changed = verbs.change_lesson(store, COMMAND_LINE, options.lesson, _now(), **_given(store, options))
    if options.json:
        say_json(lesson_json(changed))
    else:
        show_rows([_lesson_row(changed)])


def _given(store: SchoolRegister, options: argparse.Namespace) -> dict[str, Any]:
    """What was typed of a lesson."""
    starts = time_of(store, "--starts", options.starts)
    return {"title": options.title, "starts": starts, "minutes": options.minutes, "grace": options.grace}


def _delete(places: Places, options: argparse.Namespace) -> None:
    verbs.delete_lesson(places, COMMAND_LINE, options.lesson, _now())
    if options.json:
        say_json({"lesson_id": options.lesson, "deleted": True})
    else:
        say(f"{options.lesson}: deleted")


def _list(store: SchoolRegister, options: argparse.Namespace) -> None:
    found = verbs.lessons_of(store, COMMAND_LINE, options.course)
    if options.json:
        say_json([lesson_json(each) for each in found])
    else:
        show_rows([_lesson_row(each) for each in found])


def _lesson_row(lesson: Lesson) -> dict[str, Any]:
    told = lesson_json(lesson)
    return {name: told[name] for name in ("lesson_id", "starts", "minutes", "title")}


def _register(store: SchoolRegister, options: argparse.Namespace) -> None:
    found = view(store, COMMAND_LINE, options.lesson, _now())
    note_shown(store, COMMAND_LINE, options.lesson, _now())
    if options.json:
        say_json(register_json(found))
        return
    show_rows([_row(found, each) for each in register_json(found)["lines"]])
    for shown in found.evidence:
        say(f"{shown.kind} {shown.evidence_id}: {shown.name}, {shown.state}{', late' if shown.late else ''}")
    for each in review(found.faces):
        say(f"not sure: {each.seen.seen_id} may be {found.name_of(each.student_id)} ({each.similarity:.1f})")


def _row(found: LessonView, line: dict[str, Any]) -> dict[str, Any]:
    similarity = "" if line["similarity"] is None else f"{line['similarity']:.1f}"
    status = line["status"] if found.is_taken else ""
    by = "by hand" if line["by_hand"] else ""
    return {"student": line["student_id"], "name": line["name"], "status": status, "similarity": similarity, "": by}


def _mark(store: SchoolRegister, options: argparse.Namespace) -> None:
    found = view(store, COMMAND_LINE, options.lesson, _now())
    students = options.students or [line.student_id for line in found.lines]
    if options.status != "undo":
        mark(store, COMMAND_LINE, options.lesson, students, options.status, _now(), options.note)
        return
    for student_id in students:
        unmark(store, COMMAND_LINE, options.lesson, student_id, _now())


def _judge(store: SchoolRegister, options: argparse.Namespace) -> None:
    verdict = NOTHING if options.verdict == "undo" else options.verdict
    judge(store, COMMAND_LINE, options.seen, verdict, options.student, _now())


def _now() -> datetime:
    return datetime.now(UTC)
