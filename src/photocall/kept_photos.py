"""Kept photos: of every enrolled face as much of its photo as another model needs to embed it again, and no more.

What is kept is a crop around the face, under a key that follows from the face. Nothing else of a photo is stored.
"""

from dataclasses import dataclass
from urllib.parse import quote

import numpy as np

from photocall.engine.face_engine import FaceEngine
from photocall.errors import NoFace, ObjectNotFound
from photocall.faces import BoundingBox, ByteArray, Embedding, FaceRecord
from photocall.media.images import encode_jpeg, read_image
from photocall.ports import ObjectStore

MARGIN = 1.0
"""Of the box's own width and height, kept on each side: detectors want the head, and every alignment fits however the
head leans (a 150-pixel chip reaches at most 0.34 of the box beyond it)."""

MAX_SIDE = 1024
"""Longer side of what is kept, pixels: the face in it is 170 to 341 wide, more than any network looks at."""

JPEG_QUALITY = 95

SAME_FACE = 0.2
"""Least overlap (intersection over union) of a face found in a kept photo with the one it was kept for. Detectors draw
boxes of different styles; somebody else's face overlaps less."""


@dataclass(frozen=True, slots=True)
class _Region:
    """What is kept of a photo: pixels from (left, top) up to (right, bottom), every `step` by `step` of them as one."""

    left: int
    top: int
    right: int
    bottom: int
    step: int


def photo_key(collection_id: str, face_id: str) -> str:
    """Where the photo of a face is kept."""
    return f"{photo_prefix(collection_id)}/{key_part(face_id)}.jpg"


def photo_prefix(collection_id: str) -> str:
    """Below which the photos of a collection are kept."""
    return f"faces/{key_part(collection_id)}"


def keep_photo(objects: ObjectStore, record: FaceRecord, box: BoundingBox, image: ByteArray) -> None:
    """Keep what is needed of a face's photo; doing it again replaces it by the same.

    Args:
        objects: where it goes.
        record: of the face.
        box: the face's, at least partly in the photo.
        image: the photo, uint8 RGB, shape (h, w, 3).
    """
    region = _region(record, box)
    crop = _shrunk(image[region.top : region.bottom, region.left : region.right], region.step)
    objects.put(photo_key(record.collection_id, record.face_id), encode_jpeg(crop, JPEG_QUALITY))


def embed_kept(engine: FaceEngine, objects: ObjectStore, record: FaceRecord) -> Embedding:
    """Embed an enrolled face again, from its kept photo.

    Raises:
        ObjectNotFound: there is no kept photo of it.
        ImageUnreadable, ImageTooLarge: the kept photo is damaged.
        NoFace: the engine finds no face in it where one was enrolled.
    """
    key = photo_key(record.collection_id, record.face_id)
    if record.box is None:  # a known encoding: it came without a photo
        raise ObjectNotFound(key)
    image = read_image(objects.get(key), name=key, max_pixels=MAX_SIDE * MAX_SIDE)
    expected = _place(record.box, _region(record, record.box))
    faces = [face for face in engine.detect(image) if face.box.iou(expected) >= SAME_FACE]
    if not faces:
        raise NoFace(key)
    nearest = max(faces, key=lambda face: face.box.iou(expected))
    return Embedding(engine.embed_chips(engine.chips(image, [nearest]))[0], engine.model)


def key_part(name: str) -> str:
    """A part of a key: no name may hold a slash, or mean another folder."""
    return quote(name, safe="").replace(".", "%2E")


def _region(record: FaceRecord, box: BoundingBox) -> _Region:
    left, top = max(0, round(box.left - MARGIN * box.width)), max(0, round(box.top - MARGIN * box.height))
    right = min(record.image_width, round(box.right + MARGIN * box.width))
    bottom = min(record.image_height, round(box.bottom + MARGIN * box.height))
    return _Region(left, top, right, bottom, -(-max(right - left, bottom - top) // MAX_SIDE))


def _place(box: BoundingBox, region: _Region) -> BoundingBox:
    """Where the face is in its kept photo."""
    left, top, width, height = box.left - region.left, box.top - region.top, box.width, box.height
    return BoundingBox(*(edge / region.step for edge in (left, top, width, height)))


def _shrunk(crop: ByteArray, step: int) -> ByteArray:
    """The means of blocks of step x step pixels; what does not fill a block at the right and bottom is left out."""
    height, width = crop.shape[0] // step, crop.shape[1] // step
    blocks = crop[: height * step, : width * step].reshape(height, step, width, step, 3)
    return crop if step == 1 else np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8)
