"""One worker: receives jobs, does them, writes their results, and only then lets the queue forget them.

It may be killed at any moment: what it had not finished is received again by somebody, and what it had is not done
twice, since the result says so. Told to stop, it finishes what it has.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Protocol, TypeVar

from photocall import report, results
from photocall.errors import (
    BucketNotFound,
    CollectionNotFound,
    InputError,
    JobInvalid,
    ModelMismatch,
    ObjectNotFound,
    PhotocallError,
    StoreUnavailable,
)
from photocall.fleet import Progress
from photocall.handlers import Tools, run
from photocall.jobs import Job, Kind, parse
from photocall.ports import Delivery, JobQueue
from photocall.settings import Settings
from photocall.video_handlers import tell_topic

WAIT_SECONDS = 1.0
"""How long one look into an empty queue lasts, and so about how long an idle worker takes to stop."""

OUTAGE_SECONDS = 600.0
"""How long a store may be away before the jobs that need it are given back."""

MOST_PAUSE = 10.0
"""Seconds between two tries to reach a store, at most."""

BACK_OFF = 2.0
"""Seconds until a job that failed is tried again; twice as long with every further time."""

MOST_BACK_OFF = 300.0

MOST_REASON = 1000
"""Letters of a reason; queues take a message and why it was given up only if both are small enough together."""

HOPELESS = (InputError, ObjectNotFound, BucketNotFound, CollectionNotFound)
"""What goes wrong each time: such a job is given up at once."""

Answer = TypeVar("Answer")

_log = logging.getLogger(__name__)


class Inbox(Protocol):
    """What a worker asks of where its messages come from: of a `JobQueue`, in which all of this is told at length."""

    lease: float
    max_receives: int

    def receive(self, limit: int = 1, wait: float = 0) -> list[Delivery]:
        """Lease messages."""
        ...

    def extend(self, delivery: Delivery) -> bool:
        """Begin the lease anew."""
        ...

    def delete(self, delivery: Delivery) -> None:
        """Remove a message that was done."""
        ...

    def release(self, delivery: Delivery, reason: str, delay: float = 0) -> None:
        """Give a message back that may succeed another time."""
        ...

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Give a message up that will never succeed."""
        ...


class Watcher(Protocol):
    """Who wants to know what a worker does."""

    def begun(self, delivery: Delivery, job: Job) -> None:
        """It begins a job."""
        ...

    def went_on(self, progress: Progress) -> None:
        """It is so far with the job."""
        ...

    def ended(self) -> None:
        """It is through with the message, and has told the queue."""
        ...


class Worker:
    """Does the jobs of a queue, one at a time."""

    def __init__(
        self, tools: Tools, queue: Inbox, responses: JobQueue | None, stopping: Event, watcher: Watcher
    ) -> None:
        """Get ready.

        Args:
            tools: what the work needs.
            queue: of the jobs.
            responses: is told of every result; None for nobody.
            stopping: set when no further job is to be begun.
            watcher: is told what goes on.
        """
        self._tools, self._queue, self._responses = tools, queue, responses
        self._stopping, self._watcher = stopping, watcher

    def work(self) -> None:
        """Do jobs until told to stop."""
        while not self._stopping.is_set():
            for delivery in self._reached(lambda: self._queue.receive(wait=WAIT_SECONDS)) or ():
                self.do(delivery)

    def do(self, delivery: Delivery) -> bool:
        """Do the jobs of one message, and tell the queue what came of it.

        Args:
            delivery: of the queue; its lease is extended meanwhile.

        Returns:
            Whether the message is done with; else it comes again.
        """
        with kept(self._queue, delivery):
            is_done = self._do(delivery)
        self._watcher.ended()
        return is_done

    def _do(self, delivery: Delivery) -> bool:
        try:
            jobs = parse(delivery.body, lambda bucket: kind_of(bucket, self._tools.app.settings))
        except JobInvalid as error:
            why = _short(str(error))
            return self._told(lambda: self._queue.bury(delivery, why))
        failures = [failure for job in jobs if (failure := self._failure(delivery, job))]
        reason = _short("; ".join(told for told, _ in failures))
        if not failures:
            return self._told(lambda: self._queue.delete(delivery))
        if all(hopeless for _, hopeless in failures):
            return self._told(lambda: self._queue.bury(delivery, reason))
        told = self._told(lambda: self._queue.release(delivery, reason, back_off(delivery.receives)))
        return told and delivery.receives >= self._queue.max_receives  # it was given up

    def _told(self, tell: Callable[[], None]) -> bool:
        """Tell the queue something; False if it cannot be reached, and the message is left to its lease."""

        def told() -> bool:
            tell()
            return True

        return self._reached(told) or False

    def _failure(self, delivery: Delivery, job: Job) -> tuple[str, bool] | None:
        """Do a job unless it has been done; why it failed, and whether it would again; None if it did not."""
        self._watcher.begun(delivery, job)
        hopeless, name = False, ""
        try:
            self._reached(lambda: self._finish(job), give_up=True)
            return None
        except HOPELESS as error:
            reason, name, hopeless = _short(str(error)), type(error).__name__, True
        except PhotocallError as error:
            reason, name = _short(str(error)), type(error).__name__
            if isinstance(error, ModelMismatch):  # faces were migrated; a worker that starts now loads their model
                self._stopping.set()
        except Exception as error:  # whatever it is, it must not take the worker with it
            # Its text may hold what a photo or a name says; its kind and place do not.
            reason = f"{type(error).__name__} in {_place(error)}"
            _log.error("job %s failed unexpectedly: %s", job.job_id, reason)
        if hopeless or delivery.receives >= self._queue.max_receives:
            _log.warning("job %s was given up", job.job_id)
            self._reached(lambda: self._give_up(job, reason, name))
        return reason, hopeless

    def _finish(self, job: Job) -> None:
        objects = self._tools.objects
        found = results.read_result(objects, job.job_id)
        if found is None or found["status"] != results.DONE:
            found = run(self._tools, job, self._watcher.went_on)
            results.finish(objects, job, found)
        self._respond(job, {"result": report.answer(found)})

    def _give_up(self, job: Job, reason: str, name: str) -> None:
        results.fail(self._tools.objects, job, reason, name)
        self._respond(job, {"error": reason})

    def _respond(self, job: Job, told: dict[str, str]) -> None:
        if self._responses is not None:
            self._responses.send(json.dumps({"job_id": job.job_id, "key": job.key, **told}))
        tell_topic(job, succeeded="error" not in told)

    def _reached(self, action: Callable[[], Answer], *, give_up: bool = False) -> Answer | None:
        """Do what needs a store, again and again while it cannot be reached, so that no outage counts as a failure.

        Args:
            action: may be done several times.
            give_up: whether to raise in the end; else a message is left to its lease.

        Raises:
            StoreUnavailable: it could not be reached for `OUTAGE_SECONDS`, or the worker is to stop.
        """
        deadline, pause = time.monotonic() + OUTAGE_SECONDS, 0.25
        while True:
            try:
                return action()
            except StoreUnavailable as error:
                # Not the reason, which may name an object, and so a person.
                _log.warning("%s cannot be used; trying again in %.1f s", error.store, pause)
                if self._stopping.wait(pause) or time.monotonic() > deadline:
                    if give_up:
                        raise
                    return None
            pause = min(2 * pause, MOST_PAUSE)


@contextmanager
def kept(queue: Inbox, delivery: Delivery) -> Iterator[None]:
    """Keep a message leased for as long as its work takes."""
    done = Event()

    def extend() -> None:
        while not done.wait(queue.lease / 3):
            try:
                if not queue.extend(delivery):
                    return  # it is somebody else's now; the result will be the same
            except StoreUnavailable:
                continue  # it may be back before the lease ends

    thread = Thread(target=extend, name="photocall-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def kind_of(bucket: str, settings: Settings) -> Kind:
    """What is to be done with an object that was put into a bucket. Raises `JobInvalid` for a foreign one."""
    if bucket == settings.input_bucket:
        return Kind.RECOGNIZE
    if bucket == settings.bucket:
        return Kind.INDEX
    wanted = (
        f"only those of {settings.input_bucket!r} and {settings.bucket!r} (PHOTOCALL_INPUT_BUCKET, PHOTOCALL_BUCKET)"
    )
    raise JobInvalid(f"objects of bucket {bucket!r} are not worked on, {wanted}")


def back_off(receives: int) -> float:
    """Seconds until a job that failed so often is tried again."""
    return min(BACK_OFF * 2.0 ** (receives - 1), MOST_BACK_OFF)


def _short(reason: str) -> str:
    return reason if len(reason) <= MOST_REASON else reason[: MOST_REASON - 1] + "…"


def _place(error: Exception) -> str:
    """The module and the line where an error arose."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
