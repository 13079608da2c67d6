"""Images that are objects: in a folder of the server's, and in S3."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from photocall.media.images import encode_jpeg
from s3_server import CREDENTIALS, make_bucket, running_s3
from serving import served
from wire.clients import client

BUCKET = "class-photos"
PUT = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and how an object gets into its bucket."""

    rekognition: Any
    put: PUT


@pytest.fixture(scope="module", params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("objects") / "data"
    if request.param == "folder":
        with served(data) as server:
            yield Place(client(server.url), in_folder(data / "objects" / "buckets" / BUCKET))
        return
    with running_s3() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, value)
        for name in ("kept", BUCKET):
            make_bucket(endpoint, name)
        store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        with served(data, objects="s3://kept/faces") as server:
            yield Place(client(server.url), lambda key, body: put_into(store, key, body))


def in_folder(folder: Path) -> PUT:
    def put(key: str, data: bytes) -> None:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)

    return put


def put_into(store: Any, key: str, data: bytes) -> None:
    store.put_object(Bucket=BUCKET, Key=key, Body=data)


def image(key: str, bucket: str = BUCKET) -> dict[str, Any]:
    return {"S3Object": {"Bucket": bucket, "Name": key}}


def refusal(place: Place, key: str, **more: str) -> str:
    with pytest.raises(place.rekognition.exceptions.ClientError) as refused:
        place.rekognition.detect_faces(Image=image(key, **more))
    return str(refused.value.response["Error"]["Code"])


def test_an_object_is_indexed_and_found_by_another(place: Place, jpegs: dict[str, bytes]) -> None:
    place.put("2026/Ada Lovelace+ü.jpg", jpegs["obama"])
    place.put("other.jpg", jpegs["obama2"])
    place.rekognition.create_collection(CollectionId="objects")
    place.rekognition.index_faces(CollectionId="objects", Image=image("2026/Ada Lovelace+ü.jpg"), ExternalImageId="ada")
    found = place.rekognition.search_faces_by_image(CollectionId="objects", Image=image("other.jpg"))
    assert [match["Face"]["ExternalImageId"] for match in found["FaceMatches"]] == ["ada"]
    place.rekognition.delete_collection(CollectionId="objects")


def test_an_object_may_be_larger_than_bytes_in_a_request(place: Place) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1800, 2400, 3), np.uint8)
    data = encode_jpeg(noise, 98)
    assert 5 * 2**20 < len(data) < 15 * 2**20
    place.put("noise.jpg", data)
    assert place.rekognition.detect_faces(Image=image("noise.jpg"))["FaceDetails"] == []


def test_an_object_of_more_than_15_megabytes_is_refused(place: Place) -> None:
    place.put("large.jpg", bytes(15 * 2**20 + 1))
    assert refusal(place, "large.jpg") == "ImageTooLargeException"


def test_what_is_not_there_or_no_image_is_told(place: Place) -> None:
    place.put("text.jpg", b"not an image")
    assert refusal(place, "text.jpg") == "InvalidImageFormatException"
    assert refusal(place, "nobody.jpg") == "InvalidS3ObjectException"
    assert refusal(place, "text.jpg", bucket="no-such-bucket") == "InvalidS3ObjectException"
    versioned = {"S3Object": {"Bucket": BUCKET, "Name": "text.jpg", "Version": "1"}}
    with pytest.raises(place.rekognition.exceptions.InvalidS3ObjectException):
        place.rekognition.detect_faces(Image=versioned)
