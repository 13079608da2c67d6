"""The faces of every sampled frame of a video, though only some frames are searched whole.

Between two searches known faces are followed, which costs a quarter or less. Whoever a search finds new is followed
backwards to the search before, so that it matters little when a search comes. It comes at once after a cut or when a
face is lost; after half a second where the picture shows something new; and after a second anyhow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from photocall.engine.face_engine import FaceEngine
from photocall.faces import BoundingBox, ByteArray, Face, FloatArray
from photocall.media.videos import Frame

SEARCH_INTERVAL = 1.0
"""Seconds after which a frame is searched whole in any case."""

NOVELTY_INTERVAL = 0.5
"""Seconds after which a frame is searched if something new is in the picture beside the people who are followed."""

_ROUNDING = 0.01  # seconds by which a sampled frame may be early
_MOST_WAITING = 4  # frames between two searches: bounds memory ...
_MOST_PIXELS = 8_000_000  # ... and their pixels together
_CELLS = 32  # across the picture: its changes are seen in squares of this many to a row
_SAMPLES = 4  # pixels each way that a cell's grey is the mean of
_CHANGED = 12  # grey levels; noise and compression stay below 5 in the mean of a cell
_CUT = 0.5  # share of cells changed since the frame before, from which it is another scene
_NEW = 3  # changed cells that may be a person; one whose face is as large as a cell covers ten
_SAME = 0.3  # IoU from which two boxes in one frame are the same face
_BODY = 1.0  # box sides beside and above a followed face that are the same person; below, all is


@dataclass(slots=True)
class Searched:
    """A frame and its faces.

    Attributes:
        frame: the frame.
        faces: all that are known in it.
    """

    frame: Frame
    faces: list[Face]


@dataclass(slots=True)
class Searcher:
    """Takes frames one by one and gives them back with their faces, a few frames later.

    Args:
        engine: what searches and follows.
    """

    engine: FaceEngine
    _waiting: list[Searched] = field(default_factory=list)
    _latest: Searched | None = None
    _last_search: float = 0.0
    _cells: FloatArray | None = None
    _searched_cells: FloatArray | None = None

    def add(self, frame: Frame) -> list[Searched]:
        """Take the next frame; those whose faces are now known, in order."""
        cells, before = _greys(frame.image), self._cells
        self._cells = cells
        if self._latest is None or before is None or _share(before, cells) >= _CUT:
            return [*self.finish(), self._search(frame)]
        followed = self.engine.follow(frame.image, self._latest.faces)
        faces = [face for face in followed if face is not None]
        if len(faces) < len(followed) or self._is_due(frame, cells, faces):
            searched = self._search(frame)
            new = [face for face in searched.faces if not _is_among(face.box, faces)]
            return [*self._looked_back(new), searched]
        self._latest = Searched(frame, faces)
        self._waiting.append(self._latest)
        return []

    def finish(self) -> list[Searched]:
        """The frames that are still waiting."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _is_due(self, frame: Frame, cells: FloatArray, faces: Sequence[Face]) -> bool:
        if (len(self._waiting) + 1) * frame.image.size > 3 * _MOST_PIXELS or len(self._waiting) >= _MOST_WAITING:
            return True
        since = frame.time - self._last_search + _ROUNDING
        return since >= SEARCH_INTERVAL or (since >= NOVELTY_INTERVAL and self._is_new(frame, cells, faces))

    def _is_new(self, frame: Frame, cells: FloatArray, faces: Sequence[Face]) -> bool:
        """Whether something beside the followed people differs from the frame that was searched last."""
        if self._searched_cells is None:
            return True
        changed = np.abs(cells - self._searched_cells) > _CHANGED
        scale = cells.shape[1] / frame.image.shape[1]
        for face in faces:
            side = _BODY * max(face.box.width, face.box.height)
            left, right, top = face.box.left - side, face.box.right + side, face.box.top - side
            changed[max(0, int(top * scale)) :, max(0, int(left * scale)) : int(right * scale) + 1] = False
        return int(changed.sum()) >= _NEW

    def _search(self, frame: Frame) -> Searched:
        self._latest = Searched(frame, self.engine.detect(frame.image))
        self._last_search, self._searched_cells = frame.time, self._cells
        return self._latest

    def _looked_back(self, new: Sequence[Face]) -> list[Searched]:
        """The waiting frames, with the faces that only the search after them has found."""
        waiting = self.finish()
        for earlier in reversed(waiting):
            there = self.engine.follow(earlier.frame.image, new)
            if None in there:  # it moved far, or was not there yet
                there = [*self.engine.detect(earlier.frame.image)]
            new = [face for face in there if face is not None and not _is_among(face.box, earlier.faces)]
            earlier.faces += new
        return waiting


def _is_among(box: BoundingBox, faces: Sequence[Face]) -> bool:
    return any(box.iou(face.box) >= _SAME for face in faces)


def _greys(image: ByteArray) -> FloatArray:
    """The picture in squares: mean green of a few pixels of each, float32, 0..255, shape (rows, columns)."""
    step = max(1, image.shape[1] // (_CELLS * _SAMPLES))
    green = image[::step, ::step, 1]
    rows, columns = (max(1, side // _SAMPLES) for side in green.shape)
    if min(green.shape) < _SAMPLES:
        return green.astype(np.float32)
    whole = green[: rows * _SAMPLES, : columns * _SAMPLES].reshape(rows, _SAMPLES, columns, _SAMPLES)
    means: FloatArray = whole.mean(axis=(1, 3), dtype=np.float32)
    return means


def _share(before: FloatArray, now: FloatArray) -> float:
    """The share of cells that changed, 0..1; 1 where the picture has another size."""
    if before.shape != now.shape:
        return 1.0
    return float((np.abs(before - now) > _CHANGED).mean())
