"""A worker process: how it is started, what it says to its pool, and how it learns that the pool has ended."""

import logging
import resource
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
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

CUT_OFF = 255
"""Exit code of a worker of which nobody knows, since the process it was forked from was killed; it may well live."""

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


def prepare() -> None:
    """Let what workers are forked from import everything now; else the first job would wait for that, for a second."""
    with suppress(OSError):  # no room for it yet; a worker that is started says so
        forkserver.ensure_running()


def start(
    context: ForkServerContext, settings: Settings
) -> tuple[ForkServerProcess, "Connection[None, Said]", "Connection[None, None]", Path]:
    """Start a worker.

    Returns:
        The process, what it says, what it lives by, since it ends when that is closed, and its folder for temporary
        files. Whoever kills it removes that.

    Raises:
        OSError, EOFError: the system has no room for it, or what it is forked from has just been killed.
    """
    folder = Path(tempfile.mkdtemp(prefix="photocall-"))
    try:
        return *_forked(context, settings, folder), folder
    except (OSError, EOFError):
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _forked(
    context: ForkServerContext, settings: Settings, folder: Path
) -> tuple[ForkServerProcess, "Connection[None, Said]", "Connection[None, None]"]:
    said, saying = context.Pipe(duplex=False)
    living, lifeline = context.Pipe(duplex=False)
    told = (settings, saying, living, folder)
    process = context.Process(target=_work, args=told, name="photocall-worker", daemon=True)
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


def _work(settings: Settings, saying: "Connection[Said, None]", living: "Connection[None, None]", folder: Path) -> None:
    """What a worker process does."""
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the pool decides
    Thread(target=_wait_for_the_end, args=(living, stopping), daemon=True).start()
    logging.basicConfig(format="photocall: %(message)s")
    watcher = _Telling(saying, stopping)
    tempfile.tempdir = str(folder)
    try:
        with open_app(settings) as app:
            responses = open_queue(settings, settings.response_queue) if settings.response_queue else None
            worker = Worker(Tools(app), open_queue(settings), responses, stopping, watcher)
            watcher.ready()
            worker.work()
    except PhotocallError as error:
        _log.error("a worker could not start: %s", error)
        raise SystemExit(1) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_the_end(living: "Connection[None, None]", stopping: Event) -> None:
    with suppress(EOFError, OSError):
        living.recv()
    stopping.set()
