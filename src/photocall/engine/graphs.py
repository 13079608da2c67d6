"""Builds the ONNX graphs of the four networks from their published weights.

All take raw uint8 RGB pictures, channels last, as decoders give them: scaling is folded into the first convolution,
which is exact because none of the four pads its input. Imported only while weights are converted, never to run them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from photocall.engine.dlib_network import CHIP_SIDE, Convolution, ResidualBlock, ResNet
from photocall.errors import WeightsInvalid
from photocall.faces import FloatArray

_OPSET, _IR_VERSION = 17, 8  # ONNX 1.12: read by every ONNX Runtime since 1.12

_PNET = ((3, 3, 3, 10), (3, 3, 10, 16), (3, 3, 16, 32), (1, 1, 32, 4), (1, 1, 32, 2))
_RNET = ((3, 3, 3, 28), (3, 3, 28, 48), (2, 2, 48, 64), (576, 128), (128, 4), (128, 2))
_ONET = (
    *((3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (2, 2, 64, 128)),
    *((1152, 256), (256, 4), (256, 10), (256, 2)),
)
"""Kernel shapes of MTCNN as Keras stores them (rows, columns, in, out); each is followed by its bias and, but for the
outputs, by the slopes of its PReLU."""

_Size = tuple[int, int]  # channels and side of a square feature map


def embedder(network: ResNet) -> onnx.ModelProto:
    """dlib's face network.

    Input `chips`: uint8 RGB, shape (n, 150, 150, 3). Output `embeddings`: float32, shape (n, 128), dlib's own values,
    not normalised. Raises `WeightsInvalid` if the layers do not fit one another.
    """
    graph = _Graph()
    value, size = graph.picture("chips"), (3, CHIP_SIDE)
    value, size = _convolution(graph, value, size, *_scaled(*_folded(network.stem), network.average, 256), network.stem)
    value = graph.add("Relu", [value])
    pool = network.stem_pool
    value = graph.add("MaxPool", [value], kernel_shape=[pool.size] * 2, strides=[pool.stride] * 2)
    size = size[0], _fitting(size[1], pool.size, pool.stride)
    for block in network.blocks:
        value, size = _residual(graph, value, size, block)
    value = graph.add("Flatten", [graph.add("GlobalAveragePool", [value])])
    graph.add("MatMul", [value, graph.constant(network.projection)], output="embeddings")
    return graph.model({"chips": ["n", CHIP_SIDE, CHIP_SIDE, 3]}, {"embeddings": ["n", network.projection.shape[1]]})


def pnet(weights: Sequence[FloatArray]) -> onnx.ModelProto:
    """MTCNN's proposal network: a 12-pixel window moved over the picture in steps of 2.

    Input `image`: uint8 RGB, shape (n, h, w, 3), h and w at least 12. Outputs, with a cell for each window: `logits`
    float32 (n, h', w'), the log odds of a face; `boxes` float32 (n, 4, h', w'), shifts of left, top, right and bottom
    in widths of the window. Raises `WeightsInvalid` for arrays of other shapes.
    """
    graph = _Graph()
    first, second, third, boxes, classes = _layers(weights, _PNET, outputs=2)
    value, second = _pooled_first(graph, graph.picture("image"), first, second, window=2)
    value = _prelu_convolution(graph, value, second)
    value = _prelu_convolution(graph, value, third)
    graph.convolve(value, *_oihw(boxes), output="boxes")
    logits = graph.convolve(value, *_oihw(_log_odds(classes)))
    graph.add("Squeeze", [logits, graph.constant(np.array([1]))], output="logits")
    return graph.model(
        {"image": ["n", "h", "w", 3]}, {"logits": ["n", "cells_y", "cells_x"], "boxes": ["n", 4, "cells_y", "cells_x"]}
    )


def rnet(weights: Sequence[FloatArray]) -> onnx.ModelProto:
    """MTCNN's refinement network.

    Input `crops`: uint8 RGB, shape (n, 24, 24, 3). Outputs: `logits` float32 (n,), the log odds of a face; `boxes`
    float32 (n, 4), shifts of left, top, right and bottom in widths of the crop. Raises `WeightsInvalid` for arrays of
    other shapes.
    """
    graph = _Graph()
    first, second, third, dense, boxes, classes = _layers(weights, _RNET, outputs=2)
    value, second = _pooled_first(graph, graph.picture("crops"), first, second, window=3)
    value = _prelu_convolution(graph, value, second)
    value = graph.max_pool(value, 3)
    value = _prelu_convolution(graph, value, third)
    value = _prelu_dense(graph, value, dense, side=3)
    _dense_outputs(graph, value, {"boxes": boxes}, classes)
    return graph.model({"crops": ["n", 24, 24, 3]}, {"logits": ["n"], "boxes": ["n", 4]})


def onet(weights: Sequence[FloatArray]) -> onnx.ModelProto:
    """MTCNN's output network.

    Input `crops`: uint8 RGB, shape (n, 48, 48, 3). Outputs: `logits` and `boxes` as of `rnet`; `points` float32
    (n, 10), x of five points, then y, in widths of the crop from its top left corner: eye on the picture's left, eye on
    its right, nose, mouth corner left, right. Raises `WeightsInvalid` for arrays of other shapes.
    """
    graph = _Graph()
    first, second, third, fourth, dense, boxes, points, classes = _layers(weights, _ONET, outputs=3)
    value, second = _pooled_first(graph, graph.picture("crops"), first, second, window=3)
    value = _prelu_convolution(graph, value, second)
    value = graph.max_pool(value, 3)
    value = _prelu_convolution(graph, value, third)
    value = graph.max_pool(value, 2)
    value = _prelu_convolution(graph, value, fourth)
    value = _prelu_dense(graph, value, dense, side=3)
    _dense_outputs(graph, value, {"boxes": boxes, "points": points}, classes)
    return graph.model({"crops": ["n", 48, 48, 3]}, {"logits": ["n"], "boxes": ["n", 4], "points": ["n", 10]})


_Layer = Sequence[FloatArray]  # kernel, bias and, where there is an activation, slopes


def _layers(weights: Sequence[FloatArray], kernels: Sequence[tuple[int, ...]], outputs: int) -> list[_Layer]:
    """The flat list of Keras arrays, a layer at a time; the last `outputs` layers have no slopes."""
    shapes: list[list[tuple[int, ...]]] = []
    for place, kernel in enumerate(kernels):
        slopes = [(1,) * (len(kernel) - 2) + kernel[-1:]] if place < len(kernels) - outputs else []
        shapes.append([kernel, kernel[-1:], *slopes])
    flat = [shape for layer in shapes for shape in layer]
    if [array.shape for array in weights] != flat or any(array.dtype != np.float32 for array in weights):
        raise WeightsInvalid("MTCNN weights", "the arrays are not those of the network they should be")
    rest = iter(weights)
    return [[next(rest) for _ in layer] for layer in shapes]


def _oihw(layer: _Layer) -> tuple[FloatArray, FloatArray]:
    """A Keras convolution in ONNX's order: filters (out, in, rows, columns), and bias."""
    return layer[0].transpose(3, 2, 0, 1), layer[1]


def _log_odds(layer: _Layer) -> _Layer:
    """A softmax over (no face, face) as one number: the difference of the two, log(p / (1 - p))."""
    kernel, bias = layer
    return kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]


def _scaled(
    filters: FloatArray, bias: FloatArray, average: FloatArray, divisor: float
) -> tuple[FloatArray, FloatArray]:
    """The convolution of (x - average) / divisor as one of x, in float64 for exactness; `average` is per channel."""
    wide = filters.astype(np.float64) / divisor
    shift = np.einsum("oihw,i->o", wide, average.astype(np.float64))
    return wide.astype(np.float32), (bias - shift).astype(np.float32)


def _pooled_first(graph: "_Graph", value: str, first: _Layer, second: _Layer, window: int) -> tuple[str, _Layer]:
    """The first layer of an MTCNN network with the "same" max pool of stride 2 after it; and the layer to follow.

    The input is (x - 127.5) / 128. With slopes of at most 1, PReLU is max(x, a x), so that x and a x may be pooled
    first, each by a convolution of its own: nothing but convolutions and pools passes over the largest maps. Against
    PReLU before the pool: P-Net 1.2, R-Net 1.3, O-Net 1.1 times as fast.
    """
    first, second = _full_blocks(*_without_steep_slopes(first, second))
    filters, bias = _scaled(*_oihw(first), np.full(3, 127.5, np.float32), 128)
    slopes = first[2].ravel()
    plain = graph.max_pool(graph.convolve(value, filters, bias), window, grow=1)
    sloped = graph.max_pool(graph.convolve(value, filters * slopes[:, None, None, None], bias * slopes), window, grow=1)
    minus = graph.add("Mul", [plain, graph.constant(np.full((slopes.size, 1, 1), -1, np.float32))])
    more = graph.add("Relu", [graph.add("Add", [minus, sloped])])  # max(x, y) = x + relu(y - x): fused, unlike Max
    return graph.add("Add", [plain, more]), second


def _without_steep_slopes(first: _Layer, second: _Layer) -> tuple[_Layer, _Layer]:
    """Slopes of at most 1, to the same end.

    A channel of slope a > 1 becomes two, of slopes 1 and 0, since prelu(x) = a x + (1 - a) relu(x); the factors go into
    the second layer.
    """
    kernel, bias, slopes = first
    steep = np.flatnonzero(slopes > 1)
    factors = slopes[..., steep].reshape(-1, 1)
    following = second[0].copy()
    following[:, :, steep] *= factors
    relus = second[0][:, :, steep] * (1 - factors)
    split = (
        np.concatenate([kernel, kernel[..., steep]], axis=-1),
        np.concatenate([bias, bias[steep]]),
        np.concatenate([np.minimum(slopes, 1), np.zeros_like(slopes[..., steep])], axis=-1),
    )
    return split, (np.concatenate([following, relus], axis=2), *second[1:])


def _full_blocks(first: _Layer, second: _Layer) -> tuple[_Layer, _Layer]:
    """Channels that are always 0, so that their count is a multiple of 16.

    ONNX Runtime keeps blocks of 8 or 16 channels together; a count that does not fill them costs a copy of the map.
    """
    missing = -first[1].size % 16
    grown = [np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)]) for array in first]
    return grown, (np.pad(second[0], [(0, 0), (0, 0), (0, missing), (0, 0)]), *second[1:])


def _prelu_convolution(graph: "_Graph", value: str, layer: _Layer) -> str:
    return graph.prelu(graph.convolve(value, *_oihw(layer)), layer[2].reshape(-1, 1, 1))


def _prelu_dense(graph: "_Graph", value: str, layer: _Layer, side: int) -> str:
    """A dense layer over a feature map, which Keras flattens column by column with the channels last."""
    kernel, bias, slopes = layer
    channels_first = kernel.reshape(side, side, -1, kernel.shape[1]).transpose(2, 1, 0, 3).reshape(kernel.shape)
    return graph.prelu(graph.dense(graph.add("Flatten", [value]), channels_first, bias), slopes)


def _dense_outputs(graph: "_Graph", value: str, outputs: dict[str, _Layer], classes: _Layer) -> None:
    for name, (kernel, bias) in outputs.items():
        graph.dense(value, kernel, bias, output=name)
    kernel, bias = _log_odds(classes)
    graph.add("Squeeze", [graph.dense(value, kernel, bias), graph.constant(np.array([1]))], output="logits")


def _folded(layer: Convolution) -> tuple[FloatArray, FloatArray]:
    """Filters and bias that do what the convolution and its affine layer do."""
    return layer.filters * layer.gamma[:, None, None, None], layer.bias * layer.gamma + layer.beta


def _convolution(
    graph: "_Graph", value: str, size: _Size, filters: FloatArray, bias: FloatArray, layer: Convolution
) -> tuple[str, _Size]:
    channels, inputs, rows, columns = filters.shape
    if inputs != size[0] or rows != columns:
        raise WeightsInvalid("dlib model", "a convolution does not fit the layer before it")
    side = _fitting(size[1] + 2 * layer.padding, rows, layer.stride)
    return graph.convolve(value, filters, bias, layer.stride, layer.padding), (channels, side)


def _residual(graph: "_Graph", value: str, size: _Size, block: ResidualBlock) -> tuple[str, _Size]:
    shortcut, shortcut_size = value, size
    value, size = _convolution(graph, value, size, *_folded(block.first), block.first)
    value = graph.add("Relu", [value])
    value, size = _convolution(graph, value, size, *_folded(block.second), block.second)
    if block.pool:
        window, stride = block.pool.size, block.pool.stride
        shortcut = graph.add("AveragePool", [shortcut], kernel_shape=[window] * 2, strides=[stride] * 2)
        shortcut_size = shortcut_size[0], _fitting(shortcut_size[1], window, stride)
    total = max(size[0], shortcut_size[0]), max(size[1], shortcut_size[1])
    value, shortcut = _grown(graph, value, size, total), _grown(graph, shortcut, shortcut_size, total)
    return graph.add("Relu", [graph.add("Add", [value, shortcut])]), total


def _grown(graph: "_Graph", value: str, size: _Size, total: _Size) -> str:
    """dlib adds maps of different sizes as if the smaller had zeros after its channels, below and to the right."""
    if size == total:
        return value
    channels, side = total[0] - size[0], total[1] - size[1]
    return graph.add("Pad", [value, graph.constant(np.array([0, 0, 0, 0, 0, channels, side, side]))])


def _fitting(side: int, window: int, stride: int) -> int:
    """How many windows fit into a side."""
    if window > side:
        raise WeightsInvalid("dlib model", "a layer's window is larger than its input")
    return (side - window) // stride + 1


class _Graph:
    """Collects the nodes and constants of one ONNX graph; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """A node with one output; the output's name."""
        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, array: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def picture(self, name: str) -> str:
        """An input of uint8 pictures, channels last, as float32 with channels first."""
        planes = self.add("Transpose", [name], perm=[0, 3, 1, 2])
        return self.add("Cast", [planes], to=TensorProto.FLOAT)

    def convolve(
        self, value: str, filters: FloatArray, bias: FloatArray, stride: int = 1, padding: int = 0, output: str = ""
    ) -> str:
        inputs = [value, self.constant(filters), self.constant(bias)]
        return self.add("Conv", inputs, output, strides=[stride] * 2, pads=[padding] * 4)

    def dense(self, value: str, kernel: FloatArray, bias: FloatArray, output: str = "") -> str:
        return self.add("Gemm", [value, self.constant(kernel), self.constant(bias)], output)

    def max_pool(self, value: str, window: int, grow: int = 0) -> str:
        """Stride 2; `grow` rows below and columns to the right count as minus infinity."""
        return self.add("MaxPool", [value], kernel_shape=[window] * 2, strides=[2, 2], pads=[0, 0, grow, grow])

    def prelu(self, value: str, slopes: FloatArray) -> str:
        """(1 - a) relu(x) + a x: in this order ONNX Runtime fuses the sum, which its PRelu cannot do."""
        positive = self.add("Mul", [self.add("Relu", [value]), self.constant(1 - slopes)])
        return self.add("Add", [positive, self.add("Mul", [value, self.constant(slopes)])])

    def model(self, inputs: dict[str, list[str | int]], outputs: dict[str, list[str | int]]) -> onnx.ModelProto:
        """The whole, checked; pictures go in, float32 comes out."""
        graph = helper.make_graph(
            self._nodes,
            "photocall",
            [helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            graph, producer_name="photocall", opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        onnx.checker.check_model(model, full_check=True)
        return model
