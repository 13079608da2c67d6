"""Other people's ONNX files, made to take what the engine has: uint8 RGB pictures, channels last.

What the network wants to see (order of channels, mean, scale, layout) becomes part of the graph, once, so that running
it is the same for every network. A file is refused if it refers to other files, has more than one input, or an input
that is no picture. Imported only while weights are converted, never to run them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from photocall.engine.parts import Pixels
from photocall.errors import WeightsInvalid

INPUT = "photocall_picture"
"""Name of the input of an imported network: uint8 RGB, shape (n, h, w, 3)."""

MOST_PIXELS = 1 << 24
"""Of an input whose size the file fixes, all pictures of a batch together: 4096x4096; one for more is refused."""

_OLDEST_OPSET = 7  # ONNX 1.2: the first whose Sub and Div broadcast as NumPy does


def import_network(data: bytes, source: str, pixels: Pixels) -> onnx.ModelProto:
    """The network with an input of uint8 RGB pictures, shape (n, h, w, 3), channels last; outputs as they were.

    n, h and w are fixed or free as the file says.

    Args:
        data: the ONNX file.
        source: what errors call it.
        pixels: what the network wants to see.

    Raises:
        WeightsInvalid: it is no ONNX file, refers to other files, does not take one picture, or takes too large ones.
    """
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError as error:
        raise WeightsInvalid(source, "not an ONNX file") from error
    if not model.graph.node or not model.graph.output:
        raise WeightsInvalid(source, "not an ONNX file, or one without a network in it")
    if any(_is_elsewhere(message) for message in _messages(model)):
        raise WeightsInvalid(source, "it keeps weights in other files; save it as one file, without external data")
    opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
    if opset < _OLDEST_OPSET:
        raise WeightsInvalid(source, f"its operators are of ONNX opset {opset}; {_OLDEST_OPSET} or later is needed")
    picture = _picture(model.graph, source)
    sides = _sides(picture, source, pixels)
    nodes = _feeding(pixels, picture.name, picture.type.tensor_type.elem_type)
    fed = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, sides)
    rest = [value for value in model.graph.input if value.name != picture.name]
    old = list(model.graph.node)
    del model.graph.input[:], model.graph.node[:]
    model.graph.input.extend([fed, *rest])
    model.graph.node.extend([*nodes, *old])
    return model


def _messages(message: Message) -> Iterator[Message]:
    """A message and all those in it, however deep: tensors also hide in attributes, subgraphs and functions."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if isinstance(value, Message) else value:
                yield from _messages(inner)


def _is_elsewhere(message: Message) -> bool:
    return isinstance(message, TensorProto) and (
        message.data_location == TensorProto.EXTERNAL or len(message.external_data) > 0
    )


def _picture(graph: onnx.GraphProto, source: str) -> onnx.ValueInfoProto:
    """The one input; older files list their weights among the inputs too."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs: list[onnx.ValueInfoProto] = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise WeightsInvalid(source, f"a network with one input, a picture, is needed; this one has {len(inputs)}")
    return inputs[0]


def _sides(picture: onnx.ValueInfoProto, source: str, pixels: Pixels) -> list[int | str]:
    """Batch, height, width and channels: numbers where the file fixes them, names where it does not."""
    shape = [
        dimension.dim_value if dimension.HasField("dim_value") and dimension.dim_value > 0 else 0
        for dimension in picture.type.tensor_type.shape.dim
    ]
    channels = 1 if pixels.layout == "nchw" else 3
    if len(shape) != 4 or shape[channels] not in (0, 3):
        wanted = "(n, 3, h, w)" if pixels.layout == "nchw" else "(n, h, w, 3)"
        raise WeightsInvalid(source, f"layout {pixels.layout} needs an input of shape {wanted}; this one's is {shape}")
    batch, height, width = [side for index, side in enumerate(shape) if index != channels]
    if max(batch, 1) * max(height, 1) * max(width, 1) > MOST_PIXELS:
        limit = f"more than the {MOST_PIXELS:,} pixels allowed"
        raise WeightsInvalid(
            source, f"it takes {batch or 'any number of'} pictures of {width}x{height} at once, {limit}"
        )
    return [batch or "n", height or "h", width or "w", 3]


def _feeding(pixels: Pixels, name: str, kind: int) -> list[onnx.NodeProto]:
    """Nodes from `INPUT` to the network's own input."""
    first = pixels.layout == "nchw"
    shape = (1, 3, 1, 1) if first else (1, 1, 1, 3)
    order = [2, 1, 0] if pixels.colour == "bgr" else [0, 1, 2]
    constants: dict[str, NDArray[Any]] = {
        "order": np.array(order, np.int64),
        "mean": np.array(pixels.mean, np.float32).reshape(shape),
        "scale": np.array(pixels.scale, np.float32).reshape(shape),
    }
    nodes = [
        # Constants rather than initializers: files of old versions would have to list those among their inputs.
        helper.make_node("Constant", [], [_named(key)], value=numpy_helper.from_array(array, _named(key)))
        for key, array in constants.items()
    ]
    value = INPUT
    steps: list[tuple[str, list[str], dict[str, Any]]] = []
    if first:
        steps.append(("Transpose", [], {"perm": [0, 3, 1, 2]}))
    if pixels.colour == "bgr":
        steps.append(("Gather", [_named("order")], {"axis": 1 if first else 3}))
    steps.append(("Cast", [], {"to": TensorProto.FLOAT}))
    if any(pixels.mean):
        steps.append(("Sub", [_named("mean")], {}))
    if pixels.scale != (1, 1, 1):
        steps.append(("Div", [_named("scale")], {}))
    steps.append(("Cast", [], {"to": kind}))
    for index, (operator, others, attributes) in enumerate(steps):
        output = name if index == len(steps) - 1 else _named(f"step_{index}")
        nodes.append(helper.make_node(operator, [value, *others], [output], **attributes))
        value = output
    return nodes


def _named(key: str) -> str:
    return f"photocall_{key}"
