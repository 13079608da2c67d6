"""From five points to the upright chip that a network was trained on: dlib's of 150x150, or ArcFace's of 112x112.

dlib's is cut pixel for pixel as dlib cuts it: it shrinks with its own image pyramid before it samples; a plain resize
gives another picture and moves embeddings by 0.08. The pyramid is dlib's 5-tap one; the bilinear sampling is Pillow's,
which rounds like dlib's.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photocall.faces import ByteArray, FloatArray

CHIP_SIZE = 150
ARCFACE_SIZE = 112
CHIP_SIDES = {"dlib": CHIP_SIZE, "arcface": ARCFACE_SIZE}
"""Side of a chip in pixels, by alignment."""

_PADDING = 0.25  # of a face's size, around it on every side (dlib's get_face_chip_details)

# Mean positions of the five points in dlib's unit face (image_transforms/interpolation.h).
_UNIT_POINTS = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
_CHIP_POINTS = (_UNIT_POINTS + _PADDING) / (1 + 2 * _PADDING) * CHIP_SIZE

# Where the five points of a face lie in ArcFace's chip, pixel centres at whole numbers (insightface, face_align.py).
ARCFACE_POINTS = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)

# Mean positions of a detector's five points in dlib's chip, and the box in which dlib's predictor does best there:
# centre and side, fitted on 107 faces that dlib found too (docs/engine.md). SCRFD learnt its points from the same
# annotations as YuNet; on 122 faces of WIDER FACE a fit of its own was no better (docs/packs.md).
MTCNN_CHIP_POINTS = np.array(
    [(46.999, 45.294), (101.580, 45.076), (74.459, 78.173), (49.231, 101.846), (100.092, 100.706)]
)
_YUNET_CHIP_POINTS = np.array([(47.19, 44.79), (102.18, 45.30), (74.36, 79.02), (50.00, 100.81), (99.78, 100.75)])
_PREDICTOR_BOXES = {
    "mtcnn": (MTCNN_CHIP_POINTS, complex(73.92, 74.07), 127.45),
    "yunet": (_YUNET_CHIP_POINTS, complex(73.40, 73.50), 126.44),
    "scrfd": (_YUNET_CHIP_POINTS, complex(73.40, 73.50), 126.44),
}

Points = NDArray[np.float64] | FloatArray | NDArray[np.int64]


def similarity(source: Points, target: Points) -> tuple[complex, complex]:
    """Factor m and offset t of the best similarity z -> m z + t from source to target points, x + iy each.

    Args:
        source: shape (k, 2).
        target: shape (k, 2).
    """
    p, q = (np.asarray(points, np.float64) @ (1, 1j) for points in (source, target))
    centre_p, centre_q = p.mean(), q.mean()
    p = p - centre_p
    factor = complex(np.vdot(p, q - centre_q) / np.vdot(p, p))
    return factor, complex(centre_q - factor * centre_p)


def predictor_rectangles(points: FloatArray, detector: str = "mtcnn") -> NDArray[np.int64]:
    """Where dlib's predictor expects the face, from the detector's points.

    Args:
        points: float32, shape (n, 5, 2), in the order of `LANDMARK_NAMES`.
        detector: whose points they are; each puts them a little elsewhere.

    Returns:
        int64, shape (n, 4): left, top, right, bottom, inclusive.
    """
    mean_points, middle, side = _PREDICTOR_BOXES[detector]
    rectangles = np.empty((len(points), 4), np.int64)
    for row, face in zip(rectangles, points, strict=True):
        factor, offset = similarity(mean_points, face)
        centre, half = factor * middle + offset, abs(factor) * side / 2
        corners = centre.real - half, centre.imag - half, centre.real + half, centre.imag + half
        row[:] = [round(value) for value in corners]
    return rectangles


def cut_chip(image: ByteArray, points: NDArray[np.int64]) -> ByteArray:
    """The upright chip of one face.

    Args:
        image: uint8 RGB, shape (h, w, 3).
        points: int64, shape (5, 2), as `LandmarkPredictor.points` gives them.

    Returns:
        uint8 RGB, shape (150, 150, 3); black where the picture ends.
    """
    factor, offset = similarity(_CHIP_POINTS, points)
    centre = factor * complex(CHIP_SIZE / 2, CHIP_SIZE / 2) + offset
    scale, turn = abs(factor), factor / abs(factor)
    half = (CHIP_SIZE * scale - 1) / 2
    rectangle = (centre.real - half, centre.imag - half, centre.real + half, centre.imag + half)
    halvings, margin = _halvings(rectangle)
    region, corner = _region(image, rectangle, turn, margin)
    left, top, right, bottom = rectangle
    rectangle = (left - corner[0], top - corner[1], right - corner[0], bottom - corner[1])
    for _ in range(halvings):
        region, rectangle = halve(region), _rect_down(rectangle)
    return _sample(region, _corners(rectangle, turn))


def cut_arcface_chip(image: ByteArray, points: FloatArray) -> ByteArray:
    """The upright 112x112 chip of one face, as ArcFace's networks expect it.

    Args:
        image: uint8 RGB, shape (h, w, 3).
        points: float32, shape (5, 2), in the order of `LANDMARK_NAMES`.

    Returns:
        uint8 RGB, shape (112, 112, 3); black where the picture ends.
    """
    factor, offset = similarity(ARCFACE_POINTS, points)
    corners = [factor * complex(x, y) + offset for y in (0, ARCFACE_SIZE - 1) for x in (0, ARCFACE_SIZE - 1)]
    step = max(1, math.floor(abs(factor)))  # a large face is reduced by means of whole blocks first: no aliasing
    left, top = (max(0, math.floor(min(side)) - step) for side in _sides(corners))
    right, bottom = (max(0, math.ceil(max(side)) + 1 + step) for side in _sides(corners))
    region = image[top:bottom, left:right]
    if region.size and step > 1:
        region = np.asarray(Image.fromarray(region).reduce(step))
    # Pixel centres are at whole numbers; a block's is in its middle.
    middle = complex(0.5, 0.5)
    corners = [(corner - complex(left, top) + middle) / step - middle for corner in corners]
    return _sample(region, corners, ARCFACE_SIZE)


def _sides(corners: list[complex]) -> tuple[list[float], list[float]]:
    return [corner.real for corner in corners], [corner.imag for corner in corners]


def _halvings(rectangle: tuple[float, float, float, float]) -> tuple[int, int]:
    """How often to halve before sampling, and the margin in pixels that this needs."""
    halvings, margin = 0, 2
    while _area(rectangle := _rect_down(rectangle)) > CHIP_SIZE * CHIP_SIZE:
        halvings, margin = halvings + 1, 2 * margin + 2
    return halvings, margin


def _rect_down(rectangle: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """A rectangle one pyramid step smaller (dlib's pyramid_down<2>: the offsets differ in x and y)."""
    left, top, right, bottom = rectangle
    return left / 2 - 1.25, top / 2 - 0.75, right / 2 - 1.25, bottom / 2 - 0.75


def _area(rectangle: tuple[float, float, float, float]) -> float:
    """dlib's drectangle area: both edges inclusive."""
    left, top, right, bottom = rectangle
    return (right - left + 1) * (bottom - top + 1)


def _corners(rectangle: tuple[float, float, float, float], turn: complex) -> list[complex]:
    """Top left, top right, bottom left and bottom right after turning about the centre."""
    left, top, right, bottom = rectangle
    centre = complex(left + right, top + bottom) / 2
    corners = complex(left, top), complex(right, top), complex(left, bottom), complex(right, bottom)
    return [centre + (corner - centre) * turn for corner in corners]


def _region(
    image: ByteArray, rectangle: tuple[float, float, float, float], turn: complex, margin: int
) -> tuple[ByteArray, tuple[int, int]]:
    """The part of the picture that the turned rectangle needs, and its top left corner."""
    height, width = image.shape[:2]
    corners = _corners(rectangle, turn)
    half_up: Callable[[float], int] = lambda value: math.floor(value + 0.5)  # noqa: E731
    left = half_up(max(min(corner.real for corner in corners) - margin, 0))
    top = half_up(max(min(corner.imag for corner in corners) - margin, 0))
    right = half_up(min(max(corner.real for corner in corners) + margin, width - 1))
    bottom = half_up(min(max(corner.imag for corner in corners) + margin, height - 1))
    return image[top : bottom + 1, left : right + 1], (left, top)


def halve(image: ByteArray) -> ByteArray:
    """dlib's pyramid_down<2>: a [1 4 6 4 1] binomial both ways, every second pixel, truncated.

    Args:
        image: uint8, shape (h, w, 3).

    Returns:
        uint8, shape ((h - 3) // 2, (w - 3) // 2, 3), pixel i centred on pixel 2 i + 2; empty for tiny pictures.
    """
    height, width = (image.shape[0] - 3) // 2, (image.shape[1] - 3) // 2
    if height <= 0 or width <= 0:
        return np.empty((0, 0, 3), np.uint8)
    rows = image.astype(np.uint16)
    wide = _binomial([rows[:, k : k + 2 * width - 1 : 2] for k in range(5)])
    full = _binomial([wide[k : k + 2 * height - 1 : 2] for k in range(5)])
    full >>= 8
    return full.astype(np.uint8)


def _binomial(taps: list[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    """t0 + 4 t1 + 6 t2 + 4 t3 + t4; 16 x 16 x 255 still fits 16 bits."""
    total = taps[1] + taps[3]
    total *= 4
    total += taps[0]
    total += taps[4]
    total += 6 * taps[2]
    return total


def _sample(region: ByteArray, corners: list[complex], size: int = CHIP_SIZE) -> ByteArray:
    """Bilinear samples so that the chip's corner pixels lie on the given corners; black outside."""
    if region.size == 0:
        return np.zeros((size, size, 3), np.uint8)
    top_left, top_right, bottom_left, _ = corners
    across, down = (top_right - top_left) / (size - 1), (bottom_left - top_left) / (size - 1)
    # Pillow maps pixel centres, dlib pixel corners: hence the halves.
    start = top_left + complex(0.5, 0.5) - (across + down) / 2
    matrix = (across.real, down.real, start.real, across.imag, down.imag, start.imag)
    chip = Image.fromarray(region).transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(chip)
