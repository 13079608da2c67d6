"""The command submit: files to the workers, and what they found."""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

from photocall.commands.intakes import open_intake, warn_if_idle
from photocall.console import complain, counted, failing, progress, say, say_json, waiting
from photocall.errors import FileUnreadable
from photocall.jobs import Kind
from photocall.results import FAILED
from photocall.sending import Intake, settled
from photocall.settings import load_settings

Json = dict[str, Any]

POLL_SECONDS = 0.2
"""Between two looks at the results."""


def submit(options: argparse.Namespace) -> int:
    """Put files into a bucket and ask for their jobs; wait for the results if asked to."""
    settings = load_settings(data=options.data, pack=options.pack)
    with open_intake(settings, Kind.INDEX if options.index else Kind.RECOGNIZE) as intake:
        jobs, failures = _send(intake, options)
        if options.wait and jobs:
            warn_if_idle(intake)
            failures += _wait(intake, jobs, options)
    return failures


def _send(intake: Intake, options: argparse.Namespace) -> tuple[dict[str, Path], int]:
    """The files that were sent, by the ids of their jobs, and how many were not."""
    jobs: dict[str, Path] = {}
    names, failures = Counter[str](), 0
    for path in progress(options.files, "sending"):
        with failing() as failed:
            names[path.name] += 1
            if names[path.name] > 1:
                raise FileUnreadable(str(path), "another file of this name was sent, which it would replace")
            job = intake.job(path.name, uuid4().hex)
            intake.send(path, job)
            jobs[job.job_id] = path
            if not options.wait:
                _tell_sent(path, {"job_id": job.job_id, "bucket": job.bucket, "key": job.key}, options)
        failures += failed()
    return jobs, failures


def _tell_sent(path: Path, sent: Json, options: argparse.Namespace) -> None:
    if options.json:
        say_json({"file": str(path), **sent, "status": "waiting"})
    else:
        say(f"{path}: job {sent['job_id']}")


def _wait(intake: Intake, jobs: dict[str, Path], options: argparse.Namespace) -> int:
    """Print every result once it is there; how many say that the job was given up."""
    left, failures = dict(jobs), 0
    with waiting("waiting for workers", len(jobs)) as tell:
        while left:
            for result in list(settled(intake.objects, left)):
                failures += _show(left.pop(result["job_id"]), result, options)
            tell(len(jobs) - len(left), "")
            time.sleep(POLL_SECONDS if left else 0)
    return failures


def _show(path: Path, result: Json, options: argparse.Namespace) -> bool:
    """Print what came of a file; whether it was given up."""
    failed = bool(result["status"] == FAILED)
    if options.json:
        say_json({"file": str(path), **result})
    elif failed:
        complain(f"{path}: {result['reason']}")
    else:
        say(f"{path}: {_found(result)}")
    return failed


def _found(result: Json) -> str:
    if "face_ids" in result:
        return f"{counted(len(result['face_ids']), 'face')} in the archive"
    names = result.get("names", [person["name"] for person in result.get("people", [])])
    return ", ".join(names) or "nobody recognised"
