"""The commands consent, student, retention and privacy: what is stored of students, and how it goes.

Whoever may run them may do everything: the account in the audit log is "cli".
"""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from photocall.app import open_places, open_queue, open_store
from photocall.console import counted, failing, say, say_json, show_rows
from photocall.media.files import write_atomically
from photocall.ports import JobQueue
from photocall.school import consents, erasing, personal_data
from photocall.school import privacy as facts
from photocall.school import retention as clock
from photocall.school.accounts import COMMAND_LINE
from photocall.school.erasing import Removed
from photocall.school.places import Places
from photocall.settings import load_settings


@dataclass(frozen=True, slots=True)
class _School:
    """What the commands work with."""

    places: Places
    queue: JobQueue


def consent(options: argparse.Namespace) -> int:
    """Record or withdraw consent, or list it; how many students it failed for."""
    act = {"give": _give, "withdraw": _withdraw, "list": _list}[options.action]
    with _opened(options) as school:
        return act(school, options)


def student(options: argparse.Namespace) -> int:
    """Erase students, or give out what is known of one; how many it failed for."""
    with _opened(options) as school:
        return (_erase if options.action == "erase" else _export)(school, options)


def retention(options: argparse.Namespace) -> int:
    """Delete what is due, or say how much that is."""
    with _opened(options) as school:
        if options.dry_run:
            deleted = clock.planned(clock.due(school.places.store, _now()))
        else:
            deleted = clock.run(school.places, school.queue, _now(), COMMAND_LINE.account_id)
    if options.json:
        say_json(asdict(deleted) | {"dry_run": options.dry_run})
    else:
        told = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in asdict(deleted).items() if count)
        say(f"{'due' if options.dry_run else 'deleted'}: {told or 'nothing'}")
    return 0


def privacy(options: argparse.Namespace) -> int:
    """Say what is stored, where, how long, and who saw it."""
    with _opened(options) as school:
        told = facts.summary(school.places, _now())
    if options.json:
        say_json(told)
        return 0
    for line in ("purpose", "legal_basis", "leaves_the_server"):
        say(told[line])
    show_rows(told["stored"])
    agreed = told["consents"]
    say(f"consent: {agreed['in_force']} in force, {agreed['withdrawn']} withdrawn, {agreed['none']} students without")
    if told["accesses"]:
        show_rows([{**each, "name": each["name"] or each["account_id"]} for each in told["accesses"]])
    return 0


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[_School]:
    settings = load_settings(data=options.data)
    with open_store(settings) as store, closing(open_queue(settings)) as queue:
        yield _School(open_places(settings, store), queue)


def _give(school: _School, options: argparse.Namespace) -> int:
    failures = 0
    for student_id in options.student_ids:
        with failing() as failed:
            given = consents.give(school.places.store, COMMAND_LINE, student_id, options.by, options.purpose, _now())
            _say_consent(options, given.student_id, "consent is recorded")
        failures += failed()
    return failures


def _withdraw(school: _School, options: argparse.Namespace) -> int:
    failures = 0
    for student_id in options.student_ids:
        with failing() as failed:
            removed = consents.withdraw(school.places, school.queue, COMMAND_LINE, student_id, _now())
            _say_removed(options, student_id, "consent is withdrawn", removed)
        failures += failed()
    return failures


def _list(school: _School, options: argparse.Namespace) -> int:
    rows: list[dict[str, Any]] = [
        {
            "student_id": each.student_id,
            "given_by": each.given_by,
            "purpose": each.purpose,
            "given": each.given.isoformat(timespec="seconds"),
            "withdrawn": each.withdrawn.isoformat(timespec="seconds") if each.withdrawn else None,
        }
        for each in consents.consents(school.places.store)
    ]
    if options.json:
        say_json(rows)
    else:
        show_rows([row | {"withdrawn": row["withdrawn"] or ""} for row in rows])
    return 0


def _erase(school: _School, options: argparse.Namespace) -> int:
    failures = 0
    for student_id in options.student_ids:
        with failing() as failed:
            removed = erasing.erase_student(school.places, school.queue, COMMAND_LINE, student_id, _now())
            _say_removed(options, student_id, "erased", removed)
        failures += failed()
    return failures


def _export(school: _School, options: argparse.Namespace) -> int:
    data = personal_data.export(school.places, COMMAND_LINE, options.student_id, _now())
    write_atomically(options.out, data)
    if options.json:
        say_json({"student_id": options.student_id, "file": str(options.out), "bytes": len(data)})
    else:
        say(f"{options.student_id}: {options.out}")
    return 0


def _say_consent(options: argparse.Namespace, student_id: str, what: str) -> None:
    if options.json:
        say_json({"student_id": student_id, "consent": True})
    else:
        say(f"{student_id}: {what}")


def _say_removed(options: argparse.Namespace, student_id: str, what: str, removed: Removed) -> None:
    if options.json:
        say_json(dict(erasing.removed_json(student_id, removed)))
    else:
        told = f"{counted(removed.templates, 'template')} and {counted(len(removed.objects), 'object')} are gone"
        say(f"{student_id}: {what}; {told}")


def _now() -> datetime:
    return datetime.now(UTC)
