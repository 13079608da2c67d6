"""The command queue: what waits for workers, and what they gave up."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from photocall import results
from photocall.app import open_objects, open_queue, open_store
from photocall.console import complain, counted, say, say_json, show_rows
from photocall.errors import JobInvalid, SettingInvalid
from photocall.jobs import Job, Kind, parse
from photocall.ports import DeadLetter, JobQueue
from photocall.school.evidence import await_again
from photocall.settings import Settings, load_settings

Json = dict[str, Any]

_MOST = 1_000_000
"""Dead letters of a list."""


def queue(options: argparse.Namespace) -> int:
    """Show the queues, or list, retry or drop dead letters."""
    settings = load_settings(data=options.data)
    if options.action == "status":
        return _status(settings, options)
    act = {"list": _list, "retry": _retry, "drop": _drop}[options.verb]
    with closing(open_queue(settings)) as opened:
        return act(settings, opened, options)


def _status(settings: Settings, options: argparse.Namespace) -> int:
    rows = [_depth(settings, name) for name in (settings.request_queue, settings.response_queue) if name]
    if options.json:
        for row in rows:
            say_json(row)
    else:
        show_rows(rows)
    return 0


def _depth(settings: Settings, name: str) -> Json:
    with closing(open_queue(settings, name)) as opened:
        depth = opened.depth()
    counts = {kind: getattr(depth, kind) for kind in ("waiting", "delayed", "leased", "dead")}
    return {"queue": name, **counts}


def _list(settings: Settings, opened: JobQueue, options: argparse.Namespace) -> int:
    if not 1 <= options.limit <= _MOST:
        raise SettingInvalid("--limit", f"must be 1 to {_MOST}, not {options.limit}")
    letters = opened.dead(options.limit)
    if options.json:
        for letter in letters:
            say_json(letter_json(letter, settings))
    elif letters:
        show_rows([_row(letter_json(letter, settings)) for letter in letters])
    else:
        say("no dead letters")
    return 0


def letter_json(letter: DeadLetter, settings: Settings) -> Json:
    """A dead letter without its body, which may hold a face."""
    return {
        "id": letter.letter_id,
        "died": letter.died.isoformat(timespec="seconds"),
        "receives": letter.receives,
        "reason": letter.reason,
        "jobs": [
            {"job_id": job.job_id, "job": job.kind.value, "bucket": job.bucket, "key": job.key}
            for job in _jobs(letter.body, settings)
        ],
    }


def _row(letter: Json) -> Json:
    objects = [f"{job['job']} {job['bucket']}/{job['key']}" for job in letter.pop("jobs")]
    return {**letter, "object": ", ".join(objects) or "none"}


def _retry(settings: Settings, opened: JobQueue, options: argparse.Namespace) -> int:
    objects = open_objects(settings)

    def retry(letter: DeadLetter) -> bool:
        for job in _jobs(letter.body, settings):
            results.announce(objects, job)  # it waits again, for whoever follows it
            if job.kind is Kind.ROLL_CALL:
                with open_store(settings) as store:
                    await_again(store, job)
        return opened.retry(letter.letter_id)

    return _each(opened, options, retry, "sent again")


def _drop(settings: Settings, opened: JobQueue, options: argparse.Namespace) -> int:
    return _each(opened, options, lambda letter: opened.drop(letter.letter_id), "dropped")


def _each(opened: JobQueue, options: argparse.Namespace, act: Callable[[DeadLetter], bool], done: str) -> int:
    """Do it with every letter that was named; how many there are not."""
    if bool(options.ids) == options.all:
        raise SettingInvalid("dead", f"name letters by ID, or --all of them: photocall queue dead {options.verb} --all")
    wanted, acted = set(options.ids), list[str]()
    for letter in _letters(opened):
        if (options.all or letter.letter_id in wanted) and act(letter):
            acted.append(letter.letter_id)
    for missing in sorted(wanted.difference(acted)):
        complain(f"{missing or repr(missing)}: no such dead letter; photocall queue dead list shows them")
    if options.json:
        say_json({"ids": acted})
    else:
        say(f"{counted(len(acted), 'message')} {done}")
    return len(wanted.difference(acted))


def _letters(opened: JobQueue) -> Iterator[DeadLetter]:
    """The dead letters of now, none of those that come while they are dealt with."""
    left = opened.depth().dead
    while left > 0 and (found := opened.dead(left)):
        yield from found
        left -= len(found)


def _jobs(body: str, settings: Settings) -> list[Job]:
    """What a message asks for; nothing, where it is no job."""
    try:
        return parse(body, lambda bucket: Kind.INDEX if bucket == settings.bucket else Kind.RECOGNIZE)
    except JobInvalid:
        return []
