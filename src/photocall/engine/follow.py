"""Faces known from a frame nearby, looked for where they were: a few crops of one network instead of a whole search.

Between two samples of a video a face moves by a fraction of its side, and that is as far as this looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from photocall.assignment import assign
from photocall.engine.detect import CascadeDetector, Detections
from photocall.engine.detectors import Detector
from photocall.engine.pyramid import Level, build_levels
from photocall.engine.quality import assess
from photocall.faces import BoundingBox, ByteArray, Face, FloatArray

_MARGIN = 1.0  # of a box's longer side, around it: what may hold the face now
_SIDE = 96  # pixels to which the smallest face is scaled down at most: networks and quality look at 64 and fewer
_SMALLEST_PATCH = 12  # pixels a side; no window of a detector fits into less
_SMALLER = 0.6  # smallest face looked for, in sides of the smallest known one
_SMALLEST = 20  # pixels: what detectors look for at least
_REACH = 1.0  # sides of the known box between its centre and that of a face that may be the same one
_STILL = 0.2  # IoU with the known box from which no further guesses are made

_INSIDE = 0.7
"""Share of a box inside the picture from which a face is followed: the last network alone sees faces in halves of them,
which no search would find and nothing can be compared with."""

# Where a face is tried that is not in its place, in sides of its known box: people walk, and sit down. The last network
# of a cascade mends about half of such a step.
_STEPS = ((-0.4, 0), (0.4, 0), (-0.8, 0), (0.8, 0), (0, -0.4), (0, 0.4))
_GUESSES = np.array([(x, y, 1 + x, 1 + y) for x, y in _STEPS], np.float32)


@dataclass(frozen=True, slots=True)
class _Patch:
    """Part of a picture from `left` and `top` on, scaled down to 1 / `step` by means of blocks."""

    pixels: ByteArray
    left: int
    top: int
    step: int

    def inside(self, box: BoundingBox) -> BoundingBox:
        """A box of the picture in pixels of the patch."""
        left, top = (box.left - self.left) / self.step, (box.top - self.top) / self.step
        return BoundingBox(left, top, box.width / self.step, box.height / self.step)

    def outside(self, face: Face) -> Face:
        """A face of the patch in pixels of the picture."""
        box, step = face.box, self.step
        corner = np.array([self.left, self.top], np.float32)
        return Face(
            BoundingBox(box.left * step + self.left, box.top * step + self.top, box.width * step, box.height * step),
            face.score,
            face.landmarks * np.float32(step) + corner,
            replace(face.quality, size=face.quality.size * step),
        )


def follow(detector: Detector, image: ByteArray, faces: Sequence[Face]) -> list[Face | None]:
    """Each face where it is now, in the order given; None where it is lost.

    Args:
        detector: what found the faces.
        image: the frame before or after, uint8 RGB, shape (h, w, 3), C-contiguous.
        faces: of the other frame.
    """
    now: list[Face | None] = [None] * len(faces)
    if not faces or min((patch := _patch(image, [face.box for face in faces])).pixels.shape[:2]) < _SMALLEST_PATCH:
        return now
    known = [patch.inside(face.box) for face in faces]
    found, levels = _detected(detector, patch.pixels, known)
    boxes = _boxes(found.boxes)
    pairs = assign(_closeness(known, boxes))
    columns = [column for _, column in pairs]
    qualities = assess(levels, [boxes[column] for column in columns], found.points[columns])
    for (row, column), quality in zip(pairs, qualities, strict=True):
        face = patch.outside(Face(boxes[column], float(found.scores[column]), found.points[column], quality))
        now[row] = face if _share_inside(face.box, image) >= _INSIDE else None
    return now


def _patch(image: ByteArray, boxes: Sequence[BoundingBox]) -> _Patch:
    """The part of the picture that all boxes are in, with a margin."""
    sides = [max(box.width, box.height) for box in boxes]
    margins = [_MARGIN * side for side in sides]
    left = max(0, round(min(box.left - margin for box, margin in zip(boxes, margins, strict=True))))
    top = max(0, round(min(box.top - margin for box, margin in zip(boxes, margins, strict=True))))
    right = max(0, round(max(box.right + margin for box, margin in zip(boxes, margins, strict=True))))
    bottom = max(0, round(max(box.bottom + margin for box, margin in zip(boxes, margins, strict=True))))
    pixels, step = image[top:bottom, left:right], max(1, int(min(sides) / _SIDE))
    if step > 1 and pixels.size:
        pixels = np.asarray(Image.fromarray(pixels).reduce(step))
    return _Patch(np.ascontiguousarray(pixels), left, top, step)


def _detected(detector: Detector, pixels: ByteArray, known: Sequence[BoundingBox]) -> tuple[Detections, list[Level]]:
    """The faces of a patch; a cascade only judges where they may be, others search all of it."""
    if not isinstance(detector, CascadeDetector):
        smallest = min(max(box.width, box.height) for box in known)
        return detector.detect(pixels, max(_SMALLEST, int(_SMALLER * smallest)))
    levels = build_levels(pixels)
    places = np.array([(box.left, box.top, box.right, box.bottom) for box in known], np.float32)
    near = detector.refine(levels, places).boxes
    lost = _overlaps(known, _boxes(near)).max(axis=1, initial=0) < _STILL
    if lost.any():
        near = np.concatenate([near, detector.refine(levels, _guesses(places[lost])).boxes])
    # Once more, now that the crops are centred: the points, and what quality makes of them, gain a good deal.
    return detector.refine(levels, near), levels


def _share_inside(box: BoundingBox, image: ByteArray) -> float:
    """How much of a box is inside the picture, 0..1."""
    height, width = image.shape[:2]
    across = min(box.right, width) - max(box.left, 0)
    down = min(box.bottom, height) - max(box.top, 0)
    inside: float = max(0.0, across) * max(0.0, down)
    return inside / box.area


def _guesses(places: FloatArray) -> FloatArray:
    """Where faces may be that are not in their places any more; float32, shapes (n, 4) and (6 n, 4)."""
    corners, sizes = np.tile(places[:, :2], 2), np.tile(places[:, 2:] - places[:, :2], 2)
    guesses: FloatArray = (corners[:, None] + _GUESSES * sizes[:, None]).reshape(-1, 4)
    return guesses


def _boxes(edges: FloatArray) -> list[BoundingBox]:
    return [BoundingBox(left, top, right - left, bottom - top) for left, top, right, bottom in edges.tolist()]


def _closeness(known: Sequence[BoundingBox], found: Sequence[BoundingBox]) -> FloatArray:
    """1 where a found box is centred on a known one, 0 at `_REACH`; float32, shape (len(known), len(found))."""
    table = [
        [
            1
            - np.hypot(a.left + a.right - b.left - b.right, a.top + a.bottom - b.top - b.bottom)
            / (2 * _REACH * max(a.width, a.height))
            for b in found
        ]
        for a in known
    ]
    return np.array(table, np.float32).reshape(len(known), len(found))


def _overlaps(known: Sequence[BoundingBox], found: Sequence[BoundingBox]) -> FloatArray:
    """IoU of every known box with every found one; float32, shape (len(known), len(found))."""
    table = np.array([[one.iou(other) for other in found] for one in known], np.float32)
    return table.reshape(len(known), len(found))
