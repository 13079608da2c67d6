"""YuNet and SCRFD: detectors that look at the whole picture once.

Both give, for every cell of grids of 8, 16, 32 ... pixels, a score, a box and five points; they differ in how the
numbers are meant. Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector, 2023. Guo, Deng, Lattas, Zafeiriou:
Sample and Computation Redistribution for Efficient Face Detection, 2021.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photocall.engine.detect import Detections, suppress
from photocall.engine.networks import Network
from photocall.engine.parts import DetectorPart
from photocall.engine.pyramid import Level, build_levels
from photocall.faces import ByteArray, FloatArray

_FIRST_STRIDE = 8
_STRIDES = (8, 16, 32)  # of YuNet
_OVERLAP = {"yunet": 0.3, "scrfd": 0.4}  # of boxes of one face: the defaults of OpenCV and of insightface
_MOST_CANDIDATES = 5000  # best first (OpenCV's top_k): bounds work on pictures full of texture
_SMALLEST_SEEN = 10  # pixels: below this both lose most faces, so `min_face` may ask for a larger picture
_MOST_SIDE = 2048  # pixels to which it may: bounds memory
_TRIAL_SIDE = 128  # of the blank picture that shows what a file gives; a multiple of every stride
_FARTHEST = 1e6  # pixels from the picture's corner: beyond that it is no place in a picture
_MOST_LOG = 10.0  # of a box side in strides: beyond that it is no number of a face


@dataclass(frozen=True, slots=True)
class _Grid:
    """What one grid of cells gives, a row a cell and anchor, cells row by row.

    Attributes:
        stride: pixels between cells.
        centres: float32, shape (n, 2): x, y of the top left corner of each row's cell, in pixels.
        scores: float32, shape (n,).
        boxes: float32, shape (n, 4), as the layout means them.
        points: float32, shape (n, 10): x, y of the five points, as the layout means them.
    """

    stride: int
    centres: FloatArray
    scores: FloatArray
    boxes: FloatArray
    points: FloatArray


class SingleShotDetector:
    """One network, ready to run; safe to share between threads.

    Args:
        network: takes uint8 RGB pictures, channels last.
        part: layout, threshold and the side that larger pictures are reduced to.

    Raises:
        WeightsInvalid: the network's outputs are not those of the layout.
    """

    def __init__(self, network: Network, part: DetectorPart) -> None:
        self._network, self._part = network, part
        _, height, width, _ = network.shape
        self._fixed = (height, width) if height and width else None
        self._grids = {"yunet": _yunet_grids, "scrfd": _scrfd_grids}[part.layout]
        self._decode = {"yunet": _yunet_faces, "scrfd": _scrfd_faces}[part.layout]
        grids = self._look(np.zeros((1, height or _TRIAL_SIDE, width or _TRIAL_SIDE, 3), np.uint8))
        self._multiple = max(32, grids[-1].stride)

    def detect(self, image: ByteArray, min_face: int) -> tuple[Detections, list[Level]]:
        """Faces whose longer side is at least `min_face` pixels, and the picture's pyramid.

        Args:
            image: uint8 RGB, shape (h, w, 3).
            min_face: pixels. Where the pack's `long_side` would leave less than 10 of them, the picture is reduced
                less, to 2048 pixels at most, unless the network's input has a fixed size.
        """
        levels = build_levels(image)
        height, width = image.shape[:2]
        scale = self._scale(height, width, min_face)
        reduced = _reduced(levels, max(1, round(height * scale)), max(1, round(width * scale)))
        boxes, scores, points = self._found(self._padded(reduced))
        back = np.array([width / reduced.shape[1], height / reduced.shape[0]], np.float32)
        boxes, points = boxes * np.tile(back, 2), points * back
        large = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) >= min_face
        boxes, scores, points = boxes[large], scores[large], points[large]
        kept = suppress(boxes, scores, _OVERLAP[self._part.layout])
        return Detections(boxes[kept], scores[kept], points[kept]), levels

    def _scale(self, height: int, width: int, min_face: int) -> float:
        if self._fixed:
            return min(1.0, self._fixed[0] / height, self._fixed[1] / width)
        longest = max(height, width)
        needed = min(longest * _SMALLEST_SEEN / min_face, _MOST_SIDE)
        return min(1.0, max(self._part.long_side, needed) / longest)

    def _padded(self, pixels: ByteArray) -> ByteArray:
        """A batch of one picture, black below and to the right: of the fixed size, or of one of few."""
        height, width = pixels.shape[:2]
        sides = self._fixed or (-height % self._multiple + height, -width % self._multiple + width)
        padded = np.zeros((1, *sides, 3), np.uint8)
        padded[0, :height, :width] = pixels
        return padded

    def _look(self, pictures: ByteArray) -> list[_Grid]:
        height, width = pictures.shape[1:3]
        outputs = self._network.run(pictures)
        grids = self._grids(outputs, height, width)
        if isinstance(grids, str):
            raise self._network.invalid(f"its outputs are not those of layout {self._part.layout}: {grids}")
        return grids

    def _found(self, pictures: ByteArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes (n, 4), scores (n,) and points (n, 5, 2) of all candidates above the threshold, in pixels."""
        chosen = []
        for grid in self._look(pictures):
            rows = np.flatnonzero(grid.scores > self._part.threshold)
            picked = _Grid(grid.stride, grid.centres[rows], grid.scores[rows], grid.boxes[rows], grid.points[rows])
            boxes, points = self._decode(picked)
            chosen.append((boxes, picked.scores, points.reshape(-1, 5, 2)))
        boxes, scores, points = (np.concatenate(columns) for columns in zip(*chosen, strict=True))
        best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
        best = best[_is_possible(boxes[best], points[best])]
        return boxes[best], np.minimum(scores[best], 1), points[best]


_Grids = Callable[[Mapping[str, FloatArray], int, int], "list[_Grid] | str"]


def _yunet_grids(outputs: Mapping[str, FloatArray], height: int, width: int) -> list[_Grid] | str:
    """YuNet's outputs by their names, cls_8 obj_8 bbox_8 kps_8 cls_16 ...; a reason if they are others."""
    grids = []
    for stride in _STRIDES:
        cells = (height // stride) * (width // stride)
        maps = []
        for kind, columns in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            found = outputs.get(f"{kind}_{stride}")
            if found is None or found.size != cells * columns:
                shape = "missing" if found is None else f"of shape {found.shape}"
                return f"{kind}_{stride}, {cells} rows of {columns}, is {shape}"
            maps.append(found.reshape(cells, columns))
        classes, objects, boxes, points = maps
        # The score is the geometric mean of "a face" and "an object" (OpenCV's FaceDetectorYN).
        scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
        grids.append(_Grid(stride, _corners(height, width, stride, 1), scores, boxes, points))
    return grids


def _yunet_faces(grid: _Grid) -> tuple[FloatArray, FloatArray]:
    """Centres and points in strides from the cell's corner, sides as logarithms of strides."""
    centre = grid.centres + grid.boxes[:, :2] * grid.stride
    half = np.exp(np.minimum(grid.boxes[:, 2:], _MOST_LOG)) * (grid.stride / 2)
    points: FloatArray = np.tile(grid.centres, 5) + grid.points * grid.stride
    return np.concatenate([centre - half, centre + half], axis=1), points


def _scrfd_grids(outputs: Mapping[str, FloatArray], height: int, width: int) -> list[_Grid] | str:
    """SCRFD's outputs by their shapes, since files differ in names and order; a reason if they are others."""
    by_columns: dict[int, list[FloatArray]] = {1: [], 4: [], 10: []}
    for name, output in outputs.items():
        if output.ndim not in (2, 3) or output.shape[-1] not in by_columns:
            return f"{name} is of shape {output.shape}, not rows of 1, 4 or 10 numbers"
        by_columns[output.shape[-1]].append(output.reshape(-1, output.shape[-1]))
    if not by_columns[10]:
        return "it gives no five points, which alignment needs (a file with 'kps' in its name does)"
    scores, boxes, points = (sorted(maps, key=len, reverse=True) for maps in by_columns.values())
    if not len(scores) == len(boxes) == len(points):
        return f"{len(scores)} maps of scores, {len(boxes)} of boxes and {len(points)} of points"
    grids, anchors = [], 0
    for level, (score, box, point) in enumerate(zip(scores, boxes, points, strict=True)):
        stride = _FIRST_STRIDE << level
        cells = (height // stride) * (width // stride)
        anchors = anchors or len(score) // max(1, cells)
        if not len(score) == len(box) == len(point) == anchors * cells or not anchors:
            return f"{len(score)} scores, {len(box)} boxes and {len(point)} points for {cells} cells of {stride} pixels"
        grids.append(_Grid(stride, _corners(height, width, stride, anchors), score[:, 0], box, point))
    return grids


def _scrfd_faces(grid: _Grid) -> tuple[FloatArray, FloatArray]:
    """Distances in strides from the cell's corner to the four edges, and to the points."""
    distances = grid.boxes * grid.stride
    points: FloatArray = np.tile(grid.centres, 5) + grid.points * grid.stride
    return np.concatenate([grid.centres - distances[:, :2], grid.centres + distances[:, 2:]], axis=1), points


def _is_possible(boxes: FloatArray, points: FloatArray) -> NDArray[np.bool_]:
    """Whether each has a box with an inside, points that are apart, and numbers that can be places; shape (n,)."""
    numbers = np.concatenate([boxes, points.reshape(-1, 10)], axis=1)
    apart: NDArray[np.bool_] = np.ptp(points, axis=1).max(axis=1, initial=0) >= 1
    possible: NDArray[np.bool_] = (np.abs(numbers) < _FARTHEST).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return possible & apart


def _corners(height: int, width: int, stride: int, anchors: int) -> FloatArray:
    """x, y of every cell's top left corner, row by row, each as often as it has anchors; float32, shape (n, 2)."""
    y, x = np.mgrid[: height // stride, : width // stride]
    corners = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32) * stride
    return np.repeat(corners, anchors, axis=0)


def _reduced(levels: list[Level], height: int, width: int) -> ByteArray:
    """The picture at a smaller size, from the coarsest level that is no smaller."""
    full = levels[0].pixels
    fits = [level for level in levels if level.step * (max(height, width) - 1) < max(full.shape[:2])]
    level = max(fits, key=lambda level: level.step)
    if level.pixels.shape[:2] == (height, width):
        return level.pixels
    box = (0, 0, full.shape[1] / level.step, full.shape[0] / level.step)
    picture = Image.fromarray(level.pixels).resize((width, height), Image.Resampling.BILINEAR, box=box)
    return np.asarray(picture)
