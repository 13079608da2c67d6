"""A picture at falling sizes, and square crops out of it.

The detector looks for faces of one size in every level, and cuts candidates from the level that suits them. The levels
are 1, 1/2, 1/3, 1/4, 1/6, 1/8, 1/12 ... of the picture: exact means of whole blocks, several times cheaper than
resizing to MTCNN's customary steps of 0.709, and as close to them as detection needs (steps of 0.67 and 0.75).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from photocall.faces import ByteArray, FloatArray

_SMALLEST_SIDE = 12  # P-Net's window: a smaller level holds no window


@dataclass(frozen=True, slots=True)
class Level:
    """A picture scaled down to 1 / `step`."""

    image: Image.Image
    step: int


def build_levels(image: ByteArray) -> list[Level]:
    """The picture itself and its smaller versions, finest first.

    Args:
        image: uint8 RGB, shape (h, w, 3).
    """
    original = Image.fromarray(image)
    levels = [Level(original, 1), Level(original.reduce(2), 2), Level(original.reduce(3), 3)]
    while min(levels[-2].image.size) >= 2 * _SMALLEST_SIDE:
        half = levels[-2]  # 4 is half of 2, 6 of 3, 8 of 4, ...
        levels.append(Level(half.image.reduce(2), half.step * 2))
    return levels


def crop_squares(levels: list[Level], squares: FloatArray, size: int) -> ByteArray:
    """Cut squares out, each from the coarsest level that still has `size` pixels for it.

    Args:
        levels: finest first.
        squares: float32, shape (n, 4): left, top, right, bottom in picture pixels; they may reach outside.
        size: side of the result in pixels.

    Returns:
        uint8 RGB, shape (n, size, size, 3), bilinear; black outside the picture.
    """
    crops = np.empty((len(squares), size, size, 3), np.uint8)
    steps = np.array([level.step for level in levels])
    chosen = np.maximum((steps * size <= (squares[:, 2:3] - squares[:, :1]) * 1.01).sum(axis=1) - 1, 0)
    for index in np.unique(chosen):
        rows = np.flatnonzero(chosen == index)
        crops[rows] = _cut(levels[index], squares[rows], size)
    return crops


def _cut(level: Level, squares: FloatArray, size: int) -> ByteArray:
    """All squares of one level in one go, as a strip one above the other."""
    mesh = [
        ((0, row * size, size, (row + 1) * size), (left, top, left, bottom, right, bottom, right, top))
        for row, (left, top, right, bottom) in enumerate((squares / level.step).tolist())
    ]
    strip = level.image.transform((size, size * len(mesh)), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    return np.asarray(strip).reshape(len(mesh), size, size, 3)
