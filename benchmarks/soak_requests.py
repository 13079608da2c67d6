"""What a server is sent for a long time: every kind of operation, pictures of every size, and one in eight that is bad.

Faces come and go, so that there are never more than some hundreds of them; pictures are made before, so that the
clients leave the processor to the server.
"""

import base64
import itertools
import json
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg

CLIENTS = 4
"""Asking at once."""

SIDES = (100, 2400)
"""Shortest and longest longer side of a picture, pixels."""

MOST_FACES = 300
"""In the collection; older ones are deleted."""

MOST_FILES = 40
"""Names of the archive; they are put again and again."""

_PICTURES = 96
_LARGEST_PNG = 1200  # pixels; larger ones would not fit into a request
_COLLECTION = "soak"

Picture = Callable[[], bytes]


class Asker:
    """Asks one server; safe to share between threads.

    Args:
        address: of the server, which needs no key.
        portraits: what the pictures are made of: uint8 RGB, shape (h, w, 3).
    """

    def __init__(self, address: str, portraits: Mapping[str, ByteArray]) -> None:
        self._place, self._local = urlsplit(address), threading.local()
        self._random, self._lock = np.random.default_rng(0), threading.Lock()
        self._pictures = list(_pictures(portraits, self._random))
        self._numbers, self._faces = itertools.count(), deque[str]()
        self._bad = list(_bad(self._pictures[0]))
        self._kinds: list[tuple[float, Callable[[bytes], None]]] = [
            (0.20, self._index),
            (0.20, self._search),
            (0.10, self._detect),
            (0.05, self._compare),
            (0.05, self._users),
            (0.08, self._put),
            (0.08, self._find),
            (0.06, self._encode),
            (0.05, self._list),
            (0.13, self._send_bad),
        ]
        self._wire("CreateCollection", CollectionId=_COLLECTION)

    def ask(self) -> None:
        """Send the next request, and see that it is answered as it should be."""
        with self._lock:
            shares, kinds = zip(*self._kinds, strict=True)
            kind = kinds[self._random.choice(len(kinds), p=shares)]
            picture = self._pictures[self._random.integers(len(self._pictures))]
        kind(picture)

    def settle(self) -> None:
        """Send a picture so large that the server gives freed memory back after it, as with every such picture."""
        self._detect(encode_jpeg(np.full((SIDES[1], SIDES[1], 3), 128, np.uint8)))

    def _index(self, picture: bytes) -> None:
        name = f"face-{next(self._numbers)}"
        answer = self._wire("IndexFaces", CollectionId=_COLLECTION, Image=_bytes(picture), ExternalImageId=name)
        self._faces.extend(record["Face"]["FaceId"] for record in answer["FaceRecords"])
        old = [self._faces.popleft() for _ in range(len(self._faces) - MOST_FACES)]
        if old:
            self._wire("DeleteFaces", CollectionId=_COLLECTION, FaceIds=old)

    def _search(self, picture: bytes) -> None:
        self._wire("SearchFacesByImage", {200, 400}, CollectionId=_COLLECTION, Image=_bytes(picture))

    def _detect(self, picture: bytes) -> None:
        self._wire("DetectFaces", Image=_bytes(picture), Attributes=["ALL"])

    def _compare(self, picture: bytes) -> None:
        other = _bytes(self._pictures[0])
        self._wire("CompareFaces", {200, 400}, SourceImage=_bytes(picture), TargetImage=other)

    def _users(self, picture: bytes) -> None:
        user: dict[str, Any] = {"CollectionId": _COLLECTION, "UserId": f"user-{next(self._numbers)}"}
        self._wire("CreateUser", **user)
        self._wire("SearchUsersByImage", CollectionId=_COLLECTION, Image=_bytes(picture))
        self._wire("DeleteUser", **user)

    def _list(self, picture: bytes) -> None:
        self._wire("ListFaces", CollectionId=_COLLECTION, MaxResults=100)
        self._send("GET", "/v1/index", b"", {200})
        self._send("GET", "/metrics", b"", {200})

    def _put(self, picture: bytes) -> None:
        self._send("PUT", f"/v1/index/file-{next(self._numbers) % MOST_FILES}.jpg", picture, {200, 406})

    def _find(self, picture: bytes) -> None:
        self._send("POST", "/v1/search", picture, {200})

    def _encode(self, picture: bytes) -> None:
        text = base64.b64encode(picture).decode()
        self._send("POST", "/encode", json.dumps({"image_data": text}).encode(), {200})

    def _send_bad(self, _picture: bytes) -> None:
        bad = self._bad[next(self._numbers) % len(self._bad)]
        self._wire("DetectFaces", {400}, Image=_bytes(bad))
        self._send("PUT", "/v1/index/bad.jpg", bad, {400, 406, 415})
        self._send("POST", "/encode", bad, {400})

    def _wire(self, operation: str, statuses: "set[int] | None" = None, **request: Any) -> Any:
        headers = {"X-Amz-Target": f"RekognitionService.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        return json.loads(self._send("POST", "/", json.dumps(request).encode(), statuses or {200}, headers))

    def _send(
        self, method: str, path: str, body: bytes, statuses: set[int], headers: Mapping[str, str] | None = None
    ) -> bytes:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection(str(self._place.hostname), self._place.port, timeout=300)
        connection: HTTPConnection = self._local.connection
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        told = answer.read()
        if answer.status not in statuses:
            raise RuntimeError(f"{method} {path} {dict(headers or {})}: {answer.status} {told[:300]!r}")
        return told


def _bytes(picture: bytes) -> dict[str, str]:
    return {"Bytes": base64.b64encode(picture).decode()}


def _pictures(portraits: Mapping[str, ByteArray], random: np.random.Generator) -> Iterator[bytes]:
    """Portraits of mixed sizes, as many small as large ones on a logarithmic scale; every fourth a PNG."""
    images = [Image.fromarray(image) for image in portraits.values()]
    for number in range(_PICTURES):
        image, is_png = images[number % len(images)], number % 4 == 3
        longest = min(SIDES[1], _LARGEST_PNG) if is_png else SIDES[1]
        # The shorter side must have the 80 pixels that Rekognition asks for.
        shortest = max(SIDES[0], 81 * max(image.size) / min(image.size))
        factor = float(np.exp(random.uniform(np.log(shortest), np.log(longest)))) / max(image.size)
        size = round(image.width * factor), round(image.height * factor)
        file = BytesIO()
        image.resize(size).save(file, *(("PNG",) if is_png else ("JPEG",)), quality=88, compress_level=1)
        yield file.getvalue()


def _bad(picture: bytes) -> Iterator[bytes]:
    """Cut off, damaged, no image, of a format that is not taken, far too small, and far too large to be decoded."""
    yield picture[: len(picture) // 2]
    yield picture[:200] + bytes(2000) + picture[2200:]
    yield b"Dear photocall"
    for kind, size in (("GIF", (300, 300)), ("PNG", (1, 1))):
        file = BytesIO()
        Image.new("RGB", size).save(file, kind)
        yield file.getvalue()
    header = b"IHDR" + struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    yield b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + bytes(100)
