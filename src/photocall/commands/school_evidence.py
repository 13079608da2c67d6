"""Photos and videos of lessons on the command line: looked at in this process, changed, deleted, saved as files."""

import argparse
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from photocall import results
from photocall.app import open_app, open_places, open_store
from photocall.commands.school_times import time_of
from photocall.console import failing, say, say_json, watched
from photocall.errors import FileUnreadable, ObjectNotFound, PhotocallError
from photocall.handlers import Tools, run
from photocall.jobs import Job
from photocall.media import signatures
from photocall.media.files import read_file, reason, write_atomically
from photocall.school.accounts import COMMAND_LINE
from photocall.school.evidence import (
    Sent,
    add_evidence,
    change_evidence,
    delete_evidence,
    evidence_of,
    learn_failures,
)
from photocall.school.lesson_records import Evidence, Seen
from photocall.school.lesson_view import evidence_json, note_shown
from photocall.school.places import Places
from photocall.school.register import Records
from photocall.school.settling import PHOTO, VIDEO
from photocall.settings import load_settings


def photo(options: argparse.Namespace) -> int:
    """Keep each file and look at it; one that cannot be looked at does not stop the others."""
    failures = 0
    with open_app(load_settings(data=options.data, pack=options.pack)) as app:
        tools, places = Tools(app), open_places(app.settings, app.school)
        taken = time_of(app.school, "--taken", options.taken)
        for path in options.files:
            with failing() as has_failed:
                evidence = _looked_at(tools, places, options.lesson, path, taken)
                _tell(app.school.get(Evidence, evidence.evidence_id) or evidence, as_json=options.json)
            failures += has_failed()
    return failures


def late(options: argparse.Namespace) -> int:
    """Say whether who is seen only in a photo or video came late."""
    with open_store(load_settings(data=options.data)) as store:
        changed = change_evidence(store, COMMAND_LINE, options.photo, _now(), late=options.late == "yes")
    _tell(changed, as_json=options.json)
    return 0


def remove(options: argparse.Namespace) -> int:
    """Delete photos and videos with all that they showed; how many could not be."""
    failures = 0
    with _opened(options) as places:
        for evidence_id in options.photos:
            with failing() as has_failed:
                delete_evidence(places, COMMAND_LINE, evidence_id, _now())
                if options.json:
                    say_json({"evidence_id": evidence_id, "deleted": True})
                else:
                    say(f"{evidence_id}: deleted")
            failures += has_failed()
    return failures


def picture(options: argparse.Namespace) -> int:
    """Write a photo, or the picture of a face, into a file."""
    with _opened(options) as places:
        lesson_id, key = _shown(places.store, options.id)
        note_shown(places.store, COMMAND_LINE, lesson_id, _now())
        data = places.bucket.get(key)
    write_atomically(options.out, data)
    if options.json:
        say_json({"id": options.id, "file": str(options.out), "bytes": len(data)})
    else:
        say(f"{options.id}: {options.out}")
    return 0


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[Places]:
    settings = load_settings(data=options.data)
    with open_store(settings) as store:
        yield open_places(settings, store)


def _shown(records: Records, name: str) -> tuple[str, str]:
    """The lesson and the key of a photo, or of the picture of a face. Raises `NotThere`, `ObjectNotFound`."""
    seen = records.get(Seen, name)
    if seen is not None:
        return seen.lesson_id, _kept(name, seen.crop)
    evidence = evidence_of(records, COMMAND_LINE, name)
    return evidence.lesson_id, _kept(name, evidence.key if evidence.kind == PHOTO else "")


def _kept(name: str, key: str) -> str:
    """The key, unless there is none, or none any more. Raises `ObjectNotFound`."""
    if not key:
        raise ObjectNotFound(name)
    return key


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
        modified = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
        sent = Sent(path.name, PHOTO if kind in signatures.IMAGES else VIDEO, file, digest, taken, modified)
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


def _tell(evidence: Evidence, *, as_json: bool) -> None:
    if as_json:
        say_json(evidence_json(evidence))
    else:
        say(f"{evidence.name}: {evidence.state}{', late' if evidence.late else ''}")


def _now() -> datetime:
    return datetime.now(UTC)
