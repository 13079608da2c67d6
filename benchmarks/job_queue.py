"""Claim: the queue of one machine gives eight processes ten times the jobs a second of Celery on Redis, each once.

Both have all jobs waiting when eight processes begin, and the time counts from the first job that is done to the last.
A job notes its number in a file of its process, on either side. Celery prefetches, acknowledges before the work and
keeps no results, as it does by default; Redis keeps its data in memory alone. Photocall leases each job, deletes it
after the work, and has it on the disk.
"""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles

from benchmarks.material import Material
from benchmarks.tables import Table, target, times
from benchmarks.timing import Result, Sample, interleaved
from photocall.app import open_queue
from photocall.settings import Settings

PROCESSES = 8

TARGET = 10.0
"""Times the jobs a second."""

_JOBS = {"photocall": 20_000, "photocall_ten": 20_000, "celery": 4_000}
_ROUNDS = 5
_NOTES = "PHOTOCALL_BENCHMARK_NOTES"
_BROKER = "PHOTOCALL_BENCHMARK_BROKER"


def measure(material: Material) -> Result | None:
    """Jobs done by eight processes, in turns; None without Redis or Celery."""
    redis = shutil.which("redis-server")
    if (
        redis is None
        or subprocess.run([sys.executable, "-c", "import celery, redis"], stderr=subprocess.DEVNULL).returncode
    ):
        return None
    jobs = {side: count // (20 if material.quick else 1) for side, count in _JOBS.items()}
    sides: dict[str, Callable[[int], Sample]] = {
        "photocall": lambda _: _photocall(jobs["photocall"], 1),
        "photocall_ten": lambda _: _photocall(jobs["photocall_ten"], 10),
        "celery": lambda _: _celery(redis, jobs["celery"]),
    }
    samples = interleaved(sides, range(1 if material.quick else _ROUNDS), "queue")
    each = {
        side: [Sample(one.wall / jobs[side], one.cpu / jobs[side]) for one in found] for side, found in samples.items()
    }
    rates = {side: round(sorted(1 / one.wall for one in found)[len(found) // 2]) for side, found in each.items()}
    faster = {side: _faster(each["celery"], each[side]) for side in each if side != "celery"}
    return {"rates": rates, "faster": faster}


def tables(result: Result) -> list[Table]:
    """A row a way of receiving."""
    rates, faster = result["rates"], result["faster"]
    rows = [
        (
            words,
            f"{rates[side]:,}",
            f"{rates['celery']:,}",
            f"{times(faster[side])}; {target(faster[side]['wall'] >= TARGET, f'{TARGET:g}x')}",
        )
        for side, words in (("photocall", "one by one, as workers do"), ("photocall_ten", "ten at a time"))
    ]
    note = f"{PROCESSES} processes; every job was done, and each once. Celery 5 on Redis, its prefork pool of as many."
    return [
        Table(
            "Jobs a second through the queue", ("received", "photocall, SQLite", "Celery on Redis", "ratio"), rows, note
        )
    ]


def _photocall(jobs: int, limit: int) -> Sample:
    with tempfile.TemporaryDirectory(prefix="photocall-queue-") as folder:
        settings, notes = Settings(data=Path(folder)), Path(folder) / "notes"
        notes.mkdir()
        queue = open_queue(settings)
        for number in range(jobs):
            queue.send(str(number))
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(PROCESSES)
        workers = [context.Process(target=_drain, args=(settings, notes, limit, barrier)) for _ in range(PROCESSES)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        queue.close()
        return _time_of(notes, jobs)


def _drain(settings: Settings, notes: Path, limit: int, barrier: "multiprocessing.synchronize.Barrier") -> None:
    queue = open_queue(settings)
    barrier.wait()
    while found := queue.receive(limit):
        for delivery in found:
            note(notes, delivery.body)
            queue.delete(delivery)


def _celery(redis: str, jobs: int) -> Sample:
    with tempfile.TemporaryDirectory(prefix="photocall-queue-") as folder:
        notes, socket = Path(folder) / "notes", Path(folder) / "redis.sock"
        notes.mkdir()
        environment = {**os.environ, _NOTES: str(notes), _BROKER: f"redis+socket://{socket}"}
        memory = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([redis, *memory], stdout=subprocess.DEVNULL) as server:
            try:
                _until(socket.exists)
                sending = f"from benchmarks.job_queue_celery import note; [note.delay(str(n)) for n in range({jobs})]"
                subprocess.run([sys.executable, "-c", sending], env=environment, check=True)
                _work(environment, notes, jobs)
            finally:
                server.terminate()
        return _time_of(notes, jobs)


def _work(environment: dict[str, str], notes: Path, jobs: int) -> None:
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.job_queue_celery", "worker", "-c", str(PROCESSES)]
    quiet = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with subprocess.Popen(
        [*command, *quiet], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as worker:
        try:
            _until(lambda: len(_noted(notes)) >= jobs)
        finally:
            worker.terminate()


def note(notes: Path, number: str) -> None:
    """The work of a job: a line with its number and the time, in a file of this process."""
    with (notes / str(os.getpid())).open("a") as file:
        file.write(f"{number} {time.monotonic()}\n")


def _noted(notes: Path) -> list[tuple[int, float]]:
    lines = [line.split() for file in notes.iterdir() for line in file.read_text().splitlines()]
    return [(int(line[0]), float(line[1])) for line in lines if len(line) == 2]


def _time_of(notes: Path, jobs: int) -> Sample:
    """From the first job to the last, if each was done once."""
    noted = _noted(notes)
    assert sorted(number for number, _ in noted) == list(range(jobs)), "a job was lost, or done twice"
    moments = [moment for _, moment in noted]
    return Sample(max(moments) - min(moments), 0.0)


def _faster(rival: Sequence[Sample], ours: Sequence[Sample]) -> Result:
    """How many times as long the rival took; what cores it had is not told by its processes."""
    low, middle, high = quantiles((a.wall / b.wall for a, b in zip(rival, ours, strict=True)), n=4, method="inclusive")
    return {"wall": round(middle, 3), "wall_quartiles": [round(low, 3), round(high, 3)]}


def _until(enough: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not enough():
        assert time.monotonic() < deadline
        time.sleep(0.2)
