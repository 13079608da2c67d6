"""Thousands of made-up requests: no answer is a failure of the server, and the service model allows every one."""

import base64
import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from photocall.server.operations import OPERATIONS
from photocall.server.shapes import operation_model
from serving import Served
from wire.answers import check_answer
from wire.made_up import Inventor

REQUESTS = int(os.environ.get("MADE_UP_REQUESTS", "2000"))
THREADS = 4


@pytest.fixture(scope="module")
def known(rekognition: Any, jpegs: dict[str, bytes]) -> dict[str, Any]:
    """Things that are there, by the shape that names them; the collection has faces, users and tags."""
    collection = f"known-{uuid4().hex}"
    arn = rekognition.create_collection(CollectionId=collection)["CollectionArn"]
    faces = [
        rekognition.index_faces(CollectionId=collection, Image={"Bytes": jpegs["obama"]}, ExternalImageId=f"e{number}")
        for number in range(5)
    ]
    for user in ("ada", "bob"):
        rekognition.create_user(CollectionId=collection, UserId=user)
    small = base64.b64encode(jpegs["biden"]).decode()
    return {
        "CollectionId": [collection],
        "FaceId": [face["FaceRecords"][0]["Face"]["FaceId"] for face in faces],
        "UserId": ["ada", "bob", "eve"],
        "ResourceArn": [arn, arn + "x", "arn:aws:rekognition:::"],
        "ImageBlob": [small, small[: len(small) // 8 * 4], "aGVsbG8=", "YQ==", "YQ", "?"],
        "ClientRequestToken": ["one", "two"],
        "QualityFilter": ["NONE", "AUTO", "HIGH"],
    }


def test_no_request_makes_the_server_fail(server: Served, known: dict[str, Any]) -> None:
    codes: Counter[str] = Counter()
    with ThreadPoolExecutor(THREADS) as threads:
        for told in threads.map(lambda seed: ask(server, Inventor(seed, known)), range(THREADS)):
            codes += told
    assert codes.total() == REQUESTS
    assert codes["200"] > REQUESTS / 20  # it is not rubbish alone
    assert {"InvalidParameterException", "SerializationException", "ResourceNotFoundException"} <= codes.keys()
    assert "InternalServerError" not in codes


def ask(server: Served, inventor: Inventor) -> Counter[str]:
    """A thread's share of the requests; the codes of the answers."""
    codes: Counter[str] = Counter()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for _ in range(REQUESTS // THREADS):
            name = inventor.dice.choice(sorted(OPERATIONS))
            model = operation_model(name)
            body = json.dumps(inventor.request(model.input_shape))
            headers = {"X-Amz-Target": f"RekognitionService.{name}", "Content-Type": "application/x-amz-json-1.1"}
            answer = client.post("/", content=body, headers=headers)
            assert answer.status_code < 500, (name, body[:1000], answer.text)
            told = check_answer(model, answer.status_code, answer.content)
            codes[told.get("__type", "200")] += 1
    return codes
