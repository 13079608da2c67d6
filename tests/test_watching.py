"""A watched folder: every complete file becomes one job, whatever happens to the watcher; nothing else does."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commandline import COMMAND, Answer, photocall
from photocall import results
from photocall.app import open_bucket, open_objects, open_queue
from photocall.jobs import Job, Kind, parse
from photocall.settings import Settings
from photocall.watching import WatchedFolder

JPEG = b"\xff\xd8\xff\xe0 a photo"
PATIENCE = 30
"""Seconds after which something that must happen has not."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    return made


def submitted(settings: Settings) -> list[Job]:
    """The jobs in the queue, which has none afterwards."""
    queue, found = open_queue(settings), list[Job]()
    while deliveries := queue.receive(10):
        for delivery in deliveries:
            found += parse(delivery.body, lambda bucket: pytest.fail(bucket))
            queue.delete(delivery)
    queue.close()
    return found


def content(settings: Settings, key: str) -> bytes:
    return open_bucket(settings, settings.input_bucket).get(key)


def once(settings: Settings, folder: Path) -> Answer:
    return photocall("watch", folder, "--once", "--data", settings.data, "--json")


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def watching(settings: Settings, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """The command, in a process of its own that is killed at the end if it still runs."""
    command = [*COMMAND, "watch", str(folder), "--data", str(settings.data), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def line(running: "subprocess.Popen[str]") -> str:
    """The key that it says it has submitted next."""
    assert running.stdout is not None
    return str(json.loads(running.stdout.readline())["key"])


# --- looking


def test_a_file_is_complete_once_it_has_not_changed_for_a_while(folder: Path) -> None:
    watched, file = WatchedFolder(folder, quiet=0.1), folder / "a.mp4"
    file.write_bytes(b"1")
    assert watched.complete() == [] and not watched.is_settled
    time.sleep(0.11)
    file.write_bytes(b"12")
    assert watched.complete() == []
    time.sleep(0.11)
    (found,) = watched.complete()
    assert (found.key, found.size) == ("a.mp4", 2)


def test_a_settled_file_comes_again_only_when_it_changes(folder: Path) -> None:
    watched, file = WatchedFolder(folder, quiet=0), folder / "a.mp4"
    file.write_bytes(b"1")
    (found,) = watched.complete()
    watched.settle(found)
    assert watched.complete() == [] and watched.is_settled
    file.write_bytes(b"12")
    (changed,) = watched.complete()
    assert changed.request_id != found.request_id
    file.unlink()
    assert watched.complete() == [] and watched.is_settled


def test_what_is_hidden_unfinished_empty_or_elsewhere_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "empty.jpg").touch()
    (folder / ".trash").mkdir()
    names = (".hidden.jpg", "a.mp4.part", "b.MP4.CRDOWNLOAD", "c.tmp", "~$d.jpg", "e.jpg~", ".trash/f.jpg")
    for name in names:
        (folder / name).write_bytes(JPEG)
    (folder / "2026" / "märz").mkdir(parents=True)
    (folder / "2026" / "märz" / "a b.jpg").write_bytes(JPEG)
    assert [found.key for found in WatchedFolder(folder, quiet=0).complete()] == ["2026/märz/a b.jpg"]


def test_a_folder_that_goes_away_for_a_while_is_only_empty(folder: Path) -> None:
    watched = WatchedFolder(folder, quiet=0)
    (folder / "a.mp4").write_bytes(b"1")
    assert watched.complete()
    folder.rename(folder.with_name("away"))
    assert watched.complete() == []
    folder.with_name("away").rename(folder)
    assert watched.complete()


# --- photocall watch --once


def test_every_file_of_a_folder_is_put_into_the_bucket_and_submitted(settings: Settings, folder: Path) -> None:
    (folder / "monday").mkdir()
    for name in ("a.jpg", "monday/b.jpg"):
        (folder / name).write_bytes(JPEG + name.encode())
    answer = once(settings, folder)
    assert (answer.code, answer.err) == (0, "")
    jobs = submitted(settings)
    assert {job.key for job in jobs} == {"a.jpg", "monday/b.jpg"}
    assert {value["job_id"] for value in answer.values} == {job.job_id for job in jobs}
    assert content(settings, "monday/b.jpg") == JPEG + b"monday/b.jpg"
    for job in jobs:
        result = results.read_result(open_objects(settings), job.job_id)
        assert result is not None and result["status"] == "waiting"


def test_a_second_time_only_what_has_no_result_or_has_changed_is_submitted(settings: Settings, folder: Path) -> None:
    for name in ("done.jpg", "failed.jpg", "waiting.jpg", "changed.jpg"):
        (folder / name).write_bytes(JPEG)
    assert once(settings, folder).code == 0
    jobs = {job.key: job for job in submitted(settings)}
    for key in ("done.jpg", "changed.jpg"):
        results.finish(open_objects(settings), jobs[key], {})
    results.fail(open_objects(settings), jobs["failed.jpg"], "it is broken")
    (folder / "changed.jpg").write_bytes(JPEG + b" that is better")
    assert once(settings, folder).code == 0
    again = {job.key: job for job in submitted(settings)}
    assert again.keys() == {"waiting.jpg", "changed.jpg"}  # its message may have been lost with the watcher
    assert again["waiting.jpg"] == jobs["waiting.jpg"] and again["changed.jpg"] != jobs["changed.jpg"]


def test_what_cannot_be_worked_on_is_named_and_the_rest_submitted(settings: Settings, folder: Path) -> None:
    (folder / "notes.txt").write_text("bring chalk")
    (folder / "a\\b.jpg").write_bytes(JPEG)
    (folder / "good.jpg").write_bytes(JPEG)
    answer = once(settings, folder)
    assert answer.code == 1 and len(answer.problems) == 2
    assert f"{folder / 'notes.txt'}: not sent: it is text, not a photo or a video" in answer.err
    assert "is not the key of an object" in answer.err
    assert [job.key for job in submitted(settings)] == ["good.jpg"]


@pytest.mark.parametrize("name", ["missing", "a file"])
def test_what_is_no_folder_is_told_at_once(settings: Settings, folder: Path, name: str) -> None:
    (folder / "a file").touch()
    answer = photocall("watch", folder / name, "--data", settings.data)
    assert (answer.code, answer.out) == (2, "")
    assert answer.problems == [f"photocall: FOLDER: {folder / name} is no folder"]


# --- photocall watch


def test_files_are_submitted_as_they_come_however_deep_and_a_signal_ends_it(settings: Settings, folder: Path) -> None:
    (folder / "before.jpg").write_bytes(JPEG)
    with watching(settings, folder) as running:
        assert line(running) == "before.jpg"
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "c.jpg").write_bytes(JPEG)
        assert line(running) == "a/b/c.jpg"
        (folder / "upload.part").write_bytes(JPEG)
        (folder / "upload.part").rename(folder / "upload.jpg")
        assert line(running) == "upload.jpg"
        (folder / "before.jpg").write_bytes(JPEG + b" but another")
        assert line(running) == "before.jpg"
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=PATIENCE)
        assert (running.returncode, out, err) == (0, "", "")
    assert len(submitted(settings)) == 4


def test_a_watcher_that_was_killed_goes_on_where_it_was(settings: Settings, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(JPEG)
    with watching(settings, folder) as running:
        assert line(running) == "a.jpg"
    (job,) = submitted(settings)
    results.finish(open_objects(settings), job, {})
    (folder / "b.jpg").write_bytes(JPEG)
    with watching(settings, folder) as running:
        assert line(running) == "b.jpg"
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == 0
    assert [job.key for job in submitted(settings)] == ["b.jpg"]


def test_an_outage_of_the_store_loses_no_file(settings: Settings, folder: Path) -> None:
    """The store gives no proper answer about the file for a while."""
    file = folder / "a.jpg"
    file.write_bytes(JPEG)
    status = file.stat()
    job = Job(Kind.RECOGNIZE, settings.input_bucket, "a.jpg", f"{status.st_mtime_ns}-{status.st_size}")
    open_objects(settings).put(results.result_key(job.job_id), b"half of a resu")
    with watching(settings, folder) as running:
        assert running.stderr is not None
        assert "trying again in 2 s" in running.stderr.readline()
        open_objects(settings).delete(results.result_key(job.job_id))
        assert line(running) == "a.jpg"
    assert submitted(settings) == [job]
