"""The web tier (S4.1 to S4.3): photos are posted as forms, and each is answered with who is in it."""

import io
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from PIL import Image

from crew import at_work, emptied, enroll_class
from photocall.access import create_api_key
from photocall.app import open_bucket, open_objects, open_queue
from photocall.demo import Demo
from photocall.faces import ByteArray
from photocall.jobs import Job, Kind, message
from photocall.keys import Scope
from photocall.ports import JobQueue
from photocall.server import web_tier
from photocall.server.multipart import MAX_NAME_BYTES
from photocall.server.problems import BadRequest
from photocall.settings import AnswerForm, Settings
from servers import Asked, asked
from serving import served

POSTS = 100
NOW = datetime(2026, 3, 2, tzinfo=UTC)

Photos = dict[str, bytes]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Path:
    folder = tmp_path_factory.mktemp("data")
    enroll_class(folder, demo)
    return folder


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> Photos:
    """Small photos by who is in them; Ada is nobody's face that is known."""
    names = {"Barack Obama": "obama2", "Joe Biden": "biden", "unknown": "astronaut"}
    return {name: small(portraits[portrait], 90) for name, portrait in names.items()}


def small(image: ByteArray, quality: int) -> bytes:
    """A photo whose face is some 80 pixels wide; each quality gives another file."""
    file, picture = io.BytesIO(), Image.fromarray(image)
    picture.thumbnail((300, 300))
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


@pytest.fixture(scope="module")
def idle(data: Path) -> Iterator[Asked]:
    """A server that nobody works for."""
    with asked(data, threads=1, request_queue="idle", answer_seconds=1) as server:
        yield server


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Asked]:
    """A server that a worker works for."""
    with asked(data, threads=1) as server, at_work(server.service.settings):
        yield server


@pytest.fixture
def queue(idle: Asked) -> JobQueue:
    """What the idle server has sent; empty."""
    return emptied(idle.service.queue)


def post(server: Asked, name: str, content: bytes, **headers: str) -> httpx.Response:
    return server.client.post("/", files={"inputFile": (name, content)}, headers=headers)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    told = answer.json()
    assert told.keys() == {"error", "description"} and told["description"]
    return answer.status_code, told["error"]


# --- answers


def test_a_photo_is_answered_with_its_name_without_the_ending_and_who_is_in_it(server: Asked, photos: Photos) -> None:
    for number, (name, photo) in enumerate(photos.items()):
        answer = post(server, f"test_{number:03}.jpg", photo)
        assert (answer.status_code, answer.content) == (200, f"test_{number:03}:{name}".encode())
        assert answer.headers["Content-Type"].startswith("text/plain")


def test_input_output_and_result_are_where_others_look_for_them(server: Asked, photos: Photos) -> None:
    settings = server.service.settings
    post(server, "test_007.jpg", photos["Joe Biden"])
    assert open_bucket(settings, settings.input_bucket).get("test_007.jpg") == photos["Joe Biden"]
    assert open_bucket(settings, settings.output_bucket).get("test_007") == b"Joe Biden"
    stored = [json.loads(open_objects(settings).get(each.key)) for each in open_objects(settings).list("results")]
    assert [found["names"] for found in stored if found["key"] == "test_007.jpg"] == [["Joe Biden"]]


def test_several_people_are_all_named(server: Asked, demo: Demo) -> None:
    answer = post(server, "class.jpg", demo.photo.read_bytes())
    stem, _, names = answer.text.partition(":")
    assert stem == "class" and len(names.split(", ")) == 2
    assert set(names.split(", ")) == {"Barack Obama", "Joe Biden"}


def test_the_same_photo_again_is_answered_again(server: Asked, photos: Photos) -> None:
    for _ in range(2):
        assert post(server, "again.jpg", photos["Joe Biden"]).text == "again:Joe Biden"


def test_another_photo_by_the_same_name_has_its_own_answer(server: Asked, photos: Photos) -> None:
    for name, photo in photos.items():
        assert post(server, "same.jpg", photo).text == f"same:{name}"


def test_the_readable_form_is_word_for_word_the_originals() -> None:
    job, found = Job(Kind.RECOGNIZE, "in", "image_01.jpg"), {"status": "done", "names": ["John Doe"]}
    line = "image_01.jpg: face detected - John Doe"
    assert web_tier.line_of(job, found, AnswerForm.READABLE) == line
    nobody = web_tier.line_of(Job(Kind.RECOGNIZE, "in", "image_02.jpg"), {**found, "names": []}, AnswerForm.READABLE)
    assert nobody == "image_02.jpg: face not recognized"


def test_a_server_that_is_to_answer_readably_does(data: Path, photos: Photos) -> None:
    readable = asked(data, threads=1, request_queue="readable", answer_form="readable")
    with readable as server, at_work(server.service.settings):
        told = {post(server, f"{name}.jpg", photos[name]).text for name in ("Joe Biden", "unknown")}
    assert told == {"Joe Biden.jpg: face detected - Joe Biden", "unknown.jpg: face not recognized"}


def test_a_hundred_posts_at_once_to_two_servers_have_each_its_own_answer(
    data: Path, portraits: dict[str, ByteArray]
) -> None:
    seen = [("Barack Obama", "obama2"), ("Joe Biden", "biden"), ("unknown", "astronaut")]
    names = {f"test_{number:03}": seen[number % 3][0] for number in range(POSTS)}
    files = [small(portraits[seen[number % 3][1]], 60 + number // 3) for number in range(POSTS)]
    shared = {"queue": f"sqlite:///{data}/hundred.db", "workers_max": "0", "threads": "1"}
    with (
        served(data, log=data / "one.log", **shared) as one,
        served(data, log=data / "other.log", **shared) as other,
        at_work(Settings(data=data, **shared)),
        httpx.Client(timeout=120, trust_env=False, limits=httpx.Limits(max_connections=None)) as client,
        ThreadPoolExecutor(POSTS) as threads,
    ):

        def ask(number: int) -> str:
            form = {"inputFile": (f"test_{number:03}.jpg", files[number])}
            return client.post((one, other)[number % 2].url, files=form).text

        answers = list(threads.map(ask, range(POSTS)))
    assert answers == [f"{stem}:{name}" for stem, name in names.items()]


# --- what goes wrong


def test_a_photo_that_cannot_be_decoded_is_refused_with_the_reason(server: Asked) -> None:
    answer = post(server, "broken.jpg", b"\xff\xd8\xff no picture")
    assert refusal(answer) == (400, "ImageUnreadable")
    assert "broken.jpg: not a readable image" in answer.json()["description"]


@pytest.mark.parametrize(
    ("failed", "status", "told"),
    [
        ({"reason": "'a.jpg' was replaced", "error": "ObjectReplaced"}, 409, "'a.jpg' was replaced"),
        ({"reason": "There is no object 'a.jpg'", "error": "ObjectNotFound"}, 409, "There is no object 'a.jpg'"),
        ({"reason": "a.jpg: too large", "error": "ImageTooLarge"}, 400, "a.jpg: too large"),
        ({"reason": "killed by signal 9"}, 500, "killed by signal 9 (job 17)"),
        ({"reason": "pg://ada@db: gone", "error": "StoreUnavailable"}, 500, "A store of the server cannot be reached"),
    ],
)
def test_a_job_that_was_given_up_is_told_with_its_reason(failed: dict[str, str], status: int, told: str) -> None:
    job = Job(Kind.RECOGNIZE, "in", "a.jpg")
    with pytest.raises(BadRequest) as caught:
        web_tier.line_of(job, {"job_id": "17", "status": "failed", **failed}, AnswerForm.NAME)
    assert caught.value.status == status and told in caught.value.description
    assert "ada@db" not in caught.value.description


def test_an_answer_that_does_not_come_in_time_is_told_with_where_it_will_be(idle: Asked, photos: Photos) -> None:
    late = post(idle, "late.jpg", photos["Joe Biden"])
    assert refusal(late) == (504, "AnswerLate")
    (url,) = (word for word in late.json()["description"].split() if word.startswith("/v1/jobs/"))
    assert idle.client.get(url).json()["status"] == "waiting"
    with at_work(idle.service.settings):
        while (found := idle.client.get(url).json())["status"] == "waiting":
            pass
    assert found["names"] == ["Joe Biden"]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"file": ("a.jpg", b"\xff\xd8\xff")}, "FieldUnknown"),
        ([("inputFile", ("a.jpg", b"\xff\xd8\xff")), ("inputFile", ("b.jpg", b"\xff\xd8\xff"))], "InvalidForm"),
        ({"inputFile": (None, "a.jpg")}, "FieldInvalid"),
        ({"other": (None, "a.jpg")}, "FieldMissing"),
        ({"inputFile": ("a.jpg", b"")}, "EmptyFile"),
        ({"inputFile": ("a.jpg", b"hello")}, "NoImage"),
        ({"inputFile": ("a.mp4", b"\0\0\0\x18ftypmp42" + bytes(16))}, "NoImage"),
        ({"inputFile": ("../a.jpg", b"\xff\xd8\xff")}, "InvalidFilename"),
        ({"inputFile": ("..", b"\xff\xd8\xff")}, "InvalidFilename"),
        ({"inputFile": ("a\\b.jpg", b"\xff\xd8\xff")}, "InvalidFilename"),
        ({"inputFile": ("a.jpg#1", b"\xff\xd8\xff")}, "InvalidFilename"),
        ({"inputFile": ("a" * 247 + ".jpg", b"\xff\xd8\xff")}, "InvalidFilename"),
        ({"inputFile": ("ä" * 124 + ".jpg", b"\xff\xd8\xff")}, "InvalidFilename"),
    ],
)
def test_a_form_that_is_wrong_is_refused_and_starts_nothing(
    idle: Asked, queue: JobQueue, files: object, error: str
) -> None:
    answer = idle.client.post("/", files=files)  # type: ignore[arg-type]
    assert refusal(answer) == (400, error)
    assert queue.depth().waiting == 0


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_body_that_is_no_form_is_refused(idle: Asked, content_type: str) -> None:
    answer = idle.client.post("/", content=b"hello", headers={"content-type": content_type})
    assert refusal(answer) == (400, "InvalidForm")


@pytest.mark.parametrize(("size", "error"), [(15 * 2**20 + 1, "ImageTooLarge"), (16 * 2**20, "PayloadTooLarge")])
def test_a_photo_that_is_too_large_is_refused(idle: Asked, queue: JobQueue, size: int, error: str) -> None:
    assert refusal(post(idle, "a.jpg", b"\xff\xd8\xff".ljust(size, b"\0"))) == (413, error)
    assert queue.depth().waiting == 0


def test_the_longest_name_is_taken(idle: Asked, queue: JobQueue, photos: Photos) -> None:
    name = "李" * (MAX_NAME_BYTES // 3)
    assert post(idle, name, photos["unknown"]).status_code == 504
    (delivery,) = queue.receive()
    assert json.loads(delivery.body)["key"] == name


@pytest.mark.parametrize("letter", ["a", '"', "é", "李", "😀"])
def test_a_message_has_at_most_1024_bytes_whatever_the_names(letter: str) -> None:
    name = letter * (MAX_NAME_BYTES // len(letter.encode()))
    assert len(message(Job(Kind.RECOGNIZE, "b" * 63, name, "0" * 32, "0" * 64)).encode()) <= 1024


def test_a_client_that_goes_away_stops_the_waiting_but_not_the_job(data: Path, photos: Photos) -> None:
    with asked(data, threads=1, request_queue="gone", answer_seconds=3600) as server:
        request = server.client.build_request("POST", "/", files={"inputFile": ("gone.jpg", photos["Joe Biden"])})
        body = request.read()
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        queue = open_queue(server.service.settings)
        with socket.create_connection((request.url.host, request.url.port or 0)) as connection:
            connection.sendall(f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body)
            while queue.depth().waiting == 0:
                pass
        while 'status="499"' not in server.client.get("/metrics").text:
            pass
        assert queue.depth().waiting == 1


# --- who may ask


def test_a_server_that_needs_keys_needs_one_for_writing(data: Path) -> None:
    with asked(data, threads=1, auth="on", request_queue="keys", answer_seconds=1) as server:
        store = server.service.store
        keys = {scope: create_api_key(store, scope, frozenset({scope}), None, NOW)[1] for scope in Scope}
        form = {"inputFile": ("a.jpg", b"hello")}
        assert refusal(server.client.post("/", files=form)) == (401, "KeyMissing")
        reading = {"x-api-key": keys[Scope.READ]}
        assert refusal(server.client.post("/", files=form, headers=reading)) == (403, "KeyRefused")
        assert refusal(post(server, "a.jpg", b"hello", **{"x-api-key": keys[Scope.WRITE]})) == (400, "NoImage")


def test_a_page_of_another_origin_cannot_post_to_a_server_without_keys(idle: Asked, queue: JobQueue) -> None:
    foreign = post(idle, "a.jpg", b"\xff\xd8\xff", Origin="https://evil.example")
    assert foreign.status_code == 403 and "PHOTOCALL_AUTH" in foreign.json()["description"]
    assert queue.depth().waiting == 0
    assert refusal(post(idle, "a.jpg", b"hello", Origin=idle.url)) == (400, "NoImage")


def test_rekognitions_protocol_has_the_same_address(idle: Asked) -> None:
    headers = {"x-amz-target": "RekognitionService.ListCollections", "content-type": "application/x-amz-json-1.1"}
    answer = idle.client.post("/", content=b"{}", headers=headers)
    assert answer.status_code == 200 and "students" in answer.json()["CollectionIds"]
    assert idle.client.post("/", content=b"{}").json()["__type"] == "UnknownOperationException"
