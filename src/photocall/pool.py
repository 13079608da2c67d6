"""A pool of worker processes on one machine, as many as the queue deserves.

Each worker tells its pool what it does. One that dies, hangs or takes too much memory costs one try of its job, which
the pool gives back to the queue at once; a pool that dies leaves workers that finish what they have and end.
"""

import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from photocall import fleet, results
from photocall.app import open_objects, open_queue
from photocall.errors import PhotocallError, SettingInvalid, StoreUnavailable
from photocall.fleet import Doing, PoolState, Progress, WorkerState
from photocall.jobs import parse
from photocall.ports import Delivery
from photocall.scaling import Policy, desired_workers, needed_workers
from photocall.settings import Settings
from photocall.video_handlers import tell_topic
from photocall.worker import back_off, kind_of
from photocall.worker_process import CUT_OFF, Begun, Ready, Said, fault, forking, prepare, resident, start

TICK = 0.25
"""Seconds between two looks at the queue and at the workers."""

REPORT_SECONDS = 1.0
"""How often the pool tells the others what it does, while it has workers."""

SILENCE_SECONDS = 10.0
"""How often it does while it has none."""

MOST_PAUSE = 30.0
"""Seconds until another worker is started where workers die before they are ready, at most."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Child:
    """A worker process as its pool sees it."""

    process: ForkServerProcess
    said: "Connection[None, Said]"
    lifeline: "Connection[None, None]"  # closed when the pool ends, however it does
    folder: Path  # of its temporary files
    doing: Doing = Doing.STARTING
    begun: Begun | None = None
    progress: Progress | None = None
    since: float = field(default_factory=time.monotonic)
    was_ready: bool = False
    fault: str = ""  # why it was killed

    def heard(self, said: Said) -> bool:
        """Take in what it says; whether it is through with a message."""
        if isinstance(said, Progress):
            self.progress = said
            return False
        self.begun, self.progress, self.was_ready = (said if isinstance(said, Begun) else None), None, True
        if self.doing is not Doing.STOPPING:
            self.doing = Doing.BUSY if self.begun else Doing.IDLE
        self.since = time.monotonic()
        return isinstance(said, Ready) and said.done

    def stop(self) -> None:
        """Ask it to begin no further job."""
        self.doing = Doing.STOPPING
        self._signal(signal.SIGTERM)

    def kill(self, fault: str) -> None:
        """End it at once."""
        self.fault = fault
        self._signal(signal.SIGKILL)

    def state(self) -> WorkerState:
        """What others may know of it."""
        job = self.begun.job if self.begun else None
        told = (job.job_id, job.key) if job else ("", "")
        return WorkerState(self.process.pid or 0, self.doing, *told, time.monotonic() - self.since, self.progress)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, number)


class Pool:
    """Workers of one machine; `run` in a thread, `stop` from any other."""

    def __init__(self, settings: Settings) -> None:
        """Get ready; nothing is started.

        Args:
            settings: of the workers; workers_min, workers_max, job_seconds and job_memory bind the pool itself.

        Raises:
            SettingInvalid: there may be fewer workers than there must be, or none.
            StoreUnavailable, ExtraMissing: the queue or the object store cannot be opened.
        """
        least = max(1, settings.workers_min)
        if settings.workers_max < least:
            raise SettingInvalid("workers_max", f"{settings.workers_max} is not allowed, it must be {least} or more")
        self._settings = settings.model_copy(update={"threads": settings.threads or 1})
        self._policy = Policy(settings.workers_min, settings.workers_max)
        self._queue, self._objects = open_queue(settings), open_objects(settings)
        self._context = forking()
        self._children: list[_Child] = []
        self._stopping, self._killing = Event(), Event()
        self._id = f"{_plain(socket.gethostname())}-{uuid4().hex[:8]}"
        self._done = self._failed = 0
        self._excess_since: float | None = None
        self._start_after, self._pause = 0.0, 1.0
        self._reporter = ThreadPoolExecutor(1, thread_name_prefix="photocall-report")
        self._reporting: Future[None] | None = None
        self._reported = self._looked = 0.0

    def stop(self) -> None:
        """Begin no further job, and end once those under way are done."""
        self._stopping.set()

    def interrupt(self, *_: object) -> None:
        """What a signal asks for: to stop; asked again, to end at once."""
        if self._stopping.is_set():
            self._killing.set()
        self._stopping.set()

    def run(self) -> None:
        """Keep as many workers as the queue deserves until told to stop."""
        prepare()
        try:
            while not self._stopping.is_set() or self._children:
                self._listen()
                self._bury_the_dead()
                self._keep_limits()
                if self._stopping.is_set():
                    self._drain()
                else:
                    self._scale()
                self._report()
        finally:
            self._end()

    def _listen(self) -> None:
        """Hear what workers say, for one tick."""
        channels = {child.said: child for child in self._children}
        if not channels:
            time.sleep(TICK)  # not until `_stopping`: a signal that came while this thread held its lock would hang
        for channel in wait([*channels], TICK) if channels else ():
            self._hear(channels[channel])  # type: ignore[index]

    def _hear(self, child: _Child) -> None:
        with suppress(EOFError, OSError):  # it has died
            while child.said.poll():
                self._done += child.heard(child.said.recv())
        if child.was_ready:
            self._pause = 1.0

    def _bury_the_dead(self) -> None:
        for child in [each for each in self._children if not each.process.is_alive()]:
            self._hear(child)
            self._children.remove(child)
            self._part_from(child, child.fault or fault(child.process.exitcode))
            child.said.close()
            child.lifeline.close()
            child.process.close()

    def _part_from(self, child: _Child, why: str) -> None:
        if child.process.exitcode == CUT_OFF:
            if self._stopping.is_set():  # who stops all processes at once leaves it to finish what it has
                return
            child.kill(why)  # it would heed no limits
        if why:
            self._mourn(child, why)
        shutil.rmtree(child.folder, ignore_errors=True)

    def _mourn(self, child: _Child, why: str) -> None:
        """Give back what a worker had that did not end by itself."""
        self._failed += 1
        _log.warning("a worker was lost with job %s: %s", child.begun.job.job_id if child.begun else "none", why)
        if not child.was_ready:
            self._wait_longer()
        if child.begun is not None:
            try:
                self._give_back(child.begun, f"its worker was lost: {why}")
            except PhotocallError as error:  # the lease ends by itself
                _log.warning("%s", error)

    def _wait_longer(self) -> None:
        """Start no worker for a while, each time for twice as long."""
        self._start_after = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, MOST_PAUSE)

    def _give_back(self, begun: Begun, reason: str) -> None:
        delivery = begun.delivery
        if delivery.receives < self._queue.max_receives:
            self._queue.release(delivery, reason, back_off(delivery.receives))
        elif self._is_done(delivery):  # its worker had only not said so to the queue
            self._queue.delete(delivery)
        else:
            try:
                results.fail(self._objects, begun.job, reason)
                tell_topic(begun.job, succeeded=False)
            finally:
                self._queue.release(delivery, reason)

    def _is_done(self, delivery: Delivery) -> bool:
        jobs = parse(delivery.body, lambda bucket: kind_of(bucket, self._settings))
        found = [results.read_result(self._objects, job.job_id) for job in jobs]
        return all(each is not None and each["status"] == results.DONE for each in found)

    def _keep_limits(self) -> None:
        for child in self._children:
            if resident(child.process.pid or 0) > self._settings.job_memory * 2**20:
                child.kill(f"it took more than {self._settings.job_memory} MiB of memory (PHOTOCALL_JOB_MEMORY)")
            elif child.begun and time.monotonic() - child.since > self._settings.job_seconds:
                child.kill(f"it took longer than {self._settings.job_seconds:g} s (PHOTOCALL_JOB_SECONDS)")
            elif self._killing.is_set():
                child.kill("the pool was told to end at once")

    def _drain(self) -> None:
        for child in self._children:
            if child.doing is not Doing.STOPPING:
                child.stop()

    def _scale(self) -> None:
        if time.monotonic() - self._looked < TICK:  # what workers say wakes the pool up more often
            return
        self._looked = time.monotonic()
        try:
            depth = self._queue.depth()
        except StoreUnavailable as error:
            _log.warning("%s", error)
            return
        staying = [child for child in self._children if child.doing is not Doing.STOPPING]
        busy = sum(child.doing is Doing.BUSY for child in staying)
        # What somebody else has may be a dead one's: some queues learn that only when they are asked for a message.
        waiting = depth.waiting + min(1, max(0, depth.leased - busy))
        wanted = desired_workers(self._policy, waiting, busy, len(staying), self._idle_seconds(waiting, busy, staying))
        free = [child for child in staying if child.doing is not Doing.BUSY]
        for child in free[: max(0, len(staying) - wanted)]:
            child.stop()
        room = self._policy.maximum - len(self._children)
        if time.monotonic() >= self._start_after:
            self._start(min(wanted - len(staying), room))

    def _start(self, count: int) -> None:
        try:
            for _ in range(count):
                self._children.append(_Child(*start(self._context, self._settings)))
        except (OSError, EOFError) as error:
            _log.warning("no worker could be started (%s); trying again", type(error).__name__)
            self._wait_longer()

    def _idle_seconds(self, waiting: int, busy: int, staying: Sequence[_Child]) -> float:
        """For how long there have been more workers than are needed."""
        if len(staying) <= needed_workers(self._policy, waiting, busy):
            self._excess_since = None
            return 0
        self._excess_since = self._excess_since or time.monotonic()
        return time.monotonic() - self._excess_since

    def _report(self) -> None:
        """Tell the others, without waiting for a store that hangs."""
        due = REPORT_SECONDS if self._children else SILENCE_SECONDS
        if time.monotonic() - self._reported < due or (self._reporting and not self._reporting.done()):
            return
        self._reported = time.monotonic()
        states = [child.state() for child in self._children]
        state = PoolState(self._id, socket.gethostname(), self._policy.maximum, self._done, self._failed, states)
        self._reporting = self._reporter.submit(_told, lambda: fleet.report(self._objects, state))

    def _end(self) -> None:
        for child in self._children:
            child.kill("the pool failed")
        self._reporter.submit(_told, lambda: fleet.leave(self._objects, self._id))
        self._reporter.shutdown()
        self._queue.close()


@contextmanager
def running_pool(settings: Settings) -> Iterator[Pool]:
    """A pool in a thread of its own; at the end it is told to stop, and waited for."""
    pool = Pool(settings)
    thread = Thread(target=pool.run, name="photocall-pool", daemon=True)
    thread.start()
    try:
        yield pool
    finally:
        pool.stop()
        thread.join()


def _told(action: Callable[[], None]) -> None:
    try:
        action()
    except StoreUnavailable as error:
        _log.warning("%s", error)


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in name) or "host"
