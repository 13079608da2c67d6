"""A picture at falling sizes, and square crops out of it.

The detector looks for faces of one size in every level, and cuts candidates from the level that suits them. The levels
are 1, 1/2, 1/3, 1/4, 1/6, 1/8, 1/12 ... of the picture: exact means of whole blocks, several times cheaper than
resizing to MTCNN's customary steps of 0.709, and as close to them as detection needs (steps of 0.67 and 0.75).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photocall.faces import ByteArray, FloatArray

_SMALLEST_SIDE = 12  # P-Net's window: a smaller level holds no window
_MOST_SAMPLES = 60_000  # pixels of crops that are computed at a time: bounds memory
_STRIP = 1 << 20  # pixels that are handed to Pillow at a time: it holds a copy of them, at four bytes each

Words = NDArray[np.uint32]


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
    levels = [Level(image, 1), *(Level(pixels, step) for step, pixels in _reduced(image, 2, 3).items())]
    while min(levels[-2].pixels.shape[:2]) >= 2 * _SMALLEST_SIDE:
        half = levels[-2]  # 4 is half of 2, 6 of 3, 8 of 4, ...
        levels.append(Level(_reduced(half.pixels, 2)[2], half.step * 2))
    return levels


def _reduced(pixels: ByteArray, *factors: int) -> dict[int, ByteArray]:
    """By factor, means of factor x factor blocks; the last row and column may be of smaller ones."""
    height, width = pixels.shape[:2]
    multiple = math.prod(factors)
    rows = max(1, _STRIP // (width * multiple)) * multiple
    strips: dict[int, list[ByteArray]] = {factor: [] for factor in factors}
    for top in range(0, height, rows):
        picture = Image.fromarray(pixels[top : top + rows])
        for factor, parts in strips.items():
            parts.append(np.asarray(picture.reduce(factor)))
    return {factor: parts[0] if len(parts) == 1 else np.concatenate(parts) for factor, parts in strips.items()}


def crop_squares(levels: list[Level], squares: FloatArray, size: int) -> ByteArray:
    """Cut squares out, each from the coarsest level that still has `size` pixels for it.

    Args:
        levels: finest first.
        squares: float32, shape (n, 4): left, top, right, bottom in picture pixels; they may reach outside.
        size: side of the result in pixels.

    Returns:
        uint8 RGB, shape (n, size, size, 3), bilinear at places rounded to 1/16 pixel; black outside the picture.
    """
    steps = np.array([level.step for level in levels], np.float32)
    chosen = np.maximum((steps * size <= (squares[:, 2:3] - squares[:, :1]) * 1.01).sum(axis=1) - 1, 0)
    places = squares / steps[chosen, None]
    crops = np.empty((len(squares), size, size, 3), np.uint8)
    most = max(1, _MOST_SAMPLES // size**2)
    for first in range(0, len(squares), most):
        part = slice(first, first + most)
        _sample([levels[index].pixels for index in chosen[part]], places[part], crops[part])
    return crops


def _sample(sources: list[ByteArray], places: FloatArray, crops: ByteArray) -> None:
    """Fill the crops, each from its own picture; `places` are left, top, right, bottom in pixels of it."""
    size = crops.shape[1]
    ends = np.array([source.shape[1::-1] for source in sources])[..., None]  # width and height
    scale = (places[:, 2:] - places[:, :2]) / size
    at = places[:, :2, None] + scale[..., None] * (np.arange(size, dtype=np.float32) + 0.5) - 0.5
    sixteenths = np.floor(at * 16 + 0.5).astype(np.int64)
    before = sixteenths >> 4  # the pixel on the left or above; the other is one further
    low = np.clip(before, 0, ends - 1)
    weight = ((sixteenths & 15) * ((before >= 0) & (before < ends - 1))).astype(np.uint32)
    corner, end = low[..., 0], np.minimum(low[..., -1:] + 2, ends)[..., 0]
    words, side = _regions(sources, corner, end)
    low -= corner[..., None]
    low[:, 1] *= side
    low[:, 1] += (np.arange(len(sources)) * side * side)[:, None]
    _interpolate(words, side, low[:, 1, :, None] + low[:, 0, None, :], weight, crops)
    outside = (at < -0.5) | (at >= ends - 0.5)
    for index in np.flatnonzero(outside.any(axis=(1, 2))):
        crops[index, :, outside[index, 0]] = 0
        crops[index, outside[index, 1]] = 0


def _regions(sources: list[ByteArray], corner: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[Words, int]:
    """The parts of the pictures that are needed, side by side in squares of one size: a pixel a word, and the side."""
    side = int((end - corner).max()) + 1
    count = len(sources) * side * side
    buffer = np.zeros(3 * count + 1, np.uint8)  # one more: a word has four bytes
    regions = buffer[:-1].reshape(len(sources), side, side, 3)
    for region, source, (left, top), (right, bottom) in zip(
        regions, sources, corner.tolist(), end.tolist(), strict=True
    ):
        region[: bottom - top, : right - left] = source[top:bottom, left:right]
    return np.ascontiguousarray(np.ndarray((count,), "<u4", buffer, strides=(3,))), side


def _interpolate(words: Words, side: int, first: NDArray[np.int64], weight: Words, crops: ByteArray) -> None:
    """Bilinear means of the words at `first`, right of it, below it, and below on the right.

    Red and blue are computed with in one 32-bit number, 16 bits each, and green in another.
    """
    across, down = weight[:, 0, None, :], weight[:, 1, :, None]
    corners = [words[shift:].take(first, mode="clip") for shift in (0, 1, side, side + 1)]
    green = _mean([word >> np.uint32(8) for word in corners], across, down)
    red_and_blue = _mean(corners, across, down)
    crops[..., 0], crops[..., 1], crops[..., 2] = red_and_blue & 0xFF, green & 0xFF, red_and_blue >> 16


def _mean(corners: list[Words], across: Words, down: Words) -> Words:
    """Of every second byte of the four corners, rounded; the corners are overwritten."""
    for corner in corners:
        corner &= 0x00FF00FF
    top_left, top_right, bottom_left, bottom_right = corners
    mean = _between(_between(top_left, top_right, across), _between(bottom_left, bottom_right, across), down)
    mean += 0x00800080
    mean >>= 8
    return mean


def _between(low: Words, high: Words, weight: Words) -> Words:
    """low (16 - weight) + high weight, in place; what 16 bits borrow of those above them they give back."""
    high -= low
    high *= weight
    low <<= 4
    low += high
    return low
