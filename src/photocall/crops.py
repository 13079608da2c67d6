"""One face on its way from where a picture is to where it is recognised: a small JPEG inside a message.

The messages are those of the elastic face recognition system: a picture is `{"request_id", "content", "filename"}`, the
crop of its face `{"request_id", "filename", "face_image"}`, both with the image in base64, and an answer is
`{"request_id", "result"}` with a name, `unknown` or `No-Face`.
"""

import base64
import json
from dataclasses import dataclass

from photocall.calibration import Calibration
from photocall.engine.face_engine import FaceEngine
from photocall.errors import RequestInvalid
from photocall.faces import ByteArray
from photocall.gallery import Gallery
from photocall.media.images import encode_jpeg, read_image, within
from photocall.quality_gate import QualityFilter
from photocall.recognition import identify_faces
from photocall.report import NOBODY, names
from photocall.sent_images import MAX_PIXELS, checked, from_base64
from photocall.tracking import around

PICTURE, CROP = "content", "face_image"
"""What the member with the image is called in each of the two messages."""

NO_FACE = "No-Face"
"""The result for a picture without a face, word for word the original's."""

MARGIN = 0.75
"""Of the face's longer side, around it: what its alignment may need however the head leans, and a detector the head."""

MAX_SIDE, JPEG_QUALITY = 384, 95
"""Of a crop. The face in it is 150 pixels wide, as large as a chip; and it fits into a message whatever it shows: the
worst case, noise, takes 226 KiB in base64, of 256."""

MAX_TEXT = 255
"""Letters of a request's id or of a file name."""


@dataclass(frozen=True, slots=True)
class SentPicture:
    """A picture, or the crop of its face, and whose request it belongs to.

    Attributes:
        request_id: the caller's; its answer names it.
        filename: the caller's.
        data: of the image file.
    """

    request_id: str
    filename: str
    data: bytes


def read_message(text: bytes | str, member: str) -> SentPicture:
    """What a message says.

    Args:
        text: JSON.
        member: where the image is, `PICTURE` or `CROP`.

    Raises:
        RequestInvalid: it is no such message.
        ImageTooHeavy: the image has more bytes than allowed.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise RequestInvalid("it is not JSON") from None
    if not isinstance(found, dict):
        raise RequestInvalid("it is not a JSON object")
    data = from_base64(_text(found, member, None).encode(errors="replace"))
    if data is None:
        raise RequestInvalid(f"{member}: it must be an image file in base64")
    return SentPicture(_text(found, "request_id", MAX_TEXT), _text(found, "filename", MAX_TEXT), checked(data))


def crop_message(picture: SentPicture, face: bytes) -> str:
    """The message with the crop of a picture's face."""
    told = {"request_id": picture.request_id, "filename": picture.filename}
    return json.dumps({**told, CROP: base64.b64encode(face).decode()})


def answer_message(request_id: str, result: str) -> str:
    """The message with the answer to a request."""
    return json.dumps({"request_id": request_id, "result": result})


def cut_face(engine: FaceEngine, picture: SentPicture) -> bytes | None:
    """The largest face of a picture with its surroundings, a JPEG; None if it shows no face.

    Raises:
        ImageUnreadable, ImageTooLarge: it is no image, a damaged one, or one with too many pixels.
    """
    image = _pixels(picture)
    face = engine.detect_largest(image)
    if face is None:
        return None
    top, bottom, left, right = around(image, face.box, MARGIN)
    return encode_jpeg(within(image[top:bottom, left:right], MAX_SIDE), JPEG_QUALITY)


def recognise_crop(
    engine: FaceEngine,
    gallery: Gallery,
    calibration: Calibration,
    crop: SentPicture,
    false_positive_target: float,
    quality_filter: QualityFilter,
) -> str:
    """Who the largest face of a crop is: a name, `report.NOBODY` or `NO_FACE`.

    Args:
        engine: of the gallery's model.
        gallery: who may be in it.
        calibration: of that model.
        crop: as `cut_face` gives it, or any other picture.
        false_positive_target: the share of strangers that may be named, 0..1.
        quality_filter: how good the face must be to be named.

    Raises:
        ImageUnreadable, ImageTooLarge: it is no image, a damaged one, or one with too many pixels.
    """
    image = _pixels(crop)
    face = engine.detect_largest(image)
    if face is None:
        return NO_FACE
    faces = engine.embed(image, [face])
    return next(iter(names(identify_faces(faces, gallery, calibration, false_positive_target, quality_filter))), NOBODY)


def _pixels(picture: SentPicture) -> ByteArray:
    return read_image(picture.data, name=picture.filename, max_pixels=MAX_PIXELS)


def _text(found: dict[str, object], member: str, most: int | None) -> str:
    text = found.get(member)
    if not isinstance(text, str) or not text or len(text) > (most or len(text)):
        limit = f" of at most {most} letters" if most else ""
        raise RequestInvalid(f"{member}: it must be text{limit}")
    return text
