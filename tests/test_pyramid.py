"""Levels and crops, against their definitions in float64."""

import numpy as np
import pytest
from numpy.typing import NDArray

from photocall.engine.pyramid import Level, build_levels, crop_squares
from photocall.faces import ByteArray

RANDOM = np.random.default_rng(5)


def picture(height: int, width: int) -> ByteArray:
    """Noise: uint8 RGB, shape (height, width, 3)."""
    return RANDOM.integers(0, 256, (height, width, 3), np.uint8)


def bilinear(pixels: ByteArray, square: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """One crop in float64; places rounded to 1/16 pixel, the border's pixel again beyond it, black outside."""
    left, top, right, bottom = square.astype(np.float64)
    axes = [
        (start + (np.arange(size) + 0.5) * (end - start) / size - 0.5, length)
        for start, end, length in ((top, bottom, pixels.shape[0]), (left, right, pixels.shape[1]))
    ]
    weights = []
    for at, length in axes:
        rounded = np.clip(np.floor(at * 16 + 0.5) / 16, 0, length - 1)
        matrix = np.maximum(0, 1 - np.abs(rounded[:, None] - np.arange(length)))
        weights.append(matrix * ((at >= -0.5) & (at < length - 0.5))[:, None])
    crop: NDArray[np.float64] = np.einsum(
        "yr,xc,rck->yxk", weights[0], weights[1], pixels.astype(np.float64), optimize=True
    )
    return crop


@pytest.mark.parametrize("size", [24, 48, 64])
def test_a_crop_is_bilinear_from_the_coarsest_level_that_has_its_pixels(size: int) -> None:
    levels = build_levels(picture(301, 402))
    sides = np.array([20, 31, 70, 100.5, 150, 260, 299], np.float32)
    corners = RANDOM.uniform(-30, 150, (len(sides), 2)).astype(np.float32)
    squares = np.concatenate([corners, corners + sides[:, None]], axis=1)
    crops = crop_squares(levels, squares, size)
    assert crops.shape == (len(sides), size, size, 3) and crops.dtype == np.uint8
    for crop, square, side in zip(crops, squares, sides, strict=True):
        fitting = [level for level in levels if level.step * size <= side * 1.01]
        level = fitting[-1] if fitting else levels[0]
        expected = bilinear(level.pixels, square / level.step, size)
        apart = np.abs(crop - expected)
        # float32 and float64 may round a place to different sixteenths; that is rare.
        assert np.mean(apart <= 0.51) > 0.97
        assert apart.max() <= 255 / 8


def test_crops_do_not_depend_on_their_company() -> None:
    levels = build_levels(picture(200, 300))
    corners = RANDOM.uniform(-20, 200, (200, 2)).astype(np.float32)
    squares = np.concatenate([corners, corners + RANDOM.uniform(12, 120, (200, 1)).astype(np.float32)], axis=1)
    together = crop_squares(levels, squares, 24)
    for index in (0, 63, 104, 105, 199):
        assert (crop_squares(levels, squares[index : index + 1], 24)[0] == together[index]).all()


def test_what_lies_outside_is_black_and_the_last_pixel_is_not() -> None:
    white = [Level(np.full((30, 40, 3), 255, np.uint8), 1)]
    squares = np.array([(-24, -24, 0, 0), (16, 6, 40, 30), (28, 18, 52, 42), (500, 500, 530, 530)], np.float32)
    before, inside, corner, far = crop_squares(white, squares, 24)
    assert not before.any() and not far.any()
    assert (inside == 255).all()
    assert (corner[:12, :12] == 255).all() and not corner[12:].any() and not corner[:, 12:].any()


def test_no_square_gives_no_crop() -> None:
    assert crop_squares(build_levels(picture(30, 30)), np.empty((0, 4), np.float32), 24).shape == (0, 24, 24, 3)


@pytest.mark.parametrize("shape", [(12, 12), (25, 300), (301, 402), (1100, 1003)])
def test_levels_are_means_of_whole_blocks(shape: tuple[int, int]) -> None:
    image = picture(*shape)
    for level in build_levels(image)[1:3]:
        rows, columns = shape[0] // level.step, shape[1] // level.step
        whole = image[: rows * level.step, : columns * level.step].astype(np.float64)
        means = whole.reshape(rows, level.step, columns, level.step, 3).mean(axis=(1, 3))
        assert np.abs(level.pixels[:rows, :columns] - means).max() <= 0.6  # Pillow multiplies by a rounded 1/9
