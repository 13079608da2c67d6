"""A request that fails leaves nothing in memory: neither its error nor what that came through, such as its body."""

import gc
import json
import time
from collections.abc import Iterator

import pytest

from photocall.errors import PhotocallError
from photocall.server.problems import BadRequest
from photocall.server.wire_errors import WireError
from servers import Asked, asked, in_base64

WIRE = {"x-amz-target": "RekognitionService.DetectFaces", "content-type": "application/x-amz-json-1.1"}
BROKEN = b"\xff\xd8\xff\xe0 and no more of a JPEG"
TINY = bytes.fromhex("424d1e000000000000001a0000000c00000001000100010018000000ff00")  # a BMP of one pixel


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("forgetting"), image_formats="JPEG,PNG,BMP") as server:
        yield server


def errors() -> list[BaseException]:
    """Every error that is in memory."""
    return [each for each in gc.get_objects() if isinstance(each, PhotocallError | WireError | BadRequest)]


def later_than(before: list[BaseException]) -> list[BaseException]:
    """Every error that is in memory and was not before: other tests leave some."""
    known = set(map(id, before))
    return [each for each in errors() if id(each) not in known]


def wire(image: bytes) -> bytes:
    return json.dumps({"Image": {"Bytes": in_base64(image)}}).encode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("POST", "/", WIRE, wire(BROKEN)),
        ("POST", "/", WIRE, wire(TINY)),
        ("POST", "/", WIRE, b"{"),
        ("POST", "/encode", {}, json.dumps({"image_data": in_base64(BROKEN)}).encode()),
        ("POST", "/encode", {}, b"{"),
        ("PUT", "/v1/index/a.jpg", {}, BROKEN),
        ("PUT", "/v1/index/a.bmp", {}, TINY),
        ("PUT", "/v1/index/a.jpg", {}, b"Dear photocall"),
        ("GET", "/v1/index/nobody.jpg", {}, b""),
    ],
)
def test_a_failed_request_is_forgotten_without_the_garbage_collector(
    server: Asked, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    gc.collect()
    before = errors()
    gc.disable()
    try:
        assert server.client.request(method, path, headers=headers, content=body).status_code >= 400
        for _ in range(100):  # the server goes on for a moment after its answer
            if not later_than(before):
                break
            time.sleep(0.02)
        assert later_than(before) == []
    finally:
        gc.enable()
