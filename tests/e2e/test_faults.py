"""Faults while jobs are done: every good job has exactly one result, every bad one a reason, and nothing hangs.

`FAULT_JOBS=1000 pytest tests/e2e/test_faults.py -s` sends a thousand jobs through each fault, and prints a table.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from nats_server import NatsServer
from photocall import fleet, results
from photocall.app import open_app, open_bucket, open_objects, open_queue
from photocall.errors import StoreUnavailable
from photocall.faces import ByteArray
from photocall.jobs import Job, Kind, message
from photocall.media.images import encode_jpeg
from photocall.ports import Depth, JobQueue
from photocall.settings import Settings
from postgres import PostgresServer

JOBS = int(os.environ.get("FAULT_JOBS", "16"))
PATIENCE = 60 + JOBS  # seconds
JUMPING = """
import os, time
real = time.time
def jumping():
    with open(os.environ["CLOCK"]) as file:
        return real() + float(file.read() or 0)
time.time = jumping
"""
"""What Python does at its start, so that its clock jumps; what is computed from the start of the machine does not."""

Fault = Callable[["Course", Event], None]


@dataclass
class Course:
    """Jobs of which some are good and some are not, and the workers that do them."""

    settings: Settings
    portrait: bytes
    good: list[Job] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)  # how many dead letters say this
    command: tuple[str, ...] = ("worker", "--max", "3")
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the workers."""
        command = [sys.executable, "-m", "photocall", *self.command, "--data", str(self.settings.data)]
        own = {f"PHOTOCALL_{name.upper()}": str(value) for name, value in self.settings.model_dump().items() if value}
        with (self.settings.data / "log").open("ab") as log:
            everything = {**os.environ, **own, **self.environment}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=everything)

    def end(self, number: signal.Signals) -> None:
        """End them, by SIGKILL in the middle of everything."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def put(self, kind: Kind, key: str, data: bytes | None) -> Job:
        """A job whose object is there, or is not."""
        bucket = self.settings.bucket if kind is Kind.INDEX else self.settings.input_bucket
        if data is not None:
            open_bucket(self.settings, bucket).put(key, data)
        return Job(kind, bucket, key)

    def feed(self, queue: JobQueue, *, missing: float = 0.1, poison: float = 0.1, copies: int = 1) -> None:
        """Ask for the jobs, bad ones among them, in no order, each so many times."""
        bodies = []
        for number in range(JOBS):
            is_missing = number < missing * JOBS  # these are recognised: a missing image has nothing to index
            kind, key = (Kind.INDEX if number % 2 and not is_missing else Kind.RECOGNIZE), f"{number:04d}.jpg"
            if is_missing:
                self.bad[f"There is no object {key!r}"] += 1
                job = self.put(kind, key, None)
            elif number < (missing + poison) * JOBS:
                self.bad[f"{key}: not a readable image"] += 1
                job = self.put(kind, key, b"\xff\xd8\xff" + random.randbytes(100))
            else:
                job = self.put(kind, key, self.portrait)
                self.good.append(job)
            bodies.append(message(job))
        for body in ("no JSON", '{"Records": [{"s3": 1}]}') if poison else ():
            self.bad["The message is no job"] += 1
            bodies.append(body)
        bodies *= copies
        random.shuffle(bodies)
        for body in bodies:
            queue.send(body)

    def check(self, queue: JobQueue, copies: int) -> None:
        """Every good job has one result, every bad one is a dead letter with its reason."""
        objects = open_objects(self.settings)
        for job in self.good:
            found = results.read_result(objects, job.job_id)
            assert found and found["status"] == "done", (job, found)
        statuses = Counter(json.loads(objects.get(each.key))["status"] for each in objects.list(results.FOLDER))
        named = sum(count for reason, count in self.bad.items() if "no job" not in reason)
        assert statuses == Counter({"done": len(self.good), "failed": named})
        reasons = [letter.reason for letter in queue.dead(10 * JOBS)]
        told = Counter(next((why for why in self.bad if why in reason), reason) for reason in reasons)
        assert told == Counter({why: copies * count for why, count in self.bad.items()})
        with open_app(self.settings) as app:
            indexed = [record.external_image_id for record in app.store.faces("photocall")]
        assert Counter(indexed) == Counter(job.key for job in self.good if job.kind is Kind.INDEX)


def until(stopping: Event, seconds: float, act: Callable[[], None]) -> None:
    """Do it again and again."""
    while not stopping.wait(seconds):
        act()


def nothing(course: Course, stopping: Event) -> None:
    """No fault at all."""


def kill_workers(course: Course, stopping: Event) -> None:
    def kill() -> None:
        workers = [worker.pid for pool in fleet.pools(open_objects(course.settings)) for worker in pool.workers]
        if workers:
            try:
                os.kill(random.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                return

    until(stopping, 1, kill)


def kill_server(course: Course, stopping: Event) -> None:
    """A server that never lives for long enough to begin has nothing to lose."""
    queue, before = open_queue(course.settings), 10**9

    def kill() -> None:
        nonlocal before
        depth = queue.depth()
        if depth.waiting < before:
            course.end(signal.SIGKILL)
            course.start()
            before = queue.depth().waiting

    until(stopping, 1, kill)


def jump(course: Course, stopping: Event) -> None:
    clock = course.settings.data / "clock"

    def set_clock() -> None:
        clock.write_text(f"{random.choice('+-')}{random.randrange(10, 100_000)}")

    until(stopping, 0.5, set_clock)


def fill_disk(course: Course, stopping: Event) -> None:
    filler = course.settings.data / "objects" / "results" / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        stopping.wait(1)
        filler.unlink()

    until(stopping, 1, fill)


def restart(server: NatsServer | PostgresServer, how: signal.Signals) -> Fault:
    """Kill a server and start it anew, every two seconds."""

    def fault(course: Course, stopping: Event) -> None:
        def kill() -> None:
            server.stop(how)
            stopping.wait(0.5)
            server.start()

        until(stopping, 2, kill)

    return fault


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", lease=5)


def run(course: Course, fault: Fault, *, copies: int = 1, **bad: float) -> None:
    """Let the jobs be done under a fault, and check what came of them."""
    started, stopping = time.monotonic(), Event()
    with open_app(course.settings) as app:
        app.gallery()
    queue = open_queue(course.settings)
    course.feed(queue, copies=copies, **bad)
    course.start()
    thread = Thread(target=fault, args=(course, stopping))
    thread.start()
    try:
        wait_for(queue, lambda depth: depth.waiting == 0)
        stopping.set()
        thread.join()
        wait_for(queue, lambda depth: depth.waiting + depth.delayed + depth.leased == 0)
        course.check(queue, copies)
    finally:
        stopping.set()
        thread.join()
        course.end(signal.SIGTERM)
        queue.close()
    seconds = round(time.monotonic() - started)
    sys.stdout.write(f"\n| {len(course.good)} good, {sum(course.bad.values())} bad | {seconds} s |\n")


def wait_for(queue: JobQueue, enough: Callable[[Depth], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(StoreUnavailable):  # it may be the one that is killed
            if enough(queue.depth()):
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def course(settings: Settings, portraits: dict[str, ByteArray]) -> Course:
    return Course(settings, encode_jpeg(np.ascontiguousarray(portraits["astronaut"][:256, 100:356])))


def test_good_and_bad_jobs_without_any_fault(course: Course) -> None:
    run(course, nothing)


@pytest.mark.skipif("FAULT_JOBS" not in os.environ, reason="some are in every test; half of them take FAULT_JOBS=1000")
def test_half_of_the_objects_missing(course: Course) -> None:
    run(course, nothing, missing=0.5)


@pytest.mark.skipif("FAULT_JOBS" not in os.environ, reason="some are in every test; half of them take FAULT_JOBS=1000")
def test_half_of_the_jobs_poison(course: Course) -> None:
    run(course, nothing, poison=0.5)


def test_every_message_three_times_in_no_order(course: Course) -> None:
    run(course, nothing, copies=3)


def test_workers_killed_every_second(course: Course) -> None:
    run(course, kill_workers)


def test_the_server_killed_again_and_again(course: Course) -> None:
    course.command = ("serve", "--port", "0", "--workers", "3")
    run(course, kill_server)


def test_the_clock_jumps_by_hours_twice_a_second(course: Course) -> None:
    clock, own = course.settings.data / "clock", course.settings.data / "python"
    own.mkdir(parents=True)
    clock.write_text("0")
    (own / "sitecustomize.py").write_text(JUMPING)
    course.environment = {"PYTHONPATH": str(own), "CLOCK": str(clock)}
    run(course, jump)


def test_the_disk_full_every_second_second(course: Course) -> None:
    with small_disk(course.settings.data / "objects" / "results"):
        run(course, fill_disk)


def test_nats_killed_every_two_seconds(course: Course, nats_server: NatsServer) -> None:
    named = {"queue": nats_server.url, "request_queue": f"faults-{random.randrange(10**9)}"}
    course.settings = course.settings.model_copy(update=named)
    run(course, restart(nats_server, signal.SIGKILL))


def test_postgresql_killed_every_two_seconds(course: Course, postgres: PostgresServer) -> None:
    named = {"database": postgres.new_database(), "template_keys": "none"}
    course.settings = course.settings.model_copy(update=named)
    run(course, restart(postgres, signal.SIGQUIT))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of a few megabytes."""
    folder.mkdir(parents=True)
    size = 4 + JOBS // 100
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("only root may make a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
