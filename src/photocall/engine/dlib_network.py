"""Reads dlib's face network: the file `dlib_face_recognition_resnet_model_v1.dat`.

The reader knows the architecture that it expects, a ResNet of con, affine, relu, add_prev and pools (dlib/dnn, Boost
licence), checks every size against what is left before it allocates, and consumes the file to its last byte.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photocall.engine.dlib_format import MAX_MAGNITUDE_BYTES, finite, malformed, reals
from photocall.faces import FloatArray

CHIP_SIDE = 150
"""Side of the network's square input, pixels; the file's own input layer says so, and is checked."""

DIMENSION = 128
"""Length of an embedding."""

_MAX_TEXT = 64  # bytes; the longest name of a layer has 21
_INNERMOST, _LAYER, _MARKER = 3, 2, 1  # version numbers that dlib writes before the layers themselves


@dataclass(frozen=True, eq=False, slots=True)
class Convolution:
    """A convolution and the affine layer after it: y = gamma * (filters * x + bias) + beta.

    Attributes:
        filters: float32, shape (out, in, rows, columns).
        bias: float32, shape (out,).
        gamma: float32, shape (out,).
        beta: float32, shape (out,).
        stride: pixels, >= 1.
        padding: zeros on each side, pixels, >= 0.
    """

    filters: FloatArray
    bias: FloatArray
    gamma: FloatArray
    beta: FloatArray
    stride: int
    padding: int


@dataclass(frozen=True, slots=True)
class Pool:
    """A square pooling window without padding: `size` and `stride` in pixels, both >= 1."""

    size: int
    stride: int


@dataclass(frozen=True, eq=False, slots=True)
class ResidualBlock:
    """relu(second(relu(first(x))) + shortcut): the shortcut is x, or its average pool where `pool` is given."""

    first: Convolution
    second: Convolution
    pool: Pool | None


@dataclass(frozen=True, eq=False, slots=True)
class ResNet:
    """dlib's face network: (x - average) / 256, stem, relu, max pool, blocks, global average, projection.

    Attributes:
        average: float32, shape (3,): mean of R, G, B, 0..255, subtracted from the input.
        stem: the first convolution.
        stem_pool: the max pool after it.
        blocks: in the order of the data's flow.
        projection: float32, shape (in, 128): embedding = pooled @ projection.
    """

    average: FloatArray
    stem: Convolution
    stem_pool: Pool
    blocks: tuple[ResidualBlock, ...]
    projection: FloatArray


def parse_resnet(data: bytes) -> ResNet:
    """The network of a `dlib_face_recognition_resnet_model_v1.dat`; raises `WeightsInvalid`."""
    return _NetworkReader(data).network()


class _NetworkReader:
    """Recursive descent over the network's file: layers lie in the order of the data's flow.

    dlib's layers nest, and each writes its version before it hands over to the one inside; so the versions of all come
    first, outermost first. Read backwards they say what comes next: a layer, or a marker (a tag or a skip).
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._versions: list[int] = []

    def network(self) -> ResNet:
        self._loss()
        self._read_versions()
        average = self._input()
        stem = self._convolution(channels=3)
        self._plain("relu_")
        stem_pool = self._pool("max_pool_2")
        blocks = self._blocks(stem.filters.shape[0])
        self._layer("avg_pool_2")
        self._expect("global pool", self._some_integers(6), (0, 0, 1, 1, 0, 0))
        self._end_layer()
        projection = self._projection(blocks[-1].second.filters.shape[0])
        if self._versions or self._at != len(self._data):
            raise malformed("something follows the last layer")
        return ResNet(average, stem, stem_pool, blocks, projection)

    def _loss(self) -> None:
        self._expect("version", self._integer(), 1)
        self._expect("loss", self._text(), "loss_metric_2")
        self._some_reals(2)

    def _read_versions(self) -> None:
        while not self._versions or self._versions[-1] != _INNERMOST:
            self._versions.append(self._integer())

    def _input(self) -> FloatArray:
        self._expect("input", self._text(), "input_rgb_image_sized")
        average = self._some_reals(3)
        self._expect("input size", self._some_integers(2), (CHIP_SIDE, CHIP_SIDE))
        return average

    def _blocks(self, channels: int) -> tuple[ResidualBlock, ...]:
        blocks: list[ResidualBlock] = []
        while self._next_is_marker():
            blocks.append(self._block(channels))
            channels = blocks[-1].second.filters.shape[0]
        if not blocks:
            raise malformed("the network has no residual block")
        return tuple(blocks)

    def _block(self, channels: int) -> ResidualBlock:
        self._marker()  # tag: where the shortcut starts
        first = self._convolution(channels)
        self._plain("relu_")
        second = self._convolution(first.filters.shape[0])
        pool = None
        if self._next_is_marker():  # tag and skip: the shortcut has a layer of its own
            self._marker()
            self._marker()
            pool = self._pool("avg_pool_2")
        self._plain("add_prev_")
        self._plain("relu_")
        return ResidualBlock(first, second, pool)

    def _convolution(self, channels: int) -> Convolution:
        self._layer("con_4")
        values = self._tensor()
        count, rows, columns, stride, stride_x, padding, padding_x = self._some_integers(7)
        self._expect("filters", self._alias(), (count, channels, rows, columns))
        self._expect("biases", self._alias(), (1, count, 1, 1))
        self._some_reals(4)
        self._expect("stride and padding across", (stride_x, padding_x), (stride, padding))
        if min(count, rows, columns, stride) < 1 or not 0 <= padding < min(rows, columns):
            raise malformed("a convolution has an impossible shape")
        self._expect("count of weights", values.size, count * (channels * rows * columns + 1))
        self._end_layer()
        filters, bias = values[:-count].reshape(count, channels, rows, columns), values[-count:]
        return Convolution(filters, bias, *self._affine(count), stride, padding)

    def _affine(self, channels: int) -> tuple[FloatArray, FloatArray]:
        self._layer("affine_")
        values = self._tensor()
        self._expect("gamma", self._alias(), (1, channels, 1, 1))
        self._expect("beta", self._alias(), (1, channels, 1, 1))
        self._expect("affine mode", self._integer(), 0)
        self._expect("count of affine weights", values.size, 2 * channels)
        self._end_layer()
        return values[:channels], values[channels:]

    def _projection(self, channels: int) -> FloatArray:
        self._layer("fc_2")
        self._expect("outputs and inputs of the projection", self._some_integers(2), (DIMENSION, channels))
        weights = self._tensor()
        self._expect("weights of the projection", self._alias(), (channels, DIMENSION, 1, 1))
        self._alias()
        self._expect("bias mode", self._integer(), 1)
        self._some_reals(4)
        self._expect("count of weights", weights.size, channels * DIMENSION)
        self._end_layer()
        return weights.reshape(channels, DIMENSION)

    def _plain(self, name: str) -> None:
        self._layer(name)
        self._end_layer()

    def _pool(self, name: str) -> Pool:
        self._layer(name)
        rows, columns, stride_y, stride_x, *padding = self._some_integers(6)
        self._expect("pool's width, stride and padding", (columns, stride_x, *padding), (rows, stride_y, 0, 0))
        if rows < 1 or stride_y < 1:
            raise malformed("a pool has an impossible shape")
        self._end_layer()
        return Pool(rows, stride_y)

    def _next_is_marker(self) -> bool:
        return bool(self._versions) and self._versions[-1] == _MARKER

    def _marker(self) -> None:
        if not self._next_is_marker():
            raise malformed("a tag is missing")
        self._versions.pop()

    def _layer(self, name: str) -> None:
        if not self._versions or self._versions[-1] not in (_LAYER, _INNERMOST):
            raise malformed(f"layer {name!r} is missing")
        self._expect("layer", self._text(), name)

    def _end_layer(self) -> None:
        """What follows a layer's own fields: three flags, three empty tensors."""
        self._take(3)
        for _ in range(3):
            self._expect("size of a training tensor", self._tensor().size, 0)
        if self._versions.pop() == _INNERMOST:
            self._integer()  # sample expansion factor

    def _tensor(self) -> FloatArray:
        self._expect("tensor version", self._integer(), 2)
        sizes = self._some_integers(4)
        if min(sizes) < 0:
            raise malformed("a tensor has a negative size")
        return finite(np.frombuffer(self._take(4 * math.prod(sizes)), "<f4").astype(np.float32, copy=False))

    def _alias(self) -> Sequence[int]:
        """The shape of a view into a layer's weights."""
        self._expect("alias version", self._integer(), 1)
        return self._some_integers(4)

    def _some_integers(self, count: int) -> tuple[int, ...]:
        return tuple(self._integer() for _ in range(count))

    def _some_reals(self, count: int) -> FloatArray:
        return reals(np.array([self._some_integers(2) for _ in range(count)], np.int64))

    def _integer(self) -> int:
        control = self._take(1)[0]
        if control & 0x70 or not 1 <= control & 15 <= MAX_MAGNITUDE_BYTES:
            raise malformed("a number has an impossible length")
        magnitude = int.from_bytes(self._take(control & 15), "little")
        return -magnitude if control & 0x80 else magnitude

    def _text(self) -> str:
        length = self._integer()
        if length > _MAX_TEXT:
            raise malformed("a name is too long")
        return self._take(length).decode("ascii", "replace")

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._data) - self._at:
            raise malformed("it ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def _expect(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            raise malformed(f"{what} is {found!r} instead of {expected!r}")
