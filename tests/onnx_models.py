"""Small ONNX files with known answers, in place of networks that are no part of the project."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]

Shape = tuple[int | str, ...]


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    input_shape: Shape,
    outputs: Mapping[str, Shape],
    constants: dict[str, Array],
    *,
    opset: int = 13,
) -> Path:
    """Write a graph with one float input `input`, and the constants as initializers."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def constant_maps(path: Path, maps: dict[str, Array], side: int) -> Path:
    """A detector with an input of side x side pixels that gives the same maps whatever it sees.

    Adds nought times the mean of the picture to each, so that the input is used.
    """
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        *(helper.make_node("Add", [f"map_{name}", "nothing"], [name]) for name in maps),
    ]
    constants = {"zero": np.float32(0), **{f"map_{name}": array.astype(np.float32) for name, array in maps.items()}}
    shapes: dict[str, Shape] = {name: array.shape for name, array in maps.items()}
    return save(path, nodes, (1, 3, side, side), shapes, {key: np.asarray(value) for key, value in constants.items()})


def yunet_maps(side: int) -> dict[str, Array]:
    """Empty maps with YuNet's names and shapes."""
    columns = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    return {
        f"{kind}_{stride}": np.zeros((1, (side // stride) ** 2, count), np.float32)
        for kind, count in columns.items()
        for stride in (8, 16, 32)
    }


def scrfd_maps(side: int, anchors: int = 2) -> dict[str, Array]:
    """Empty maps with SCRFD's shapes; names mean nothing, as in the published files."""
    return {
        f"{number}{stride}": np.zeros((anchors * (side // stride) ** 2, columns), np.float32)
        for number, columns in ((4, 1), (7, 4), (9, 10))
        for stride in (8, 16, 32)
    }


def mean_embedder(path: Path, side: int, batch: int | str, last: bool = False) -> Path:
    """An embedder whose vector is known: the mean value of the three channels as the network sees them, and of the left
    half of the picture, first channel; shape (n, 4)."""
    axes, split = ([1, 2], 2) if last else ([2, 3], 3)
    channel = 3 if last else 1
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["means"], axes=axes, keepdims=0),
        helper.make_node("Slice", ["input", "start", "half", "across"], ["left"]),
        helper.make_node("ReduceMean", ["left"], ["left_means"], axes=axes, keepdims=0),
        helper.make_node("Slice", ["left_means", "start", "one", "one"], ["left_first"]),
        helper.make_node("Concat", ["means", "left_first"], ["vector"], axis=1),
    ]
    constants = {
        "start": np.array([0], np.int64),
        "half": np.array([side // 2], np.int64),
        "across": np.array([split if not last else 2], np.int64),
        "one": np.array([1], np.int64),
    }
    shape: Shape = (batch, side, side, 3) if last else (batch, 3, side, side)
    assert shape[channel] == 3
    return save(path, nodes, shape, {"vector": (batch, 4)}, constants)
