"""A server that is killed again and again in the middle of its work: what it answered holds, and nothing is half."""

import base64
import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image

from commandline import everybody, process
from photocall.faces import ByteArray
from photocall.kept_photos import photo_prefix
from photocall.media.images import encode_jpeg
from photocall.recognition import derive_image_id
from photocall.settings import DATABASE
from serving import Served, served

KILLS = 2
SECONDS = (0.5, 1.5)  # of work before a kill
FILES = 4  # names of the archive, each put again and again

COLLECTION = "students"  # the class's, so that its own commands see the same faces


@dataclass
class Story:
    """What was asked of servers, and what they answered before they died.

    Attributes:
        indexed: face ids by name.
        asked: names that were to be indexed.
        deleted: ids that are gone.
        doomed: ids that were to be deleted.
        kept: number of the photo that was put last, by file name.
        putting: the photo that was on its way when the server died, by file name.
    """

    indexed: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    doomed: set[str] = field(default_factory=set)
    kept: dict[str, int] = field(default_factory=dict)
    putting: dict[str, int] = field(default_factory=dict)

    def living(self) -> set[str]:
        """The ids of the faces that must be there."""
        return set(self.indexed.values()) - self.doomed


class Asker:
    """Asks a server, and writes down what it answers."""

    def __init__(self, url: str, story: Story, photos: list[bytes]) -> None:
        self._url, self._story, self._photos = url, story, photos

    def wire(self, client: httpx.Client, operation: str, **asked: object) -> dict[str, Any]:
        headers = {"x-amz-target": f"RekognitionService.{operation}", "content-type": "application/x-amz-json-1.1"}
        answer = client.post("/", content=json.dumps(asked), headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def index(self, client: httpx.Client, name: str) -> None:
        photo = self._photos[int(name.rpartition("-")[2]) % len(self._photos)]
        image = {"Bytes": base64.b64encode(photo).decode()}
        told = self.wire(client, "IndexFaces", CollectionId=COLLECTION, Image=image, ExternalImageId=name)
        (record,) = told["FaceRecords"]
        assert self._story.indexed.setdefault(name, record["Face"]["FaceId"]) == record["Face"]["FaceId"]

    def delete(self, client: httpx.Client, face_id: str) -> None:
        self.wire(client, "DeleteFaces", CollectionId=COLLECTION, FaceIds=[face_id])
        self._story.deleted.add(face_id)

    def put(self, client: httpx.Client, name: str, number: int) -> None:
        self._story.putting[name] = number
        assert client.put(f"/v1/index/{name}", content=self._photos[number]).status_code == 200
        self._story.kept[name] = self._story.putting.pop(name)

    def work(self, rng: random.Random) -> None:
        """All three at once, until the server dies."""
        jobs: list[Callable[[httpx.Client], None]] = [self._index_on, self._delete_on, lambda c: self._put_on(c, rng)]
        with ThreadPoolExecutor(len(jobs)) as pool:
            list(pool.map(self._until_it_dies, jobs))

    def _until_it_dies(self, job: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client, suppress(httpx.TransportError):
            while True:
                job(client)

    def _index_on(self, client: httpx.Client) -> None:
        name = f"person-{len(self._story.asked)}"
        self._story.asked.append(name)
        self.index(client, name)

    def _delete_on(self, client: httpx.Client) -> None:
        """Every other face, soon after it came."""
        story = self._story
        for face_id in [*story.indexed.values()][::2]:
            if face_id not in story.doomed:
                story.doomed.add(face_id)
                return self.delete(client, face_id)
        client.get("/healthz")  # which fails when the server is dead
        return None

    def _put_on(self, client: httpx.Client, rng: random.Random) -> None:
        self.put(client, f"file-{rng.randrange(FILES)}.jpg", rng.randrange(len(self._photos)))

    def settle(self) -> None:
        """Send again what was on its way, and some of what was not."""
        story = self._story
        with httpx.Client(base_url=self._url, timeout=60) as client:
            for name in story.asked[-3:]:
                if story.indexed.get(name) not in story.doomed:
                    self.index(client, name)
            for face_id in [*story.doomed - story.deleted, *story.deleted][:5]:
                self.delete(client, face_id)
            for name, number in (story.kept | story.putting).items():
                self.put(client, name, number)


@pytest.fixture(scope="module")
def photos(portraits: Mapping[str, ByteArray]) -> list[bytes]:
    """One face each, small, so that much happens before a kill."""
    names = ("obama", "biden", "obama2")
    pictures = [Image.fromarray(portraits[name]) for name in names]
    for picture in pictures:
        picture.thumbnail((640, 640))
    return [encode_jpeg(np.asarray(picture)) for picture in pictures]


def test_a_server_killed_again_and_again_has_all_that_it_answered_and_nothing_half(
    photos: list[bytes], tmp_path: Path
) -> None:
    data, story, rng = tmp_path / "data", Story(), random.Random(4)
    for kill in range(KILLS + 1):
        with served(data) as server:
            if not kill:
                with httpx.Client(base_url=server.url, timeout=60) as client:
                    Asker(server.url, story, photos).wire(client, "CreateCollection", CollectionId=COLLECTION)
            else:
                assert_sound(server, data, story, photos)
                Asker(server.url, story, photos).settle()
                assert_exact(server, data, story, photos)
            if kill < KILLS:
                killed_at_work(server, story, photos, rng)
    assert story.indexed and story.deleted and story.kept  # there was work of each kind


def killed_at_work(server: Served, story: Story, photos: list[bytes], rng: random.Random) -> None:
    asker = Asker(server.url, story, photos)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        asker.wire(client, "DetectFaces", Image={"Bytes": base64.b64encode(photos[0]).decode()})  # the engine is there
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(asker.work, random.Random(len(story.asked)))
        time.sleep(rng.uniform(*SECONDS))
        os.kill(server.process.pid, signal.SIGKILL)
        work.result()


def assert_sound(server: Served, data: Path, story: Story, photos: list[bytes]) -> None:
    """Whatever was answered is there, and what was on its way is there completely or not at all."""
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    listed = listed_faces(server)
    assert story.living() <= listed.keys()
    assert not story.deleted & listed.keys()
    on_their_way = set(story.asked) - story.indexed.keys()
    assert {face["ExternalImageId"] for face in listed.values()} <= story.indexed.keys() | on_their_way
    assert found_faces(server, photos[0]) == listed.keys()
    assert story.living() <= kept_photos(data)
    for name, number in story.kept.items():
        if name not in story.putting:
            assert_archived(server, name, photos[number])


def assert_exact(server: Served, data: Path, story: Story, photos: list[bytes]) -> None:
    """All is as if no server had ever died, for the class's own commands as well."""
    listed = listed_faces(server)
    assert listed.keys() == story.living() == found_faces(server, photos[0]) == kept_photos(data)
    assert everybody(data) == Counter(face["ExternalImageId"] for face in listed.values())
    assert process("students", "--data", data).code == 0
    for name, number in story.kept.items():
        assert_archived(server, name, photos[number])
    page = httpx.get(server.url + "/v1/index").json()
    assert Counter(image["filename"] for image in page["images"]) == Counter(story.kept.keys())
    assert all(len(image["FaceIds"]) == 1 for image in page["images"])


def assert_archived(server: Served, name: str, photo: bytes) -> None:
    where = f"{server.url}/v1/index/{quote(name)}"
    assert httpx.get(where).content == photo
    (face,) = httpx.get(f"{where}/faces").json()["faces"]
    assert face["ImageId"] == derive_image_id(photo)


def kept_photos(data: Path) -> set[str]:
    """The ids of faces that something of their photos is kept of."""
    return {path.stem for path in (data / "objects" / photo_prefix(COLLECTION)).glob("*.jpg")}


def listed_faces(server: Served) -> dict[str, Any]:
    faces = asked(server, "ListFaces", CollectionId=COLLECTION, MaxResults=4096)["Faces"]
    return {face["FaceId"]: face for face in faces}


def found_faces(server: Served, photo: bytes) -> set[str]:
    image = {"Bytes": base64.b64encode(photo).decode()}
    request = {"CollectionId": COLLECTION, "Image": image, "MaxFaces": 4096, "FaceMatchThreshold": 0}
    return {match["Face"]["FaceId"] for match in asked(server, "SearchFacesByImage", **request)["FaceMatches"]}


def asked(server: Served, operation: str, **request: object) -> dict[str, Any]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        return Asker(server.url, Story(), []).wire(client, operation, **request)
