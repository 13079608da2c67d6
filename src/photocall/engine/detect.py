"""MTCNN: three small networks, each looking closer at what the one before let through.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment using Multitask Cascaded Convolutional Networks, 2016. P-Net
scans every level of the pyramid with a 12-pixel window, R-Net and O-Net judge 24- and 48-pixel crops; O-Net adds five
points. Boxes are float32 rows of left, top, right, bottom in picture pixels.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from photocall.engine.pyramid import Level, build_levels, crop_squares
from photocall.faces import ByteArray, FloatArray

P_THRESHOLD, R_THRESHOLD, O_THRESHOLD = 0.7, 0.7, 0.7
"""Face probabilities from which a stage lets pass; measured on WIDER FACE (decision 0012)."""

_WINDOW, _STRIDE = 12, 2  # of P-Net
_TILE = 192  # side of what P-Net scans at a time, in pixels: its maps fit into the caches, and memory is bounded
_MOST_A_TILE = 170  # candidates of one tile that go on, best first: bounds work on pictures full of texture
_MOST_A_PART = 64  # crops that are cut at a time: bounds memory, and gives two threads work
_MOST_A_BATCH = 16  # of them a call of a network: its maps fit into the caches
_BLOCK = 128  # boxes that are compared with one another at a time
_PAD = 16  # level sides are padded to multiples of it, so that the runtime sees few shapes and its memory stays flat


Rows = TypeVar("Rows", FloatArray, ByteArray)


@dataclass(frozen=True, slots=True)
class Detections:
    """What the cascade found, best first.

    Attributes:
        boxes: float32, shape (n, 4): left, top, right, bottom in picture pixels.
        scores: float32, shape (n,): face probability, 0..1.
        points: float32, shape (n, 5, 2): x, y of left eye, right eye, nose, left and right mouth corner.
    """

    boxes: FloatArray
    scores: FloatArray
    points: FloatArray


class CascadeDetector:
    """The three networks, ready to run; safe to share between threads."""

    def __init__(
        self, pnet: ort.InferenceSession, rnet: ort.InferenceSession, onet: ort.InferenceSession, pool: Executor
    ) -> None:
        self._pnet, self._rnet, self._onet, self._pool = pnet, rnet, onet, pool

    def detect(self, image: ByteArray, min_face: int) -> tuple[Detections, list[Level]]:
        """Faces of at least about `min_face` pixels, and the pyramid they were found in.

        Args:
            image: uint8 RGB, shape (h, w, 3).
            min_face: smallest face side looked for, in pixels, at least 12.
        """
        levels = build_levels(image)
        finest = max(level.step for level in levels if level.step * _WINDOW <= min_face)
        boxes = self._propose([level for level in levels if level.step >= finest])
        boxes = self._refine(levels, boxes)
        return self._output(levels, boxes), levels

    def refine(self, levels: list[Level], boxes: FloatArray) -> Detections:
        """What the last network alone makes of boxes that come from elsewhere, a face's place a moment ago say.

        Args:
            levels: the picture's pyramid.
            boxes: float32, shape (n, 4): left, top, right, bottom in picture pixels.
        """
        return self._output(levels, boxes)

    def _propose(self, levels: list[Level]) -> FloatArray:
        """P-Net over all levels, in tiles on all threads."""
        tiles = [(index, *tile) for index, level in enumerate(levels) for tile in _tiles(level.pixels)]
        scanned = list(self._pool.map(lambda tile: self._scan(*tile[1:]), tiles))
        found = []
        for index, level in enumerate(levels):
            windows, logits = _joined(scanned[i] for i, tile in enumerate(tiles) if tile[0] == index)
            kept = suppress(windows, logits, 0.5)
            found.append((windows[kept] * level.step, logits[kept]))
        boxes, logits = _joined(found)
        return boxes[suppress(boxes, logits, 0.7)]

    def _scan(self, left: int, top: int, pixels: ByteArray) -> tuple[FloatArray, FloatArray]:
        """Boxes, in pixels of the level, and logits of the windows of one tile that may show a face."""
        logits, regression = self._pnet.run(None, {"image": _padded(pixels)})
        # Windows that reach into the padding are no windows of the picture.
        logits = logits[0, : _windows(pixels.shape[0]), : _windows(pixels.shape[1])]
        rows, columns = np.nonzero(logits > _logit(P_THRESHOLD))
        scores = logits[rows, columns]
        if len(scores) > _MOST_A_TILE:
            best = np.argpartition(-scores, _MOST_A_TILE)[:_MOST_A_TILE]
            rows, columns, scores = rows[best], columns[best], scores[best]
        corner = np.stack([columns, rows], axis=1).astype(np.float32) * _STRIDE + (left, top)
        windows = np.concatenate([corner, corner + _WINDOW], axis=1, dtype=np.float32)
        windows += _WINDOW * regression[0, :, rows, columns]
        return windows, scores

    def _refine(self, levels: list[Level], boxes: FloatArray) -> FloatArray:
        squares = square(boxes)
        logits, regression = self._judge(self._rnet, levels, squares, 24)
        passed = logits > _logit(R_THRESHOLD)
        boxes = _regress(squares[passed], regression[passed])
        return boxes[suppress(boxes, logits[passed], 0.7)]

    def _output(self, levels: list[Level], boxes: FloatArray) -> Detections:
        squares = square(boxes)
        logits, regression, points = self._judge(self._onet, levels, squares, 48)
        passed = logits > _logit(O_THRESHOLD)
        squares, logits = squares[passed], logits[passed]
        boxes = _regress(squares, regression[passed])
        places = points[passed].reshape(-1, 2, 5).transpose(0, 2, 1)
        places = squares[:, None, :2] + places * (squares[:, None, 2:] - squares[:, None, :2])
        kept = suppress(boxes, logits, 0.7, of_smaller=True)
        scores = np.reciprocal(1 + np.exp(-logits[kept]))
        return Detections(boxes[kept], scores, places[kept])

    def _judge(
        self, network: ort.InferenceSession, levels: list[Level], squares: FloatArray, size: int
    ) -> list[FloatArray]:
        """A network's outputs for crops of all squares, in parts on all threads."""

        def run(part: FloatArray) -> list[FloatArray]:
            crops = crop_squares(levels, part, size)
            batches = [crops[i : i + _MOST_A_BATCH] for i in range(0, max(1, len(crops)), _MOST_A_BATCH)]
            outputs = [network.run(None, {"crops": _bucketed(batch)}) for batch in batches]
            return [np.concatenate(columns)[: len(part)] for columns in zip(*outputs, strict=True)]

        return in_batches(self._pool, run, squares, 8, _MOST_A_PART)


def in_batches(
    pool: Executor, run: Callable[[Rows], list[FloatArray]], rows: Rows, least: int, most: int
) -> list[FloatArray]:
    """`run` over the rows in parts, outputs joined: two or more from `least` rows on, none above `most`."""
    parts = max(2 if len(rows) >= least else 1, math.ceil(len(rows) / most))
    outputs = list(pool.map(run, np.array_split(rows, parts)))
    return [np.concatenate(columns) for columns in zip(*outputs, strict=True)]


def square(boxes: FloatArray) -> FloatArray:
    """Boxes widened to squares around their centres; float32, shape (n, 4)."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=0) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def suppress(boxes: FloatArray, scores: FloatArray, threshold: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: float32, shape (n, 4).
        scores: float32, shape (n,).
        threshold: a box goes if its overlap with a better one is above this.
        of_smaller: overlap is intersection over the smaller area instead of over the union.

    Returns:
        Indices of the boxes kept, best first.
    """
    waiting = np.argsort(-scores, kind="stable")
    kept = [waiting[:0]]
    while len(waiting):
        block, waiting = waiting[:_BLOCK], waiting[_BLOCK:]
        best = block[_survivors(_overlapping(boxes[block], boxes[block], threshold, of_smaller))]
        kept.append(best)
        waiting = waiting[~_overlapping(boxes[best], boxes[waiting], threshold, of_smaller).any(axis=0)]
    return np.concatenate(kept)


def _survivors(overlapping: NDArray[np.bool_]) -> list[int]:
    """Which of n boxes, best first, stay, if each that stays removes those behind it that overlap it; (n, n)."""
    kept: list[int] = []
    gone = np.zeros(len(overlapping), np.bool_)
    for place, others in enumerate(overlapping):
        if not gone[place]:
            kept.append(place)
            gone |= others
    return kept


def _overlapping(these: FloatArray, those: FloatArray, threshold: float, of_smaller: bool) -> NDArray[np.bool_]:
    """Which of these n boxes overlap which of those m by more than the threshold; shape (n, m)."""
    left, top, right, bottom = these.T[..., None]
    width = np.minimum(right, those[:, 2])
    width -= np.maximum(left, those[:, 0])
    height = np.minimum(bottom, those[:, 3])
    height -= np.maximum(top, those[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    mine, theirs = (right - left) * (bottom - top), (those[:, 2] - those[:, 0]) * (those[:, 3] - those[:, 1])
    whole = np.minimum(mine, theirs) if of_smaller else mine + theirs - shared
    overlapping: NDArray[np.bool_] = shared > threshold * whole
    return overlapping


def _windows(side: int) -> int:
    """How many of P-Net's windows fit into a side."""
    return max(1, (side - _WINDOW) // _STRIDE + 1)


def _tiles(pixels: ByteArray) -> Iterator[tuple[int, int, ByteArray]]:
    """Parts that together have every window of the picture once: left and top of each, and its pixels."""
    height, width = pixels.shape[:2]
    for top, bottom in _spans(height):
        for left, right in _spans(width):
            yield left, top, pixels[top:bottom, left:right]


def _spans(side: int) -> Iterator[tuple[int, int]]:
    """A side in parts of about one size, none above `_TILE`: first pixel, and the one after the last."""
    windows = _windows(side)
    parts = -(-windows // _windows(_TILE))
    pixels = (-(-windows // parts) - 1) * _STRIDE + _WINDOW
    size = _windows(-(-pixels // _PAD) * _PAD)  # nothing is padded but the last part
    for first in range(0, windows, size):
        count = min(size, windows - first)
        yield first * _STRIDE, min(side, (first + count - 1) * _STRIDE + _WINDOW)


def _joined(parts: Iterable[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Boxes and logits of several parts as one."""
    boxes, logits = zip(*parts, strict=True)
    return np.concatenate(boxes), np.concatenate(logits)


def _regress(boxes: FloatArray, regression: FloatArray) -> FloatArray:
    """Move every edge by its regression, in units of the box's side."""
    sides = boxes[:, 2:] - boxes[:, :2]
    moved: FloatArray = boxes + regression * np.concatenate([sides, sides], axis=1)
    return moved


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _padded(pixels: ByteArray) -> ByteArray:
    """A batch of one RGB picture whose sides are multiples of `_PAD`, mid-grey beyond the picture."""
    height, width = pixels.shape[:2]
    padded = np.empty((1, -height % _PAD + height, -width % _PAD + width, 3), np.uint8)
    padded[0, :height, :width] = pixels
    padded[0, height:] = padded[0, :height, width:] = 127
    return padded


def _bucketed(crops: ByteArray) -> ByteArray:
    """The crops, more than four padded with blank ones to a multiple of 4: few batch sizes, little waste."""
    blank = np.zeros((-len(crops) % 4 if len(crops) > 4 else 0, *crops.shape[1:]), np.uint8)
    return np.concatenate([crops, blank]) if len(blank) else crops
