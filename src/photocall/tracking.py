"""Faces of consecutive frames joined to tracks: one person, without interruption.

Position and appearance must both agree. A track that breaks too early costs little, since tracks of one person are
joined by embedding afterwards (`video`); a track that runs on from one person to another, across a cut say, would lend
one's name to the other. So the rules are strict.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from photocall.assignment import assign
from photocall.faces import BoundingBox, ByteArray, Face, FloatArray

MAX_GAP = 1.0
"""Seconds without a detection after which a track has ended."""

MOST_SHOTS = 3
"""Pictures of a track that are embedded: the best ones."""

_SHOT_SPACING = 0.8  # seconds: closer pictures say the same thing twice
_MOST_SHIFT = 1.5  # box sides that a face may move between samples
_MOST_ZOOM = 1.5  # ratio of box sides between samples
_OVERLAPPING = 0.3  # IoU from which a face counts as in place
_ALIKE_IN_PLACE, _ALIKE_MOVED = 0.4, 0.75  # least correlation of thumbnails; neighbours reach 0.55, turning heads 0.5
_THUMBNAIL = 16  # pixels a side
_CROP_MARGIN = 0.25  # of the box, around it, in the picture shown to people
_PATCH_MARGIN = 1.0  # the same, in what is kept: a chip reaches 0.75 beyond the box where the head leans by 45 degrees


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a track.

    Attributes:
        time: seconds.
        worth: for choosing among the shots of one track only; higher is better.
        patch: the part of the frame around the face, uint8 RGB, shape (h, w, 3): all that embedding it needs, so
            that whole frames need not be kept.
        face: in pixels of the patch.
    """

    time: float
    worth: float
    patch: ByteArray
    face: Face

    def crop(self) -> ByteArray:
        """The face with some surroundings, for people to look at; uint8 RGB."""
        top, bottom, left, right = around(self.patch, self.face.box, _CROP_MARGIN)
        return self.patch[top:bottom, left:right].copy()


@dataclass(slots=True)
class Track:
    """One face through the frames that show it without interruption.

    Attributes:
        box: the latest, in pixels of the frame.
        thumbnail: the latest.
        number: counts the tracks of a video, from 0.
        times: of the sampled frames that show it, seconds, rising.
        shots: the best pictures, at most `MOST_SHOTS`, spaced in time.
    """

    box: BoundingBox
    thumbnail: FloatArray
    number: int
    times: list[float] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)

    def add(self, shot: Shot, box: BoundingBox, thumbnail: FloatArray) -> None:
        """Take the next detection in; the box is in pixels of the frame."""
        self.box, self.thumbnail = box, thumbnail
        self.times.append(shot.time)
        near = [i for i, kept in enumerate(self.shots) if abs(kept.time - shot.time) < _SHOT_SPACING]
        if any(self.shots[i].worth >= shot.worth for i in near):
            return
        kept = [other for i, other in enumerate(self.shots) if i not in near] + [shot]
        self.shots = sorted(kept, key=lambda one: -one.worth)[:MOST_SHOTS]


class Tracker:
    """Joins faces to tracks, frame by frame; tracks that ended are handed over at once.

    Attributes:
        latest: the number of the track that each face of the latest frame went to, in order.
    """

    def __init__(self) -> None:
        self.latest: list[int] = []
        self._open: list[Track] = []
        self._begun = 0

    def add(self, time: float, image: ByteArray, faces: list[Face]) -> list[Track]:
        """Take a frame in; the tracks that had ended before it.

        Args:
            time: seconds, rising from call to call.
            image: uint8 RGB, shape (h, w, 3).
            faces: all of the frame, without embeddings.
        """
        ended = [track for track in self._open if time - track.times[-1] > MAX_GAP]
        self._open = [track for track in self._open if time - track.times[-1] <= MAX_GAP]
        thumbnails = [_thumbnail(image, face.box) for face in faces]
        matched = self._match(faces, thumbnails)
        self.latest = []
        for index, (face, thumbnail) in enumerate(zip(faces, thumbnails, strict=True)):
            if index not in matched:
                self._open.append(Track(face.box, thumbnail, self._begun))
                self._begun += 1
            track = matched.get(index, self._open[-1])
            track.add(_shot(time, image, face), face.box, thumbnail)
            self.latest.append(track.number)
        return ended

    def finish(self) -> list[Track]:
        """The tracks still open at the end."""
        ended, self._open = self._open, []
        return ended

    def _match(self, faces: list[Face], thumbnails: list[FloatArray]) -> dict[int, Track]:
        """The open track that each face continues, by the face's index."""
        benefit = np.array(
            [
                [_agreement(track, face.box, thumbnail) for track in self._open]
                for face, thumbnail in zip(faces, thumbnails, strict=True)
            ]
        ).reshape(len(faces), len(self._open))
        return {row: self._open[column] for row, column in assign(benefit)}


def _agreement(track: Track, box: BoundingBox, thumbnail: FloatArray) -> float:
    """Above 0 if the box may continue the track, more the better."""
    a, b = track.box, box
    side_a, side_b = a.area**0.5, b.area**0.5
    shift = np.hypot(a.left + a.right - b.left - b.right, a.top + a.bottom - b.top - b.bottom) / 2
    if shift > _MOST_SHIFT * max(side_a, side_b) or max(side_a, side_b) > _MOST_ZOOM * min(side_a, side_b):
        return 0.0
    alike = float((track.thumbnail * thumbnail).mean())
    return alike - (_ALIKE_IN_PLACE if a.iou(b) >= _OVERLAPPING else _ALIKE_MOVED)


def _thumbnail(image: ByteArray, box: BoundingBox) -> FloatArray:
    """A coarse grey picture of the face with mean 0 and deviation 1; the mean product of two is their correlation."""
    height, width = image.shape[:2]
    centres = (np.arange(_THUMBNAIL) + 0.5) / _THUMBNAIL
    rows = np.clip(box.top + box.height * centres, 0, height - 1).astype(np.intp)
    columns = np.clip(box.left + box.width * centres, 0, width - 1).astype(np.intp)
    grey = image[rows[:, None], columns].mean(axis=2, dtype=np.float32)
    normal: FloatArray = (grey - grey.mean()) / max(float(grey.std()), 1.0)
    return normal


def _shot(time: float, image: ByteArray, face: Face) -> Shot:
    top, bottom, left, right = around(image, face.box, _PATCH_MARGIN)
    box = replace(face.box, left=face.box.left - left, top=face.box.top - top)
    moved = replace(face, box=box, landmarks=face.landmarks - np.array([left, top], np.float32))
    return Shot(time, worth(face), image[top:bottom, left:right].copy(), moved)


def around(image: ByteArray, box: BoundingBox, margin: float) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the box with a margin in box sides, within the picture."""
    height, width = image.shape[:2]
    extra = margin * max(box.width, box.height)
    top, left = max(0, round(box.top - extra)), max(0, round(box.left - extra))
    return top, min(height, round(box.bottom + extra)), left, min(width, round(box.right + extra))


def worth(face: Face) -> float:
    """How good a picture of a face is, above 0: large, frontal, sharp and well-shaped is better.

    A chip has 150 pixels, so more size brings nothing.
    """
    quality = face.quality
    frontal = max(0.1, 1 - abs(quality.yaw) / 90) * max(0.1, 1 - 2 * quality.misfit)
    return min(quality.size, 150) * frontal * min(1.0, quality.sharpness / 0.1 + 0.3)
