"""dlib's network with limits, and in 8-bit integers: what is cut off, what is rounded, where the limits are from."""

import hashlib
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from photocall.engine.dlib_network import ResNet, parse_resnet
from photocall.engine.graphs import Graph, embedder
from photocall.engine.networks import Network
from photocall.engine.packs import load_pack
from photocall.engine.precision import runs_in_integers
from photocall.engine.quantized import QuantizedGraph
from photocall.engine.sources import cache_root, read_source
from photocall.faces import ByteArray, FloatArray

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks/ belongs to the repository, not to the package

from benchmarks import limits

STANDARD = load_pack("standard").embedder.part
PAIRS = list(zip(STANDARD.sums[::2], STANDARD.sums[1::2], strict=True))


@pytest.fixture(scope="module")
def chips(portraits: Mapping[str, ByteArray]) -> ByteArray:
    """The five portraits' faces, uint8 RGB, shape (5, 150, 150, 3)."""
    return limits.portrait_chips(portraits)


@pytest.fixture(scope="module")
def resnet() -> ResNet:
    return parse_resnet(read_source(STANDARD.files[0], cache_root()))


def embeddings(network: ResNet, graph: Graph, chips: ByteArray) -> FloatArray:
    return Network(embedder(network, graph).SerializeToString(), "test").run(chips)["embeddings"]


def optimised(model: onnx.ModelProto, place: Path) -> Counter[str]:
    """The operators that are left once ONNX Runtime has fused what it can."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(place)
    options.log_severity_level = 4
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(place).graph.node)


# Limits


def one_layer(graph: Graph, filters: FloatArray, bias: FloatArray) -> Network:
    """A convolution of pictures of 4x4 pixels and a ReLU."""
    graph.add("Identity", [graph.rectify(graph.convolve(graph.picture("pictures"), filters, bias))], output="out")
    model = graph.model({"pictures": ["n", 4, 4, 3]}, {"out": ["n", len(filters), 4, 4]})
    return Network(model.SerializeToString(), "test")


def made_up_layer() -> tuple[ByteArray, FloatArray, FloatArray, FloatArray]:
    """Pictures, filters, bias, and what comes before the ReLU: shape (6, 5, 4, 4)."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (6, 4, 4, 3), np.uint8)
    filters = (random.normal(size=(5, 3, 1, 1)) / 100).astype(np.float32)
    bias = random.normal(size=5).astype(np.float32)
    sums = np.einsum("nhwc,oc->nohw", pictures.astype(np.float64), filters[:, :, 0, 0]) + bias[:, None, None]
    return pictures, filters, bias, sums


def test_activations_are_cut_off_at_the_limit() -> None:
    pictures, filters, bias, sums = made_up_layer()
    limit = 1.5
    assert (sums > limit).mean() > 0.1
    found = one_layer(Graph([limit]), filters, bias).run(pictures)["out"]
    assert found == pytest.approx(np.clip(sums, 0, limit), abs=1e-5)
    assert one_layer(Graph(), filters, bias).run(pictures)["out"] == pytest.approx(np.maximum(sums, 0), abs=1e-5)


def test_integers_cut_off_at_the_same_limit_and_round_to_its_255th_part() -> None:
    pictures, filters, bias, sums = made_up_layer()
    limit = 1.5
    found = one_layer(QuantizedGraph([limit], []), filters, bias).run(pictures)["out"]
    weights = float(np.abs(filters).max()) / 127 / 2 * 3 * 255  # what rounded weights may be off, all of them together
    assert found == pytest.approx(np.clip(sums, 0, limit), abs=limit / 255 + weights)
    assert found.max() == pytest.approx(limit, abs=1e-5)
    steps = found / (limit / 255)
    assert steps == pytest.approx(np.rint(steps), abs=1e-3)


def test_the_limits_that_come_with_photocall_are_those_of_the_demos_portraits(chips: ByteArray) -> None:
    found = limits.extremes(chips)
    assert found.sha256 == hashlib.sha256(chips.tobytes()).hexdigest()
    assert found.sha256 in (Path(limits.__file__).parent.parent / "src/photocall/engine/packs.toml").read_text("utf-8")
    assert found.limits == pytest.approx(STANDARD.limits, abs=0.002)
    assert found.sums == pytest.approx(STANDARD.sums, abs=0.002)


def test_limits_leave_the_portraits_that_they_are_from_alone_and_move_other_pictures(
    chips: ByteArray, resnet: ResNet
) -> None:
    black_and_white = np.where(chips > 128, 255, 0).astype(np.uint8)
    for pictures, far in ((chips, False), (chips[:, :, ::-1].copy(), False), (black_and_white, True)):
        free, limited = (embeddings(resnet, graph, pictures) for graph in (Graph(), Graph(STANDARD.limits)))
        drift = np.linalg.norm(free - limited, axis=1)
        assert drift.min() > 0.005 if far else drift.max() < 1e-4


# 8-bit integers


def test_all_29_convolutions_run_in_integers(resnet: ResNet, tmp_path: Path) -> None:
    operators = optimised(embedder(resnet, QuantizedGraph(STANDARD.limits, PAIRS)), tmp_path / "optimised.onnx")
    assert operators["QLinearConv"] == len(STANDARD.limits) == 29
    assert operators["Conv"] == operators["FusedConv"] == operators["Clip"] == 0


@pytest.mark.skipif(
    not runs_in_integers(STANDARD), reason="this processor multiplies no bytes (VNNI): sums may be cut off"
)
def test_vectors_in_integers_lie_near_those_in_floating_point(chips: ByteArray, resnet: ResNet) -> None:
    both = np.concatenate([chips, chips[:, :, ::-1]])
    exact = embeddings(resnet, Graph(STANDARD.limits), both)
    rounded = embeddings(resnet, QuantizedGraph(STANDARD.limits, PAIRS), both)
    drift = np.linalg.norm(exact - rounded, axis=1)
    assert drift.max() < 0.08
    assert drift.min() > 1e-4  # it was not the same network twice
    means = (exact[:5] + exact[5:]) / 2, (rounded[:5] + rounded[5:]) / 2
    assert np.linalg.norm(means[0] - means[1], axis=1).max() < 0.05
