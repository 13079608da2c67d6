"""Jobs over HTTP: files come in, their results are asked for later, and nothing is done twice."""

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from crew import at_work, emptied, enroll_class
from inside import inside
from photocall import fleet, results
from photocall.access import create_api_key
from photocall.app import open_bucket
from photocall.demo import Demo
from photocall.faces import ByteArray
from photocall.fleet import Doing, PoolState, Progress, WorkerState
from photocall.handlers import MAX_IMAGE_BYTES
from photocall.jobs import Job, Kind
from photocall.keys import Scope
from photocall.ports import JobQueue
from photocall.server import limits
from photocall.server.http import make_http
from servers import Asked, asked, jpeg

Json = dict[str, Any]

NOBODY = str(uuid.UUID(int=17))
FILM = b"\0\0\0\x18ftypmp42" + bytes(16)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Path:
    folder = tmp_path_factory.mktemp("data")
    enroll_class(folder, demo)
    return folder


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Asked]:
    with asked(data, threads=1) as server:
        yield server


@pytest.fixture
def server(running: Asked) -> Asked:
    """A server that nobody works for, with an empty queue."""
    emptied(running.service.queue)
    return running


@pytest.fixture
def queue(server: Asked) -> JobQueue:
    return server.service.queue


@pytest.fixture(scope="module")
def photo(portraits: dict[str, ByteArray]) -> bytes:
    return jpeg(portraits["biden"])


def post(server: Asked, *files: tuple[str, bytes], **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.client.post("/v1/jobs", files=[("file", file) for file in files], headers=named)


def submitted(server: Asked, *files: tuple[str, bytes], **headers: str) -> list[Json]:
    answer = post(server, *files, **headers)
    assert answer.status_code == 202, answer.text
    jobs: list[Json] = answer.json()["jobs"]
    return jobs


def get(server: Asked, job: Json, file: str = "") -> httpx.Response:
    return server.client.get(job["url"] + (f"/files/{file}" if file else ""))


def wait_for(server: Asked, job: Json) -> Json:
    """The result of a job, once there is one."""
    while (found := get(server, job).json())["status"] == "waiting":
        pass
    return dict(found)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert told.keys() == {"error", "description"} and told["description"]
    return answer.status_code, told["error"]


# --- what becomes of files


def test_photos_and_videos_are_taken_together_and_done_when_there_is_a_worker(
    server: Asked, demo: Demo, photo: bytes
) -> None:
    jobs = submitted(server, ("Zoë 1.jpg", photo), ("lesson.mp4", demo.clip.read_bytes()))
    assert [job["filename"] for job in jobs] == ["Zoë 1.jpg", "lesson.mp4"]
    for job in jobs:
        assert job["status"] == get(server, job).json()["status"] == "waiting"
        assert job["url"] == f"/v1/jobs/{job['job_id']}"
    with at_work(server.service.settings):
        one, film = (wait_for(server, job) for job in jobs)
    assert (one["status"], one["names"]) == ("done", ["Joe Biden"])
    assert film["status"] == "done" and {person["name"] for person in film["people"]} == {"Barack Obama", "Joe Biden"}
    settings = server.service.settings
    assert open_bucket(settings, settings.input_bucket).get("lesson.mp4") == demo.clip.read_bytes()
    files_of_a_video_come_with_their_media_types(server, jobs[1])
    assert refusal(get(server, jobs[0], "people.csv")) == (404, "FileNotFound")


def files_of_a_video_come_with_their_media_types(server: Asked, job: Json) -> None:
    faces, timeline, table = (get(server, job, name) for name in ("faces.jpg", "timeline.json", "people.csv"))
    assert faces.headers["Content-Type"] == "image/jpeg" and Image.open(io.BytesIO(faces.content)).width > 100
    assert timeline.headers["Content-Type"] == "application/json" and timeline.json()["video"] == "lesson.mp4"
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8" and table.text.startswith("name,major,year")
    assert table.headers["Content-Disposition"] == "attachment; filename*=utf-8''people.csv"
    assert {file.headers["X-Content-Type-Options"] for file in (faces, timeline, table)} == {"nosniff"}
    assert refusal(get(server, job, "other.txt")) == (404, "FileNotFound")


def test_a_job_that_cannot_be_done_says_why(server: Asked) -> None:
    (job,) = submitted(server, ("broken.mp4", FILM))
    with at_work(server.service.settings):
        found = wait_for(server, job)
    assert (found["status"], found["error"]) == ("failed", "VideoUnreadable")
    assert "broken.mp4: not a readable video" in found["reason"]
    assert refusal(get(server, job, "faces.jpg")) == (404, "FileNotFound")


def test_a_reason_never_tells_where_stores_are(server: Asked) -> None:
    job = Job(Kind.RECOGNIZE, "in", "a.jpg", uuid.uuid4().hex)
    results.fail(server.service.objects, job, "pg://ada@db: gone", "StoreUnavailable")
    told = server.client.get(f"/v1/jobs/{job.job_id}").text
    assert "cannot be reached" in told and "ada" not in told


def test_how_far_a_worker_is_with_a_job_is_told(server: Asked) -> None:
    video, photo, other = submitted(server, ("a.mp4", FILM), ("b.jpg", b"\xff\xd8\xff1"), ("c.jpg", b"\xff\xd8\xff1"))
    far = Progress(frames=120, seconds=30, duration=90, people=3)
    workers = [WorkerState(1, Doing.BUSY, video["job_id"], "a.mp4", 4, far)]
    workers.append(WorkerState(2, Doing.BUSY, photo["job_id"], "b.jpg", 0.25))
    fleet.report(server.service.objects, PoolState("here", "host", 15, 0, 0, workers))
    told = {"running": 4.0, "frames": 120, "seconds": 30, "duration": 90, "people": 3, "left": 8.0}
    assert get(server, video).json()["progress"] == told
    assert get(server, photo).json()["progress"] == {"running": 0.2}
    assert "progress" not in get(server, other).json()
    fleet.leave(server.service.objects, "here")


def test_what_is_left_of_a_video_without_a_length_is_not_known(server: Asked) -> None:
    (job,) = submitted(server, ("stream.mp4", FILM))
    workers = [WorkerState(1, Doing.BUSY, job["job_id"], "stream.mp4", 4, Progress(8, 2, None, 0))]
    fleet.report(server.service.objects, PoolState("here", "host", 15, 0, 0, workers))
    progress = get(server, job).json()["progress"]
    assert progress["duration"] is None and progress["left"] is None
    fleet.leave(server.service.objects, "here")


def test_a_large_file_arrives_whole(server: Asked) -> None:
    film = FILM.ljust(40 * 2**20, b"\1")
    (job,) = submitted(server, ("large.mp4", film))
    settings = server.service.settings
    assert open_bucket(settings, settings.input_bucket).get("large.mp4") == film
    assert get(server, job).json()["key"] == "large.mp4"


# --- the same again


def test_the_same_file_with_the_same_key_is_the_same_job_and_done_once(
    server: Asked, queue: JobQueue, photo: bytes
) -> None:
    (first,) = submitted(server, ("once.jpg", photo), Idempotency_Key="lesson 17")
    (again,) = submitted(server, ("once.jpg", photo), Idempotency_Key="lesson 17")
    assert first == again
    with at_work(server.service.settings):
        written = wait_for(server, first)["written"]
        while sum((queue.depth().waiting, queue.depth().leased)):
            pass
    assert get(server, first).json()["written"] == written
    (later,) = submitted(server, ("once.jpg", photo), Idempotency_Key="lesson 17")
    assert later == {**first, "status": "done"} and queue.depth().waiting == 0


def test_another_key_content_or_name_and_no_key_at_all_are_other_jobs(server: Asked, photo: bytes) -> None:
    keyed = submitted(server, ("a.jpg", photo), ("b.jpg", photo), Idempotency_Key="1")
    keyed += submitted(server, ("a.jpg", photo), Idempotency_Key="2")
    keyed += submitted(server, ("a.jpg", photo + b"\0"), Idempotency_Key="1")
    keyed += submitted(server, ("a.jpg", photo)) + submitted(server, ("a.jpg", photo))
    assert len({job["job_id"] for job in keyed}) == 6


# --- what is wrong


@pytest.mark.parametrize(
    ("files", "refused"),
    [
        ([("a.jpg", b"\xff\xd8\xff1"), ("a.jpg", b"\xff\xd8\xff2")], (400, "FilenameTwice")),
        ([("a.jpg", b"\xff\xd8\xff1"), ("b.txt", b"hello")], (415, "UnsupportedMediaType")),
        ([("a.pdf", b"%PDF-1.7")], (415, "UnsupportedMediaType")),
        ([("a.mp4", b"")], (400, "EmptyFile")),
        ([("../a.jpg", b"\xff\xd8\xff1")], (400, "InvalidFilename")),
        ([("", b"\xff\xd8\xff1")], (400, "FieldInvalid")),
        ([("a.jpg", b"\xff\xd8\xff".ljust(MAX_IMAGE_BYTES + 1))], (413, "ImageTooLarge")),
        ([(f"{number}.mp4", FILM) for number in range(101)], (400, "InvalidForm")),
    ],
    ids=lambda given: str(given)[:60],
)
def test_files_are_all_taken_or_none(
    server: Asked, queue: JobQueue, files: list[tuple[str, bytes]], refused: tuple[int, str]
) -> None:
    assert refusal(post(server, *files)) == refused
    assert queue.depth().waiting == 0


def test_a_request_without_a_file_says_where_it_must_be(server: Asked) -> None:
    for given in ({}, {"content": b"\xff\xd8\xff"}, {"data": {"a": "b"}}):
        answer = server.client.post("/v1/jobs", **given)
        assert refusal(answer) == (400, "FieldMissing") and "'file'" in answer.json()["description"]


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_that_can_be_none_is_refused(server: Asked, key: str) -> None:
    assert refusal(post(server, ("a.mp4", FILM), Idempotency_Key=key)) == (400, "InvalidIdempotencyKey")


def test_a_body_above_the_limit_is_refused_before_it_is_read(server: Asked) -> None:
    declared = {"content-length": str(limits.MAX_UPLOAD_BYTES + 1), "content-type": "multipart/form-data; boundary=x"}
    with inside(make_http(server.service)) as client:
        assert refusal(client.post("/v1/jobs", content=b"", headers=declared)) == (413, "PayloadTooLarge")
        assert refusal(client.post("/v1/index", content=b"", headers=declared)) == (413, "PayloadTooLarge")


@pytest.mark.parametrize("job_id", [NOBODY, "17", "..", "%2e%2e%2fphotocall", NOBODY.replace("-", ""), "x" * 1000])
@pytest.mark.parametrize("path", ["/v1/jobs/{}", "/v1/jobs/{}/files/people.csv"])
def test_a_job_that_there_is_not_is_not_found(server: Asked, job_id: str, path: str) -> None:
    assert refusal(server.client.get(path.format(job_id)))[0] == 404


def test_an_id_in_capitals_is_the_same(server: Asked) -> None:
    (job,) = submitted(server, ("a.mp4", FILM))
    assert server.client.get(f"/v1/jobs/{job['job_id'].upper()}").json()["job_id"] == job["job_id"]


def test_reading_and_writing_need_their_keys(data: Path) -> None:
    with asked(data, threads=1, auth="on") as server:
        now, store = datetime.now(UTC), server.service.store
        keys = {scope: create_api_key(store, scope, frozenset({scope}), None, now)[1] for scope in Scope}
        assert refusal(post(server, ("a.mp4", FILM))) == (401, "KeyMissing")
        assert refusal(post(server, ("a.mp4", FILM), x_api_key=keys[Scope.READ])) == (403, "KeyRefused")
        (job,) = submitted(server, ("a.mp4", FILM), x_api_key=keys[Scope.WRITE])
        assert refusal(get(server, job)) == (401, "KeyMissing")
        assert server.client.get(job["url"], headers={"x-api-key": keys[Scope.READ]}).status_code == 200


def test_a_page_of_another_origin_cannot_send_files_to_a_server_without_keys(server: Asked, queue: JobQueue) -> None:
    assert post(server, ("a.mp4", FILM), Origin="https://evil.example").status_code == 403
    assert queue.depth().waiting == 0


def test_the_queue_and_its_workers_are_counted(server: Asked, queue: JobQueue) -> None:
    submitted(server, ("a.mp4", FILM), ("b.mp4", FILM))
    workers = [WorkerState(1, Doing.BUSY), WorkerState(2, Doing.IDLE), WorkerState(3, Doing.BUSY)]
    fleet.report(server.service.objects, PoolState("here", "host", 15, 0, 0, workers))
    told = server.client.get("/metrics").text.splitlines()
    for state, count in {"waiting": 2, "delayed": 0, "leased": 0, "dead": queue.depth().dead}.items():
        assert f'photocall_queue_messages{{state="{state}"}} {count}.0' in told
    for doing, count in {"busy": 2, "idle": 1, "starting": 0, "stopping": 0}.items():
        assert f'photocall_workers{{doing="{doing}"}} {count}.0' in told
    fleet.leave(server.service.objects, "here")
