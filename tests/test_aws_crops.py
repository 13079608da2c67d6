"""Elastic face recognition on AWS: a picture to a URL, its face through a queue, the answer in another one."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aws_account import Account, opened_account
from commandline import data_with
from event_source import Function, QueueSource
from photocall.app import open_queue
from photocall.crops import JPEG_QUALITY, MAX_SIDE, MAX_TEXT, SentPicture, crop_message
from photocall.demo import Demo
from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg, read_image
from photocall.ports import MAX_MESSAGE_BYTES
from photocall.settings import Settings
from requested import function_url, said
from runtime_api import Environment

DETECTION, RECOGNITION = "photocall.aws.crops.face_detection", "photocall.aws.crops.face_recognition"
REQUESTS, RESPONSES = "photocall-jobs", "photocall-responses"

PATIENCE = 60
"""Seconds after which an answer that must come has not."""


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Iterator[Account]:
    data = tmp_path_factory.mktemp("data")
    with opened_account(data, response_queue=RESPONSES) as account:
        data_with(data, demo.enroll)
        yield account


@pytest.fixture(scope="module")
def detection(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    with Environment(DETECTION, tmp_path_factory.mktemp("detection") / "log", account.variables) as environment:
        yield environment


def request(body: object) -> dict[str, Any]:
    """A request to the URL; a body that is no bytes is JSON."""
    return function_url("POST", "/", body if isinstance(body, bytes) else json.dumps(body).encode())


def picture(image: ByteArray, request_id: str = "1") -> dict[str, str]:
    content = base64.b64encode(encode_jpeg(image)).decode()
    return {"request_id": request_id, "filename": "test_00.jpg", "content": content}


def recognised(account: Account, folder: Path, count: int) -> list[Any]:
    """The answers, once there are so many, of the function that the queue of requests triggers."""
    deadline, found = time.monotonic() + PATIENCE, list[Any]()
    with Function(RECOGNITION, folder, account.variables) as one, QueueSource(one, REQUESTS, most=1, batch=10):
        while len(found) < count and time.monotonic() < deadline:
            found += account.messages(RESPONSES)
            time.sleep(0.05)
    return found


def test_the_face_of_a_picture_is_cut_out_and_recognised_as_in_the_whole_picture(
    account: Account, detection: Environment, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    people = {"obama3": "Barack Obama", "obama2": "Barack Obama", "biden": "Joe Biden", "astronaut": "unknown"}
    for name in people:
        asked = request(picture(portraits[name], name))
        assert said(detection.invoke(asked)) == (200, {"request_id": name, "filename": "test_00.jpg"})
    answers = {answer["request_id"]: answer["result"] for answer in recognised(account, tmp_path, len(people))}
    assert answers == people


def test_a_crop_is_one_face_alone_and_small(
    account: Account, detection: Environment, portraits: dict[str, ByteArray]
) -> None:
    """Two people, one of them much nearer."""
    large, small = portraits["biden"], portraits["obama3"][:600, 400:1150]
    scene = np.zeros((1200, 2400, 3), np.uint8)
    scene[: large.shape[0], 1000 : 1000 + large.shape[1]] = large[:1200, :1400]
    scene[200:500, 100:475] = small[::2, ::2]
    detection.invoke(request(picture(scene)))
    (message,) = account.messages(REQUESTS)
    assert message.keys() == {"request_id", "filename", "face_image"}
    crop = read_image(base64.b64decode(message["face_image"]))
    assert max(crop.shape) == 384


def test_what_is_no_crop_is_a_dead_letter_with_the_reason_and_holds_nobody_up(
    account: Account, detection: Environment, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    queue = open_queue(Settings(queue="sqs://"), REQUESTS)
    with closing(queue):
        queue.send("no JSON")
        queue.send(json.dumps({"request_id": "1", "filename": "a.jpg", "face_image": "AAAA"}))
        detection.invoke(request(picture(portraits["biden"], "2")))
        assert recognised(account, tmp_path, 1) == [{"request_id": "2", "result": "Joe Biden"}]
        assert sorted(letter.reason for letter in queue.dead(10)) == [
            "a.jpg: not a readable image: it is none of JPEG, PNG, GIF, BMP, TIFF, WebP, PPM, AVIF",
            "it is not JSON",
        ]
        assert queue.depth().waiting + queue.depth().leased == 0


def test_a_picture_of_nobody_is_answered_at_once_and_sends_nothing_on(account: Account, detection: Environment) -> None:
    told = {"request_id": "7", "result": "No-Face"}
    assert said(detection.invoke(request(picture(np.full((200, 200, 3), 90, np.uint8), "7")))) == (200, told)
    assert account.messages(RESPONSES) == [told] and account.messages(REQUESTS) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "it is not JSON"),
        (b"\xff" + b"[" * 100_000, "it is not JSON"),
        ([], "it is not a JSON object"),
        ({}, "content: it must be text"),
        ({"content": "AAAA", "request_id": "1", "filename": 5}, "filename: it must be text"),
        ({"content": "AAAA", "request_id": "1" * 256, "filename": "a"}, "at most 255 letters"),
        ({"content": "!", "request_id": "1", "filename": "a"}, "content: it must be an image file in base64"),
        ({"content": "AAAA", "request_id": "1", "filename": "a.jpg"}, "a.jpg: not a readable image"),
    ],
)
def test_a_request_that_is_none_is_told_what_is_wrong(
    account: Account, detection: Environment, body: object, reason: str
) -> None:
    code, answer = said(detection.invoke(request(body)))
    assert code == 400 and reason in answer["error"]
    assert account.messages(REQUESTS) == account.messages(RESPONSES) == []


def test_the_largest_crop_there_can_be_fits_into_a_message() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (MAX_SIDE, MAX_SIDE, 3), np.uint8)
    worst = SentPicture("\0" * MAX_TEXT, "\0" * MAX_TEXT, b"")
    assert len(crop_message(worst, encode_jpeg(noise, JPEG_QUALITY))) <= MAX_MESSAGE_BYTES
