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


def embedder(network: ResNet, graph: "Graph | None" = None) -> onnx.ModelProto:
    """dlib's face network.

    Input `chips`: uint8 RGB, shape (n, 150, 150, 3). Output `embeddings`: float32, shape (n, 128), dlib's own values
    in a plain graph, not normalised. Raises `WeightsInvalid` if the layers do not fit one another.

    Args:
        network: its layers.
        graph: an empty one to build it in: with limits, or in 8-bit integers; by default a plain one.
    """
    graph = graph or Graph()
    value, size = graph.picture("chips"), (3, CHIP_SIDE)
    value, size = _convolution(graph, value, size, *_scaled(*_folded(network.stem), network.average, 256), network.stem)
    value = graph.rectify(value)
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
    graph = Graph()
    first, second, third, boxes, classes = _layers(weights, _PNET, outputs=2)
    value, second = _pooled_first(graph, graph.picture("image"), first, second, window=2)
    value = _prelu_convolution(graph, value, second)
    _cells(graph, graph.convolve(value, *_oihw(third)), third[2].ravel(), boxes, classes)
    return graph.model(
        {"image": ["n", "h", "w", 3]}, {"logits": ["n", "cells_y", "cells_x"], "boxes": ["n", 4, "cells_y", "cells_x"]}
    )


def rnet(weights: Sequence[FloatArray]) -> onnx.ModelProto:
    """MTCNN's refinement network.

    Input `crops`: uint8 RGB, shape (n, 24, 24, 3). Outputs: `logits` float32 (n,), the log odds of a face; `boxes`
    float32 (n, 4), shifts of left, top, right and bottom in widths of the crop. Raises `WeightsInvalid` for arrays of
    other shapes.
    """
    graph = Graph()
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
    graph = Graph()
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


def _pooled_first(graph: "Graph", value: str, first: _Layer, second: _Layer, window: int) -> tuple[str, _Layer]:
    """The first layer of an MTCNN network with the "same" max pool of stride 2 after it; and the layer to follow.

    The input is (x - 127.5) / 128. PReLU comes after the pool, on a quarter of the map: with a slope a >= 0 it never
    falls, so it may; with a < 0 it is max(x, a x), so that a x is pooled too, as a channel of its own. Of z = max x and
    y = max a x it is then

        a < 0:  z + relu(y - z)
        a <= 1:  a z + relu((1 - a) z)
        a > 1:  -(-a z + relu((a - 1) z)), where `second` undoes the first minus

    which is L Z + relu(M Z) for two matrices L and M: two convolutions of side 1, with the sum and the relu fused.
    """
    filters, bias = _scaled(*_oihw(first), np.full(3, 127.5, np.float32), 128)
    slopes = first[2].ravel()
    below = np.flatnonzero(slopes < 0)
    filters = np.concatenate([filters, filters[below] * slopes[below, None, None, None]])
    bias = np.concatenate([bias, bias[below] * slopes[below]])
    outputs, inputs = _blocks(slopes.size), _blocks(bias.size)
    pooled = graph.max_pool(graph.convolve(value, _grown_to(filters, inputs), _grown_to(bias, inputs)), window, grow=1)
    signs = np.where(slopes > 1, -1, 1)
    plain, kinked = np.zeros((2, outputs, inputs), np.float32)
    channels = np.arange(slopes.size)
    plain[channels, channels] = np.where(slopes < 0, 1, signs * slopes)
    kinked[channels, channels] = np.where(slopes < 0, -1, np.abs(1 - slopes))
    kinked[below, slopes.size + np.arange(below.size)] = 1
    nothing = np.zeros(outputs, np.float32)
    more = graph.add("Relu", [graph.convolve(pooled, kinked[..., None, None], nothing)])
    total = graph.add("Add", [graph.convolve(pooled, plain[..., None, None], nothing), more])
    kernel = second[0] * signs[:, None].astype(np.float32)
    return total, (np.pad(kernel, [(0, 0), (0, 0), (0, outputs - slopes.size), (0, 0)]), *second[1:])


def _blocks(channels: int) -> int:
    """The next multiple of 16: ONNX Runtime keeps blocks of 8 or 16 channels, and copies maps that do not fill them."""
    return -(-channels // 16) * 16


def _grown_to(array: FloatArray, channels: int) -> FloatArray:
    """The array with zeros after its channels, the first axis."""
    return np.pad(array, [(0, channels - len(array)), *[(0, 0)] * (array.ndim - 1)])


def _prelu_convolution(graph: "Graph", value: str, layer: _Layer) -> str:
    """A convolution and a x + relu((1 - a) x): two passes over the map, since relu and sum are fused into them."""
    value, slopes = graph.convolve(value, *_oihw(layer)), layer[2].ravel()
    if (slopes > 1).any():  # then (1 - a) has to come after the relu, and nothing is fused
        more = graph.scale(graph.add("Relu", [value]), 1 - slopes)
    else:
        more = graph.add("Relu", [graph.scale(value, 1 - slopes)])
    return graph.add("Add", [graph.scale(value, slopes), more])


def _cells(graph: "Graph", value: str, slopes: FloatArray, boxes: _Layer, classes: _Layer) -> None:
    """P-Net's outputs, with the PReLU before them: W prelu(x) = (a W) x + ((1 - a) W) relu(x)."""
    heads = [_oihw(boxes), _oihw(_log_odds(classes))]
    filters, bias = (np.concatenate(parts) for parts in zip(*heads, strict=True))
    across = slopes[:, None, None]
    more = graph.convolve(graph.add("Relu", [value]), filters * (1 - across), np.zeros_like(bias))
    cells = graph.add("Add", [graph.convolve(value, filters * across, bias), more])
    graph.split(cells, {"boxes": 4, "odds": 1})
    graph.add("Squeeze", ["odds", graph.constant(np.array([1]))], output="logits")


def _prelu_dense(graph: "Graph", value: str, layer: _Layer, side: int) -> str:
    """A dense layer over a feature map, which Keras flattens column by column with the channels last."""
    kernel, bias, slopes = layer
    channels_first = kernel.reshape(side, side, -1, kernel.shape[1]).transpose(2, 1, 0, 3).reshape(kernel.shape)
    sums = graph.dense(graph.add("Flatten", [value]), channels_first, bias)
    return graph.add("PRelu", [sums, graph.constant(slopes)])


def _dense_outputs(graph: "Graph", value: str, outputs: dict[str, _Layer], classes: _Layer) -> None:
    for name, (kernel, bias) in outputs.items():
        graph.dense(value, kernel, bias, output=name)
    kernel, bias = _log_odds(classes)
    graph.add("Squeeze", [graph.dense(value, kernel, bias), graph.constant(np.array([1]))], output="logits")


def _folded(layer: Convolution) -> tuple[FloatArray, FloatArray]:
    """Filters and bias that do what the convolution and its affine layer do."""
    return layer.filters * layer.gamma[:, None, None, None], layer.bias * layer.gamma + layer.beta


def _convolution(
    graph: "Graph", value: str, size: _Size, filters: FloatArray, bias: FloatArray, layer: Convolution
) -> tuple[str, _Size]:
    channels, inputs, rows, columns = filters.shape
    if inputs != size[0] or rows != columns:
        raise WeightsInvalid("dlib model", "a convolution does not fit the layer before it")
    side = _fitting(size[1] + 2 * layer.padding, rows, layer.stride)
    return graph.convolve(value, filters, bias, layer.stride, layer.padding), (channels, side)


def _residual(graph: "Graph", value: str, size: _Size, block: ResidualBlock) -> tuple[str, _Size]:
    shortcut, shortcut_size = value, size
    value, size = _convolution(graph, value, size, *_folded(block.first), block.first)
    value = graph.rectify(value)
    value, size = _convolution(graph, value, size, *_folded(block.second), block.second)
    value = graph.settle(value)
    if block.pool:
        window, stride = block.pool.size, block.pool.stride
        shortcut = graph.add("AveragePool", [shortcut], kernel_shape=[window] * 2, strides=[stride] * 2)
        shortcut_size = shortcut_size[0], _fitting(shortcut_size[1], window, stride)
    total = max(size[0], shortcut_size[0]), max(size[1], shortcut_size[1])
    value, shortcut = _grown(graph, value, size, total), _grown(graph, shortcut, shortcut_size, total)
    return graph.rectify(graph.add("Add", [value, shortcut])), total


def _grown(graph: "Graph", value: str, size: _Size, total: _Size) -> str:
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


class Graph:
    """Collects the nodes and constants of one ONNX graph; values are known by their names.

    Args:
        limits: the highest activation after each ReLU, in the order of the data's flow; empty for none.
    """

    def __init__(self, limits: Sequence[float] = ()) -> None:
        self._limits = iter(limits)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """A node with one output; the output's name."""
        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, array: NDArray[np.generic]) -> str:
        """An array that does not change."""
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def picture(self, name: str) -> str:
        """An input of uint8 pictures, channels last, as float32 with channels first."""
        planes = self.add("Transpose", [name], perm=[0, 3, 1, 2])
        return self.add("Cast", [planes], to=TensorProto.FLOAT)

    def convolve(
        self, value: str, filters: FloatArray, bias: FloatArray, stride: int = 1, padding: int = 0, output: str = ""
    ) -> str:
        """A convolution; filters of shape (out, in, rows, columns)."""
        inputs = [value, self.constant(filters), self.constant(bias)]
        return self.add("Conv", inputs, output, strides=[stride] * 2, pads=[padding] * 4)

    def settle(self, value: str) -> str:
        """The output of a convolution that no ReLU follows."""
        return value

    def rectify(self, value: str) -> str:
        """A ReLU, with the next of the limits above it if there are any."""
        limit = next(self._limits, None)
        if limit is None:
            return self.add("Relu", [value])
        return self.add("Clip", [value, *(self.constant(np.array(edge, np.float32)) for edge in (0, limit))])

    def dense(self, value: str, kernel: FloatArray, bias: FloatArray, output: str = "") -> str:
        """value @ kernel + bias."""
        return self.add("Gemm", [value, self.constant(kernel), self.constant(bias)], output)

    def max_pool(self, value: str, window: int, grow: int = 0) -> str:
        """Stride 2; `grow` rows below and columns to the right count as minus infinity."""
        return self.add("MaxPool", [value], kernel_shape=[window] * 2, strides=[2, 2], pads=[0, 0, grow, grow])

    def split(self, value: str, channels: dict[str, int]) -> None:
        """Values of that many channels each, under the given names."""
        sizes = self.constant(np.array(list(channels.values())))
        self._nodes.append(helper.make_node("Split", [value, sizes], list(channels), name="split", axis=1))

    def scale(self, value: str, factors: FloatArray) -> str:
        """Every channel times its factor, as a convolution: unlike Mul it is fused with what comes after."""
        filters, nothing = factors.reshape(-1, 1, 1, 1), np.zeros(factors.size, np.float32)
        inputs = [value, self.constant(filters), self.constant(nothing)]
        return self.add("Conv", inputs, group=factors.size)

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
