import numpy as np
import pytest
from numpy.typing import NDArray

import dlib_reference
from photocall.engine.align import (
    ARCFACE_POINTS,
    CHIP_SIZE,
    MTCNN_CHIP_POINTS,
    cut_arcface_chip,
    cut_chip,
    halve,
    predictor_rectangles,
    similarity,
)
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray

DlibFaces = list[tuple[ByteArray, NDArray[np.int64]]]


def test_chips_are_those_of_dlib_to_the_pixel(engine: FaceEngine, dlib_faces: DlibFaces) -> None:
    """All but a few at picture borders, where the two round differently (docs/engine.md)."""
    assert engine._predictor is not None
    different = []
    for image, rectangles in dlib_faces:
        for rectangle, points in zip(rectangles, engine._predictor.points(image, rectangles), strict=True):
            chip = cut_chip(image, points)
            different.append((chip != dlib_reference.chip(image, rectangle)).any(axis=2).mean())
    assert len(different) >= 5
    assert np.mean(np.array(different) == 0) >= 0.9
    assert max(different) <= 0.006


def test_a_similarity_is_found_again() -> None:
    source = np.random.default_rng(0).normal(size=(5, 2))
    factor, offset = complex(1.3, -0.4), complex(10, -7)
    moved = (source @ (1, 1j)) * factor + offset
    found = similarity(source, np.stack([moved.real, moved.imag], axis=1))
    assert found == pytest.approx((factor, offset))


def test_the_mean_face_gives_the_box_it_was_fitted_to() -> None:
    (rectangle,) = predictor_rectangles(MTCNN_CHIP_POINTS[None].astype(np.float32))
    assert rectangle.tolist() == [round(73.92 - 63.725), round(74.07 - 63.725), round(73.92 + 63.725), round(137.795)]


def test_halving_keeps_flat_areas_and_truncates() -> None:
    flat = np.full((20, 31, 3), 77, np.uint8)
    assert (halve(flat) == 77).all()
    assert halve(flat).shape == (8, 14, 3)
    spike = np.zeros((7, 7, 3), np.uint8)
    spike[2, 2] = 255
    assert halve(spike)[0, 0, 0] == 255 * 36 // 256


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (2, 300), (40, 5)])
def test_any_points_in_any_picture_give_a_chip(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    for points in (
        [(0, 0), (1, 0), (3, 0), (2, 0), (1, 2)],
        [(900, 900), (700, 900), (100, 900), (300, 900), (500, 1300)],
    ):
        assert cut_chip(image, np.array(points)).shape == (CHIP_SIZE, CHIP_SIZE, 3)


def slopes(height: int, width: int) -> ByteArray:
    """A picture whose red is x and whose green is y, divided by 4."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x // 4, y // 4, np.zeros_like(x)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.6, 1.0, 1.7, 2.0, 3.3])
@pytest.mark.parametrize("degrees", [0, -35, 90])
def test_arcfaces_chip_shows_the_place_that_its_template_says(scale: float, degrees: float) -> None:
    """Pixel z of the chip is the picture's m z + t, where m and t take the template's points to the face's."""
    factor, offset = scale * np.exp(1j * np.radians(degrees)), 450 + 400j
    places = (ARCFACE_POINTS @ (1, 1j)) * factor + offset
    chip = cut_arcface_chip(slopes(1000, 1000), np.stack([places.real, places.imag], axis=1).astype(np.float32))
    assert chip.shape == (112, 112, 3) and chip.dtype == np.uint8
    y, x = np.mgrid[:112, :112]
    expected = (x + 1j * y) * factor + offset
    assert np.abs(chip[..., 0] - (expected.real - 1.5) / 4).max() < 1.2
    assert np.abs(chip[..., 1] - (expected.imag - 1.5) / 4).max() < 1.2


def test_arcfaces_chip_is_black_where_the_picture_ends() -> None:
    picture = np.full((60, 60, 3), 200, np.uint8)
    half_outside = (ARCFACE_POINTS - (56, 0)).astype(np.float32)
    chip = cut_arcface_chip(picture, half_outside)
    assert (chip[2:58, :54] == 0).all() and (chip[2:58, 58:110] == 200).all() and (chip[62:] == 0).all()
    assert (cut_arcface_chip(picture, (ARCFACE_POINTS + 1000).astype(np.float32)) == 0).all()
    assert (cut_arcface_chip(picture, (ARCFACE_POINTS - 1000).astype(np.float32)) == 0).all()
