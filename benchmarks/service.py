"""Claim: the service searches and indexes fifteen times as fast as the classic one of Flask and face_recognition.

Both run in processes of their own with as many faces indexed, and are asked over loopback by the same clients in turns.
photocall searches by SearchFacesByImage, unsigned as on one machine, and indexes by IndexFaces.
"""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np

from benchmarks.material import Material
from benchmarks.tables import Table, target, times
from benchmarks.timing import Result, told
from photocall.faces import BoundingBox, ByteArray, Embedding, FaceRecord, FloatArray
from photocall.media.images import encode_jpeg
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore

FACES = 10_000
"""Indexed before the first search."""

CLIENTS = (1, 16)
"""Asking at once."""

TARGET = 15.0
"""Times the requests a second at 16 clients, and times as fast indexing."""

TAIL_TARGET = 5.0
"""Times the median that the slowest hundredth may take."""

_PORTRAITS = {"photocall": 1000, "classic": 20}
_COLLECTION, _BOUNDARY = "benchmark", "photocall-benchmark"


@dataclass(frozen=True, slots=True)
class _Side:
    """A server, and how it is asked.

    Attributes:
        address: of the server.
        search: path, headers and body of a search.
        index: the same for indexing a photo under a name.
        right: whether an answer to a search names somebody.
    """

    address: str
    search: "_Request"
    index: Callable[[str, bytes], "_Request"]
    right: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class _Request:
    path: str
    headers: dict[str, str]
    body: bytes


def measure(material: Material) -> Result:
    """Searches by one and by many clients, then a folder of portraits, by both in turns."""
    portrait = _of_200_kb(material.portraits()["obama"])
    faces, rounds = (200, 1) if material.quick else (FACES, 3)
    with ExitStack() as opened:
        sides = {
            "photocall": opened.enter_context(_photocall(material, portrait, faces)),
            "classic": opened.enter_context(_classic(material, portrait, faces)),
        }
        searches = {str(clients): _searched(sides, clients, rounds) for clients in CLIENTS}
        indexing = _indexed(sides, material)
    return {"faces": faces, "bytes": len(portrait), "searches": searches, "indexing": indexing}


def tables(result: Result) -> list[Table]:
    """Searches by number of clients, and indexing."""
    rows = [_search_row(clients, entry) for clients, entry in result["searches"].items()]
    searching = Table(
        f"SearchFacesByImage with a portrait of {result['bytes'] // 1000} KB among {result['faces']:,} faces",
        ("clients", "photocall", "Flask and face_recognition", "ratio", "photocall's p99 / p50"),
        rows,
    )
    entry = result["indexing"]
    ahead = entry["ratio"]
    indexing = Table(
        "Indexing portraits of 200 KB by 4 clients",
        ("photocall", "Flask and face_recognition", "ratio"),
        [
            (
                f"{entry['photocall']['rate']:.1f} a second ({entry['photocall']['photos']} portraits)",
                f"{entry['classic']['rate']:.2f} a second ({entry['classic']['photos']} portraits)",
                f"{ahead:.1f}x; {target(ahead >= TARGET, f'{TARGET:g}x')}",
            )
        ],
        "The classic service keeps its faces in memory and writes nothing; photocall commits every face to disk, and a "
        "crop of its photo.",
    )
    return [searching, indexing]


def _search_row(clients: str, entry: Result) -> tuple[str, ...]:
    ours, theirs = entry["photocall"], entry["classic"]
    reached, tail = "", ours["p99_ms"] / ours["p50_ms"]
    if int(clients) == max(CLIENTS):
        reached = f"; {target(entry['ratio']['wall'] >= TARGET, f'{TARGET:g}x')}"
    return (
        clients,
        f"{ours['rate']:.1f} a second, median {ours['p50_ms']:.0f} ms",
        f"{theirs['rate']:.2f} a second, median {theirs['p50_ms']:.0f} ms",
        times(entry["ratio"]) + reached,
        f"{tail:.1f}; {target(tail <= TAIL_TARGET, f'{TAIL_TARGET:g}')}",
    )


def _searched(sides: dict[str, _Side], clients: int, rounds: int) -> Result:
    """Requests a second and latencies, in turns of about equal length."""
    shares = {"photocall": 24 if clients == 1 else 16, "classic": 3 if clients == 1 else 1}
    waits: dict[str, list[float]] = {name: [] for name in sides}
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        _asked(side.address, [side.search], side.right)  # warm
    for _ in told(range(rounds), f"searches by {clients}"):
        for name, side in sides.items():
            begun = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                asked = [
                    pool.submit(_asked, side.address, [side.search] * shares[name], side.right) for _ in range(clients)
                ]
                for each in asked:
                    waits[name] += each.result()
            rates[name].append(clients * shares[name] / (time.perf_counter() - begun))
    ratios = [a / b for a, b in zip(rates["photocall"], rates["classic"], strict=True)]
    ahead = float(np.median(rates["photocall"]) / np.median(rates["classic"]))
    return {
        **{name: _latency(waits[name], rates[name]) for name in sides},
        "ratio": {"wall": round(ahead, 2), "wall_quartiles": [round(min(ratios), 2), round(max(ratios), 2)]},
    }


def _latency(waits: list[float], rates: list[float]) -> Result:
    p50, p99 = (round(1000 * float(np.percentile(waits, share)), 1) for share in (50, 99))
    return {"rate": round(float(np.median(rates)), 3), "p50_ms": p50, "p99_ms": p99, "requests": len(waits)}


def _indexed(sides: dict[str, _Side], material: Material) -> Result:
    """Portraits a second by four clients; in turns of a fifth of all, each photo another one."""
    rng, turns, clients = np.random.default_rng(3), 1 if material.quick else 5, 4
    counts = {name: 8 if material.quick else count for name, count in _PORTRAITS.items()}
    seconds = dict.fromkeys(sides, 0.0)
    for turn in told(range(turns), "indexing"):
        for name, side in sides.items():
            photos = [_varied(material.portraits()["obama"], rng) for _ in range(counts[name] // turns)]
            requests = [side.index(f"{name}-{turn}-{number}", photo) for number, photo in enumerate(photos)]
            begun = time.perf_counter()
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(lambda part, side=side: _asked(side.address, part, None), _split(requests, clients)))
            seconds[name] += time.perf_counter() - begun
    rates = {name: counts[name] // turns * turns / seconds[name] for name in sides}
    told_sides = {name: {"rate": round(rates[name], 3), "photos": counts[name] // turns * turns} for name in sides}
    return {**told_sides, "ratio": round(rates["photocall"] / rates["classic"], 2)}


def _split(requests: list[_Request], parts: int) -> list[list[_Request]]:
    return [requests[start::parts] for start in range(parts)]


def _asked(address: str, requests: list[_Request], right: Callable[[bytes], bool] | None) -> list[float]:
    """What each request took, in seconds, one after another on one connection; every answer must be right."""
    where = urlsplit(address)
    connection = HTTPConnection(str(where.hostname), where.port, timeout=1200)
    waits = []
    for request in requests:
        begun = time.perf_counter()
        connection.request("POST", request.path, request.body, request.headers)
        answer = connection.getresponse()
        body = answer.read()
        waits.append(time.perf_counter() - begun)
        if answer.status != 200 or (right is not None and not right(body)):
            raise RuntimeError(f"{address}: {answer.status} {body[:500]!r}")
    connection.close()
    return waits


@contextmanager
def _photocall(material: Material, portrait: bytes, faces: int) -> Iterator[_Side]:
    """photocall as `photocall serve` runs it, with random faces and the portrait in its collection."""
    data = material.folder / "service"
    with SqlStore(sqlite_url(data / "photocall.db")) as store:
        store.create_collection(_COLLECTION, material.engine.model)
        store.put_faces(
            _COLLECTION, [_record(vector, number, material) for number, vector in enumerate(_vectors(faces))]
        )

    def request(operation: str, photo: bytes, **more: object) -> _Request:
        body = {"CollectionId": _COLLECTION, "Image": {"Bytes": base64.b64encode(photo).decode()}, **more}
        headers = {"X-Amz-Target": f"RekognitionService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        return _Request("/", headers, json.dumps(body).encode())

    command = [sys.executable, "-m", "photocall", "serve", "--port", "0", "--json", "--data", str(data)]
    with _server(command) as line:
        side = _Side(
            json.loads(line)["url"],
            request("SearchFacesByImage", portrait),
            lambda name, photo: request("IndexFaces", photo, ExternalImageId=name),
            lambda body: bool(json.loads(body)["FaceMatches"]),
        )
        _asked(side.address, [side.index("obama", portrait)], None)
        yield side


@contextmanager
def _classic(material: Material, portrait: bytes, faces: int) -> Iterator[_Side]:
    """The classic service, with as many."""
    encodings = material.folder / "encodings.npy"
    np.save(encodings, _vectors(faces))

    def request(path: str, photo: bytes) -> _Request:
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'.encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        return _Request(path, headers, head + photo + f"\r\n--{_BOUNDARY}--\r\n".encode())

    with _server([sys.executable, "-m", "benchmarks.classic_service", str(encodings)]) as line:
        side = _Side(
            line.strip(),
            request("/search", portrait),
            lambda name, photo: request(f"/faces/{name}", photo),
            lambda body: json.loads(body)["name"] is not None,
        )
        _asked(side.address, [side.index("obama", portrait)], None)
        yield side


@contextmanager
def _server(command: list[str]) -> Iterator[str]:
    """The first line that a server says; it is ended at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()


def _vectors(count: int) -> FloatArray:
    """Random vectors as far apart as faces of different people are for dlib's network, 0.85 in the mean."""
    vectors = np.random.default_rng(1).standard_normal((count, 128)).astype(np.float32)
    vectors *= np.float32(0.85 / (2 * 128) ** 0.5)
    return vectors


def _record(vector: FloatArray, number: int, material: Material) -> FaceRecord:
    face_id = f"00000000-0000-0000-0000-{number:012x}"
    box = BoundingBox(0, 0, 100, 100)
    embedding = Embedding(vector, material.engine.model)
    return FaceRecord(face_id, _COLLECTION, face_id, f"person-{number}", box, 200, 200, 0.99, embedding)


def _of_200_kb(image: ByteArray) -> bytes:
    """The image as a JPEG file of about 200 KB."""
    return min((encode_jpeg(image, quality) for quality in range(50, 100)), key=lambda data: abs(len(data) - 200_000))


def _varied(image: ByteArray, rng: np.random.Generator) -> bytes:
    """Another photo of the same person: other light, a few rows less."""
    darker = (image[rng.integers(1, 40) :] * rng.uniform(0.7, 1)).astype(np.uint8)
    return encode_jpeg(darker, 90)
