"""What the workers of every machine are doing, as each pool of them tells it every second or so.

A report is one small JSON object in the object store; a pool that has told nothing for a while is gone.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from photocall.errors import ObjectNotFound
from photocall.ports import ObjectStore

FOLDER = "workers"
"""Where reports are in the object store."""

GONE = timedelta(seconds=30)
"""A pool that has been silent for so long is taken for dead; machines' clocks should agree better than that."""


class Doing(StrEnum):
    """What a worker is at."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a video has been looked at.

    Attributes:
        frames: looked at so far.
        seconds: of the video that they cover.
        duration: seconds of the whole video; None if it does not say.
        people: different ones seen so far, about.
    """

    frames: int
    seconds: float
    duration: float | None
    people: int


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker process.

    Attributes:
        pid: its process id on its machine.
        doing: what it is at.
        job_id, key: of its job; empty if it has none.
        since: seconds that it has been at that.
        progress: of a video; None for other jobs.
    """

    pid: int
    doing: Doing
    job_id: str = ""
    key: str = ""
    since: float = 0
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class PoolState:
    """The workers of one machine or container.

    Attributes:
        pool_id: names the pool among all.
        host: its machine's name.
        maximum: the most workers that it starts.
        done: messages that its workers were through with since it started.
        failed: workers that died or had to be killed since then.
        workers: those alive.
    """

    pool_id: str
    host: str
    maximum: int
    done: int
    failed: int
    workers: Sequence[WorkerState]


def report(objects: ObjectStore, pool: PoolState) -> None:
    """Tell what a pool is doing, in place of what it told before."""
    objects.put(_key(pool.pool_id), json.dumps(asdict(pool)).encode())


def leave(objects: ObjectStore, pool_id: str) -> None:
    """Tell that a pool has ended."""
    objects.delete(_key(pool_id))


def pools(objects: ObjectStore) -> list[PoolState]:
    """Every pool that is alive, by its id."""
    oldest = datetime.now(UTC) - GONE
    keys = [each.key for each in objects.list(FOLDER) if each.written > oldest]
    return [pool for key in sorted(keys) for pool in _read(objects, key)]


def worker_on(objects: ObjectStore, job_id: str) -> WorkerState | None:
    """The worker that has a job right now; None if none has said so."""
    workers = (worker for pool in pools(objects) for worker in pool.workers)
    return next((worker for worker in workers if worker.job_id == job_id), None)


def _key(pool_id: str) -> str:
    return f"{FOLDER}/{pool_id}.json"


def _read(objects: ObjectStore, key: str) -> Iterator[PoolState]:
    """The pool of a report; none if it has just left, or another photocall wrote it."""
    try:
        found = json.loads(objects.get(key))
        workers = [_worker(each) for each in found.pop("workers")]
        yield PoolState(**found, workers=workers)
    except (ObjectNotFound, ValueError, TypeError, KeyError, AttributeError):
        return


def _worker(found: dict[str, object]) -> WorkerState:
    progress = found.pop("progress")
    doing = Doing(str(found.pop("doing")))
    return WorkerState(**found, doing=doing, progress=Progress(**progress) if isinstance(progress, dict) else None)  # type: ignore[arg-type]
