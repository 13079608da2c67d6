"""A worker process: how it is started, what it says to its pool, and how it learns that the pool has ended."""

import logging
import resource
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from threading import Event, Thread

from photocall.app import open_app, open_queue
from photocall.errors import PhotocallError
from photocall.fleet import Progress
from photocall.handlers import Tools
from photocall.jobs import Job
from photocall.ports import Delivery
from photocall.settings import Settings
from photocall.worker import Worker

PROGRESS_SECONDS = 0.25
"""How often a worker tells how far it is, at most."""

_PRELOADED = [
    "photocall.worker_process",
    "photocall.engine.face_engine",
    "photocall.stores.sql",
    "photocall.stores.objects",
]
_PAGE = resource.getpagesize()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """The worker begins a job."""

    delivery: Delivery
    job: Job


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can receive.

    Attributes:
        done: whether it is through with a message.
    """

    done: bool


Said = Begun | Ready | Progress


def forking() -> ForkServerContext:
    """What workers are forked from: a process that has everything imported and nothing opened."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def start(
    context: ForkServerContext, settings: Settings
) -> tuple[ForkServerProcess, "Connection[None, Said]", "Connection[None, None]"]:
    """Start a worker: the process, what it says, and what it lives by; it ends when the last one is closed."""
    said, saying = context.Pipe(duplex=False)
    living, lifeline = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(settings, saying, living), name="photocall-worker", daemon=True)
    process.start()
    saying.close()  # the worker's ends
    living.close()
    return process, said, lifeline


def fault(exitcode: int | None) -> str:
    """Why a worker ended, by its exit code; empty if it did so by itself."""
    if not exitcode:
        return ""
    if exitcode > 0:
        return f"it ended with exit code {exitcode}"
    try:
        return f"it was ended by {signal.Signals(-exitcode).name}"
    except ValueError:
        return f"it was ended by signal {-exitcode}"


def resident(pid: int) -> int:
    """Bytes of memory that a process has to itself, or 0 if it is gone: resident less shared of statm, `man 5 proc`."""
    try:
        _, all_of_it, shared, *_ = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    except (OSError, ValueError):
        return 0
    return (int(all_of_it) - int(shared)) * _PAGE


class _Telling:
    """A `Watcher` that tells the pool; if there is none any more, the worker is to stop."""

    def __init__(self, saying: "Connection[Said, None]", stopping: Event) -> None:
        self._saying, self._stopping, self._told = saying, stopping, 0.0

    def begun(self, delivery: Delivery, job: Job) -> None:
        self._say(Begun(delivery, job))

    def went_on(self, progress: Progress) -> None:
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            self._say(progress)

    def ended(self) -> None:
        self._say(Ready(done=True))

    def ready(self) -> None:
        self._say(Ready(done=False))

    def _say(self, said: Said) -> None:
        try:
            self._saying.send(said)
        except OSError:
            self._stopping.set()


def _work(settings: Settings, saying: "Connection[Said, None]", living: "Connection[None, None]") -> None:
    """What a worker process does."""
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the pool decides
    Thread(target=_wait_for_the_end, args=(living, stopping), daemon=True).start()
    logging.basicConfig(format="photocall: %(message)s")
    watcher = _Telling(saying, stopping)
    try:
        with open_app(settings) as app:
            responses = open_queue(settings, settings.response_queue) if settings.response_queue else None
            worker = Worker(Tools(app), open_queue(settings), responses, stopping, watcher)
            watcher.ready()
            worker.work()
    except PhotocallError as error:
        _log.error("a worker could not start: %s", error)
        raise SystemExit(1) from None


def _wait_for_the_end(living: "Connection[None, None]", stopping: Event) -> None:
    with suppress(EOFError, OSError):
        living.recv()
    stopping.set()
