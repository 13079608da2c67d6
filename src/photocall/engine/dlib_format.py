"""Reads numbers as dlib serialises them, and its five-point shape predictor, which is nothing but such numbers.

An integer is a control byte (sign, count of bytes) and little-endian bytes; a real number is two of those, mantissa and
exponent (dlib/serialize.h and dlib/float_details.h, Boost licence). The predictor's architecture is known, so that
every size is checked against it before anything is allocated, and the file must end where the last number does.
"""

from array import array
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from photocall.errors import WeightsInvalid
from photocall.faces import ByteArray, FloatArray

CASCADES, TREES, SPLITS, POINTS, PIXELS = 15, 500, 15, 5, 800
"""The predictor: 15 rounds of 500 trees of depth 4 (15 splits, 16 leaves), 5 points, 800 sampled pixels a round."""

MAX_MAGNITUDE_BYTES = 7
"""Bytes of an integer: a double's mantissa needs 53 bits, and int64 can hold no more of them."""

_COORDINATES = 2 * POINTS
_LEAVES = SPLITS + 1
_SPLIT_NUMBERS = 4  # two indices, mantissa and exponent of the threshold
_LEAF_NUMBERS = 2 + 2 * _COORDINATES  # rows, columns, then mantissas and exponents
_TREE_NUMBERS = 1 + SPLITS * _SPLIT_NUMBERS + 1 + _LEAVES * _LEAF_NUMBERS
_PREDICTOR_NUMBERS = (
    (1 + _LEAF_NUMBERS)
    + (1 + CASCADES * (1 + TREES * _TREE_NUMBERS))
    + (1 + CASCADES * (1 + PIXELS))
    + (1 + CASCADES * (1 + PIXELS * 4))
)

_NUMBER_LENGTH = bytes(1 + (control & 15) for control in range(256))
_MAX_EXPONENT = 1100  # beyond any double; dlib's codes for infinity and NaN start at 32000


@dataclass(frozen=True, eq=False, slots=True)
class ShapePredictor:
    """Five points by a cascade of regression trees (Kazemi and Sullivan, 2014), as dlib trained it.

    Attributes:
        initial: float32, shape (5, 2): the mean shape; x and y, 0..1 of the face's box.
        left_index: uint16, shape (15, 500, 15): the pixel whose intensity stands left of the minus, per split.
        right_index: uint16, shape (15, 500, 15): the pixel that is subtracted.
        thresholds: float32, shape (15, 500, 15): a split goes left where the difference is larger.
        leaves: float32, shape (15, 500, 16, 10): what a leaf adds to the shape: x0, y0, x1, y1, ...
        anchors: uint8, shape (15, 800): the point that a sampled pixel hangs on, 0..4.
        deltas: float32, shape (15, 800, 2): x and y from that point to the pixel, in units of the box.
    """

    initial: FloatArray
    left_index: NDArray[np.uint16]
    right_index: NDArray[np.uint16]
    thresholds: FloatArray
    leaves: FloatArray
    anchors: ByteArray
    deltas: FloatArray


def parse_shape_predictor(data: bytes) -> ShapePredictor:
    """The predictor of a `shape_predictor_5_face_landmarks.dat`; raises `WeightsInvalid`."""
    numbers = _Numbers(_integers(data, _PREDICTOR_NUMBERS))
    numbers.expect("version", numbers.take(1), 1)
    initial = numbers.column_vectors(1)
    left, right, thresholds, leaves = _forests(numbers)
    numbers.expect("count of anchor lists", numbers.take(1), CASCADES)
    anchors = numbers.counted_rows(PIXELS, 1)[..., 0]
    _check_range("anchor", anchors, POINTS)
    numbers.expect("count of delta lists", numbers.take(1), CASCADES)
    deltas = numbers.counted_rows(PIXELS, 4).reshape(CASCADES, PIXELS, 2, 2)
    return ShapePredictor(
        initial=initial.reshape(POINTS, 2),
        left_index=left.astype(np.uint16),
        right_index=right.astype(np.uint16),
        thresholds=thresholds,
        leaves=leaves,
        anchors=anchors.astype(np.uint8),
        deltas=reals(deltas),
    )


def _forests(numbers: "_Numbers") -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray, FloatArray]:
    """left_index, right_index, thresholds and leaves of every tree."""
    numbers.expect("count of forests", numbers.take(1), CASCADES)
    trees = _Numbers(numbers.counted_rows(TREES, _TREE_NUMBERS).reshape(-1, _TREE_NUMBERS))
    trees.expect("count of splits", trees.take(1), SPLITS)
    splits = trees.take(SPLITS * _SPLIT_NUMBERS).reshape(CASCADES, TREES, SPLITS, _SPLIT_NUMBERS)
    _check_range("pixel", splits[..., :2], PIXELS)
    trees.expect("count of leaves", trees.take(1), _LEAVES)
    leaves = trees.column_vectors(_LEAVES).reshape(CASCADES, TREES, _LEAVES, _COORDINATES)
    return splits[..., 0], splits[..., 1], reals(splits[..., 2:]), leaves


class _Numbers:
    """Walks along the last axis of an array of dlib's integers."""

    def __init__(self, values: NDArray[np.int64]) -> None:
        self._values = values
        self._at = 0

    def take(self, count: int) -> NDArray[np.int64]:
        """The next `count` numbers."""
        taken = self._values[..., self._at : self._at + count]
        self._at += count
        return taken

    def expect(self, what: str, found: NDArray[np.int64], expected: int) -> None:
        if np.any(found != expected):
            raise malformed(f"{what} is {found[found != expected].flat[0]} instead of {expected}")

    def counted_rows(self, count: int, width: int) -> NDArray[np.int64]:
        """One list a cascade, each with its length in front: shape (15, count, width)."""
        rows = self.take(CASCADES * (1 + count * width)).reshape(CASCADES, -1)
        self.expect("length of a list", rows[:, 0], count)
        return rows[:, 1:].reshape(CASCADES, count, width)

    def column_vectors(self, count: int) -> FloatArray:
        """Matrices of 10x1, whose sizes dlib writes as negative numbers: shape (..., count, 10)."""
        taken = self.take(count * _LEAF_NUMBERS)
        matrices = taken.reshape(*taken.shape[:-1], count, _LEAF_NUMBERS)
        self.expect("count of rows", np.abs(matrices[..., 0]), _COORDINATES)
        self.expect("count of columns", np.abs(matrices[..., 1]), 1)
        return reals(matrices[..., 2:].reshape(*matrices.shape[:-1], _COORDINATES, 2))


def _integers(data: bytes, count: int) -> NDArray[np.int64]:
    """The file as `count` of dlib's integers, which must fill it exactly."""
    starts = _number_starts(data, count)
    raw = np.frombuffer(data, np.uint8)
    control = raw[starts]
    length = control & 15
    if np.any(control & 0x70) or np.any((length < 1) | (length > MAX_MAGNITUDE_BYTES)):
        raise malformed("a number has an impossible length")
    magnitude = np.zeros(count, np.int64)
    for place in range(int(length.max())):
        longer = np.flatnonzero(length > place)
        magnitude[longer] |= raw[starts[longer] + (1 + place)].astype(np.int64) << (8 * place)
    return np.where(control & 0x80, -magnitude, magnitude)


def _number_starts(data: bytes, count: int) -> NDArray[np.int64]:
    """Offset of each number; the one loop that cannot be an array operation, as each length leads to the next."""
    lengths = data.translate(_NUMBER_LENGTH)
    starts, at = array("q"), 0
    append = starts.append
    try:
        for _ in repeat(None, count):
            append(at)
            at += lengths[at]
    except IndexError:
        at = len(data) + 1
    if at != len(data):
        raise malformed("it ends too early" if at > len(data) else "something follows the last number")
    return np.frombuffer(starts, np.int64)


def reals(pairs: NDArray[np.int64]) -> FloatArray:
    """float32 (...) of mantissas and exponents, int64 (..., 2); raises `WeightsInvalid` for infinity and NaN."""
    exponents = pairs[..., 1]
    if np.any(np.abs(exponents) > _MAX_EXPONENT):
        raise malformed("a number is infinite or undefined")
    with np.errstate(over="ignore"):
        values = np.ldexp(pairs[..., 0].astype(np.float64), exponents.astype(np.int32)).astype(np.float32)
    return finite(values)


def finite(values: FloatArray) -> FloatArray:
    """The same values; raises `WeightsInvalid` if one is infinite or NaN."""
    if not np.isfinite(values).all():
        raise malformed("a number is infinite or undefined")
    return values


def _check_range(what: str, found: NDArray[np.int64], limit: int) -> None:
    if found.min() < 0 or found.max() >= limit:
        raise malformed(f"a {what} is numbered outside 0..{limit - 1}")


def malformed(reason: str) -> WeightsInvalid:
    """The exception for a file that is not what it should be."""
    return WeightsInvalid("dlib model", f"not the file it should be: {reason}")
