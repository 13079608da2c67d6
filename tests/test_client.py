"""The three functions for other applications (S0.5), against a server in a process of its own."""

import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photocall import client
from photocall.access import create_api_key
from photocall.client import compare_faces, detect_faces_in_image, encode_face_image
from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.errors import ServiceFailed
from photocall.faces import ByteArray
from photocall.keys import Plan, Scope
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore
from servers import jpeg
from serving import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that wants a key, named by the environment as an application's would be."""
    data = tmp_path_factory.mktemp("server") / "data"
    data.mkdir()
    with SqlStore(sqlite_url(data / "photocall.db")) as store:
        _, key = create_api_key(store, "tests", frozenset({Scope.READ}), None, datetime.now(UTC))
        _, few = create_api_key(store, "few", frozenset({Scope.READ}), Plan(per_day=1), datetime.now(UTC))
    with served(data, auth="on") as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOTOCALL_URL", running.url + "/")
        patch.setenv("PHOTOCALL_API_KEY", key)
        patch.setenv("TEST_FEW", few)
        yield running


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    return {name: jpeg(image) for name, image in portraits.items()}


def encoded(photo: bytes) -> list[float]:
    vector = encode_face_image(photo)
    assert vector is not None
    return vector


def blank(size: tuple[int, int] = (200, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "JPEG")
    return file.getvalue()


def test_a_student_is_found_among_the_faces_of_a_class(server: Served, demo: Demo, photos: dict[str, bytes]) -> None:
    places, vectors = detect_faces_in_image(demo.photo)
    assert len(places) == len(vectors) == len(demo.faces)
    assert all(len(place) == 4 for place in places)
    obama = encoded(photos["obama"])
    matched, confidence = compare_faces(obama, vectors)
    assert matched is True and confidence > 0.9
    others = [vector for vector in vectors if not compare_faces(obama, [vector])[0]]
    assert len(others) == len(vectors) - 1
    matched, confidence = compare_faces(obama, others)
    assert matched is False and confidence < 0.5


def test_a_file_may_be_opened_or_bytes_or_a_path(server: Served, photos: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photos["biden"])
    with path.open("rb") as opened:
        opened.read(100)
        from_opened = encode_face_image(opened)
        assert opened.tell() == 0  # for the application to store it
    forms = [from_opened, *(encode_face_image(form) for form in (io.BytesIO(photos["biden"]), path, str(path)))]
    assert all(form == encoded(photos["biden"]) for form in forms)


def test_vectors_may_be_arrays_and_several_of_one_person(server: Served, photos: dict[str, bytes]) -> None:
    first, second, biden = (np.array(encoded(photos[name])) for name in ("obama", "obama2", "biden"))
    assert compare_faces(np.stack([biden, first]), second)[0] is True
    assert compare_faces((tuple(biden),), [second])[0] is False
    near = compare_faces(first, [second])[1]
    assert compare_faces([first, biden], [second, biden * 0 + 1])[1] == near


def test_the_tolerance_is_the_servers_to_apply(server: Served) -> None:
    known, other = [0.0] * 128, [0.5, *[0.0] * 127]
    assert compare_faces(known, [other])[0] is True
    assert compare_faces(known, [other], tolerance=0.4)[0] is False


def test_nobody_is_no_match(server: Served) -> None:
    assert compare_faces([0.0] * 128, []) == (False, 0.0)
    assert compare_faces([], [[0.0] * 128]) == (False, 0.0)


def test_no_face_is_none(server: Served) -> None:
    assert encode_face_image(blank()) is None
    assert encode_face_image(blank((4000, 3000))) is None
    assert detect_faces_in_image(blank()) == ([], [])


# --- large photos


def large(image: ByteArray, side: int) -> ByteArray:
    factor = side / max(image.shape[:2])
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def test_a_large_photo_is_sent_small_and_means_the_same(
    server: Served, portraits: dict[str, ByteArray], dlib_engine: FaceEngine
) -> None:
    photo = large(portraits["biden"], 4000)
    small = client._reduced(jpeg(photo))
    assert small is not None and len(small) < len(jpeg(photo)) / 3
    (face,) = dlib_engine.faces(photo)
    assert face.embedding is not None
    assert np.linalg.norm(np.subtract(encoded(jpeg(photo)), face.embedding.vector)) < 0.1


def test_a_small_face_in_a_large_photo_is_seen_in_full_size(
    server: Served, portraits: dict[str, ByteArray], dlib_engine: FaceEngine
) -> None:
    photo = np.full((3000, 4000, 3), 200, np.uint8)
    portrait = large(portraits["biden"], 500)
    photo[100 : 100 + portrait.shape[0], 100 : 100 + portrait.shape[1]] = portrait
    (face,) = dlib_engine.faces(photo_as_sent(photo))
    assert face.embedding is not None
    assert np.allclose(encoded(jpeg(photo)), face.embedding.vector, atol=1e-5)


def photo_as_sent(photo: ByteArray) -> ByteArray:
    with Image.open(io.BytesIO(jpeg(photo))) as picture:
        return np.asarray(picture)


def test_what_is_small_or_cannot_be_read_is_sent_as_it_is(photos: dict[str, bytes]) -> None:
    assert client._reduced(photos["biden"][:5000]) is None
    assert client._reduced(b"hello") is None
    assert client._reduced(blank((1700, 100))) is None


# --- what goes wrong


def failure(call: object, **where: str) -> str:
    assert callable(call)
    with pytest.raises(ServiceFailed) as caught:
        call(blank(), **where)
    return str(caught.value)


def test_a_bad_image_is_told_with_the_servers_reason(server: Served) -> None:
    with pytest.raises(ServiceFailed, match=r"it is text, not an image \(status 400\)"):
        encode_face_image(b"hello")
    with pytest.raises(ServiceFailed, match="it is empty"):
        detect_faces_in_image(io.BytesIO())
    with pytest.raises(ServiceFailed, match="larger than 20 MiB"):
        detect_faces_in_image(bytes(21 * 2**20))
    with pytest.raises(ServiceFailed, match=r"nowhere\.jpg: No such file"):
        encode_face_image("nowhere.jpg")


def test_wrong_vectors_are_told(server: Served) -> None:
    with pytest.raises(ServiceFailed, match="Invalid request format: encoding"):
        compare_faces([0.0] * 3, [[0.0] * 128])


def test_a_wrong_key_is_told_and_not_repeated(server: Served) -> None:
    told = failure(encode_face_image, api_key="pc_secret")
    assert "The key was refused" in told and "(status 403)" in told and "pc_secret" not in told


def test_a_key_that_is_used_up_is_told(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("PHOTOCALL_API_KEY", os.environ["TEST_FEW"])
    assert encode_face_image(blank()) is None
    assert "1 requests a day; try again in" in failure(encode_face_image)


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "localhost:8000", "ftp://example.org", "http://[::1", "http://a b"]
)
def test_what_is_no_address_is_told(address: str) -> None:
    assert failure(encode_face_image, url=address).startswith(address)


def test_nobody_at_the_address_is_told() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    assert "it cannot be reached" in failure(encode_face_image, url=f"http://127.0.0.1:{port}")


class Other(BaseHTTPRequestHandler):
    """A server that is not photocall's: it sends everybody elsewhere, or says nothing that makes sense."""

    keys: list[str] = []  # noqa: RUF012  # of the test that set it up

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302 if "moved" in self.path else 200)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(b"<html>")

    def do_GET(self) -> None:
        self.keys.append(self.headers["x-api-key"])
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Silence."""


def test_another_server_gets_nothing_out_of_it() -> None:
    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{other.server_port}"
        try:
            assert "no proper answer" in failure(encode_face_image, url=address)
            assert "(status 302)" in failure(encode_face_image, url=f"{address}/moved", api_key="pc_secret")
        finally:
            other.shutdown()
            thread.join()
    assert Other.keys == []


def test_importing_the_client_loads_nothing_heavy() -> None:
    heavy = ("numpy", "onnxruntime", "fastapi", "PIL", "sqlalchemy", "pydantic", "av", "cv2", "boto3")
    script = f"import photocall.client, sys; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
