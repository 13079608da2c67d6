"""The ONNX graphs, against dlib and against MTCNN's layers written out in NumPy."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

import dlib
import joblib
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from photocall.engine import graphs
from photocall.engine.dlib_network import Pool, ResNet, parse_resnet
from photocall.engine.packs import load_pack
from photocall.engine.sources import read_source, source_path
from photocall.errors import WeightsInvalid
from photocall.faces import ByteArray, FloatArray

SOURCES = {file.name: file for file in load_pack("dlib-mtcnn").files}
RANDOM = np.random.default_rng(11)


def pictures(*shape: int) -> ByteArray:
    """Noise and, every other one, a smooth ramp: the networks answer them differently."""
    noise = RANDOM.integers(0, 256, shape, np.uint8)
    noise[1::2] = (noise[1::2] // 8) + np.linspace(0, 223, shape[2]).astype(np.uint8)[:, None]
    return noise


def session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


# dlib's network


@pytest.fixture(scope="module")
def network() -> ResNet:
    return parse_resnet(read_source(SOURCES["embedder"]))


@pytest.fixture(scope="module")
def embedder(network: ResNet) -> ort.InferenceSession:
    return session(graphs.embedder(network))


def chips() -> ByteArray:
    """Noise, ramps, black, white, and what dlib cuts out of a picture, uint8 RGB (n, 150, 150, 3)."""
    predictor = dlib.shape_predictor(str(source_path(SOURCES["predictor"])))
    picture = np.ascontiguousarray(pictures(2, 400, 300, 3)[1])
    cut = [
        dlib.get_face_chip(picture, predictor(picture, dlib.rectangle(x, 60, x + 149, 209)), size=150, padding=0.25)
        for x in (20, 100, 190)
    ]
    plain = np.stack([np.zeros((150, 150, 3), np.uint8), np.full((150, 150, 3), 255, np.uint8)])
    return np.concatenate([pictures(4, 150, 150, 3), plain, np.stack(cut)])


def test_embeddings_are_those_of_dlib(embedder: ort.InferenceSession) -> None:
    reference = dlib.face_recognition_model_v1(str(source_path(SOURCES["embedder"])))
    inputs = chips()
    expected = np.array([reference.compute_face_descriptor(chip) for chip in inputs])
    (found,) = embedder.run(None, {"chips": inputs})
    assert found.shape == (len(inputs), 128)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_an_embedding_does_not_depend_on_the_batch(embedder: ort.InferenceSession) -> None:
    inputs = pictures(5, 150, 150, 3)
    alone = np.concatenate([embedder.run(None, {"chips": inputs[place : place + 1]})[0] for place in range(5)])
    np.testing.assert_allclose(embedder.run(None, {"chips": inputs})[0], alone, rtol=0, atol=1e-6)


def test_layers_that_do_not_fit_one_another_are_refused(network: ResNet) -> None:
    with pytest.raises(WeightsInvalid, match="does not fit the layer before"):
        graphs.embedder(replace(network, blocks=network.blocks[1:3] + network.blocks[4:]))
    with pytest.raises(WeightsInvalid, match="larger than its input"):
        graphs.embedder(replace(network, stem_pool=Pool(200, 1)))


# MTCNN, layer by layer as Keras defines them, in float64


class Keras:
    """Layers over a list of weights, each taking the next of them; maps are (n, rows, columns, channels)."""

    def __init__(self, weights: Sequence[FloatArray], inputs: ByteArray) -> None:
        self.weights: Iterator[np.ndarray] = iter([array.astype(np.float64) for array in weights])
        self.value: np.ndarray = (inputs.astype(np.float64) - 127.5) / 128

    def conv(self) -> np.ndarray:
        kernel, bias = next(self.weights), next(self.weights)
        windows = np.lib.stride_tricks.sliding_window_view(self.value, kernel.shape[:2], axis=(1, 2))
        result: np.ndarray = np.einsum("nyxcij,ijco->nyxo", windows, kernel, optimize=True) + bias
        return result

    def dense(self) -> np.ndarray:
        result: np.ndarray = self.value @ next(self.weights) + next(self.weights)
        return result

    def prelu(self, value: np.ndarray) -> None:
        self.value = np.where(value > 0, value, value * next(self.weights))

    def max_pool(self, size: int, same: bool) -> None:
        if same:  # Keras: as many windows as strides begin, missing cells at both ends, one more at the far end
            missing = [max(((side - 1) // 2) * 2 + size - side, 0) for side in self.value.shape[1:3]]
            widths = [(0, 0), *((total // 2, total - total // 2) for total in missing), (0, 0)]
            self.value = np.pad(self.value, widths, constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(self.value, (size, size), axis=(1, 2))
        self.value = windows[:, ::2, ::2].max(axis=(-2, -1))

    def permute_and_flatten(self) -> None:
        self.value = self.value.transpose(0, 2, 1, 3).reshape(len(self.value), -1)


def face_probability(classes: np.ndarray) -> np.ndarray:
    """Softmax over (no face, face): the second."""
    exponentials = np.exp(classes - classes.max(-1, keepdims=True))
    probability: np.ndarray = exponentials[..., 1] / exponentials.sum(-1)
    return probability


def keras_pnet(weights: Sequence[FloatArray], image: ByteArray) -> dict[str, np.ndarray]:
    keras = Keras(weights, image)
    keras.prelu(keras.conv())
    keras.max_pool(2, same=True)
    keras.prelu(keras.conv())
    keras.prelu(keras.conv())
    boxes = keras.conv()
    return {"boxes": boxes.transpose(0, 3, 1, 2), "probability": face_probability(keras.conv())}


def keras_rnet(weights: Sequence[FloatArray], crops: ByteArray) -> dict[str, np.ndarray]:
    keras = Keras(weights, crops)
    keras.prelu(keras.conv())
    keras.max_pool(3, same=True)
    keras.prelu(keras.conv())
    keras.max_pool(3, same=False)
    keras.prelu(keras.conv())
    keras.permute_and_flatten()
    keras.prelu(keras.dense())
    return {"boxes": keras.dense(), "probability": face_probability(keras.dense())}


def keras_onet(weights: Sequence[FloatArray], crops: ByteArray) -> dict[str, np.ndarray]:
    keras = Keras(weights, crops)
    keras.prelu(keras.conv())
    keras.max_pool(3, same=True)
    keras.prelu(keras.conv())
    keras.max_pool(3, same=False)
    keras.prelu(keras.conv())
    keras.max_pool(2, same=True)
    keras.prelu(keras.conv())
    keras.permute_and_flatten()
    keras.prelu(keras.dense())
    return {"boxes": keras.dense(), "points": keras.dense(), "probability": face_probability(keras.dense())}


def published(name: str) -> list[FloatArray]:
    weights: list[FloatArray] = joblib.load(io.BytesIO(read_source(SOURCES[name])))
    return weights


def outputs(network: ort.InferenceSession, inputs: ByteArray) -> dict[str, np.ndarray]:
    """What the graph says, with its log odds as probabilities."""
    names = [output.name for output in network.get_outputs()]
    found = dict(zip(names, network.run(None, {network.get_inputs()[0].name: inputs}), strict=True))
    assert {value.dtype.name for value in found.values()} == {"float32"}
    found["probability"] = 1 / (1 + np.exp(-found.pop("logits").astype(np.float64)))
    return found


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("shape", [(12, 12), (13, 17), (40, 55), (61, 38)])
def test_the_proposal_network_is_that_of_keras_for_even_and_odd_sides(shape: tuple[int, int]) -> None:
    weights, image = published("pnet"), pictures(2, *shape, 3)
    assert_same(outputs(session(graphs.pnet(weights)), image), keras_pnet(weights, image))


@pytest.mark.parametrize("count", [1, 7])
def test_the_refinement_network_is_that_of_keras(count: int) -> None:
    weights, crops = published("rnet"), pictures(count, 24, 24, 3)
    assert_same(outputs(session(graphs.rnet(weights)), crops), keras_rnet(weights, crops))


@pytest.mark.parametrize("count", [1, 7])
def test_the_output_network_is_that_of_keras(count: int) -> None:
    weights, crops = published("onet"), pictures(count, 48, 48, 3)
    assert_same(outputs(session(graphs.onet(weights)), crops), keras_onet(weights, crops))


@pytest.mark.parametrize("slope", [-1.5, 0.0, 0.3, 1.0, 2.5])
def test_slopes_of_every_kind_give_the_same_network(slope: float) -> None:
    weights = published("rnet")
    weights[2] = np.full_like(weights[2], slope)
    weights[2][..., ::3] = 1.7
    weights[5] = np.full_like(weights[5], slope)
    crops = pictures(3, 24, 24, 3)
    assert_same(outputs(session(graphs.rnet(weights)), crops), keras_rnet(weights, crops))


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(WeightsInvalid, match="not those of the network"):
        graphs.pnet(published("rnet"))
    with pytest.raises(WeightsInvalid, match="not those of the network"):
        graphs.onet(published("onet")[:-1])
    with pytest.raises(WeightsInvalid, match="not those of the network"):
        graphs.rnet([array.astype(np.float64) for array in published("rnet")])


def test_graphs_are_readable_by_onnx_runtime_1_22() -> None:
    model = graphs.pnet(published("pnet"))
    assert model.ir_version <= 10
    assert [(opset.domain, opset.version <= 22) for opset in model.opset_import] == [("", True)]
