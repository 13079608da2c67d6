"""/encode, /detect and /compare, as the clients of the replaced Lambda functions call them (S0.1 to S0.4)."""

import base64
import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import read_image
from photocall.server import uploads
from servers import Asked, asked, data_url, in_base64, jpeg

Json = dict[str, Any]
NO_FACE = {"success": False, "message": "No faces found in the image"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    """The portraits as files."""
    return {name: jpeg(image) for name, image in portraits.items()}


def post(server: Asked, route: str, body: object, status: int = 200) -> Json:
    answer = server.client.post(route, json=body)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def encoding(server: Asked, photo: bytes) -> list[float]:
    found: list[float] = post(server, "/encode", {"image_data": data_url(photo)})["encoding"]
    return found


def blank(kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(file, kind)
    return file.getvalue()


# --- /encode


def test_a_face_comes_as_128_numbers_and_where_it_is(server: Asked, photos: dict[str, bytes]) -> None:
    found = post(server, "/encode", {"image_data": data_url(photos["obama"])})
    assert found.keys() == {"success", "encoding", "face_location"}
    assert found["success"] is True
    assert len(found["encoding"]) == 128 and all(isinstance(number, float) for number in found["encoding"])
    top, right, bottom, left = found["face_location"]
    assert 0 <= top < bottom and 0 <= left < right and all(isinstance(edge, int) for edge in found["face_location"])


def test_the_numbers_are_dlibs_own(server: Asked, photos: dict[str, bytes], dlib_engine: FaceEngine) -> None:
    (face,) = dlib_engine.faces(read_image(photos["biden"]))
    assert face.embedding is not None
    found = post(server, "/encode", {"image_data": data_url(photos["biden"])})
    assert np.allclose(found["encoding"], face.embedding.vector, atol=1e-6)
    edges = [face.box.top, face.box.right, face.box.bottom, face.box.left]
    assert found["face_location"] == [round(edge) for edge in edges]


def test_of_several_faces_the_largest_is_taken(server: Asked, demo: Demo) -> None:
    photo = {"image_data": data_url(demo.photo.read_bytes())}
    one, every = post(server, "/encode", photo), post(server, "/detect", photo)

    def area(place: list[int]) -> int:
        return (place[2] - place[0]) * (place[1] - place[3])

    assert area(one["face_location"]) == max(map(area, every["face_locations"]))
    assert one["encoding"] == every["encodings"][every["face_locations"].index(one["face_location"])]


def test_no_face_is_an_answer(server: Asked) -> None:
    assert post(server, "/encode", {"image_data": data_url(blank())}) == NO_FACE
    assert post(server, "/encode", {"image_data": in_base64(blank("PNG"))}) == NO_FACE
    tiny = io.BytesIO()
    Image.new("L", (1, 1)).save(tiny, "PNG")
    assert post(server, "/encode", {"image_data": in_base64(tiny.getvalue())}) == NO_FACE


def test_an_image_comes_as_data_url_as_base64_or_as_an_object(server: Asked, photos: dict[str, bytes]) -> None:
    photo = photos["obama2"]
    server.service.bucket("school").put("student_photos/17 ä.jpg", photo)
    text = in_base64(photo)
    wrapped = base64.encodebytes(photo).decode()
    forms: list[Json] = [
        {"image_data": f"data:image/jpeg;base64,{text}"},
        {"image_data": f"data:;base64,{text}"},
        {"image_data": text, "bucket": None},
        {"image_data": wrapped},
        {"image_data": text.rstrip("=").replace("+", "-").replace("/", "_")},
        {"image_data": "student_photos/17 ä.jpg", "bucket": "school", "more": "is passed over"},
    ]
    assert len({json.dumps(post(server, "/encode", form)) for form in forms}) == 1


def test_any_content_type_will_do_as_it_did_at_the_original(server: Asked) -> None:
    body = json.dumps({"image_data": in_base64(blank())})
    for kind in ("application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", ""):
        answer = server.client.post("/encode", content=body, headers={"Content-Type": kind})
        assert answer.json() == NO_FACE


def test_a_photo_is_looked_at_upright(server: Asked, portraits: dict[str, ByteArray]) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    Image.fromarray(np.rot90(portraits["obama"])).save(file, "JPEG", quality=95, exif=exif)
    found = post(server, "/encode", {"image_data": data_url(file.getvalue())})
    straight = post(server, "/encode", {"image_data": data_url(jpeg(portraits["obama"]))})
    assert np.linalg.norm(np.subtract(found["encoding"], straight["encoding"])) < 0.1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"image_data": 3}',
        b'{"image_data": null}',
        b'{"image_data": "no-such-key.jpg"}',
        b'{"image_data": "data:image/jpeg,raw"}',
        b'{"image_data": "data:image/jpeg;base64,%%%"}',
        b'{"image_data": "a.jpg", "bucket": "../objects"}',
        b'{"image_data": "a.jpg", "bucket": ""}',
        b'{"image_data": "\\ud800"}',
        b"\xff\xfe{",
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_refused_in_the_originals_words(server: Asked, body: bytes) -> None:
    answer = server.client.post("/encode", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Invalid request format"
    assert answer.json()["detail"]


@pytest.mark.parametrize("key", ["../photocall.db", "/etc/passwd", "a/../../b", "a\\b", "a\0b", "", "x" * 5000])
def test_a_key_leads_nowhere_but_into_its_bucket(server: Asked, key: str) -> None:
    server.service.bucket("school").put("a.jpg", blank())
    answer = server.client.post("/encode", json={"image_data": key, "bucket": "school"})
    assert answer.status_code in (400, 404)
    assert str(server.service.settings.data) not in answer.text


def test_an_object_or_bucket_that_is_not_there_is_said(server: Asked) -> None:
    server.service.bucket("school").put("a.jpg", blank())
    missing = post(server, "/encode", {"image_data": "b.jpg", "bucket": "school"}, 404)
    assert missing == {"success": False, "message": "There is no object 'b.jpg'"}
    assert post(server, "/encode", {"image_data": "b.jpg", "bucket": "nowhere"}, 404)["success"] is False


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello there", "it is text, not an image"),
        (b"%PDF-1.7 and so on", "it is a PDF file"),
        (blank()[:300], "truncated"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "damaged or truncated"),
    ],
)
def test_a_bad_image_is_the_callers_fault_with_the_reason(server: Asked, data: bytes, reason: str) -> None:
    found = post(server, "/encode", {"image_data": in_base64(data)}, 400)
    assert found["message"].startswith("Error processing image: ") and reason in found["message"]


def test_too_many_pixels_are_refused_before_they_are_decoded(server: Asked) -> None:
    header = b"IHDR" + (20_000).to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    start = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4) + header + zlib.crc32(header).to_bytes(4)
    bomb = start + blank("PNG")[33:]  # the pixels of a smaller picture
    found = post(server, "/encode", {"image_data": in_base64(bomb)}, 400)
    assert "20000x20000 pixels are more than the 50000000 allowed" in found["message"]


def test_too_many_bytes_are_refused(server: Asked) -> None:
    photo = blank() + bytes(uploads.MAX_IMAGE_BYTES)
    assert "20 MiB" in post(server, "/encode", {"image_data": in_base64(photo)}, 413)["detail"]


# --- /detect


def test_every_face_comes_with_place_and_vector(server: Asked, demo: Demo) -> None:
    found = post(server, "/detect", {"image_data": data_url(demo.photo.read_bytes())})
    assert found["success"] is True
    assert len(found["face_locations"]) == len(found["encodings"]) == len(demo.faces)
    areas = [(bottom - top) * (right - left) for top, right, bottom, left in found["face_locations"]]
    assert areas == sorted(areas, reverse=True)


def test_nobody_in_a_photo_is_an_answer_with_empty_lists(server: Asked) -> None:
    assert post(server, "/detect", {"image_data": data_url(blank())}) == {
        **NO_FACE,
        "face_locations": [],
        "encodings": [],
    }


def test_faces_at_the_edge_have_their_place_within_the_photo(server: Asked, portraits: dict[str, ByteArray]) -> None:
    image = portraits["biden"]
    (place,) = post(server, "/detect", {"image_data": data_url(jpeg(image))})["face_locations"]
    cut = image[place[0] + 40 :]
    for top, right, bottom, left in post(server, "/detect", {"image_data": data_url(jpeg(cut))})["face_locations"]:
        assert 0 <= top < bottom <= cut.shape[0] and 0 <= left < right <= cut.shape[1]


# --- /compare


def test_a_face_is_compared_with_every_known_one(server: Asked, photos: dict[str, bytes]) -> None:
    known = [encoding(server, photos[name]) for name in ("biden", "obama", "obama2")]
    asked_with = encoding(server, photos["obama3"])
    found = post(server, "/compare", {"encoding": asked_with, "known_encodings": known})
    assert [each["match"] for each in found["results"]] == [False, True, True]
    distances = [float(np.linalg.norm(np.subtract(vector, asked_with))) for vector in known]
    assert np.allclose([each["distance"] for each in found["results"]], distances, atol=1e-6)
    assert found["success"] is True and found["matched"] is True
    assert found["best"] == int(np.argmin(distances))
    assert found["confidence"] == found["results"][found["best"]]["confidence"] > 0.9
    assert found["results"][0]["confidence"] < 0.1
    image = post(server, "/compare", {"image_data": data_url(photos["obama3"]), "known_encodings": known})
    assert image == found


def test_the_tolerance_decides_what_is_a_match(server: Asked, photos: dict[str, bytes]) -> None:
    body: Json = {"encoding": [0.0] * 128, "known_encodings": [[0.6, *[0.0] * 127], [0.61, *[0.0] * 127]]}
    usual = post(server, "/compare", body)
    assert [each["match"] for each in usual["results"]] == [True, False]
    strict = post(server, "/compare", body | {"tolerance": 0.5})
    assert [each["match"] for each in strict["results"]] == [False, False] and strict["matched"] is False
    assert [each["confidence"] for each in strict["results"]] == [each["confidence"] for each in usual["results"]]


def test_nobody_known_or_nobody_in_the_image_is_an_answer(server: Asked) -> None:
    nobody: Json = {"matched": False, "confidence": 0.0, "best": None, "results": []}
    assert post(server, "/compare", {"encoding": [0.0] * 128, "known_encodings": []}) == {"success": True, **nobody}
    no_face = {"image_data": data_url(blank()), "known_encodings": [[0.0] * 128]}
    assert post(server, "/compare", no_face) == {**NO_FACE, **nobody}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"known_encodings": []},
        {"encoding": [0.0] * 128},
        {"encoding": [0.0] * 127, "known_encodings": []},
        {"encoding": [0.0] * 128, "known_encodings": [[0.0] * 128, [0.0] * 129]},
        {"encoding": [0.0] * 128, "known_encodings": [["0"] * 128]},
        {"encoding": [1e300] * 128, "known_encodings": []},
        {"encoding": [0.0] * 128, "known_encodings": [], "tolerance": -1},
        {"encoding": [0.0] * 128, "known_encodings": [], "tolerance": "0.6"},
        {"encoding": [0.0] * 128, "image_data": "aaaa", "known_encodings": []},
    ],
)
def test_what_cannot_be_compared_is_refused(server: Asked, body: Json) -> None:
    assert post(server, "/compare", body, 400)["message"] == "Invalid request format"


def test_numbers_that_are_none_are_refused(server: Asked) -> None:
    for number in ("NaN", "Infinity", "1e999", "-Infinity"):
        vector = f"[{', '.join([number] * 128)}]"
        answer = server.client.post("/compare", content=f'{{"encoding": {vector}, "known_encodings": []}}')
        assert answer.status_code == 400


# --- pages of other origins


@pytest.mark.parametrize("route", ["/encode", "/detect", "/compare"])
def test_a_page_of_any_origin_may_ask(server: Asked, route: str) -> None:
    page = {"Origin": "https://school.example"}
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}
    before = server.client.options(route, headers=page | asks)
    assert before.status_code == 200
    assert before.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in before.headers["Access-Control-Allow-Methods"]
    assert "x-api-key" in before.headers["Access-Control-Allow-Headers"]
    for body in (b"{}", json.dumps({"image_data": in_base64(blank())}).encode()):
        answer = server.client.post(route, content=body, headers=page)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("route", ["/encode", "/detect", "/compare"])
def test_a_page_of_another_origin_gets_no_face_out_of_a_bucket_without_a_key(
    server: Asked, photos: dict[str, bytes], route: str
) -> None:
    server.service.bucket("school").put("biden.jpg", photos["biden"])
    body = {"image_data": "biden.jpg", "bucket": "school", "known_encodings": []}
    elsewhere = server.client.post(route, json=body, headers={"Origin": "https://school.example"})
    assert (elsewhere.status_code, elsewhere.json()["message"]) == (403, "Not for a page of another origin")
    assert server.client.post(route, json=body, headers={"Origin": server.url}).status_code == 200
    sent = body | {"image_data": data_url(photos["biden"])}
    assert server.client.post(route, json=sent, headers={"Origin": "https://school.example"}).status_code == 200


def test_a_page_of_another_origin_reaches_nothing_else(server: Asked) -> None:
    for route in ("/v1/index", "/v1/info", "/", "/docs"):
        answer = server.client.get(route, headers={"Origin": "https://school.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_another_method_is_refused_with_the_one_that_is_right(server: Asked) -> None:
    answer = server.client.get("/encode")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["success"] is False
