"""What operators type: files submitted by hand, the depth of the queue, and what becomes of dead letters."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from commandline import Answer, data_with, photocall
from crew import at_work
from photocall import results
from photocall.app import open_bucket, open_objects, open_queue
from photocall.demo import Demo
from photocall.faces import ByteArray
from photocall.jobs import Job, Kind, message
from photocall.media.images import encode_jpeg
from photocall.ports import JobQueue
from photocall.settings import Settings


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Path:
    """A data directory with the demo class."""
    return data_with(tmp_path_factory.mktemp("data"), demo.enroll)


@pytest.fixture
def settings(enrolled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """That directory with a queue of its own, which the environment names."""
    monkeypatch.setenv("PHOTOCALL_DATA", str(enrolled))
    monkeypatch.setenv("PHOTOCALL_QUEUE", f"sqlite:///{tmp_path}/queue.db")
    return Settings()


@pytest.fixture
def queue(settings: Settings) -> Iterator[JobQueue]:
    opened = open_queue(settings)
    yield opened
    opened.close()


def bury(queue: JobQueue, body: str, reason: str) -> None:
    """Have a message given up."""
    queue.send(body)
    (delivery,) = queue.receive()
    queue.bury(delivery, reason)


def job(key: str) -> Job:
    return Job(Kind.RECOGNIZE, "photocall-input", key)


def letters(*options: object) -> Answer:
    return photocall("queue", "dead", "list", "--json", *options)


def status() -> dict[str, int]:
    (found,) = photocall("queue", "status", "--json").values
    assert found.pop("queue") == "photocall-jobs"
    return dict(found)


# --- photocall queue status


def test_the_status_tells_how_many_messages_there_are_of_each_kind(queue: JobQueue) -> None:
    bury(queue, "no job", "it is none")
    for number in range(4):
        queue.send(message(job(f"{number}.jpg")))
    queue.send("later", delay=60)
    queue.receive()
    assert status() == {"waiting": 3, "delayed": 1, "leased": 1, "dead": 1}
    answer = photocall("queue", "status")
    assert (answer.code, answer.err) == (0, "")
    assert "photocall-jobs" in answer.out and "dead" in answer.out


def test_the_queue_of_responses_is_shown_where_there_is_one(
    queue: JobQueue, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCALL_RESPONSE_QUEUE", "answers")
    open_queue(settings, "answers").send("{}")
    jobs, answers = photocall("queue", "status", "--json").values
    assert jobs["waiting"] == 0 and answers == {"queue": "answers", "waiting": 1, "delayed": 0, "leased": 0, "dead": 0}


def test_a_wrong_address_of_the_queue_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_QUEUE", "redis://localhost")
    answer = photocall("queue", "status")
    assert (answer.code, answer.out) == (1, "")
    assert "not the address of queues, such as sqlite:///" in answer.problems[0]


# --- photocall queue dead


def test_dead_letters_are_listed_with_object_and_reason_and_never_with_their_body(queue: JobQueue) -> None:
    inline = json.dumps({"job": "recognize", "bucket": "b", "key": "k.jpg", "options": {"face": "c2VjcmV0"}})
    event = json.dumps({"Records": [{"s3": {"bucket": {"name": "photocall"}, "object": {"key": "a+b.jpg"}}}]})
    bury(queue, inline, "There is no object 'k.jpg'")
    bury(queue, event, "it is no photo")
    bury(queue, "c2VjcmV0", "The message is no job")
    first, second, third = letters().values
    assert first.keys() == {"id", "died", "receives", "reason", "jobs"}
    assert (first["receives"], first["reason"]) == (1, "There is no object 'k.jpg'")
    (told,) = first["jobs"]
    assert (told["job"], told["bucket"], told["key"]) == ("recognize", "b", "k.jpg")
    assert [(each["job"], each["bucket"], each["key"]) for each in second["jobs"]] == [
        ("index", "photocall", "a b.jpg")
    ]
    assert third["jobs"] == []
    table = photocall("queue", "dead", "list").out
    assert "recognize b/k.jpg" in table and "index photocall/a b.jpg" in table and "There is no object" in table
    assert "c2VjcmV0" not in table + letters().out
    assert len(letters("--limit", 2).values) == 2


def test_no_dead_letters_are_an_answer(queue: JobQueue) -> None:
    answer = photocall("queue", "dead", "list")
    assert (answer.code, answer.out, answer.err) == (0, "no dead letters\n", "")
    assert photocall("queue", "dead", "retry", "--all").out == "0 messages sent again\n"


def test_a_retried_letter_waits_again_and_so_says_its_result(queue: JobQueue, settings: Settings) -> None:
    good, other = job("again.jpg"), job("other.jpg")
    for each in (good, other):
        bury(queue, message(each), "no disk")
        results.fail(open_objects(settings), each, "no disk")
    (wanted,) = (value["id"] for value in letters().values if value["jobs"][0]["key"] == "again.jpg")
    answer = photocall("queue", "dead", "retry", wanted)
    assert (answer.code, answer.out, answer.err) == (0, "1 message sent again\n", "")
    (delivery,) = queue.receive()
    assert (delivery.body, delivery.receives) == (message(good), 1)
    found = [results.read_result(open_objects(settings), each.job_id) for each in (good, other)]
    assert [result and result["status"] for result in found] == ["waiting", "failed"]
    assert status()["dead"] == 1


def test_all_letters_are_retried_or_dropped_at_once(queue: JobQueue) -> None:
    for number in range(25):
        bury(queue, message(job(f"{number}.jpg")), "no disk")
    assert photocall("queue", "dead", "retry", "--all").out == "25 messages sent again\n"
    assert status() == {"waiting": 25, "delayed": 0, "leased": 0, "dead": 0}
    for _ in range(25):
        (delivery,) = queue.receive()
        queue.bury(delivery, "no disk yet")
    assert len(photocall("queue", "dead", "drop", "--all", "--json").values[0]["ids"]) == 25
    assert status() == {"waiting": 0, "delayed": 0, "leased": 0, "dead": 0}


def test_a_letter_that_is_not_there_is_told_and_the_others_dealt_with(queue: JobQueue) -> None:
    bury(queue, message(job("a.jpg")), "no disk")
    (known,) = (value["id"] for value in letters().values)
    answer = photocall("queue", "dead", "drop", known, "4711", "; DROP TABLE")
    assert (answer.code, answer.out) == (1, "1 message dropped\n")
    assert [line.partition(" no such")[0] for line in answer.problems] == [
        "photocall: 4711:",
        "photocall: ; DROP TABLE:",
    ]
    assert letters().values == []


@pytest.mark.parametrize("arguments", [(), ("1", "--all")])
@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_letters_must_be_named_or_be_all(queue: JobQueue, verb: str, arguments: tuple[str, ...]) -> None:
    answer = photocall("queue", "dead", verb, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert "name letters by ID, or --all of them" in answer.problems[0]


def test_a_list_has_a_limit_that_can_be(queue: JobQueue) -> None:
    answer = photocall("queue", "dead", "list", "--limit", 0)
    assert (answer.code, answer.problems) == (2, ["photocall: --limit: must be 1 to 1000000, not 0"])


# --- photocall submit


def test_files_are_put_and_submitted_and_the_jobs_named(
    queue: JobQueue, settings: Settings, demo: Demo, tmp_path: Path
) -> None:
    answer = photocall("submit", demo.photo, demo.clip, "--json")
    assert (answer.code, answer.err) == (0, "")
    sent = {value["key"]: value for value in answer.values}
    assert sent.keys() == {demo.photo.name, demo.clip.name}
    for path in (demo.photo, demo.clip):
        assert open_bucket(settings, "photocall-input").get(path.name) == path.read_bytes()
        result = results.read_result(open_objects(settings), sent[path.name]["job_id"])
        assert result is not None and result["status"] == sent[path.name]["status"] == "waiting"
    assert status()["waiting"] == 2


def test_whoever_waits_is_told_what_came_of_each_file(
    queue: JobQueue, settings: Settings, demo: Demo, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    (tmp_path / "stranger.jpg").write_bytes(encode_jpeg(portraits["astronaut"]))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    files = (demo.enroll / "Joe Biden.jpg", tmp_path / "stranger.jpg", tmp_path / "broken.jpg")
    with at_work(settings):
        answer = photocall("submit", *files, "--wait")
    assert answer.code == 1
    assert set(answer.out.splitlines()) == {f"{files[0]}: Joe Biden", f"{files[1]}: nobody recognised"}
    assert answer.err.startswith("photocall: no worker is running: photocall worker starts some")
    assert f"photocall: {files[2]}: broken.jpg: not a readable image" in answer.err


def test_results_are_printed_for_machines_as_the_workers_wrote_them(
    queue: JobQueue, settings: Settings, demo: Demo
) -> None:
    with at_work(settings):
        (value,) = photocall("submit", demo.clip, "--wait", "--json").values
    assert (value["file"], value["status"], value["media"]) == (str(demo.clip), "done", "video")
    stored = results.read_result(open_objects(settings), value["job_id"])
    assert stored == {key: content for key, content in value.items() if key != "file"}


def test_photos_for_the_archive_are_indexed(
    queue: JobQueue, settings: Settings, portraits: dict[str, ByteArray], demo: Demo, tmp_path: Path
) -> None:
    (tmp_path / "Ada.jpg").write_bytes(encode_jpeg(portraits["astronaut"]))
    with at_work(settings):
        answer = photocall("submit", tmp_path / "Ada.jpg", demo.clip, "--index", "--wait")
    assert (answer.code, answer.out) == (1, f"{tmp_path / 'Ada.jpg'}: 1 face in the archive\n")
    assert f"{demo.clip}: not sent: it is video, not a photo" in answer.err
    assert open_bucket(settings, "photocall").get("Ada.jpg")


def test_what_cannot_be_sent_is_named_and_the_rest_is_sent(queue: JobQueue, demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("bring chalk")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / demo.photo.name).write_bytes(demo.photo.read_bytes())
    bad = {
        tmp_path / "missing.jpg": "not sent: no such file",
        tmp_path / "notes.txt": "not sent: it is text, not a photo or a video",
        tmp_path / "empty.jpg": "not sent: it is empty",
        tmp_path: "not sent: it is a directory",
        tmp_path / demo.photo.name: "another file of this name was sent",
    }
    answer = photocall("submit", demo.photo, *bad)
    assert answer.code == 1 and answer.names(bad)
    assert answer.out.startswith(f"{demo.photo}: job ") and status()["waiting"] == 1
