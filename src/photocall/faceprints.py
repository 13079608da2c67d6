"""The face work of the attendance system (S0.1 to S0.3): encode a face, detect faces, compare vectors.

JSON in, JSON out, the same from the HTTP service and from the functions on AWS Lambda, which is why no framework and
nothing slow to load is imported. Vectors are dlib's own 128 numbers, compared at Euclidean distance, so that they go
together with those that applications have kept from the face_recognition library.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import DLIB_PACK, load_pack
from photocall.errors import ImageTooHeavy, PhotocallError, RequestInvalid
from photocall.faces import BoundingBox, ByteArray, Face, largest_first
from photocall.sent_images import SentImage
from photocall.statuses import status_of, told

DIMENSION = 128
"""Numbers in a vector."""

MAX_KNOWN = 10_000
"""Vectors that one request may compare with: as many as fit into a body."""

MAX_PARTS = 1_500_000
"""Numbers, lists and members of a body: 10,000 vectors and some more. As empty lists they would take 100 MB."""

TOLERANCE, MAX_TOLERANCE = 0.6, 100
"""Largest distance of a match: customary, and the largest that may be asked for."""

NO_FACE = "No faces found in the image"
INVALID_REQUEST = "Invalid request format"
"""Both word for word the original's."""

Json = dict[str, Any]

_MAX_NUMBER = 10.0  # dlib's numbers are smaller than 1, and with -10..10 no sum of squares overflows
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What a comparison is asked for.

    Attributes:
        known: float64, shape (n, 128).
        encoding: float64, shape (128,); None where an image is given.
        image: whose largest face is compared; None where a vector is given.
        tolerance: largest distance of a match.
    """

    known: NDArray[np.float64]
    encoding: NDArray[np.float64] | None
    image: SentImage | None
    tolerance: float


def read_picture(body: bytes) -> SentImage:
    """What /encode and /detect are sent: `{"image_data": ..., "bucket": ...}`. Raises `RequestInvalid`."""
    image = _image(_members(body))
    if image is None:
        raise RequestInvalid("image_data: it is missing")
    return image


def read_comparison(body: bytes) -> Comparison:
    """What /compare is sent: a vector or a picture, and the vectors to compare it with. Raises `RequestInvalid`."""
    members = _members(body)
    known, encoding = members.get("known_encodings"), members.get("encoding")
    if not isinstance(known, list) or len(known) > MAX_KNOWN:
        raise RequestInvalid(f"known_encodings: it must be a list of at most {MAX_KNOWN:,} vectors")
    probe = None if encoding is None else _vectors("encoding", [encoding])[0]
    image = _image(members)
    if (probe is None) == (image is None):
        raise RequestInvalid("give either encoding or image_data")
    return Comparison(_vectors("known_encodings", known), probe, image, _tolerance(members))


def encode(engine: FaceEngine, image: ByteArray) -> Json:
    """Vector and place of the largest face of a picture.

    Args:
        engine: with the pack `dlib-mtcnn`.
        image: uint8 RGB, shape (h, w, 3).
    """
    face = engine.detect_largest(image)
    if face is None:
        return _no_face()
    (vector,), location = _encodings(engine, image, [face]), _location(face.box, image)
    return {"success": True, "encoding": vector, "face_location": location}


def detect(engine: FaceEngine, image: ByteArray) -> Json:
    """Vectors and places of all faces of a picture, the largest first; arguments as of `encode`."""
    faces = largest_first(engine.detect(image))
    locations = [_location(face.box, image) for face in faces]
    found = {"face_locations": locations, "encodings": _encodings(engine, image, faces)}
    return {"success": True, **found} if faces else {**_no_face(), **found}


def compare(asked: Comparison, encoding: Sequence[float] | NDArray[np.float64] | None) -> Json:
    """Whether a face is one of the known ones: a match, a distance and a confidence for each.

    Args:
        asked: with what it is compared.
        encoding: of the face, 128 numbers; None if the picture shows none.

    Returns:
        For each known vector a match, the Euclidean distance, and as confidence 0..1 the model's calibrated similarity;
        and the nearest one's index, match and confidence.
    """
    nobody: Json = {"matched": False, "confidence": 0.0, "best": None, "results": []}
    if encoding is None:
        return {**_no_face(), **nobody}
    if not len(asked.known):
        return {"success": True, **nobody}
    distances = np.linalg.norm(asked.known - np.asarray(encoding, np.float64), axis=1).tolist()
    similarity = load_pack(DLIB_PACK).calibration.similarity
    results = [
        {
            "match": distance <= asked.tolerance,
            "distance": round(distance, 6),
            "confidence": round(similarity(distance) / 100, 4),
        }
        for distance in distances
    ]
    best = int(np.argmin(distances))
    nearest = {"matched": results[best]["match"], "confidence": results[best]["confidence"], "best": best}
    return {"success": True, **nearest, "results": results}


def failure(error: PhotocallError) -> tuple[int, Json]:
    """The status and the answer for an error."""
    status = status_of(error)
    match error:
        case RequestInvalid():
            return status, {"success": False, "message": INVALID_REQUEST, "detail": str(error)}
        case ImageTooHeavy():
            return status, {"success": False, "message": "ImageTooLarge", "detail": str(error)}
    message = f"Error processing image: {error}" if status == 400 else told(error, status)
    return status, {"success": False, "message": message}


# --- requests


def _members(body: bytes) -> Json:
    """The members of a body's JSON object."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_PARTS:
        raise RequestInvalid(f"the body has more than {MAX_PARTS:,} parts")
    try:
        members = json.loads(body.decode(), parse_constant=_no_number)
    except RecursionError:
        raise RequestInvalid("the body is nested too deeply") from None
    except ValueError:
        raise RequestInvalid("the body is not JSON") from None
    if not isinstance(members, dict):
        raise RequestInvalid("the body must be a JSON object")
    return members


def _no_number(text: str) -> NoReturn:
    """NaN and Infinity, which Python's reader takes, are no JSON."""
    raise ValueError(text)


def _image(members: Json) -> SentImage | None:
    image_data, bucket = members.get("image_data"), members.get("bucket")
    if bucket is not None and not (isinstance(bucket, str) and _BUCKET.fullmatch(bucket)):
        raise RequestInvalid("bucket: it must be 3 to 63 small letters, digits, dots and hyphens")
    if image_data is None:
        return None
    if not isinstance(image_data, str):
        raise RequestInvalid("image_data: it must be text")
    return SentImage(image_data, bucket)


def _vectors(name: str, given: list[Any]) -> NDArray[np.float64]:
    """Vectors of a request as rows."""
    wrong = RequestInvalid(f"{name}: a vector must be {DIMENSION} numbers between -10 and 10")
    if not all(map(_is_vector, given)):
        raise wrong
    try:
        rows = np.array(given, np.float64).reshape(-1, DIMENSION)
    except OverflowError:  # a whole number of hundreds of digits
        raise wrong from None
    if not (np.abs(rows) <= _MAX_NUMBER).all():
        raise wrong
    return rows


def _is_vector(given: Any) -> bool:
    return isinstance(given, list) and len(given) == DIMENSION and set(map(type, given)) <= {int, float}


def _tolerance(members: Json) -> float:
    tolerance = members.get("tolerance", TOLERANCE)
    if type(tolerance) not in (int, float) or not 0 <= tolerance <= MAX_TOLERANCE:
        raise RequestInvalid(f"tolerance: it must be a number between 0 and {MAX_TOLERANCE}")
    return float(tolerance)


# --- answers


def _no_face() -> Json:
    return {"success": False, "message": NO_FACE}


def _encodings(engine: FaceEngine, image: ByteArray, faces: list[Face]) -> list[list[float]]:
    vectors: list[list[float]] = engine.embed_chips(engine.chips(image, faces)).tolist() if faces else []
    return vectors


def _location(box: BoundingBox, image: ByteArray) -> list[int]:
    """Top, right, bottom and left in whole pixels, within the picture; the order is that of face_recognition."""
    height, width, _ = image.shape
    edges = ((box.top, height), (box.right, width), (box.bottom, height), (box.left, width))
    return [min(max(round(edge), 0), most) for edge, most in edges]
