"""Taking attendance on the command line: what the page of a lesson does, without server or worker."""

import argparse
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photocall import results
from photocall.app import SCHOOL_COLLECTION, open_app, open_store
from photocall.console import failing, say, say_json, show_rows, watched
from photocall.errors import FileUnreadable, PhotocallError, SettingInvalid
from photocall.handlers import Tools, run
from photocall.jobs import Job
from photocall.media import signatures
from photocall.media.files import read_file, reason
from photocall.school import lessons as verbs
from photocall.school.accounts import COMMAND_LINE
from photocall.school.choices import choices
from photocall.school.evidence import Sent, add_evidence, learn_failures
from photocall.school.lesson_records import Evidence
from photocall.school.lesson_view import LessonView, evidence_json, lesson_json, note_shown, register_json, view
from photocall.school.marks import mark, unmark
from photocall.school.places import Places
from photocall.school.register import Records, SchoolRegister
from photocall.school.settling import PHOTO, VIDEO, review
from photocall.school.verdicts import NOTHING, judge
from photocall.settings import load_settings


def lessons(options: argparse.Namespace) -> int:
    """Make or list lessons, look at photos, show and correct registers."""
    if options.action == "photo":
        return _photo(options)
    act = {"create": _create, "list": _list, "register": _register, "mark": _mark, "judge": _judge}[options.action]
    with open_store(load_settings(data=options.data)) as store:
        act(store, options)
    return 0


def _create(store: SchoolRegister, options: argparse.Namespace) -> None:
    starts = _time(store, "--starts", options.starts)
    given = {"title": options.title, "starts": starts, "minutes": options.minutes, "grace": options.grace}
    made = verbs.create_lesson(store, COMMAND_LINE, options.course, _now(), **given)
    if options.json:
        say_json(lesson_json(made))
    else:
        say(made.lesson_id)


def _list(store: SchoolRegister, options: argparse.Namespace) -> None:
    found = [lesson_json(each) for each in verbs.lessons_of(store, COMMAND_LINE, options.course)]
    if options.json:
        say_json(found)
    else:
        show_rows([{name: each[name] for name in ("lesson_id", "starts", "minutes", "title")} for each in found])


def _register(store: SchoolRegister, options: argparse.Namespace) -> None:
    found = view(store, COMMAND_LINE, options.lesson, _now())
    note_shown(store, COMMAND_LINE, options.lesson, _now())
    if options.json:
        say_json(register_json(found))
        return
    show_rows([_row(found, each) for each in register_json(found)["lines"]])
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


def _photo(options: argparse.Namespace) -> int:
    """Keep each file and look at it; one that cannot be looked at does not stop the others."""
    failures = 0
    with open_app(load_settings(data=options.data, pack=options.pack)) as app:
        tools, name = Tools(app), app.settings.school_bucket
        places = Places(app.store, tools.objects, tools.bucket(name), name, SCHOOL_COLLECTION)
        taken = _time(app.store, "--taken", options.taken)
        for path in options.files:
            with failing() as has_failed:
                evidence = _looked_at(tools, places, options.lesson, path, taken)
                _tell(places.store, evidence, as_json=options.json)
            failures += has_failed()
    return failures


def _looked_at(tools: Tools, places: Places, lesson_id: str, path: Path, taken: datetime | None) -> Evidence:
    try:
        kind = signatures.kind(read_file(path, head=signatures.HEAD))
        if kind not in (*signatures.IMAGES, "video", None):
            raise FileUnreadable(str(path), f"it is {kind}, neither a photo nor a video")
        file = path.open("rb")
    except OSError as error:
        raise FileUnreadable(str(path), reason(error)) from error
    with file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        sent = Sent(path.name, PHOTO if kind in signatures.IMAGES else VIDEO, file, digest, taken)
        return add_evidence(places, _doing(tools, places, lesson_id, path), COMMAND_LINE, lesson_id, sent, _now())


def _doing(tools: Tools, places: Places, lesson_id: str, path: Path) -> Callable[[Job], None]:
    """What does a job in this process, as a worker would."""

    def do(job: Job) -> None:
        try:
            with watched(path.name, None) as told:
                found = run(tools, job, lambda so_far: told(so_far.frames, so_far.seconds, so_far.people))
        except PhotocallError as error:
            results.fail(places.objects, job, str(error), type(error).__name__)
            learn_failures(places.store, places.objects, lesson_id, _now())
            raise
        results.finish(places.objects, job, found)

    return do


def _tell(store: Records, before: Evidence, *, as_json: bool) -> None:
    evidence = store.get(Evidence, before.evidence_id) or before
    if as_json:
        say_json(evidence_json(evidence))
    else:
        say(f"{evidence.name}: {evidence.state}{', late' if evidence.late else ''}")


def _time(store: Records, name: str, text: str | None) -> datetime | None:
    """A time that was typed, in the school's time zone if it names none."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingInvalid(name, f"{text!r} is no time such as 2026-11-23T08:00") from error
    return time if time.tzinfo else time.replace(tzinfo=choices(store).zone)


def _now() -> datetime:
    return datetime.now(UTC)
