"""The command watch: whatever is put into a folder goes to the workers."""

import argparse
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event

from photocall import results
from photocall.commands.intakes import open_intake
from photocall.console import complain, say, say_json
from photocall.errors import ExtraMissing, InputError, SettingInvalid, StoreUnavailable
from photocall.sending import Intake
from photocall.settings import load_settings
from photocall.watching import QUIET_SECONDS, FoundFile, WatchedFolder, wake_ups

PAUSE_SECONDS = 2.0
"""Until a store that could not be reached is tried again."""


def watch(options: argparse.Namespace) -> int:
    """Submit the files of a folder as they come, until a signal says to stop; how many could not be."""
    if not options.once and not find_spec("watchfiles"):
        raise ExtraMissing("watch", "server")
    if not options.folder.is_dir():
        raise SettingInvalid("FOLDER", f"{options.folder} is no folder")
    with open_intake(load_settings(data=options.data)) as intake:
        if options.once:
            return _once(intake, options)
        with _stopped_by_signals() as stopping:
            say(f"watching {options.folder} (Ctrl-C stops it)") if not options.json else None
            _watch(intake, options, stopping)
    return 0


def _once(intake: Intake, options: argparse.Namespace) -> int:
    """Submit what is complete now; what is still being written is left to the next time."""
    folder = WatchedFolder(options.folder)
    folder.complete()
    time.sleep(QUIET_SECONDS)
    return sum(not _send(intake, file, options) for file in folder.complete())


def _watch(intake: Intake, options: argparse.Namespace, stopping: Event) -> None:
    folder = WatchedFolder(options.folder)
    for _ in wake_ups(options.folder, stopping, folder):
        try:
            for file in folder.complete():
                if stopping.is_set():
                    return
                _send(intake, file, options)
                folder.settle(file)
        except StoreUnavailable as error:  # nothing is lost: what was not settled is sent when it is back
            complain(f"{error}; trying again in {PAUSE_SECONDS:.0f} s")
            stopping.wait(PAUSE_SECONDS)


def _send(intake: Intake, file: FoundFile, options: argparse.Namespace) -> bool:
    """Submit a file unless that was done before; False if it cannot be, which is told."""
    job = intake.job(file.key, file.request_id)
    try:
        found = results.read_result(intake.objects, job.job_id)
        # "waiting" may be all that was written before a crash, so such a job is asked for again.
        if found is None or found["status"] == results.WAITING:
            intake.send(file.path, job)
            _tell(file.key, job.job_id, options)
        return True
    except InputError as error:
        complain(error)
        return False


def _tell(key: str, job_id: str, options: argparse.Namespace) -> None:
    if options.json:
        say_json({"key": key, "job_id": job_id})
    else:
        say(f"{key}: job {job_id}")


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """An event that Ctrl-C and SIGTERM set, so that what has begun is finished."""
    stopping = Event()
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda *_: stopping.set()) for kind in kinds]
    try:
        yield stopping
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
