"""The result of a job: one JSON object in the object store, and the truth about the job whatever the queue says.

Its keys are a contract (docs/pipelines.md). `status` is "waiting" once the job has been asked for, and in the end
"done" or "failed"; a job that was sent by somebody else, such as S3 itself, has no result until then.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from photocall.errors import BucketNotFound, ObjectNotFound, StoreUnavailable
from photocall.jobs import Job
from photocall.ports import ObjectStore

Json = dict[str, Any]

FOLDER = "results"
"""Where results are in the object store."""

WAITING, DONE, FAILED = "waiting", "done", "failed"


def result_key(job_id: str, part: str = "") -> str:
    """Where the result of a job is, or a further file of it such as "timeline.json"."""
    return f"{FOLDER}/{job_id}/{part}" if part else f"{FOLDER}/{job_id}.json"


def read_result(objects: ObjectStore, job_id: str) -> Json | None:
    """The result of a job; None if there is none yet. Raises `StoreUnavailable` if it is damaged."""
    key = result_key(job_id)
    try:
        with _available(key):
            found = json.loads(objects.get(key))
    except ObjectNotFound:
        return None
    except ValueError as error:
        raise StoreUnavailable(
            key, "it is no result of photocall's; delete it, and the job can be done again"
        ) from error
    return found if isinstance(found, dict) and "status" in found else None


def announce(objects: ObjectStore, job: Job) -> None:
    """Say that a job has been asked for, before its message is sent; a result that is there stays.

    One that says so already is not written again: the job may be done in that very moment.
    """
    found = read_result(objects, job.job_id)
    if found is None or found["status"] == FAILED:
        _write(objects, job, WAITING, {})


def finish(objects: ObjectStore, job: Job, found: Json) -> None:
    """Write what came of a job; all other files of it must be there by now."""
    _write(objects, job, DONE, found)


def fail(objects: ObjectStore, job: Job, reason: str, error: str = "") -> None:
    """Write why a job was given up, unless it was done after all.

    Args:
        objects: where results are.
        job: that was given up.
        reason: why, in a sentence.
        error: its name among the errors of `photocall.errors`, if it is one of them.
    """
    found = read_result(objects, job.job_id)
    if found is None or found["status"] != DONE:
        _write(objects, job, FAILED, {"reason": reason, **({"error": error} if error else {})})


def _write(objects: ObjectStore, job: Job, status: str, found: Json) -> None:
    told = {"job_id": job.job_id, "job": job.kind.value, "bucket": job.bucket, "key": job.key, "status": status}
    told["written"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    options = {"options": dict(job.options)} if job.options else {}
    key = result_key(job.job_id)
    with _available(key):
        objects.put(key, json.dumps({**told, **options, **found}).encode())


@contextmanager
def _available(key: str) -> Iterator[None]:
    """Where the bucket of results itself is missing, no job is to blame."""
    try:
        yield
    except BucketNotFound as error:
        raise StoreUnavailable(key, f"there is no bucket {error.bucket!r} for results; make it") from error
