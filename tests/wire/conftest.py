"""The unchanged boto3 client against a running server; every answer is held against botocore's model."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg
from serving import Served, served
from wire.clients import Client, client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that everybody on this machine may ask."""
    with served(tmp_path_factory.mktemp("wire") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def rekognition(server: Served) -> Client:
    """boto3's client for the server, as a user would make it."""
    return client(server.url)


@pytest.fixture
def collection(rekognition: Client) -> str:
    """A new collection, empty."""
    name = f"test-{uuid4().hex}"
    rekognition.create_collection(CollectionId=name)
    return name


@pytest.fixture(scope="session")
def jpegs(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    """The portraits as JPEG files: obama, obama2, obama3, biden, astronaut."""
    return {name: encode_jpeg(image) for name, image in portraits.items()}


@pytest.fixture
def code(rekognition: Client) -> Callable[..., str]:
    """Gives the code of the error that a call ends with."""

    def code_of(method: str, **request: object) -> str:
        with pytest.raises(rekognition.exceptions.ClientError) as refused:
            getattr(rekognition, method)(**request)
        return str(refused.value.response["Error"]["Code"])

    return code_of


@pytest.fixture(scope="session")
def class_photo(demo: Any) -> bytes:
    """A photo of a whole class."""
    return Path(demo.photo).read_bytes()
