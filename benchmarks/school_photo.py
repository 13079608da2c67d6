"""Claim: from the drop of a class photo to the register takes at most twice what decoding and embedding take alone.

The photo has 12 megapixels and 30 faces. It goes over HTTP to `photocall serve`, which keeps it, and to a worker; the
other side is one process that has the engine loaded, decodes the file and embeds its faces, on as many threads.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from benchmarks.material import Material
from benchmarks.tables import Table, target
from benchmarks.timing import Result, told
from photocall.app import SCHOOL_COLLECTION, open_places, open_store
from photocall.engine.face_engine import FaceEngine
from photocall.errors import InputError
from photocall.faces import ByteArray
from photocall.gallery import Gallery
from photocall.media.images import encode_jpeg, read_image
from photocall.roster import Student
from photocall.school.consents import give
from photocall.school.portraits import Enrolment, add_portrait
from photocall.school.records import Account, Course, Member, Role
from photocall.school.sign_ins import open_sign_in
from photocall.settings import Settings

TARGET = 2.0
"""Times what decoding and embedding take alone."""

WIDTH, HEIGHT = 4000, 3000
ROWS, COLUMNS = 5, 6
"""Of faces in the photo."""

TILE = 400
"""Pixels of each portrait in it; the faces are about 160 wide, as those of the third row of a class are."""

LOOK = 0.05
"""Seconds between two looks at the register; a page looks every 0.3 s."""

_BOUNDARY = "photocall-benchmark"
_ADMINISTRATOR = Account("admin", "admin", "Admin", Role.ADMINISTRATOR, "", datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _School:
    """A server with a class, and how it is asked."""

    address: str
    token: str

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> Any:
        where = urlsplit(self.address)
        connection = HTTPConnection(str(where.hostname), where.port, timeout=300)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        connection.request(method, f"/v1/school{path}", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
        return json.loads(content) if content else None


def measure(material: Material) -> Result | None:
    """Timelines with a worker that is there and with one that is not, and the same alone, in turns."""
    if material.evaluation is None:
        return None
    photo, students = _photo(material.evaluation / "classroom-photos" / "enroll")
    rounds = 1 if material.quick else 7
    data = material.folder / "school"
    token = _enrolled(material, data, students)
    with FaceEngine(threads=1) as alone, _serving(data, token, workers=1) as warm:
        _timeline(warm, photo)  # the worker's first photo
        timelines, singles = [], []
        for number in told(range(rounds), "class photos"):
            varied = _varied(photo, number)
            timelines.append(_timeline(warm, varied))
            singles.append(_alone(alone, varied))
    with _serving(data, token, workers=0) as cold:
        first = _timeline(cold, _varied(photo, rounds))
    ratios = [ours["register"] / theirs["all"] for ours, theirs in zip(timelines, singles, strict=True)]
    return {
        "pixels": WIDTH * HEIGHT,
        "faces": timelines[0]["faces"],
        "named": timelines[0]["named"],
        "bytes": len(photo),
        "warm": _medians(timelines),
        "cold": {name: first[name] for name in ("answered", "boxes", "register")},
        "alone": _medians(singles),
        "ratio": round(float(np.median(ratios)), 2),
        "ratio_quartiles": [round(float(np.percentile(ratios, share)), 2) for share in (25, 75)],
    }


def tables(result: Result) -> list[Table]:
    """One row a moment."""
    warm, cold, alone = result["warm"], result["cold"], result["alone"]
    rows = [
        ("upload answered", _seconds(warm["answered"]), _seconds(cold["answered"]), _seconds(alone["decoded"])),
        ("boxes of all faces", _seconds(warm["boxes"]), _seconds(cold["boxes"]), _seconds(alone["detected"])),
        ("register", _seconds(warm["register"]), _seconds(cold["register"]), _seconds(alone["all"])),
    ]
    ratio, (low, high) = result["ratio"], result["ratio_quartiles"]
    note = (
        f"{result['pixels'] / 1e6:.0f} megapixels, {result['bytes'] / 1e6:.1f} MB, {result['faces']} faces found, "
        f"{result['named']} named for certain. Seconds since the upload began, medians; one worker of one thread. "
        "Alone: an engine that is loaded decodes the file, finds its faces and embeds them, on one thread. "
        f"From drop to register {ratio:.2f}x ({low:.2f} to {high:.2f}); {target(ratio <= TARGET, f'{TARGET:g}x')}."
    )
    return [Table("Class photo to register", ("", "worker there", "worker starts", "alone"), rows, note)]


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _medians(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(float(np.median([each[name] for each in found])), 3) for name in found[0]}


def _photo(folder: Path) -> tuple[bytes, dict[str, list[bytes]]]:
    """A class photo of the last portrait of thirty people, and the other portraits by person."""
    scene = np.random.default_rng(5).normal(120, 6, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    people = sorted(folder.iterdir())[: ROWS * COLUMNS]
    students = {}
    for number, person in enumerate(people):
        *others, last = sorted(person.glob("*.jpg"))
        row, column = divmod(number, COLUMNS)
        left, top = column * WIDTH // COLUMNS + 100, row * HEIGHT // ROWS + 100
        scene[top : top + TILE, left : left + TILE] = _resized(read_image(last))
        students[person.name] = [path.read_bytes() for path in others]
    return encode_jpeg(scene, 92), students


def _resized(image: ByteArray) -> ByteArray:
    return np.array(Image.fromarray(image).resize((TILE, TILE), Image.Resampling.BICUBIC))


def _varied(photo: bytes, number: int) -> bytes:
    """The same picture as another file: a comment after the first marker."""
    comment = f"photo {number}".encode()
    return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]


def _enrolled(material: Material, data: Path, students: dict[str, list[bytes]]) -> str:
    """A school with one class; the token of its administrator."""
    settings, engine, now = Settings(data=data), material.engine, datetime.now(UTC)
    with open_store(settings) as store:
        store.put(_ADMINISTRATOR, Course("7b", "7b"), *(Student(name, {}, name) for name in students))
        store.put(*(Member("7b", name) for name in students))
        places = open_places(settings, store)
        enrolment = Enrolment(places, engine, lambda: Gallery(store, SCHOOL_COLLECTION, engine.model, engine.metric))
        for student_id, photos in students.items():
            give(store, _ADMINISTRATOR, student_id, "a parent", "calling the roll", now)
            for photo in photos:
                try:
                    add_portrait(enrolment, _ADMINISTRATOR, student_id, photo, "photo.jpg", now)
                except InputError:
                    continue
        return open_sign_in(store, _ADMINISTRATOR, "", now)[1]


@contextmanager
def _serving(data: Path, token: str, workers: int) -> Iterator[_School]:
    """`photocall serve` with so many workers from the start."""
    command = [sys.executable, "-m", "photocall", "serve", "--port", "0", "--json", "--data", str(data)]
    settings = {"PHOTOCALL_WORKERS_MIN": str(workers), "PHOTOCALL_WORKERS_MAX": "1", "PHOTOCALL_THREADS": "1"}
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        school = _School(json.loads(process.stdout.readline())["url"], token)
        time.sleep(3)  # until the engines of server and worker are loaded
        try:
            yield school
        finally:
            process.terminate()


def _timeline(school: _School, photo: bytes) -> dict[str, float]:
    """Seconds from the beginning of the upload, of a photo in a lesson of its own."""
    lesson = school.ask("POST", "/courses/7b/lessons", b"{}")["lesson"]["lesson_id"]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="class.jpg"\r\n\r\n'
    body = head.encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
    begun, moments = time.perf_counter(), dict[str, float]()
    school.ask("POST", f"/lessons/{lesson}/evidence", body, f"multipart/form-data; boundary={_BOUNDARY}")
    moments["answered"] = time.perf_counter() - begun
    while True:
        register = school.ask("GET", f"/lessons/{lesson}/register")
        evidence, since = register["evidence"][0], time.perf_counter() - begun
        if evidence["boxes"] is not None:
            moments.setdefault("boxes", since)
        if evidence["state"] == "failed":
            raise RuntimeError(evidence["reason"])
        if evidence["state"] == "done":
            named = sum(each["state"] == "named" for each in register["seen"])
            return {**moments, "register": since, "faces": len(evidence["boxes"]), "named": named}
        time.sleep(LOOK)


def _alone(engine: FaceEngine, photo: bytes) -> dict[str, float]:
    """Seconds until the photo is decoded, its faces are found, and they are embedded."""
    begun = time.perf_counter()
    image = read_image(photo)
    decoded = time.perf_counter() - begun
    faces = engine.detect(image)
    detected = time.perf_counter() - begun
    engine.embed(image, faces)
    return {"decoded": decoded, "detected": detected, "all": time.perf_counter() - begun}
