"""dlib's five-point shape predictor, bit for bit, for all faces of a picture at once.

Kazemi, Sullivan: One Millisecond Face Alignment with an Ensemble of Regression Trees, 2014. Fifteen cascades of 500
trees each move five points; a tree compares 15 pairs of pixels around the points and adds one of 16 corrections. All
comparisons of a cascade are made at once and packed into one 16-bit word a tree, which a table turns into its leaf.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from photocall.faces import ByteArray, FloatArray

_SPLITS, _LEAVES = 15, 16


class LandmarkPredictor:
    """The predictor, ready to run; safe to share between threads.

    Args:
        arrays: the predictor's parameters as `dlib_format.parse_shape_predictor` names them.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        self._initial = np.asarray(arrays["initial"], np.float64).reshape(-1, 2)
        cascades, trees, _ = arrays["left_index"].shape
        self._left = _splits_padded(arrays["left_index"], 0).astype(np.intp)
        self._right = _splits_padded(arrays["right_index"], 0).astype(np.intp)
        # Pixels are whole numbers, so "difference > threshold" is "difference > floor(threshold)".
        self._thresholds = _splits_padded(np.floor(arrays["thresholds"]), 255).astype(np.int16)
        self._leaves = np.asarray(arrays["leaves"], np.float32).reshape(cascades, trees * _LEAVES, -1)
        self._anchors = np.asarray(arrays["anchors"], np.intp)
        self._deltas = np.ascontiguousarray(np.moveaxis(np.asarray(arrays["deltas"], np.float32), 2, 1))
        self._first_leaf = (np.arange(trees) * _LEAVES)[:, None]
        self._leaf_of = _leaf_table()

    def points(self, image: ByteArray, rectangles: NDArray[np.int64]) -> NDArray[np.int64]:
        """The five points of every face, rounded to whole pixels as dlib does.

        Args:
            image: uint8 RGB, shape (h, w, 3), C-contiguous.
            rectangles: int64, shape (n, 4): left, top, right, bottom, right and bottom inclusive, as dlib's.

        Returns:
            int64, shape (n, 5, 2): outer and inner corner of the eye on the picture's right, outer and inner corner of
            the other eye, base of the nose.
        """
        corner = rectangles[:, None, :2].astype(np.float64)
        size = rectangles[:, None, 2:] - corner
        shape = np.repeat(self._initial.astype(np.float32)[None], len(rectangles), axis=0)
        for cascade in range(len(self._leaves)):
            x, y = self._sample_points(cascade, shape)
            x = np.floor(x * size[..., 0] + (corner[..., 0] + 0.5))
            y = np.floor(y * size[..., 1] + (corner[..., 1] + 0.5))
            shape = self._moved(cascade, shape, _intensities(image, x, y))
        return np.floor(shape * size + corner + 0.5).astype(np.int64)

    def _sample_points(self, cascade: int, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where to look: x and y of anchors plus offsets, turned and scaled as the shape is; (n, 800) each."""
        a, b = _rotation_and_scale(self._initial, shape)
        x, y = self._deltas[cascade]
        across, down = a * x, b * x
        across -= b * y
        down += a * y
        across += shape[..., 0].take(self._anchors[cascade], axis=1, mode="clip")
        down += shape[..., 1].take(self._anchors[cascade], axis=1, mode="clip")
        return across, down

    def _moved(self, cascade: int, shape: FloatArray, pixels: NDArray[np.int16]) -> FloatArray:
        """The shape after all trees of a cascade."""
        differences = pixels.take(self._left[cascade], axis=1, mode="clip")  # clip: indices are right, don't check
        differences -= pixels.take(self._right[cascade], axis=1, mode="clip")
        answers = np.packbits(differences > self._thresholds[cascade], axis=1, bitorder="little").view("<u2")
        leaves = self._leaf_of.take(answers).T + self._first_leaf
        # Added one by one in float32, starting from the shape, as dlib does: any other order drifts by pixels. A sum
        # over the first axis of a C-contiguous array is sequential.
        terms = np.empty((len(leaves) + 1, shape.size), np.float32)
        terms[0] = shape.reshape(-1)
        corrections = terms[1:].reshape(-1, self._leaves.shape[2])
        self._leaves[cascade].take(leaves.reshape(-1), axis=0, out=corrections, mode="clip")
        moved: FloatArray = np.add.reduce(terms, axis=0).reshape(shape.shape)
        return moved


def _splits_padded(values: NDArray[np.generic], filler: int) -> NDArray[np.generic]:
    """Shape (cascades, trees, 15) to (cascades, trees * 16): with a sixteenth split a tree fills one 16-bit word."""
    padded = np.full((*values.shape[:2], _SPLITS + 1), filler, values.dtype)
    padded[..., :_SPLITS] = values
    return padded.reshape(len(values), -1)


def _leaf_table() -> NDArray[np.intp]:
    """The leaf that every set of answers leads to: bit k is the answer of split k, yes goes to 2k+1, no to 2k+2."""
    answers = np.arange(1 << (_SPLITS + 1))
    node = np.zeros(len(answers), np.intp)
    for _ in range(4):
        node = 2 * node + 2 - ((answers >> node) & 1)
    return node - _SPLITS


def _rotation_and_scale(source: NDArray[np.float64], target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """a, b of the similarity [[a, -b], [b, a]] that best maps source (5, 2) to each target (n, 5, 2); float32 (n, 1).

    The least-squares solution; dlib's Umeyama fit is the same for points that need no reflection. In float64, then
    cast, as dlib does.
    """
    p = source - source.mean(axis=0)
    q = target.astype(np.float64)
    q -= q.mean(axis=1, keepdims=True)
    norm = (p * p).sum()
    a = (q * p).sum(axis=(1, 2)) / norm
    b = (q[..., 1] * p[:, 0] - q[..., 0] * p[:, 1]).sum(axis=1) / norm
    return a.astype(np.float32)[:, None], b.astype(np.float32)[:, None]


def _intensities(image: ByteArray, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.int16]:
    """Grey values (R + G + B) // 3 at whole-numbered places, 0 outside the picture; int16, shape of x and y."""
    height, width = image.shape[:2]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    first = ((y * width + x) * (inside * 3)).astype(np.intp)
    flat = image.reshape(-1)
    grey: NDArray[np.int16] = flat.take(first).astype(np.int16)
    grey += flat.take(first + 1)
    grey += flat.take(first + 2)
    grey //= 3
    grey *= inside
    return grey
