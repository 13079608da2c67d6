"""A worker in this process: what becomes of good jobs, hopeless ones, duplicates, and of those whose store is away."""

import hashlib
import json
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from crew import Silent, enroll_class
from photocall import report, results
from photocall.app import open_app, open_bucket, open_objects, open_queue
from photocall.demo import Demo
from photocall.errors import BucketNotFound, ModelMismatch, StoreUnavailable
from photocall.faces import ByteArray, ImageSource
from photocall.handlers import Tools
from photocall.indexing import Indexed, index_faces
from photocall.jobs import Job, Kind, message
from photocall.media.images import encode_jpeg, read_image
from photocall.ports import JobQueue
from photocall.recognition import derive_image_id
from photocall.settings import Settings
from photocall.worker import MOST_REASON, Worker, back_off

Json = dict[str, Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Path:
    """A data directory with the demo class."""
    folder = tmp_path_factory.mktemp("data")
    enroll_class(folder, demo)
    return folder


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> Settings:
    """That directory with queues of its own."""
    return Settings(data=data, queue=f"sqlite:///{tmp_path}/queue.db", response_queue="responses", max_receives=2)


@pytest.fixture
def queue(settings: Settings) -> Iterator[JobQueue]:
    opened = open_queue(settings)
    yield opened
    opened.close()


def put(settings: Settings, key: str, data: bytes) -> None:
    open_bucket(settings, settings.input_bucket).put(key, data)


def output(settings: Settings, key: str) -> bytes:
    return open_bucket(settings, settings.output_bucket).get(key)


def result(settings: Settings, job: Job) -> Json:
    found = results.read_result(open_objects(settings), job.job_id)
    assert found is not None
    return found


def work_until(settings: Settings, enough: Callable[[], bool]) -> None:
    """Let a worker work until that is so."""
    stopping = Event()

    def watch() -> None:
        while not enough() and not stopping.wait(0.05):
            pass
        stopping.set()

    watcher = Thread(target=watch)
    responses = open_queue(settings, "responses")
    with open_app(settings) as app:
        watcher.start()
        Worker(Tools(app), open_queue(settings), responses, stopping, Silent()).work()
    watcher.join()


def work_off(settings: Settings, queue: JobQueue) -> None:
    """Let a worker work until the queue is empty but for dead letters."""

    def is_empty() -> bool:
        depth = queue.depth()
        return depth.waiting + depth.delayed + depth.leased == 0

    work_until(settings, is_empty)


def recognition(settings: Settings, key: str, request_id: str = "", digest: str = "") -> Job:
    return Job(Kind.RECOGNIZE, settings.input_bucket, key, request_id, digest)


def test_a_photo_becomes_a_name_in_the_output_bucket_and_a_result(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    put(settings, "lessons/test_000.jpg", encode_jpeg(portraits["obama3"]))
    job = recognition(settings, "lessons/test_000.jpg")
    queue.send(message(job))
    work_off(settings, queue)
    found = result(settings, job)
    (name,) = found["names"]
    assert output(settings, "lessons/test_000") == name.encode()
    assert found["status"] == "done" and found["media"] == "photo" and len(found["faces"]) == 1
    (told,) = open_queue(settings, "responses").receive()
    assert json.loads(told.body) == {"job_id": job.job_id, "key": job.key, "result": name}


def test_the_names_in_a_photo_can_have_an_ending(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    with_ending = settings.model_copy(update={"name_suffix": ".txt"})
    put(settings, "test_001.jpg", encode_jpeg(portraits["biden"]))
    queue.send(message(recognition(settings, "test_001.jpg")))
    work_off(with_ending, queue)
    assert output(settings, "test_001.txt") == b"Joe Biden"


def test_a_video_becomes_table_timeline_and_faces(settings: Settings, queue: JobQueue, demo: Demo) -> None:
    put(settings, "lesson.mp4", demo.clip.read_bytes())
    job = recognition(settings, "lesson.mp4")
    queue.send(message(job))
    work_off(settings, queue)
    found = result(settings, job)
    header, *rows = output(settings, "lesson.csv").decode().splitlines()
    assert header.startswith("name,major,year") and {row.split(",")[0] for row in rows} == {
        person["name"] for person in found["people"]
    }
    timeline = json.loads(open_objects(settings).get(found["files"]["timeline.json"]))
    assert len(timeline["sightings"]) == len(found["people"]) + found["unknown"]
    assert open_objects(settings).get(found["files"]["faces.jpg"]).startswith(b"\xff\xd8")


def test_an_image_put_into_the_archive_is_indexed_once_however_often_it_is_told(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    open_bucket(settings, settings.bucket).put("Ada-Lovelace.jpg", encode_jpeg(portraits["astronaut"]))
    put_event = {"s3": {"bucket": {"name": settings.bucket}, "object": {"key": "Ada-Lovelace.jpg", "eTag": "1"}}}
    again = {"s3": {**put_event["s3"], "object": {"key": "Ada-Lovelace.jpg", "eTag": "1", "sequencer": "2"}}}
    for records in ([put_event], [put_event], [again]):
        queue.send(json.dumps({"Records": records}))
    work_off(settings, queue)
    with open_app(settings) as app:
        assert [record.external_image_id for record in app.store.faces("photocall")] == ["Ada-Lovelace.jpg"]


def test_an_image_that_was_indexed_when_it_was_put_is_not_looked_at_again_and_keeps_its_metadata(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    photo, key = encode_jpeg(portraits["biden"]), "Joe-Biden.jpg"
    source = ImageSource(settings.bucket, key, {"class": "7b"})
    open_bucket(settings, settings.bucket).put(key, photo)
    with open_app(settings) as app:
        app.store.create_collection("photocall", app.engine.model)
        image, image_id = read_image(photo), derive_image_id(photo)
        of = (app.engine, app.store, "photocall", image)
        indexed = index_faces(*of, image_id=image_id, external_image_id=key, source=source)
    job = Job(Kind.INDEX, settings.bucket, key)
    queue.send(message(job))
    work_off(settings, queue)
    told = result(settings, job)
    assert told["face_ids"] == [record.face_id for _, record in indexed.faces] and told["not_indexed"] is None
    with open_app(settings) as app:
        assert [each.source for each in app.store.faces_of_object("photocall", settings.bucket, key)] == [source]


def test_an_image_that_is_erased_while_it_is_indexed_leaves_no_face(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, key = open_bucket(settings, settings.bucket), "Neil-Armstrong.jpg"

    def erased_meanwhile(*arguments: Any, **named: Any) -> Indexed:
        indexed = index_faces(*arguments, **named)
        assert indexed.faces
        bucket.delete(key)
        return indexed

    monkeypatch.setattr("photocall.handlers.index_faces", erased_meanwhile)
    bucket.put(key, encode_jpeg(portraits["astronaut"]))
    for request_id in ("while it is looked at", "before it is looked at"):
        job = Job(Kind.INDEX, settings.bucket, key, request_id)
        queue.send(message(job))
        work_off(settings, queue)
        assert (result(settings, job)["status"], result(settings, job)["face_ids"]) == ("done", [])
    assert queue.dead(10) == []
    with open_app(settings) as app:
        assert app.store.faces_of_object("photocall", settings.bucket, key) == []


def test_another_image_of_the_same_name_is_looked_at(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    ids = []
    for name in ("obama", "obama2"):
        open_bucket(settings, settings.bucket).put("Barack-Obama.jpg", encode_jpeg(portraits[name]))
        job = Job(Kind.INDEX, settings.bucket, "Barack-Obama.jpg", request_id=name)
        queue.send(message(job))
        work_off(settings, queue)
        ids.append(result(settings, job)["face_ids"])
        assert result(settings, job)["not_indexed"] is not None
    assert ids[0] and ids[1] and ids[0] != ids[1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no JSON", "The message is no job: it is no JSON"),
        ('{"job": "recognize"}', "The message is no job: it needs bucket and key"),
        (json.dumps({"Records": [{"s3": {"bucket": {"name": "foreign"}, "object": {"key": "a"}}}]}), "'foreign'"),
    ],
)
def test_a_message_that_is_no_job_is_given_up_with_the_reason(
    settings: Settings, queue: JobQueue, body: str, reason: str
) -> None:
    queue.send(body)
    work_off(settings, queue)
    (letter,) = queue.dead(10)
    assert reason in letter.reason and letter.receives == 1 and letter.body == body


def test_a_job_that_cannot_succeed_is_given_up_at_once_and_its_result_says_why(
    settings: Settings, queue: JobQueue
) -> None:
    put(settings, "broken.jpg", b"\xff\xd8\xff no picture")
    broken, missing = recognition(settings, "broken.jpg"), recognition(settings, "missing.jpg")
    replaced = recognition(settings, "broken.jpg", digest=hashlib.sha256(b"something else").hexdigest())
    for job in (broken, missing, replaced):
        queue.send(message(job))
    work_off(settings, queue)
    reasons = {letter.reason for letter in queue.dead(10)}
    assert reasons == {result(settings, job)["reason"] for job in (broken, missing, replaced)}
    assert {result(settings, job)["status"] for job in (broken, missing, replaced)} == {"failed"}
    assert "There is no object 'missing.jpg'" in reasons and any(
        "replaced by other content" in each for each in reasons
    )


def test_one_bad_object_of_an_event_does_not_keep_the_others_from_being_done(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    put(settings, "good a.jpg", encode_jpeg(portraits["biden"]))
    bucket = {"name": settings.input_bucket}
    records = [{"s3": {"bucket": bucket, "object": {"key": key}}} for key in ("bad.jpg", "good+a.jpg")]
    queue.send(json.dumps({"Event": "s3:TestEvent"}))
    queue.send(json.dumps({"Records": records}))
    work_off(settings, queue)
    (letter,) = queue.dead(10)
    assert "'bad.jpg'" in letter.reason and output(settings, "good a")


def test_a_job_that_was_done_is_not_done_again(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray]
) -> None:
    put(settings, "twice.jpg", encode_jpeg(portraits["biden"]))
    job = recognition(settings, "twice.jpg")
    queue.send(message(job))
    work_off(settings, queue)
    written = result(settings, job)["written"]
    queue.send(message(job))
    work_off(settings, queue)
    assert result(settings, job)["written"] == written
    queue.send(message(recognition(settings, "twice.jpg", request_id="asked again")))
    work_off(settings, queue)
    assert queue.depth().dead == 0


def test_an_unexpected_failure_is_tried_again_and_then_given_up_without_its_text(
    settings: Settings, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Json:
        raise ZeroDivisionError("Ada Lovelace")

    monkeypatch.setattr("photocall.worker.run", broken)
    monkeypatch.setattr("photocall.worker.BACK_OFF", 0.01)
    job = recognition(settings, "a.jpg")
    queue.send(message(job))
    work_off(settings, queue)
    (letter,) = queue.dead(10)
    assert letter.reason.startswith("ZeroDivisionError in ") and "Ada" not in letter.reason
    assert letter.receives == 2 and result(settings, job)["reason"] == letter.reason


def test_who_hands_over_a_message_is_told_whether_it_is_done_with(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Json:
        raise ZeroDivisionError

    def away(*_: object) -> None:
        raise StoreUnavailable("queue", "it is away")

    put(settings, "handed.jpg", encode_jpeg(portraits["biden"]))
    monkeypatch.setattr("photocall.worker.BACK_OFF", 0.0)
    stopping = Event()
    with open_app(settings) as app:
        worker = Worker(Tools(app), queue, None, stopping, Silent())

        def is_done(body: str) -> bool:
            queue.send(body)
            return worker.do(queue.receive()[0])

        assert is_done(message(recognition(settings, "handed.jpg")))
        assert is_done("no job") and queue.depth().dead == 1
        with monkeypatch.context() as patch:
            patch.setattr("photocall.worker.run", broken)
            assert not is_done(message(recognition(settings, "b.jpg")))
            assert worker.do(queue.receive()[0]) and queue.depth().dead == 2  # it was the last time
        stopping.set()  # it waits no longer for a queue that is away
        monkeypatch.setattr(queue, "delete", away)
        assert not is_done(message(recognition(settings, "handed.jpg")))


def test_a_store_that_is_away_for_a_while_costs_no_try(
    settings: Settings, queue: JobQueue, portraits: dict[str, ByteArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, "patient.jpg", encode_jpeg(portraits["biden"]))
    failures = [StoreUnavailable("s3://photos", "it does not answer")] * 3
    finish = results.finish

    def failing(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        finish(*arguments)

    monkeypatch.setattr("photocall.results.finish", failing)
    job = recognition(settings, "patient.jpg")
    queue.send(message(job))
    work_off(settings, queue)
    assert not failures and result(settings, job)["status"] == "done" and queue.depth().dead == 0


def test_a_long_job_keeps_its_lease(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    short = settings.model_copy(update={"lease": 0.3})
    queue = open_queue(short)
    done: list[str] = []

    def slow(_: object, job: Job, __: object) -> Json:
        Event().wait(1)
        done.append(job.key)
        return {"names": []}

    monkeypatch.setattr("photocall.worker.run", slow)
    queue.send(message(recognition(settings, "long.mp4")))
    work_off(short, queue)
    assert done == ["long.mp4"] and queue.depth().dead == 0


def test_nobody_is_an_answer() -> None:
    assert report.answer({"names": []}) == report.answer({"people": []}) == "unknown"
    assert (
        report.answer({"names": ["Ada", "Bob"]})
        == report.answer({"people": [{"name": "Ada"}, {"name": "Bob"}]})
        == "Ada, Bob"
    )


def test_the_pause_before_another_try_grows_up_to_some_minutes() -> None:
    assert [back_off(receives) for receives in (1, 2, 3, 20)] == [2, 4, 8, 300]


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("recognize", {"topic": "anything"}, "There is no object"),
        ("face-detection", {"topic": "anything"}, "There is no object"),
        ("face-search", {}, "face-search needs the options collection, and least_similarity from 0 to 100"),
        ("face-search", {"collection": "a", "least_similarity": "many"}, "needs the options"),
        ("face-search", {"collection": "a", "least_similarity": "nan"}, "needs the options"),
    ],
)
def test_options_that_mean_nothing_end_the_job_and_not_the_worker(
    settings: Settings, queue: JobQueue, kind: str, options: dict[str, str], reason: str
) -> None:
    key = "gone.jpg" if "topic" in options else "clip.mp4"
    put(settings, "clip.mp4", b"anything")
    body = {"job": kind, "bucket": settings.input_bucket, "key": key, "options": options}
    queue.send(json.dumps(body))
    work_off(settings, queue)
    (letter,) = queue.dead(10)
    assert reason in letter.reason and letter.receives == 1


def test_the_reason_of_a_message_is_short_however_long_the_message_is(settings: Settings, queue: JobQueue) -> None:
    bucket = {"name": settings.input_bucket}
    records = [{"s3": {"bucket": bucket, "object": {"key": f"{number}{'/' * 500}x"}}} for number in range(20)]
    queue.send(json.dumps({"Records": records}))
    work_off(settings, queue)
    (letter,) = queue.dead(10)
    assert len(letter.reason) <= MOST_REASON and letter.reason.endswith("…")


def test_a_full_disk_for_temporary_files_costs_no_try_and_its_place_is_told_to_nobody(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(settings, "a.jpg", bytes(10_000))
    job = recognition(settings, "a.jpg")
    with open_app(settings) as app:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing" / "folder"))
        with pytest.raises(StoreUnavailable, match="temporary files") as raised, Tools(app).fetched(job):
            raise AssertionError
        assert str(tmp_path) not in str(raised.value)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tidied"))
        with Tools(app).fetched(job) as path:
            assert path.is_relative_to(tmp_path / "tidied")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        try:
            with pytest.raises(StoreUnavailable, match="temporary files"), Tools(app).fetched(job):
                raise AssertionError
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_class_that_was_removed_is_an_empty_one(settings: Settings, tmp_path: Path) -> None:
    with open_app(settings.model_copy(update={"data": tmp_path, "database": f"sqlite:///{tmp_path}/a.db"})) as app:
        tools = Tools(app)
        tools.gallery()
        app.store.delete_collection("students")
        assert len(tools.gallery()) == 0 and app.store.collection("students")


def test_a_worker_whose_model_is_another_than_the_classs_gives_its_job_to_one_that_starts_now(
    settings: Settings, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def migrated(*_: object) -> Json:
        raise ModelMismatch(expected="new", found="old")

    monkeypatch.setattr("photocall.worker.run", migrated)
    queue.send(message(recognition(settings, "a.jpg")))
    work_until(settings, lambda: False)
    assert queue.depth().delayed == 1 and queue.depth().dead == 0


def test_asking_again_for_a_job_that_waits_writes_nothing(settings: Settings) -> None:
    objects, job = open_objects(settings), recognition(settings, "a.jpg")
    results.announce(objects, job)
    written = result(settings, job)
    results.announce(objects, job)
    assert result(settings, job) == written  # else what a worker writes at that moment could be lost
    results.fail(objects, job, "no luck")
    results.announce(objects, job)
    assert result(settings, job)["status"] == "waiting"


def test_a_result_that_says_nothing_is_none(settings: Settings) -> None:
    objects, job = open_objects(settings), recognition(settings, "a.jpg")
    objects.put(results.result_key(job.job_id), b"{}")
    assert results.read_result(objects, job.job_id) is None
    results.fail(objects, job, "no luck")
    assert result(settings, job)["reason"] == "no luck"


def test_a_bucket_of_results_that_is_missing_is_an_outage_and_blames_no_job(settings: Settings) -> None:
    class Missing:
        def get(self, key: str, max_bytes: int | None = None) -> bytes:
            raise BucketNotFound("photos")

    with pytest.raises(StoreUnavailable, match="there is no bucket 'photos' for results"):
        results.read_result(Missing(), "a")  # type: ignore[arg-type]
