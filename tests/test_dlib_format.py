"""The readers of dlib's files, against dlib itself and against damaged files."""

import math
import random
import tracemalloc

import dlib
import numpy as np
import pytest

from photocall.engine.dlib_format import ShapePredictor, parse_shape_predictor
from photocall.engine.dlib_network import ResNet, parse_resnet
from photocall.engine.packs import load_pack
from photocall.engine.sources import read_source, source_path
from photocall.errors import WeightsInvalid
from photocall.faces import ByteArray

SOURCES = {file.name: file for file in load_pack("dlib-mtcnn").files}


@pytest.fixture(scope="module")
def network_file() -> bytes:
    return read_source(SOURCES["embedder"])


@pytest.fixture(scope="module")
def predictor_file() -> bytes:
    return read_source(SOURCES["predictor"])


@pytest.fixture(scope="module")
def predictor(predictor_file: bytes) -> ShapePredictor:
    return parse_shape_predictor(predictor_file)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation and scale, (2, 2), of the best similarity transform between two sets of points (Umeyama, 1991)."""
    source, target = source - source.mean(0), target - target.mean(0)
    turn, singular, back = np.linalg.svd(target.T @ source)
    signs = np.array([1.0, np.sign(np.linalg.det(turn) * np.linalg.det(back))])
    transform: np.ndarray = (turn * signs) @ back * ((singular * signs).sum() / (source**2).sum())
    return transform


def five_points(predictor: ShapePredictor, grey: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The points in pixels, tree by tree as Kazemi and Sullivan describe it; `grey` is int, `box` l, t, r, b."""
    corner, extent = np.array(box[:2]), np.array(box[2:]) - box[:2]
    shape = predictor.initial.copy()
    for cascade in range(len(predictor.anchors)):
        turn = similarity(predictor.initial.astype(np.float64), shape.astype(np.float64)).astype(np.float32)
        unit = predictor.deltas[cascade] @ turn.T + shape[predictor.anchors[cascade]]
        x, y = np.floor(corner + unit.astype(np.float64) * extent + 0.5).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < grey.shape[1]) & (y < grey.shape[0])
        values = np.where(inside, grey[np.where(inside, y, 0), np.where(inside, x, 0)], 0)
        for tree, leaves in enumerate(predictor.leaves[cascade]):
            node = 0
            while node < 15:
                left, right = predictor.left_index[cascade, tree, node], predictor.right_index[cascade, tree, node]
                goes_left = values[left] - values[right] > predictor.thresholds[cascade, tree, node]
                node = 2 * node + (1 if goes_left else 2)
            shape += leaves[node - 15].reshape(5, 2)
    pixels: np.ndarray = np.floor(corner + shape * extent + 0.5).astype(int)
    return pixels


def smooth_picture(seed: int) -> ByteArray:
    """Blurred noise, uint8 RGB (240, 320, 3): differences between its pixels are of all sizes."""
    coarse = np.random.default_rng(seed).uniform(-80, 335, (13, 17, 3))
    rows = np.array([np.interp(np.linspace(0, 12, 240), np.arange(13), column) for column in coarse.reshape(13, -1).T])
    columns = rows.T.reshape(240, 17, 3).transpose(1, 0, 2).reshape(17, -1)
    whole = np.array([np.interp(np.linspace(0, 16, 320), np.arange(17), column) for column in columns.T])
    picture: ByteArray = np.clip(whole.T.reshape(320, 240, 3).transpose(1, 0, 2), 0, 255).astype(np.uint8)
    return picture


@pytest.mark.parametrize("box", [(90, 50, 219, 179), (-30, 100, 99, 229)])
def test_the_parsed_predictor_puts_the_points_where_dlib_puts_them(
    predictor: ShapePredictor, box: tuple[int, int, int, int]
) -> None:
    reference = dlib.shape_predictor(str(source_path(SOURCES["predictor"])))
    for seed in range(3):
        picture = smooth_picture(seed)
        expected = [[part.x, part.y] for part in reference(picture, dlib.rectangle(*box)).parts()]
        assert five_points(predictor, picture.astype(int).sum(2) // 3, box).tolist() == expected


def test_the_predictor_has_the_documented_arrays(predictor: ShapePredictor) -> None:
    shapes = {
        name: (getattr(predictor, name).dtype.name, getattr(predictor, name).shape) for name in predictor.__slots__
    }
    assert shapes == {
        "initial": ("float32", (5, 2)),
        "left_index": ("uint16", (15, 500, 15)),
        "right_index": ("uint16", (15, 500, 15)),
        "thresholds": ("float32", (15, 500, 15)),
        "leaves": ("float32", (15, 500, 16, 10)),
        "anchors": ("uint8", (15, 800)),
        "deltas": ("float32", (15, 800, 2)),
    }
    assert predictor.left_index.max() < 800
    assert predictor.anchors.max() == 4


def test_the_network_has_29_convolutions_and_5_6_million_parameters(network_file: bytes) -> None:
    network = parse_resnet(network_file)
    convolutions = [network.stem, *(layer for block in network.blocks for layer in (block.first, block.second))]
    assert len(convolutions) == 29
    assert sum(layer.filters.size for layer in convolutions) + network.projection.size == 5_603_936
    assert network.average.tolist() == pytest.approx([122.782, 117.001, 104.298], abs=1e-4)
    assert [block.pool is not None for block in network.blocks].count(True) == 4


@pytest.mark.parametrize("kept", [0, 1, 2, 100, 9_000, 5_000_000, -1])
def test_a_truncated_predictor_is_refused(predictor_file: bytes, kept: int) -> None:
    with pytest.raises(WeightsInvalid, match="ends too early"):
        parse_shape_predictor(predictor_file[:kept])


def test_a_truncated_network_is_refused_wherever_it_ends(network_file: bytes) -> None:
    lengths = [*range(600), *(len(network_file) * part // 40 for part in range(40)), len(network_file) - 1]
    for length in lengths:
        with pytest.raises(WeightsInvalid, match="not the file it should be"):
            parse_resnet(network_file[:length])


def test_a_byte_too_many_is_refused(network_file: bytes, predictor_file: bytes) -> None:
    with pytest.raises(WeightsInvalid, match="follows the last layer"):
        parse_resnet(network_file + b"\0")
    with pytest.raises(WeightsInvalid, match="follows the last number"):
        parse_shape_predictor(predictor_file + b"\0")


def test_a_changed_byte_of_a_network_is_refused_or_is_just_another_weight(network_file: bytes) -> None:
    chance = random.Random(5)
    refused = 0
    places = [*range(0, 500, 4), *(chance.randrange(len(network_file)) for _ in range(10))]
    for place in places:
        damaged = bytearray(network_file)
        damaged[place] ^= 1 << chance.randrange(8)
        try:
            assert isinstance(parse_resnet(bytes(damaged)), ResNet)
        except WeightsInvalid:
            refused += 1
    assert refused > 60


def test_a_changed_byte_of_a_predictor_is_refused_or_is_just_another_number(predictor_file: bytes) -> None:
    chance = random.Random(6)
    for place in (0, 100, 9_150_000):
        damaged = bytearray(predictor_file)
        damaged[place] ^= 1 << chance.randrange(8)
        try:
            assert isinstance(parse_shape_predictor(bytes(damaged)), ShapePredictor)
        except WeightsInvalid as error:
            assert "not the file it should be" in str(error)


def number(value: int) -> bytes:
    """An integer as dlib writes it."""
    magnitude = abs(value).to_bytes(max(1, math.ceil(abs(value).bit_length() / 8)), "little")
    return bytes([len(magnitude) | (0x80 if value < 0 else 0)]) + magnitude


def text(value: str) -> bytes:
    return number(len(value)) + value.encode()


def network_start(first_tensor: bytes) -> bytes:
    """A network up to the weights of its first convolution."""
    one = number(1) + number(0)
    loss = number(1) + text("loss_metric_2") + one + one
    return loss + number(3) + text("input_rgb_image_sized") + one * 3 + number(150) * 2 + text("con_4") + first_tensor


@pytest.mark.parametrize("size", [2**40, 2**55, -1])
def test_a_tensor_larger_than_the_file_is_refused_before_memory_is_taken(size: int) -> None:
    data = network_start(number(2) + number(size) + number(1) * 3 + bytes(100))
    tracemalloc.start()
    with pytest.raises(WeightsInvalid, match=r"ends too early|negative size"):
        parse_resnet(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_name_of_a_million_letters_is_refused_and_not_repeated() -> None:
    data = number(1) + text("x" * 1_000_000)
    with pytest.raises(WeightsInvalid, match="a name is too long"):
        parse_resnet(data)


def test_weights_that_are_not_numbers_are_refused() -> None:
    data = network_start(number(2) + number(3) + number(1) * 3 + np.array([1, np.nan, 2], "<f4").tobytes())
    with pytest.raises(WeightsInvalid, match="infinite or undefined"):
        parse_resnet(data)


def test_another_dlib_model_is_refused() -> None:
    other = source_path(SOURCES["predictor"]).with_name("mmod_human_face_detector.dat")
    with pytest.raises(WeightsInvalid, match="loss is 'loss_mmod_' instead of 'loss_metric_2'"):
        parse_resnet(other.read_bytes())
    with pytest.raises(WeightsInvalid):
        parse_shape_predictor(other.read_bytes())
