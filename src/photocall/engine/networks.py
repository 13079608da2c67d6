"""Running ONNX files: one thread a call, little memory kept, and errors in the house's words."""

import re
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from photocall.errors import WeightsInvalid
from photocall.faces import ByteArray, FloatArray

_FAILURES = (
    *(runtime.Fail, runtime.InvalidArgument, runtime.InvalidGraph, runtime.InvalidProtobuf),
    *(runtime.NotImplemented, runtime.RuntimeException, runtime.NoSuchFile),
)
"""What the runtime raises for a file that it cannot load or run; they have no class in common but Exception."""


def open_session(path: Path | bytes, source: str = "") -> ort.InferenceSession:
    """A network on one thread: the engine's own threads share the work, which scales better than the runtime's.

    Args:
        path: the converted file, or its content.
        source: what errors call it; the path where it is empty.

    Raises:
        WeightsInvalid: the runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps a plan for every input size: memory would grow, nothing gets faster
    options.log_severity_level = 4  # what goes wrong is raised; nothing else goes to standard error
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except _FAILURES as error:
        raise WeightsInvalid(source or str(path), f"the runtime cannot load it: {_first_line(error)}") from error


class Network:
    """A network that takes one array of uint8 pictures; safe to share between threads.

    Args:
        path: the converted file, or its content.
        source: what errors call it: where it came from.
    """

    def __init__(self, path: Path | bytes, source: str) -> None:
        self._session = open_session(path, source)
        self._input = self._session.get_inputs()[0].name
        self.outputs: dict[str, tuple[int | str, ...]] = {
            output.name: tuple(output.shape) for output in self._session.get_outputs()
        }
        """Names of its outputs, and what the file says of their shapes: numbers, or names where they are free."""
        self.source = source
        self.shape = tuple(side if isinstance(side, int) else 0 for side in self._session.get_inputs()[0].shape)
        """n, h, w and channels of its input; 0 where any number will do."""

    def run(self, pictures: ByteArray) -> dict[str, FloatArray]:
        """Its outputs by name.

        Args:
            pictures: uint8 RGB, shape (n, h, w, 3).

        Raises:
            WeightsInvalid: it cannot run on pictures of this shape.
        """
        try:
            outputs: list[NDArray[np.generic]] = self._session.run(list(self.outputs), {self._input: pictures})
        except _FAILURES as error:
            height, width = pictures.shape[1:3]
            raise self.invalid(f"it fails on a picture of {width}x{height} pixels: {_first_line(error)}") from error
        return {name: np.asarray(output, np.float32) for name, output in zip(self.outputs, outputs, strict=True)}

    def invalid(self, reason: str) -> WeightsInvalid:
        """The error for a file that is not what its pack says."""
        return WeightsInvalid(self.source, reason)


def _first_line(error: Exception) -> str:
    """What the runtime says, without its own name, numbers and source files before it and the dump behind it."""
    line = str(error).partition("\n")[0]
    return re.sub(
        r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model .* failed:)?(?:/\S+\.(?:cc|h):\d+ .*?\) )?", "", line
    )
