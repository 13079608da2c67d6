"""YuNet and SCRFD: a face put into a known cell comes out as that box; files of other layouts are told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from onnx_models import Array, Shape, constant_maps, mean_embedder, save, scrfd_maps, yunet_maps
from photocall.engine.networks import Network
from photocall.engine.onnx_import import import_network
from photocall.engine.parts import DetectorPart, Part, Pixels
from photocall.engine.single_shot import SingleShotDetector
from photocall.errors import WeightsInvalid

SIDE = 128
PLAIN = Pixels("nchw", "rgb", (0, 0, 0), (1, 1, 1))
FACE_BOX = np.array([24, 28, 56, 76])
FACE_POINTS = np.array([(32 + 16 * n, 48 + 8 * n) for n in range(5)])


def opened(path: Path, layout: str, long_side: int = 640) -> SingleShotDetector:
    network = Network(import_network(path.read_bytes(), path.name, PLAIN).SerializeToString(), path.name)
    return SingleShotDetector(network, DetectorPart(layout, Part("detector", (), PLAIN), 0.6, long_side))


def yunet_with_a_face() -> dict[str, Array]:
    """In the cell of 16 pixels in row 3 and column 2: centre (40, 52), 32x48 pixels, score 0.9."""
    maps, cell = yunet_maps(SIDE), 3 * (SIDE // 16) + 2
    maps["cls_16"][0, cell], maps["obj_16"][0, cell] = 0.9, 0.9
    maps["bbox_16"][0, cell] = 0.5, 0.25, np.log(2), np.log(3)
    maps["kps_16"][0, cell] = [(n, n / 2)[axis] for n in range(5) for axis in (0, 1)]
    return maps


def scrfd_with_a_face() -> dict[str, Array]:
    """The same face, from the second anchor of the cell of 8 pixels in row 5 and column 4, at (32, 40)."""
    maps, row = scrfd_maps(SIDE), 2 * (5 * (SIDE // 8) + 4) + 1
    maps["48"][row] = 0.9
    maps["78"][row] = 1, 1.5, 3, 4.5
    maps["98"][row] = [(2 * n, 1 + n)[axis] for n in range(5) for axis in (0, 1)]
    return maps


FILES: dict[str, Callable[[], dict[str, Array]]] = {"yunet": yunet_with_a_face, "scrfd": scrfd_with_a_face}


@pytest.mark.parametrize("layout", FILES)
@pytest.mark.parametrize("times", [1, 2, 3.5])
def test_a_face_in_a_known_cell_is_found_where_it_is(layout: str, times: float, tmp_path: Path) -> None:
    detector = opened(constant_maps(tmp_path / "a.onnx", FILES[layout](), SIDE), layout)
    side = round(SIDE * times)  # larger pictures are reduced to what the file takes
    found, levels = detector.detect(np.zeros((side, side, 3), np.uint8), 20)
    assert found.boxes == pytest.approx(FACE_BOX[None] * times, abs=1e-3)
    assert found.points == pytest.approx(FACE_POINTS[None] * times, abs=1e-3)
    assert found.scores == pytest.approx([0.9])
    assert levels[0].pixels.shape == (side, side, 3)


@pytest.mark.parametrize("layout", FILES)
def test_faces_smaller_than_looked_for_are_left_out(layout: str, tmp_path: Path) -> None:
    detector = opened(constant_maps(tmp_path / "a.onnx", FILES[layout](), SIDE), layout)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    assert len(detector.detect(picture, 48)[0].boxes) == 1
    assert len(detector.detect(picture, 49)[0].boxes) == 0


def test_of_overlapping_boxes_the_best_stays(tmp_path: Path) -> None:
    maps, cell = yunet_with_a_face(), 3 * (SIDE // 16) + 3
    maps["cls_16"][0, cell], maps["obj_16"][0, cell] = 1, 1
    maps["bbox_16"][0, cell] = -0.5, 0.25, np.log(2), np.log(3)
    maps["kps_16"][0, cell] = np.arange(10)
    found, _ = opened(constant_maps(tmp_path / "a.onnx", maps, SIDE), "yunet").detect(
        np.zeros((SIDE, SIDE, 3), np.uint8), 20
    )
    assert found.scores == pytest.approx([1.0])


def test_numbers_that_are_none_are_no_faces(tmp_path: Path) -> None:
    maps, cell = yunet_with_a_face(), 3 * (SIDE // 16) + 2
    maps["cls_8"][:], maps["bbox_16"][0, cell] = np.nan, np.inf
    found, _ = opened(constant_maps(tmp_path / "a.onnx", maps, SIDE), "yunet").detect(
        np.zeros((SIDE, SIDE, 3), np.uint8), 20
    )
    assert len(found.boxes) == 0


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("78", [1, 1.5, -1.5, 4.5]),  # right of its right edge
        ("78", [1, 1.5, 3, np.nan]),
        ("98", [0] * 10),  # all points at one place
        ("98", [1e30] + [0] * 9),
    ],
)
def test_a_box_or_points_that_no_face_has_are_left_out(kind: str, numbers: list[float], tmp_path: Path) -> None:
    maps, row = scrfd_with_a_face(), 2 * (5 * (SIDE // 8) + 4) + 1
    maps[kind][row] = numbers
    found, _ = opened(constant_maps(tmp_path / "a.onnx", maps, SIDE), "scrfd").detect(
        np.zeros((SIDE, SIDE, 3), np.uint8), 20
    )
    assert len(found.boxes) == 0


def bright_blocks(path: Path) -> Path:
    """A YuNet of any input size: a face of 32 pixels for every bright block of 32, centred on the block's corner."""
    nodes = []
    outputs: dict[str, Shape] = {}
    for stride in (8, 16, 32):
        nodes += [
            helper.make_node("ReduceMean", ["input"], [f"grey_{stride}"], axes=[1]),
            helper.make_node(
                "AveragePool", [f"grey_{stride}"], [f"p_{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2
            ),
            helper.make_node("Mul", [f"p_{stride}", "share" if stride == 32 else "none"], [f"q_{stride}"]),
            helper.make_node("Reshape", [f"q_{stride}", "rows"], [f"cls_{stride}"]),
            helper.make_node("Identity", [f"cls_{stride}"], [f"obj_{stride}"]),
            helper.make_node("Mul", [f"cls_{stride}", "none"], [f"n_{stride}"]),
            helper.make_node("Concat", [f"n_{stride}"] * 4, [f"bbox_{stride}"], axis=2),
            helper.make_node("Concat", [f"n_{stride}"] * 10, [f"no_{stride}"], axis=2),
            helper.make_node("Add", [f"no_{stride}", "points"], [f"kps_{stride}"]),
        ]
        for kind, columns in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{kind}_{stride}"] = (1, f"cells_{stride}", columns)
    constants = {"share": np.array(1 / 255, np.float32), "none": np.array(0, np.float32), "rows": np.array([1, -1, 1])}
    constants["points"] = np.arange(10, dtype=np.float32)
    return save(path, nodes, (1, 3, "h", "w"), outputs, constants)


@pytest.mark.parametrize(("height", "width"), [(640, 640), (100, 333), (33, 64), (1280, 960), (961, 1280)])
def test_pictures_of_any_size_are_padded_or_reduced_and_boxes_come_back_in_their_pixels(
    height: int, width: int, tmp_path: Path
) -> None:
    scale = min(1, 640 / max(height, width))
    picture = np.zeros((height, width, 3), np.uint8)
    block = round(32 / scale)
    picture[:block, block : 2 * block] = 255
    found, _ = opened(bright_blocks(tmp_path / "a.onnx"), "yunet").detect(picture, 20)
    assert found.boxes == pytest.approx(np.array([[16, -16, 48, 16]]) / scale, abs=1.1)


def test_a_picture_is_reduced_less_where_small_faces_would_vanish(tmp_path: Path) -> None:
    detector = opened(bright_blocks(tmp_path / "a.onnx"), "yunet", long_side=64)
    picture = np.zeros((512, 512, 3), np.uint8)
    picture[128:256, 128:256] = 255  # of 64 pixels a side only 16 are left, a quarter of a block
    assert len(detector.detect(picture, 100)[0].boxes) == 0
    assert len(detector.detect(picture, 20)[0].boxes) == 4


@pytest.mark.parametrize(("layout", "other"), [("yunet", "scrfd"), ("scrfd", "yunet")])
def test_a_file_of_another_layout_is_told(layout: str, other: str, tmp_path: Path) -> None:
    path = constant_maps(tmp_path / "a.onnx", FILES[other](), SIDE)
    with pytest.raises(WeightsInvalid, match=rf"a\.onnx: its outputs are not those of layout {layout}: "):
        opened(path, layout)


@pytest.mark.parametrize("layout", FILES)
def test_an_embedder_is_no_detector(layout: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match="its outputs are not those of layout"):
        opened(mean_embedder(tmp_path / "a.onnx", SIDE, 1), layout)


def test_a_detector_without_points_is_refused_since_alignment_needs_them(tmp_path: Path) -> None:
    maps = {name: array for name, array in scrfd_maps(SIDE).items() if array.shape[1] != 10}
    with pytest.raises(WeightsInvalid, match="it gives no five points"):
        opened(constant_maps(tmp_path / "a.onnx", maps, SIDE), "scrfd")


@pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16, 32, 64, 128)])
@pytest.mark.parametrize("anchors", [1, 2])
def test_scrfd_of_any_number_of_strides_and_anchors_is_read(
    strides: tuple[int, ...], anchors: int, tmp_path: Path
) -> None:
    maps = {
        f"{columns}_{stride}": np.zeros((1, anchors * (SIDE // stride) ** 2, columns), np.float32)
        for columns in (10, 1, 4)
        for stride in strides
    }
    maps["10_32"][0, -1] = np.arange(10)
    maps["1_32"][0, -1], maps["4_32"][0, -1] = 0.9, 1  # the last cell: its corner is 32 before the end
    found, _ = opened(constant_maps(tmp_path / "a.onnx", maps, SIDE), "scrfd").detect(
        np.zeros((SIDE, SIDE, 3), np.uint8), 20
    )
    assert found.boxes == pytest.approx(np.array([[SIDE - 64, SIDE - 64, SIDE, SIDE]]))


def test_maps_of_sizes_that_fit_no_grid_are_told(tmp_path: Path) -> None:
    maps = scrfd_maps(SIDE)
    maps["416"] = maps["416"][:-1]
    with pytest.raises(WeightsInvalid, match="127 scores, 128 boxes and 128 points for 64 cells of 16 pixels"):
        opened(constant_maps(tmp_path / "a.onnx", maps, SIDE), "scrfd")
