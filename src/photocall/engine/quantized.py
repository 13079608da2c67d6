"""dlib's face network in 8-bit integers, for processors that multiply them several times faster (VNNI).

Every map is held as uint8 of a fixed scale; weights are int8 with a scale for each filter. The scales of maps follow
from the limits that the network's activations have anyway, so nothing is fitted here. Written as QuantizeLinear and
DequantizeLinear pairs, which ONNX Runtime fuses with the operators between them (its "QDQ" format).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from photocall.engine.graphs import Graph
from photocall.faces import FloatArray

_HELD = ("MaxPool", "AveragePool", "Pad")  # their outputs stay within the range of their input


class QuantizedGraph(Graph):
    """A graph whose maps are uint8 between its operators.

    Args:
        limits: the highest activation after each ReLU, in the order of the data's flow.
        sums: lowest and highest value after each convolution that no ReLU follows, in order.
    """

    def __init__(self, limits: Sequence[float], sums: Iterable[tuple[float, float]]) -> None:
        super().__init__(limits)
        self._sums = iter(sums)
        self._scales: dict[str, tuple[str, str, float]] = {}  # of a value: names of scale and zero, and the scale

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """A node with one output; the output's name."""
        value = super().add(operator, inputs, output, **attributes)
        return self._held(value, self._scales[inputs[0]]) if operator in _HELD else value

    def picture(self, name: str) -> str:
        """An input of uint8 pictures, channels last: their bytes are the first map."""
        planes = super().add("Transpose", [name], perm=[0, 3, 1, 2])
        return self._read(planes, self._scale(0, 255))

    def convolve(
        self, value: str, filters: FloatArray, bias: FloatArray, stride: int = 1, padding: int = 0, output: str = ""
    ) -> str:
        """A convolution; its sums are 32 bits wide, and its output is not yet a map."""
        steps = np.maximum(np.abs(filters).max(axis=(1, 2, 3)) / 127, 1e-12).astype(np.float32)
        rounded = np.rint(filters / steps[:, None, None, None]).astype(np.int8)
        sum_steps = steps * np.float32(self._scales[value][2])
        whole_bias = np.rint(bias / sum_steps).astype(np.int32)
        inputs = [value, self._weights(rounded, steps), self._weights(whole_bias, sum_steps)]
        return super().add("Conv", inputs, output, strides=[stride] * 2, pads=[padding] * 4)

    def rectify(self, value: str) -> str:
        """A ReLU and the limit above it: whatever is outside the map's range is cut off."""
        return self._held(value, self._scale(0, next(self._limits)))

    def settle(self, value: str) -> str:
        """A map of both signs: the output of a convolution that no ReLU follows."""
        return self._held(value, self._scale(*next(self._sums)))

    def _scale(self, low: float, high: float) -> tuple[str, str, float]:
        step = (high - low) / 255
        zero = np.array(round(-low / step), np.uint8)
        return self.constant(np.array(step, np.float32)), self.constant(zero), step

    def _held(self, value: str, scale: tuple[str, str, float]) -> str:
        return self._read(super().add("QuantizeLinear", [value, *scale[:2]]), scale)

    def _read(self, value: str, scale: tuple[str, str, float]) -> str:
        value = super().add("DequantizeLinear", [value, *scale[:2]])
        self._scales[value] = scale
        return value

    def _weights(self, rounded: Any, steps: FloatArray) -> str:
        zeros = self.constant(np.zeros(len(steps), rounded.dtype))
        return super().add("DequantizeLinear", [self.constant(rounded), self.constant(steps), zeros], axis=0)
