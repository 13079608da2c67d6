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


_STRIP = 1 << 20  # pixels that are handed to Pillow at a time: it holds a copy of them, at four bytes each


@dataclass(frozen=True, slots=True)
class Level:
    """A picture scaled down to 1 / `step`: uint8 RGB, shape (h, w, 3), C-contiguous."""

    pixels: ByteArray
    step: int


def build_levels(image: ByteArray) -> list[Level]:
    """The picture itself and its smaller versions, finest first.

    Args:
        image: uint8 RGB, shape (h, w, 3), C-contiguous.
    """
    levels = [Level(image, 1), Level(_reduced(image, 2), 2), Level(_reduced(image, 3), 3)]
    while min(levels[-2].pixels.shape[:2]) >= 2 * _SMALLEST_SIDE:
        half = levels[-2]  # 4 is half of 2, 6 of 3, 8 of 4, ...
        levels.append(Level(_reduced(half.pixels, 2), half.step * 2))
    return levels


def _reduced(pixels: ByteArray, factor: int) -> ByteArray:
    """Means of factor x factor blocks; the last row and column may be of smaller ones."""
    height, width = pixels.shape[:2]
    rows = max(1, _STRIP // (width * factor)) * factor
    strips = (pixels[top : top + rows] for top in range(0, height, rows))
    return np.concatenate([np.asarray(Image.fromarray(strip).reduce(factor)) for strip in strips])


def crop_squares(levels: list[Level], squares: FloatArray, size: int) -> ByteArray:
    """Cut squares out, each from the coarsest level that still has `size` pixels for it.

    Args:
        levels: finest first.
        squares: float32, shape (n, 4): left, top, right, bottom in picture pixels; they may reach outside.
        size: side of the result in pixels.

    Returns:
        uint8 RGB, shape (n, size, size, 3), bilinear; black outside the picture.
    """
    steps = np.array([level.step for level in levels])
    chosen = np.maximum((steps * size <= (squares[:, 2:3] - squares[:, :1]) * 1.01).sum(axis=1) - 1, 0)
    places = (squares / steps[chosen, None]).tolist()
    crops = np.empty((len(squares), size, size, 3), np.uint8)
    for crop, index, place in zip(crops, chosen, places, strict=True):
        crop[:] = _cut(levels[index].pixels, place, size)
    return crops


def _cut(pixels: ByteArray, place: list[float], size: int) -> ByteArray:
    """One square, bilinear; `place` is left, top, right, bottom in pixels."""
    left, top = max(0, int(place[0]) - 1), max(0, int(place[1]) - 1)  # a pixel more, for the interpolation
    right, bottom = max(0, int(place[2]) + 2), max(0, int(place[3]) + 2)
    region = pixels[top:bottom, left:right]
    if region.size == 0:
        return np.zeros((size, size, 3), np.uint8)
    extent = (place[0] - left, place[1] - top, place[2] - left, place[3] - top)
    picture = Image.fromarray(region)
    return np.asarray(picture.transform((size, size), Image.Transform.EXTENT, extent, Image.Resampling.BILINEAR))
