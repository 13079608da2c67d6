"""Other people's ONNX files: fed as they want, or refused with a reason."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_models import mean_embedder, save
from photocall.engine.onnx_import import INPUT, import_network
from photocall.engine.parts import Pixels
from photocall.errors import WeightsInvalid

RNG = np.random.default_rng(0)
CHIPS = RNG.integers(0, 256, (2, 8, 8, 3), np.uint8)


def run(path: Path, pixels: Pixels) -> np.ndarray:
    model = import_network(path.read_bytes(), "test", pixels)
    onnx.checker.check_model(model)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {INPUT: CHIPS})[0])


@pytest.mark.parametrize("last", [False, True], ids=["nchw", "nhwc"])
@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_a_network_sees_its_own_colours_mean_and_scale(colour: str, last: bool, tmp_path: Path) -> None:
    mean, scale = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)
    vectors = run(
        mean_embedder(tmp_path / "a.onnx", 8, "n", last), Pixels("nhwc" if last else "nchw", colour, mean, scale)
    )
    seen = CHIPS[..., ::-1] if colour == "bgr" else CHIPS
    expected = (seen.astype(np.float64) - mean) / scale
    assert vectors[:, :3] == pytest.approx(expected.mean(axis=(1, 2)), abs=1e-4)
    assert vectors[:, 3] == pytest.approx(expected[:, :, :4, 0].mean(axis=(1, 2)), abs=1e-4)


def test_a_network_that_takes_raw_pixels_gets_them(tmp_path: Path) -> None:
    vectors = run(mean_embedder(tmp_path / "a.onnx", 8, "n"), Pixels("nchw", "rgb", (0, 0, 0), (1, 1, 1)))
    assert vectors[:, :3] == pytest.approx(CHIPS.mean(axis=(1, 2)), abs=1e-4)


PLAIN = Pixels("nchw", "rgb", (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize("data", [b"", b"no network", b"\x08\x07"], ids=["empty", "text", "no graph"])
def test_what_is_no_network_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsInvalid, match="mine: not an ONNX file"):
        import_network(data, "mine", PLAIN)


def external(name: str) -> TensorProto:
    """A tensor whose values are in a file of the machine."""
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


def test_weights_in_other_files_are_refused_wherever_they_hide(tmp_path: Path) -> None:
    path = mean_embedder(tmp_path / "a.onnx", 8, "n")
    as_weight, in_node, in_branch = (onnx.load(path) for _ in range(3))
    as_weight.graph.initializer.append(external("w"))
    in_node.graph.node.append(helper.make_node("Constant", [], ["c"], value=external("v")))
    branch = helper.make_graph([], "then", [], [], [external("b")])
    in_branch.graph.node.append(helper.make_node("If", ["yes"], ["x"], then_branch=branch, else_branch=branch))
    for model in (as_weight, in_node, in_branch):
        with pytest.raises(WeightsInvalid, match="it keeps weights in other files"):
            import_network(model.SerializeToString(), "mine", PLAIN)


def test_a_network_of_two_inputs_is_refused(tmp_path: Path) -> None:
    model = onnx.load(mean_embedder(tmp_path / "a.onnx", 8, "n"))
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1]))
    with pytest.raises(WeightsInvalid, match="one input, a picture, is needed; this one has 2"):
        import_network(model.SerializeToString(), "mine", PLAIN)


def test_weights_that_are_listed_among_the_inputs_as_in_older_files_are_no_inputs(tmp_path: Path) -> None:
    path = mean_embedder(tmp_path / "a.onnx", 8, "n")
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("half", TensorProto.INT64, [1]))
    onnx.save(model, path)
    assert run(path, PLAIN).shape == (2, 4)


def test_an_input_of_the_other_layout_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match=r"layout nchw needs an input of shape \(n, 3, h, w\); .* \[0, 8, 8, 3\]"):
        import_network(mean_embedder(tmp_path / "a.onnx", 8, "n", last=True).read_bytes(), "mine", PLAIN)


def test_operators_of_before_broadcasting_are_refused(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["input"], ["y"])
    path = save(tmp_path / "a.onnx", [node], (1, 3, 8, 8), {"y": (1, 3, 8, 8)}, {}, opset=6)
    with pytest.raises(WeightsInvalid, match="of ONNX opset 6; 7 or later is needed"):
        import_network(path.read_bytes(), "mine", PLAIN)


@pytest.mark.parametrize("shape", [(1, 3, 100_000, 100_000), (1_000_000, 3, 112, 112), ("n", 3, 5000, 5000)])
def test_an_input_that_would_take_all_memory_is_refused_before_it_is_made(
    shape: tuple[int | str, ...], tmp_path: Path
) -> None:
    node = helper.make_node("Relu", ["input"], ["y"])
    path = save(tmp_path / "a.onnx", [node], shape, {"y": shape}, {})
    with pytest.raises(WeightsInvalid, match=r"it takes .* pictures of \d+x\d+ at once, more than the 16,777,216"):
        import_network(path.read_bytes(), "mine", PLAIN)
