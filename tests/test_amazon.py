"""The real Amazon Rekognition as the engine: botocore's Stubber stands in, and checks what is asked and answered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.stub import Stubber

from photocall.aws.rekognition import AmazonRekognition
from photocall.errors import AmazonRefused
from photocall.media.images import encode_jpeg
from photocall.server.operations import OPERATIONS, answer
from photocall.server.service import Service
from photocall.server.shapes import operation_model
from servers import Asked, asked

BOX = {"Width": 0.5, "Height": 0.5, "Left": 0.25, "Top": 0.25}
FACE_ID = "11111111-2222-3333-4444-555555555555"
FOUND = {
    "SearchedFaceBoundingBox": BOX,
    "SearchedFaceConfidence": 99.5,
    "FaceMatches": [{"Similarity": 99.0, "Face": {"FaceId": FACE_ID, "ExternalImageId": "Keanu-Reeves.jpg"}}],
    "FaceModelVersion": "7.0",
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """A server whose engine is Amazon's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with asked(tmp_path, engine="rekognition", region="eu-west-1") as running:
        yield running


@pytest.fixture
def service(server: Asked) -> Service:
    return server.service


@pytest.fixture
def stubber(service: Service) -> Iterator[Stubber]:
    """What stands in for Amazon: it holds requests and answers against the service model."""
    assert isinstance(service.amazon, AmazonRekognition)
    with Stubber(service.amazon.client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def wire(server: Asked, operation: str, request: dict[str, Any]) -> httpx.Response:
    """A request by the wire protocol."""
    headers = {"X-Amz-Target": f"RekognitionService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    return server.client.post("/", content=json.dumps(request), headers=headers)


def test_a_request_goes_to_amazon_and_its_answer_comes_back(server: Asked, stubber: Stubber) -> None:
    request = {"CollectionId": "class", "Image": {"S3Object": {"Bucket": "photos", "Name": "a.jpg"}}, "MaxFaces": 3}
    stubber.add_response("search_faces_by_image", FOUND, request)
    told = wire(server, "SearchFacesByImage", request)
    assert (told.status_code, told.json()) == (200, FOUND)


def test_what_only_amazon_can_tell_is_passed_on(server: Asked, stubber: Stubber) -> None:
    faces = {"FaceDetails": [{"BoundingBox": BOX, "AgeRange": {"Low": 20, "High": 28}}]}
    stubber.add_response("detect_faces", faces, {"Image": {"Bytes": b"a picture"}, "Attributes": ["ALL"]})
    told = wire(server, "DetectFaces", {"Image": {"Bytes": "YSBwaWN0dXJl"}, "Attributes": ["ALL"]})
    assert told.json() == faces


def test_amazons_errors_are_passed_on_as_they_are(server: Asked, stubber: Stubber) -> None:
    stubber.add_client_error("create_collection", "ResourceAlreadyExistsException", "it is there", 400)
    told = wire(server, "CreateCollection", {"CollectionId": "class"})
    assert (told.status_code, told.json()["__type"]) == (400, "ResourceAlreadyExistsException")
    assert told.json()["Message"] == "it is there"


def test_a_request_that_the_model_forbids_never_leaves(server: Asked, stubber: Stubber) -> None:
    assert wire(server, "CreateCollection", {"CollectionId": "?"}).json()["__type"] == "InvalidParameterException"


def test_every_operation_has_its_method(service: Service) -> None:
    """Against a client that refuses to send: each call gets as far as the request's own validation or the network."""
    amazon = service.amazon
    assert amazon is not None
    for name in OPERATIONS:
        required = operation_model(name).input_shape.required_members
        if required:
            with pytest.raises(AmazonRefused) as refused:
                amazon.answer(name, {})
            assert "ParamValidationError" in str(refused.value)


def test_search_by_the_replaced_route_asks_amazon(server: Asked, stubber: Stubber, portraits: Any) -> None:
    data = encode_jpeg(portraits["obama"])
    request = {"CollectionId": "photocall", "Image": {"Bytes": data}, "FaceMatchThreshold": 10}
    request |= {"MaxFaces": 10, "QualityFilter": "AUTO"}
    stubber.add_response("search_faces_by_image", FOUND, request)
    told = server.client.post("/v1/search", content=data)
    assert told.status_code == 200, told.text
    assert told.json()["matchedFaces"] == ["Keanu reeves"]


def test_nothing_is_answered_by_guessing_without_amazon(service: Service) -> None:
    with pytest.raises(AmazonRefused):
        answer(service, "DetectFaces", {"Image": 7})
