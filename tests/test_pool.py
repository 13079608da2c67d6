"""A pool of real worker processes: how many there are, and what becomes of jobs whose worker dies, hangs or swells."""

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from photocall import fleet, results
from photocall.app import open_app, open_bucket, open_objects, open_queue
from photocall.demo import Demo
from photocall.errors import SettingInvalid
from photocall.fleet import Doing, WorkerState
from photocall.jobs import Job, Kind, message
from photocall.media.images import encode_jpeg
from photocall.pool import Pool, running_pool
from photocall.ports import JobQueue
from photocall.settings import Settings
from photocall.submission import submit
from photocall.worker_process import Begun, start
from serving import served


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data=tmp_path / "data", workers_max=2, max_receives=2, lease=30)
    with open_app(settings) as app:
        app.gallery()
    return settings


@pytest.fixture
def queue(settings: Settings) -> Iterator[JobQueue]:
    opened = open_queue(settings)
    yield opened
    opened.close()


def wait_until(enough: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not enough():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_empty(queue: JobQueue) -> bool:
    depth = queue.depth()
    return depth.waiting + depth.delayed + depth.leased == 0


def ask(settings: Settings, key: str, data: bytes, request_id: str = "") -> Job:
    open_bucket(settings, settings.input_bucket).put(key, data)
    job, queue = Job(Kind.RECOGNIZE, settings.input_bucket, key, request_id), open_queue(settings)
    submit(open_objects(settings), queue, job)
    queue.close()
    return job


def status(settings: Settings, job: Job) -> str:
    found = results.read_result(open_objects(settings), job.job_id)
    assert found is not None
    return str(found["status"])


def workers(settings: Settings) -> list[WorkerState]:
    return [worker for pool in fleet.pools(open_objects(settings)) for worker in pool.workers]


def busy_with(settings: Settings, key: str) -> list[int]:
    return [worker.pid for worker in workers(settings) if worker.doing is Doing.BUSY and worker.key == key]


def photo(number: int = 0) -> bytes:
    return encode_jpeg(np.full((64, 64, 3), number, np.uint8))


def processes() -> list[int]:
    """The workers that this process's pools have: children of the one that all are forked from."""
    forked_from = [child for child in children(os.getpid()) if "forkserver" in command_line(child)]
    return [child for parent in forked_from for child in children(parent)]


def children(pid: int) -> list[int]:
    found: list[int] = []
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, place.read_text().split())
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_answering(url: str) -> bool:
    try:
        return httpx.get(url + "/healthz").status_code == 200
    except httpx.TransportError:
        return False


def is_alive(pid: int) -> bool:
    return "State:\tZ" not in _status(pid) and bool(_status(pid))


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_workers_come_with_jobs_and_go_when_there_are_none(settings: Settings, queue: JobQueue) -> None:
    jobs = [ask(settings, f"{number}.jpg", photo(number)) for number in range(12)]
    seen: list[int] = []

    def nobody_left() -> bool:
        seen.append(len(workers(settings)))
        return is_empty(queue) and max(seen) > 0 and seen[-1] == 0

    with running_pool(settings):
        wait_until(nobody_left)
    assert {status(settings, job) for job in jobs} == {"done"}
    assert max(seen) <= 2
    assert fleet.pools(open_objects(settings)) == []


def test_a_hundred_jobs_wake_fifteen_workers_and_never_more(settings: Settings, queue: JobQueue) -> None:
    jobs = [ask(settings, f"{number}.jpg", photo(number)) for number in range(100)]
    seen: list[int] = []
    with running_pool(settings.model_copy(update={"workers_max": 15})):

        def nobody_left() -> bool:
            seen.append(len(processes()))
            return is_empty(queue) and seen[-1] == 0

        wait_until(nobody_left)
    assert max(seen) == 15 and seen[-1] == 0
    assert {status(settings, job) for job in jobs} == {"done"}


def test_the_job_of_a_worker_that_is_killed_is_done_by_another_at_once(
    settings: Settings, queue: JobQueue, demo: Demo
) -> None:
    job = ask(settings, "lesson.mp4", demo.clip.read_bytes())
    with running_pool(settings):
        wait_until(lambda: busy_with(settings, "lesson.mp4"))
        os.kill(busy_with(settings, "lesson.mp4")[0], signal.SIGKILL)
        wait_until(lambda: is_empty(queue))  # long before the lease of 30 s has ended
        assert sum(pool.failed for pool in fleet.pools(open_objects(settings))) <= 1
    assert status(settings, job) == "done" and queue.depth().dead == 0


def test_a_job_that_takes_too_long_is_given_up_with_that_reason(
    settings: Settings, queue: JobQueue, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocall.pool.back_off", lambda _: 0)
    job = ask(settings, "lesson.mp4", demo.clip.read_bytes())
    with running_pool(settings.model_copy(update={"job_seconds": 0.5})):
        wait_until(lambda: is_empty(queue))
    (letter,) = queue.dead(10)
    assert "longer than 0.5 s (PHOTOCALL_JOB_SECONDS)" in letter.reason and letter.receives == 2
    found = results.read_result(open_objects(settings), job.job_id)
    assert found and found["status"] == "failed" and found["reason"] == letter.reason


def test_a_job_that_takes_too_much_memory_is_given_up_with_that_reason(
    settings: Settings, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocall.pool.back_off", lambda _: 0)
    job = ask(settings, "huge.jpg", encode_jpeg(np.zeros((9000, 9000, 3), np.uint8)))
    with running_pool(settings.model_copy(update={"job_memory": 200})):
        wait_until(lambda: is_empty(queue))
    (letter,) = queue.dead(10)
    assert "more than 200 MiB of memory (PHOTOCALL_JOB_MEMORY)" in letter.reason
    assert status(settings, job) == "failed"


def test_a_message_that_is_no_job_leaves_the_workers_alive(settings: Settings, queue: JobQueue) -> None:
    queue.send("poison")
    job = ask(settings, "good.jpg", photo())
    with running_pool(settings):
        wait_until(lambda: is_empty(queue))
    assert status(settings, job) == "done" and queue.depth().dead == 1


def test_a_worker_waits_for_what_another_machine_took_and_never_did(settings: Settings, queue: JobQueue) -> None:
    job = ask(settings, "lost.jpg", photo())
    dead = open_queue(settings.model_copy(update={"lease": 2}))
    assert dead.receive()  # and nothing more is heard of it
    dead.close()
    with running_pool(settings):
        wait_until(lambda: workers(settings))
        wait_until(lambda: is_empty(queue))
    assert status(settings, job) == "done"


def test_limits_that_allow_no_worker_are_refused(settings: Settings) -> None:
    with pytest.raises(SettingInvalid, match="workers_max: 1 is not allowed, it must be 2 or more"):
        Pool(settings.model_copy(update={"workers_min": 2, "workers_max": 1}))


@pytest.fixture
def command(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """`photocall worker` in a process of its own."""
    arguments = [sys.executable, "-m", "photocall", "worker", "--data", str(settings.data), "--max", "1"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_pool_that_is_told_to_stop_finishes_what_it_has(
    settings: Settings, queue: JobQueue, demo: Demo, command: "subprocess.Popen[str]"
) -> None:
    first, second = (ask(settings, name, demo.clip.read_bytes()) for name in ("first.mp4", "second.mp4"))
    wait_until(lambda: busy_with(settings, "first.mp4"))
    command.send_signal(signal.SIGTERM)
    assert command.wait(60) == 0
    assert (status(settings, first), status(settings, second)) == ("done", "waiting")
    assert queue.depth().waiting == 1 and fleet.pools(open_objects(settings)) == []


def test_a_pool_that_is_told_twice_ends_at_once_and_gives_its_job_back(
    settings: Settings, queue: JobQueue, demo: Demo, command: "subprocess.Popen[str]"
) -> None:
    job = ask(settings, "lesson.mp4", demo.clip.read_bytes())
    wait_until(lambda: busy_with(settings, "lesson.mp4"))
    command.send_signal(signal.SIGTERM)
    command.send_signal(signal.SIGINT)
    assert command.wait(60) == 0
    assert status(settings, job) == "waiting" and queue.depth().leased == 0 and not is_empty(queue)


def test_a_server_that_is_told_twice_ends_its_workers_at_once(settings: Settings, queue: JobQueue, demo: Demo) -> None:
    job = ask(settings, "lesson.mp4", demo.clip.read_bytes())
    with served(settings.data, "--workers", "1") as server:
        wait_until(lambda: busy_with(settings, "lesson.mp4"))
        (worker,) = workers(settings)
        os.kill(worker.pid, signal.SIGSTOP)  # it will not be done by itself
        server.process.terminate()
        wait_until(lambda: not is_answering(server.url))
        time.sleep(1)  # until it waits for its workers
        server.process.terminate()
        assert server.process.wait(60) == 0
    assert status(settings, job) == "waiting" and queue.depth().leased == 0 and not is_empty(queue)


def test_workers_of_a_pool_that_is_killed_finish_what_they_have_and_end(
    settings: Settings, queue: JobQueue, demo: Demo, command: "subprocess.Popen[str]"
) -> None:
    job = ask(settings, "lesson.mp4", demo.clip.read_bytes())
    wait_until(lambda: busy_with(settings, "lesson.mp4"))
    (pid,) = busy_with(settings, "lesson.mp4")
    command.kill()
    wait_until(lambda: not is_alive(pid))
    assert status(settings, job) == "done" and is_empty(queue)


def test_status_tells_machines_and_people_what_goes_on(
    settings: Settings, queue: JobQueue, command: "subprocess.Popen[str]", capfd: pytest.CaptureFixture[str]
) -> None:
    from photocall.cli import main

    queue.send(message(Job(Kind.RECOGNIZE, settings.input_bucket, "later.jpg")), delay=600)
    wait_until(lambda: fleet.pools(open_objects(settings)))
    assert main(["status", "--data", str(settings.data)]) == 0
    shown = capfd.readouterr().out
    assert "0 jobs waiting, 0 under way, 1 later; 0 of 1 worker" in shown
    assert main(["status", "--data", str(settings.data), "--json"]) == 0
    assert '"delayed": 1' in capfd.readouterr().out


def test_a_pool_outlives_what_its_workers_are_forked_from(
    settings: Settings, queue: JobQueue, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocall.pool.back_off", lambda _: 0)
    job = ask(settings, "lesson.mp4", demo.clip.read_bytes())
    with running_pool(settings):
        wait_until(lambda: busy_with(settings, "lesson.mp4"))
        (pid,) = busy_with(settings, "lesson.mp4")
        (forked_from,) = [child for child in children(os.getpid()) if "forkserver" in command_line(child)]
        os.kill(pid, signal.SIGSTOP)  # it hangs, and nobody else would ever end it
        os.kill(forked_from, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        wait_until(lambda: is_empty(queue))
    assert status(settings, job) == "done" and queue.depth().dead == 0


def test_a_pool_that_can_start_no_worker_tries_again(
    settings: Settings, queue: JobQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [EOFError(), OSError(errno.EMFILE, "too many open files")]

    def failing(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return start(*arguments)

    monkeypatch.setattr("photocall.pool.start", failing)
    job = ask(settings, "a.jpg", photo())
    with running_pool(settings):
        wait_until(lambda: is_empty(queue))
    assert status(settings, job) == "done" and "no worker could be started (OSError)" in caplog.text


def test_the_temporary_files_of_a_worker_that_is_killed_go_with_it(
    settings: Settings, queue: JobQueue, demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ask(settings, "lesson.mp4", demo.clip.read_bytes())
    with running_pool(settings.model_copy(update={"max_receives": 1})):
        wait_until(lambda: busy_with(settings, "lesson.mp4"))
        wait_until(lambda: [*tmp_path.glob("photocall-*/photocall-*/object")])
        os.kill(busy_with(settings, "lesson.mp4")[0], signal.SIGKILL)
        wait_until(lambda: is_empty(queue))
    assert not [*tmp_path.glob("photocall-*")]


def test_a_job_whose_worker_died_right_after_it_was_done_is_no_dead_letter(settings: Settings, queue: JobQueue) -> None:
    job = ask(settings, "a.jpg", photo())
    pool = Pool(settings.model_copy(update={"max_receives": 1}))
    (delivery,) = queue.receive()
    results.finish(open_objects(settings), job, {"names": []})
    pool._give_back(Begun(delivery, job), "its worker was lost")
    assert is_empty(queue) and queue.depth().dead == 0
