"""Bad input over the wire: a clear error in the caller's protocol, and the server goes on as before."""

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from PIL import Image

from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg
from photocall.server.shapes import operation_model
from serving import Served
from wire.answers import check_error

Code = Callable[..., str]
Jpegs = dict[str, bytes]
Post = Callable[..., httpx.Response]


@pytest.fixture
def healthy(rekognition: Any, jpegs: Jpegs) -> Iterator[None]:
    """Afterwards the server answers as if nothing had been."""
    yield
    assert len(rekognition.detect_faces(Image={"Bytes": jpegs["obama"]})["FaceDetails"]) == 1


@pytest.fixture
def post(server: Served) -> Post:
    """Sends any bytes as a request of an operation."""

    def send(body: bytes | str, operation: str = "DetectFaces", **headers: str) -> httpx.Response:
        own = {"X-Amz-Target": f"RekognitionService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        renamed = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(server.url, content=body, headers=own | renamed, timeout=60)

    return send


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_claiming(width: int, height: int, rows: int = 0) -> bytes:
    """A PNG of a few bytes whose header claims any size, with so many rows of zeros in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(rows * (width * 3 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


GREY = Image.fromarray(np.full((100, 100, 3), 127, np.uint8))


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"not an image at all", "InvalidImageFormatException"),
        (b"\xff\xd8\xff", "InvalidImageFormatException"),
        (encode_jpeg(np.zeros((200, 200, 3), np.uint8))[:300], "InvalidImageFormatException"),
        (saved(GREY, "PNG")[:60], "InvalidImageFormatException"),
        (saved(GREY, "GIF"), "InvalidImageFormatException"),
        (saved(GREY, "GIF", save_all=True, append_images=[GREY.rotate(90)]), "InvalidImageFormatException"),
        (saved(GREY, "WEBP"), "InvalidImageFormatException"),
        (saved(GREY, "TIFF"), "InvalidImageFormatException"),
        (b"%PDF-1.7", "InvalidImageFormatException"),
        (saved(GREY.resize((1, 1)), "PNG"), "InvalidParameterException"),
        (saved(GREY.resize((79, 500)), "PNG"), "InvalidParameterException"),
        (png_claiming(20_000, 20_000), "ImageTooLargeException"),
        (png_claiming(65_535, 65_535, rows=100), "ImageTooLargeException"),
        (png_claiming(2**31 - 1, 2**31 - 1), "ImageTooLargeException"),
        (png_claiming(7_000, 7_000), "InvalidImageFormatException"),
        (bytes(5 * 2**20 + 1), "ImageTooLargeException"),
    ],
)
@pytest.mark.parametrize("method", ["detect_faces", "index_faces"])
def test_what_is_no_good_picture_is_refused(
    code: Code, collection: str, data: bytes, expected: str, method: str
) -> None:
    where = {"CollectionId": collection} if method == "index_faces" else {}
    assert code(method, Image={"Bytes": data}, **where) == expected


@pytest.mark.parametrize(
    "form",
    [
        lambda image: saved(image.convert("CMYK"), "JPEG", quality=95),
        lambda image: saved(image.convert("L"), "JPEG", quality=95),
        lambda image: saved(image, "JPEG", progressive=True, quality=95),
        lambda image: saved(image, "PNG"),
        lambda image: saved(image.convert("RGBA"), "PNG"),
        lambda image: saved(image.quantize(255), "PNG"),
        lambda image: saved(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG"),
        lambda image: saved(image, "PNG", save_all=True, append_images=[image.rotate(180)]),
    ],
)
def test_every_usual_form_of_a_picture_is_read(
    rekognition: Any, portraits: dict[str, ByteArray], form: Callable[[Image.Image], bytes]
) -> None:
    image = Image.fromarray(portraits["obama"])
    found = rekognition.detect_faces(Image={"Bytes": form(image)})["FaceDetails"]
    expected = rekognition.detect_faces(Image={"Bytes": saved(image, "PNG")})["FaceDetails"]
    assert len(found) == len(expected) == 1
    for edge in ("Left", "Top", "Width", "Height"):
        assert found[0]["BoundingBox"][edge] == pytest.approx(expected[0]["BoundingBox"][edge], abs=0.02)


def test_a_picture_is_turned_as_its_camera_says(rekognition: Any, portraits: dict[str, ByteArray]) -> None:
    upright = Image.fromarray(portraits["obama"])
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    turned = saved(upright.rotate(90, expand=True), "JPEG", exif=exif, quality=95)
    (found,) = rekognition.detect_faces(Image={"Bytes": turned})["FaceDetails"]
    (expected,) = rekognition.detect_faces(Image={"Bytes": saved(upright, "JPEG", quality=95)})["FaceDetails"]
    assert found["BoundingBox"]["Left"] == pytest.approx(expected["BoundingBox"]["Left"], abs=0.02)
    assert found["BoundingBox"]["Top"] == pytest.approx(expected["BoundingBox"]["Top"], abs=0.02)


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    "image",
    [
        {},
        {"Bytes": b"x", "S3Object": {"Bucket": "photos", "Name": "a.jpg"}},
        {"S3Object": {}},
        {"S3Object": {"Bucket": "photos"}},
        {"S3Object": {"Name": "a.jpg"}},
    ],
)
def test_an_image_is_bytes_or_an_object(code: Code, image: dict[str, Any]) -> None:
    assert code("detect_faces", Image=image) == "InvalidParameterException"


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize("bucket", ["nowhere", "...", "a..b", "faces", "buckets", "__-"])
def test_an_object_that_is_not_there_is_not_found_whatever_its_name(code: Code, bucket: str) -> None:
    for name in ("a.jpg", "../photocall.db", "/etc/passwd", "a//b", "..", "a\0b", "%2e%2e/x", "a\nb", "\\x"):
        found = code("detect_faces", Image={"S3Object": {"Bucket": bucket, "Name": name}})
        assert found == "InvalidS3ObjectException", name


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "InvalidParameterException"),
        (b"{", "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
        (b"null", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"7", "SerializationException"),
        (b'{"Image": NaN}', "SerializationException"),
        (b'{"Image": {"Bytes": "\\ud800"}}', "SerializationException"),
        (b'{"Image":' * 100_000, "SerializationException"),
        (b"[" * 200_000, "SerializationException"),
        (b"9" * 10_000, "SerializationException"),
        (b'{"Image": {"Bytes": "' + b"A" * 10_000_000 + b'"}}', "ImageTooLargeException"),
        (
            json.dumps({"Image": {"Bytes": base64.b64encode(b"x").decode()}} | {"x" * 100_000: 1}).encode(),
            "InvalidImageFormatException",
        ),
    ],
)
def test_any_body_has_an_answer_in_the_protocol(post: Post, body: bytes, expected: str) -> None:
    answer = post(body)
    assert answer.json()["__type"] == expected
    check_error(operation_model("DetectFaces"), answer.status_code, answer.json())


@pytest.mark.usefixtures("healthy")
def test_a_body_that_is_far_too_large_is_refused(post: Post) -> None:
    answer = post(bytes(40_000_000))
    assert answer.status_code == 413
    assert answer.json()["__type"] == "RequestEntityTooLargeException"


def test_an_operation_outside_the_face_api_is_the_protocols_own_error(rekognition: Any, jpegs: Jpegs) -> None:
    with pytest.raises(rekognition.exceptions.ClientError) as refused:
        rekognition.detect_labels(Image={"Bytes": jpegs["obama"]})
    assert refused.value.response["Error"]["Code"] == "UnknownOperationException"
    assert "DetectFaces" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("operation", ["", "FindUnicorns", "detectfaces", "x" * 5000, "__class__"])
def test_an_unknown_operation_is_named(post: Post, operation: str) -> None:
    answer = post(b"{}", operation)
    assert answer.json()["__type"] in ("UnknownOperationException", "InvalidParameterException")
    assert len(answer.content) < 2000


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/form-data"])
def test_another_content_type_is_refused(post: Post, kind: str) -> None:
    answer = post(b"{}", Content_Type=kind)
    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")


def test_a_request_id_is_new_each_time(post: Post) -> None:
    ids = {post(b"{}").headers["x-amzn-requestid"] for _ in range(3)}
    assert len(ids) == 3
    assert all(UUID(each) for each in ids)
