"""photocall's nouns in Rekognition's words: the dictionaries that answers are made of.

Boxes and points are ratios of the picture's size; confidence and similarity are 0..100. What the engine cannot tell
(age, emotions, gender, glasses ...) is left out, never invented.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from photocall.faces import LANDMARK_NAMES, BoundingBox, Face, FaceMatch, FaceRecord
from photocall.quality_gate import Reason
from photocall.users import Refusal

Json = dict[str, Any]
Size = tuple[int, int]
"""Width and height of a picture, pixels."""

_EXTERNAL_IMAGE_ID = re.compile(r"[a-zA-Z0-9_.\-:]{1,255}")
_UNESCAPED = re.compile(r"[a-zA-Z0-9_.\-]")
_ESCAPED = re.compile(rb":([0-9A-F]{2})")

_HALF_SHARP = 0.03
"""`Quality.sharpness` that is 50 on the wire: the bar of enrolment at HIGH, see `quality_gate`."""


def model_version(model: str) -> str:
    """A number for a model: the pattern of IndexFacesModelVersion takes digits and dots only."""
    return f"1.{int.from_bytes(hashlib.sha256(model.encode()).digest()[:4])}"


def wire_name(name: str) -> str:
    """Any name as an ExternalImageId, which takes few characters: "Ada Lovelace" becomes "Ada:20Lovelace".

    The UTF-8 bytes of other characters, the colon among them, become a colon and two hexadecimal digits.
    """
    return "".join(
        char if _UNESCAPED.match(char) else "".join(f":{byte:02X}" for byte in char.encode()) for char in name
    )


def plain_name(external_image_id: str) -> str:
    """The name that `wire_name` made an ExternalImageId of."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), external_image_id.encode()).decode(errors="replace")


def external_image_id(record: FaceRecord) -> str | None:
    """As its caller gave it; names of a class that the wire cannot carry are escaped by `wire_name`."""
    name = record.external_image_id
    if not name or _EXTERNAL_IMAGE_ID.fullmatch(name):
        return name or None
    return wire_name(name)[:255]


def box_json(box: BoundingBox, size: Size) -> Json:
    """A BoundingBox."""
    width, height = size
    return {
        "Width": box.width / width,
        "Height": box.height / height,
        "Left": box.left / width,
        "Top": box.top / height,
    }


def percent(share: float) -> float:
    """A share 0..1 as 0..100, to the fourth decimal."""
    return round(min(max(100 * float(share), 0.0), 100.0), 4)


def described(face: Face, size: Size) -> Json:
    """Where a face is and what its picture is worth: what FaceDetail and ComparedFace have in common."""
    width, height = size
    quality = face.quality
    return {
        "BoundingBox": box_json(face.box, size),
        "Confidence": percent(face.score),
        "Landmarks": [
            {"Type": name, "X": float(x) / width, "Y": float(y) / height}
            for name, (x, y) in zip(LANDMARK_NAMES, face.landmarks, strict=True)
        ],
        "Pose": {"Roll": _degrees(quality.roll), "Yaw": _degrees(quality.yaw), "Pitch": _degrees(quality.pitch)},
        "Quality": {
            "Brightness": percent(quality.brightness / 255),
            "Sharpness": percent(quality.sharpness / (quality.sharpness + _HALF_SHARP)),
        },
    }


def _degrees(angle: float) -> float:
    return round(min(max(float(angle), -180.0), 180.0), 2)


def face_json(record: FaceRecord) -> Json:
    """A Face: what a collection knows of it."""
    known = {
        "FaceId": record.face_id,
        "BoundingBox": record.box and box_json(record.box, (record.image_width, record.image_height)),
        "ImageId": record.image_id,
        "ExternalImageId": external_image_id(record),
        "Confidence": percent(record.score),
        "IndexFacesModelVersion": model_version(record.embedding.model),
        "UserId": record.user_id,
    }
    return {name: value for name, value in known.items() if value is not None}


def match_json(match: FaceMatch) -> Json:
    """A FaceMatch."""
    return {"Similarity": percent(match.similarity / 100), "Face": face_json(match.face)}


def refusal_json(refusal: Refusal) -> Json:
    """Why a face was not associated with a user, or not taken away."""
    known = {
        "FaceId": refusal.face_id,
        "UserId": refusal.user_id,
        "Confidence": None if refusal.similarity is None else percent(refusal.similarity / 100),
        "Reasons": [refusal.reason],
    }
    return {name: value for name, value in known.items() if value is not None}


def unindexed_json(face: Face, why: Sequence[Reason], size: Size) -> Json:
    """An UnindexedFace."""
    return {"Reasons": list(why), "FaceDetail": described(face, size)}
