"""Faces by a photocall server, for other applications: the three functions that attendance systems already call.

    from photocall.client import compare_faces, detect_faces_in_image, encode_face_image

They take an opened file (or its bytes, or a path) and ask the server that `PHOTOCALL_URL` names, with the key of
`PHOTOCALL_API_KEY`, unless they are told another. Nothing of the engine is loaded here.
"""

import base64
import json
import os
from collections.abc import Iterable, Sequence
from http.client import HTTPException
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from photocall.errors import ServiceFailed

URL = "http://127.0.0.1:8000"
"""Where `photocall serve` listens if it is not told otherwise."""

SECONDS = 60
"""How long an answer may take: the first request to a server waits until its networks are loaded."""

MAX_IMAGE_BYTES = 20 * 2**20
"""Of one image, as the server has it."""

SMALL_SIDE = 1600
"""Pixels: to encode, a larger photo is first sent at this size, a few hundred kilobytes in place of many."""

LARGE_FACE = 300
"""Pixels: the network sees a face at 150; a reduced one of twice that has lost nothing that it could see."""

Image = bytes | str | Path | IO[bytes]
"""An opened file, its content, or its path."""

Vector = Iterable[float]


def encode_face_image(file: Image, *, url: str | None = None, api_key: str | None = None) -> list[float] | None:
    """The vector of the largest face in an image, 128 numbers; None if there is no face in it.

    Args:
        file: read from its beginning, and left there.
        url: of the server.
        api_key: where the server needs one.

    Raises:
        ServiceFailed: the server was not reached, refused the key or the image, or failed.
    """
    data = _content(file)
    small = _reduced(data)
    if small is not None:
        found = _ask("/encode", {"image_data": _data_url(small)}, url, api_key)
        if found["success"] and _is_large(found["face_location"]):
            return _vector_of(found)
    return _vector_of(_ask("/encode", {"image_data": _data_url(data)}, url, api_key))


def detect_faces_in_image(
    file: Image, *, url: str | None = None, api_key: str | None = None
) -> tuple[list[tuple[int, int, int, int]], list[list[float]]]:
    """Every face of an image, the largest first: where it is (top, right, bottom, left) in pixels, and its vector.

    The image is sent as it is: faces in the last row of a classroom need every pixel.

    Args:
        file: read from its beginning, and left there.
        url: of the server.
        api_key: where the server needs one.

    Raises:
        ServiceFailed: the server was not reached, refused the key or the image, or failed.
    """
    found = _ask("/detect", {"image_data": _data_url(_content(file))}, url, api_key)
    places = [(top, right, bottom, left) for top, right, bottom, left in found["face_locations"]]
    return places, found["encodings"]


def compare_faces(
    known: Vector | Iterable[Vector],
    candidates: Vector | Iterable[Vector],
    tolerance: float = 0.6,
    *,
    url: str | None = None,
    api_key: str | None = None,
) -> tuple[bool, float]:
    """Whether one of the candidates is a known person, and with which confidence, 0..1.

    Args:
        known: the person's vector, or several of the same person.
        candidates: the vectors of the faces of a photo, or one.
        tolerance: the largest Euclidean distance of a match.
        url: of the server.
        api_key: where the server needs one.

    Returns:
        (False, 0.0) where nothing is given on one of the sides; else match and confidence of the nearest pair.

    Raises:
        ServiceFailed: the server was not reached, refused the key or the vectors, or failed.
    """
    faces = _vectors(candidates)
    best = (False, 0.0)
    for vector in _vectors(known) if faces else []:
        asked = {"encoding": vector, "known_encodings": faces, "tolerance": float(tolerance)}
        found = _ask("/compare", asked, url, api_key)
        best = max(best, (found["matched"], found["confidence"]))
    return best


def _ask(route: str, body: dict[str, Any], url: str | None, api_key: str | None) -> dict[str, Any]:
    address = (url or os.environ.get("PHOTOCALL_URL") or URL).rstrip("/")
    if not address.startswith(("http://", "https://")):
        raise ServiceFailed(address, "not the address of a server, such as https://faces.example.org")
    key = api_key or os.environ.get("PHOTOCALL_API_KEY")
    headers = {"Content-Type": "application/json", **({"x-api-key": key} if key else {})}
    try:
        request = Request(address + route, json.dumps(body).encode(), headers, method="POST")  # noqa: S310  # checked above
        with build_opener(_NoRedirect).open(request, timeout=SECONDS) as response:
            return _answer(address, response.read())
    except HTTPError as error:
        with error:
            raise ServiceFailed(address, _reason(error)) from None
    except URLError as error:
        raise ServiceFailed(address, f"it cannot be reached: {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise ServiceFailed(address, f"it gave no proper answer: {error}") from error


def _answer(address: str, body: bytes) -> dict[str, Any]:
    found = json.loads(body)
    if not isinstance(found, dict) or "success" not in found:
        raise ServiceFailed(address, "its answer is not that of photocall serve")
    return found


def _reason(error: HTTPError) -> str:
    """What a server that refuses says of it."""
    try:
        said = json.loads(error.read())
        told = ": ".join(said[name] for name in ("message", "detail") if said.get(name))
    except (OSError, HTTPException, ValueError, TypeError, AttributeError):
        told = ""
    return f"{told or error.reason} (status {error.code})"


class _NoRedirect(HTTPRedirectHandler):
    """A redirection would carry the key, and the picture, to whoever it names."""

    def redirect_request(self, *_: Any) -> None:
        """None: it is not followed."""


def _content(file: Image) -> bytes:
    data = _read(file)
    if not data:
        raise ServiceFailed("image", "it is empty")
    return data


def _read(file: Image) -> bytes:
    if isinstance(file, bytes | bytearray | memoryview):
        return bytes(file)
    if isinstance(file, str | Path):
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise ServiceFailed(str(file), error.strerror or "it cannot be read") from error
    file.seek(0)
    data = file.read()
    file.seek(0)  # so that the application can go on and store it
    return data


def _reduced(data: bytes) -> bytes | None:
    """The photo in a size that is quick to send, upright; None for one that is small, or no JPEG that can be read."""
    from PIL import Image as Pillow  # not before there is an image
    from PIL import ImageOps

    try:
        with Pillow.open(BytesIO(data), formats=("JPEG",)) as picture:
            if max(picture.size) <= SMALL_SIDE * 1.25:  # little to gain
                return None
            picture.draft("RGB", (SMALL_SIDE, SMALL_SIDE))
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            upright.thumbnail((SMALL_SIDE, SMALL_SIDE), Pillow.Resampling.LANCZOS)
            file = BytesIO()
            upright.save(file, "JPEG", quality=95)
            return file.getvalue()
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError, Warning):
        return None  # the server says what is wrong with it


def _is_large(location: Sequence[int]) -> bool:
    top, right, bottom, left = location
    return min(right - left, bottom - top) >= LARGE_FACE


def _vector_of(found: dict[str, Any]) -> list[float] | None:
    return found["encoding"] if found["success"] else None


def _vectors(given: Vector | Iterable[Vector]) -> list[list[float]]:
    """One vector or several, of lists, tuples or arrays, as a list of lists."""
    rows: list[Any] = list(given)
    if rows and not isinstance(rows[0], Iterable):
        rows = [rows]
    return [[float(number) for number in row] for row in rows]


def _data_url(data: bytes) -> str:
    if len(data) > MAX_IMAGE_BYTES:
        raise ServiceFailed("image", f"it is larger than {MAX_IMAGE_BYTES // 2**20} MiB; make it smaller")
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"
