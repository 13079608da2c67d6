"""The image archive with search, as the clients of the replaced service call it (S3.1 to S3.4, S3.7)."""

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image

from photocall.faces import ByteArray
from photocall.server import archive
from photocall.server.images import MAX_OBJECT_BYTES
from photocall.server.operations import answer
from servers import Asked, asked, in_base64, jpeg

Json = dict[str, Any]


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    """The portraits as files."""
    return {name: jpeg(image) for name, image in portraits.items()}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def server(running: Asked) -> Asked:
    """A server with an empty archive."""
    for image in running.client.get("/v1/index").json()["images"]:
        assert delete(running, image["filename"]).status_code == 200
    return running


def put(server: Asked, name: str, content: bytes, **headers: str) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return server.client.put(f"/v1/index/{quote(name, safe='')}", content=content, headers=named)


def get(server: Asked, name: str) -> httpx.Response:
    return server.client.get(f"/v1/index/{quote(name, safe='')}")


def delete(server: Asked, name: str) -> httpx.Response:
    return server.client.delete(f"/v1/index/{quote(name, safe='')}")


def faces(server: Asked, name: str) -> list[Json]:
    found: list[Json] = server.client.get(f"/v1/index/{quote(name, safe='')}/faces").json()["faces"]
    return found


def search(server: Asked, content: bytes) -> Json:
    answered = server.client.post("/v1/search", content=content)
    assert answered.status_code == 200, answered.text
    found: Json = answered.json()
    return found


def names(server: Asked) -> list[str]:
    return [image["filename"] for image in server.client.get("/v1/index").json()["images"]]


def blank(size: tuple[int, int] = (200, 200)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "JPEG")
    return file.getvalue()


# --- the archive


def test_an_image_that_is_put_is_found_by_another_photo_of_the_person(server: Asked, photos: dict[str, bytes]) -> None:
    stored = put(server, "Barack-Obama.jpg", photos["obama"])
    assert (stored.status_code, stored.content) == (200, b"")
    assert put(server, "joe_biden.jpeg", photos["biden"]).status_code == 200
    found = search(server, photos["obama2"])
    assert found.keys() == {"faces", "matchedFaces"}
    assert found["matchedFaces"][0] == "Barack obama"
    best = found["faces"]["FaceMatches"][0]
    assert best["Similarity"] > 80 and best["Face"]["ExternalImageId"] == "Barack-Obama.jpg"
    assert all(match["Similarity"] >= archive.THRESHOLD for match in found["faces"]["FaceMatches"])
    assert set(found["faces"]["SearchedFaceBoundingBox"]) == {"Width", "Height", "Left", "Top"}
    assert found["faces"]["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert found["faces"]["ResponseMetadata"]["RequestId"]


def test_raw_bytes_and_base64_are_the_same_image(server: Asked, photos: dict[str, bytes]) -> None:
    raw = photos["biden"]
    wrapped = re.sub("(.{76})", r"\1\r\n", in_base64(raw)).encode()
    forms = (raw, in_base64(raw).encode(), wrapped, f"data:image/jpeg;base64,{in_base64(raw)}".encode())
    for number, form in enumerate(forms):
        assert put(server, f"{number}.jpg", form).status_code == 200
        assert get(server, f"{number}.jpg").content == raw
    assert len({faces(server, f"{number}.jpg")[0]["ImageId"] for number in range(len(forms))}) == 1
    assert search(server, forms[1])["matchedFaces"] == search(server, raw)["matchedFaces"]


def test_an_archived_image_comes_back_with_all_that_is_known_of_its_faces(
    server: Asked, photos: dict[str, bytes]
) -> None:
    put(server, "Ada.jpg", photos["astronaut"], x_amz_meta_source="passport", X_Amz_Meta_Room="12")
    image = get(server, "Ada.jpg")
    assert (image.content, image.headers["Content-Type"]) == (photos["astronaut"], "image/jpeg")
    (face,) = faces(server, "Ada.jpg")
    wanted = {"FaceId", "ImageId", "ExternalImageId", "BoundingBox", "Confidence", "bucket", "key", "metadata"}
    assert wanted | {"model", "vector"} <= face.keys()
    assert (face["bucket"], face["key"], face["ExternalImageId"]) == ("photocall", "Ada.jpg", "Ada.jpg")
    assert face["metadata"] == {"source": "passport", "room": "12"}
    assert face["model"] == server.service.engine.model
    assert np.asarray(face["vector"]).shape == (128,)
    assert server.service.bucket("photocall").get("Ada.jpg") == photos["astronaut"]


def test_putting_the_same_image_again_changes_nothing(server: Asked, photos: dict[str, bytes]) -> None:
    put(server, "a.jpg", photos["obama"])
    before = faces(server, "a.jpg")
    assert put(server, "a.jpg", photos["obama"]).status_code == 200
    assert faces(server, "a.jpg") == before


def test_another_image_by_the_same_name_takes_its_place(server: Asked, photos: dict[str, bytes]) -> None:
    put(server, "a.jpg", photos["obama"])
    (old,) = faces(server, "a.jpg")
    assert put(server, "a.jpg", photos["biden"]).status_code == 200
    (new,) = faces(server, "a.jpg")
    assert new["FaceId"] != old["FaceId"] and get(server, "a.jpg").content == photos["biden"]
    assert server.service.store.counts(archive.COLLECTION) == (1, 0)
    best = search(server, photos["obama"])["faces"]["FaceMatches"]
    assert old["FaceId"] not in [match["Face"]["FaceId"] for match in best]


def test_the_same_image_by_two_names_is_two_images(server: Asked, photos: dict[str, bytes]) -> None:
    for name in ("a.jpg", "b.jpg"):
        put(server, name, photos["obama"])
    delete(server, "a.jpg")
    assert names(server) == ["b.jpg"]
    assert search(server, photos["obama"])["matchedFaces"] == ["B"]


def test_an_erased_image_is_gone_with_its_faces(server: Asked, photos: dict[str, bytes]) -> None:
    put(server, "a.jpg", photos["obama"])
    assert (delete(server, "a.jpg").status_code, delete(server, "a.jpg").status_code) == (200, 404)
    assert get(server, "a.jpg").status_code == 404
    assert server.client.get("/v1/index/a.jpg/faces").status_code == 404
    assert search(server, photos["obama"])["matchedFaces"] == []
    assert server.service.store.counts(archive.COLLECTION) == (0, 0)
    folder = Path(server.service.settings.data) / "objects"
    assert [path for path in folder.rglob("*") if path.is_file()] == []  # neither image nor kept photo


def test_a_face_that_was_given_to_a_user_is_erased_with_its_image(server: Asked, photos: dict[str, bytes]) -> None:
    put(server, "a.jpg", photos["obama"])
    (face,) = faces(server, "a.jpg")
    person = {"CollectionId": archive.COLLECTION, "UserId": "obama"}
    answer(server.service, "CreateUser", dict(person))
    answer(server.service, "AssociateFaces", {**person, "FaceIds": [face["FaceId"]]})
    assert delete(server, "a.jpg").status_code == 200
    assert server.service.store.counts(archive.COLLECTION) == (0, 1)
    answer(server.service, "DeleteUser", person)


def test_the_list_has_every_image_page_by_page(
    server: Asked, photos: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PAGE", 2)
    for number in range(5):
        put(server, f"{number}.jpg", photos["biden"])
    found, token = [], ""
    while token is not None:
        page = server.client.get("/v1/index", params={"NextToken": token} if token else {}).json()
        found += [image["filename"] for image in page["images"]]
        token = page.get("NextToken")
    assert found == [f"{number}.jpg" for number in range(5)]
    assert server.client.get("/v1/index", params={"NextToken": "nonsense"}).status_code == 400


def test_threads_that_put_the_same_name_leave_one_of_the_images(server: Asked, photos: dict[str, bytes]) -> None:
    sent = [photos["obama"], photos["biden"]] * 4
    with ThreadPoolExecutor(8) as threads:
        assert {put.status_code for put in threads.map(lambda photo: put_(server, photo), sent)} == {200}
    (face,) = faces(server, "a.jpg")
    assert server.service.store.counts(archive.COLLECTION) == (1, 0)
    found = search(server, get(server, "a.jpg").content)
    assert found["faces"]["FaceMatches"][0]["Similarity"] > 99.9
    assert found["faces"]["FaceMatches"][0]["Face"]["FaceId"] == face["FaceId"]


def put_(server: Asked, photo: bytes) -> httpx.Response:
    return httpx.put(f"{server.url}/v1/index/a.jpg", content=photo, timeout=60, trust_env=False)


# --- names


@pytest.mark.parametrize(
    ("filename", "person"),
    [
        ("Keanu-Reeves.jpg", "Keanu reeves"),
        ("keanu_reeves.PNG", "Keanu reeves"),
        ("Zoë Müller.jpeg", "Zoë müller"),
        ("李.jpg", "李"),
        ("2026-03-14T10:00:20.jpg", "2026 03 14t10:00:20"),
        ("a%20b.jpg", "A%20b"),
        ("noending", "Noending"),
        ("v1.2", "V1.2"),
        ("question?mark#1.jpg", "Question?mark#1"),
    ],
)
def test_a_file_name_says_who_it_is(server: Asked, photos: dict[str, bytes], filename: str, person: str) -> None:
    assert put(server, filename, photos["biden"]).status_code == 200
    assert get(server, filename).content == photos["biden"]
    assert names(server) == [filename]
    assert search(server, photos["biden"])["matchedFaces"] == [person]
    assert faces(server, filename)[0]["ExternalImageId"] == filename


def test_names_that_differ_in_what_the_wire_cannot_carry_are_different(server: Asked, photos: dict[str, bytes]) -> None:
    for name in ("a b.jpg", "a:20b.jpg", "a+b.jpg"):
        put(server, name, photos["biden"])
    assert names(server) == ["a b.jpg", "a:20b.jpg", "a+b.jpg"]
    assert sorted(search(server, photos["biden"])["matchedFaces"]) == ["A b", "A+b", "A:20b"]


@pytest.mark.parametrize(
    "path", ["..%2Fphotocall.db", "%2e%2e", "a%2Fb.jpg", "a%5Cb", "a%00b", "%2Fetc%2Fpasswd", "%0A"]
)
def test_a_name_leads_nowhere_but_into_the_archive(server: Asked, photos: dict[str, bytes], path: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        answered = server.client.request(method, f"/v1/index/{path}", content=photos["biden"])
        assert answered.status_code in (400, 404)
        assert answered.json().keys() == {"error", "description"}
    assert names(server) == []


def test_a_name_that_is_too_long_is_refused(server: Asked, photos: dict[str, bytes]) -> None:
    assert put(server, "a" * 246 + ".jpg", photos["biden"]).status_code == 200
    for name in ("a" * 247 + ".jpg", "ä" * 100 + ".jpg", "a#1"):
        refused = put(server, name, photos["biden"])
        assert (refused.status_code, refused.json()["error"]) == (400, "InvalidFilename")


# --- what is wrong


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"", 400, "EmptyBody"),
        (b"hello", 415, "UnsupportedMediaType"),
        (b"%PDF-1.7", 415, "UnsupportedMediaType"),
        (b"GIF89a" + bytes(100), 406, "InvalidImageFormatException"),
        (blank()[:200], 406, "InvalidImageFormatException"),
        (blank((79, 200)), 400, "InvalidParameterException"),
        (b"\xff\xd8\xff" + bytes(15 * 2**20), 413, "ImageTooLarge"),
        (b"\xff\xd8\xff" + bytes(33 * 2**20), 413, "PayloadTooLarge"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, bytes) else None,
)
def test_a_bad_image_is_refused_and_leaves_no_trace(
    server: Asked, photos: dict[str, bytes], content: bytes, status: int, error: str
) -> None:
    put(server, "old.jpg", photos["biden"])
    before = faces(server, "old.jpg")
    for name in ("new.jpg", "old.jpg"):
        refused = put(server, name, content)
        assert (refused.status_code, refused.json()["error"]) == (status, error)
        assert refused.json()["description"]
    assert names(server) == ["old.jpg"] and get(server, "new.jpg").status_code == 404
    assert get(server, "old.jpg").content == photos["biden"] and faces(server, "old.jpg") == before


def test_an_image_without_a_face_is_not_kept(server: Asked, photos: dict[str, bytes]) -> None:
    put(server, "old.jpg", photos["biden"])
    for name in ("new.jpg", "old.jpg"):
        refused = put(server, name, blank())
        assert refused.status_code == 406
        assert refused.json() == {"error": "NoFace", "description": "There is no face in the image; it was not kept"}
    assert get(server, "new.jpg").status_code == 404
    assert get(server, "old.jpg").content == photos["biden"] and len(faces(server, "old.jpg")) == 1


def test_a_face_that_is_too_poor_is_refused_with_the_reason(server: Asked, portraits: dict[str, ByteArray]) -> None:
    small = np.asarray(Image.fromarray(portraits["biden"]).resize((160, 200)))
    refused = put(server, "small.jpg", jpeg(small))
    assert refused.status_code == 406
    assert "SMALL_BOUNDING_BOX" in refused.json()["description"]


def test_a_search_without_a_face_is_a_clear_answer(server: Asked) -> None:
    found = search(server, blank())
    assert found["message"] == "No faces found in the image"
    assert (found["matchedFaces"], found["faces"]["FaceMatches"]) == ([], [])


def test_a_search_in_an_empty_archive_finds_nobody(tmp_path: Path, photos: dict[str, bytes]) -> None:
    with asked(tmp_path) as fresh:
        assert fresh.client.get("/v1/index").json() == {"images": []}
        assert search(fresh, photos["biden"])["matchedFaces"] == []
        assert delete(fresh, "a.jpg").status_code == 404


def test_what_is_larger_than_an_image_may_be_is_not_read_and_can_be_erased(
    server: Asked, photos: dict[str, bytes]
) -> None:
    server.service.bucket("photocall").put("film.jpg", bytes(MAX_OBJECT_BYTES + 1))
    for refused in (get(server, "film.jpg"), put(server, "film.jpg", photos["biden"])):
        assert (refused.status_code, refused.json()["error"]) == (413, "ObjectTooLarge")
    assert delete(server, "film.jpg").status_code == 200
    assert get(server, "film.jpg").status_code == 404


def test_too_much_metadata_is_refused(server: Asked, photos: dict[str, bytes]) -> None:
    refused = put(server, "a.jpg", photos["biden"], x_amz_meta_a="x" * 2048)
    assert (refused.status_code, refused.json()["error"]) == (400, "MetadataTooLarge")


def test_any_method_searches_and_informs_as_in_the_original(server: Asked, photos: dict[str, bytes]) -> None:
    put(server, "a.jpg", photos["biden"])
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        found = server.client.request(method, "/v1/search", content=photos["biden"])
        assert found.json()["matchedFaces"] == ["A"]
        assert server.client.request(method, "/v1/info").status_code == 200


def test_the_settings_are_told_without_secrets(tmp_path: Path) -> None:
    address = f"sqlite://ada:hunter2?hunter2/@db.example/{tmp_path}/photocall.db?password=hunter2@x"
    with asked(tmp_path, database=f"sqlite:///{tmp_path}/photocall.db") as server:
        told = server.client.get("/v1/info").json()["settings"]
        assert told["aws_rekognition"]["aws_rekognition_face_detect_threshold"] == 10
        assert told["photocall"]["bucket"] == "photocall"
        assert told["environment"]["debug_mode"] is False
        object.__setattr__(
            server.service.settings, "database", address.replace("///", "//ada:hunter2?hunter2/@db.example/", 1)
        )
        shown = server.client.get("/v1/info").text
    assert "hunter2" not in shown and "ada@db.example" in shown
