"""Amazon Rekognition's own service model, read out of botocore: what a request may be, down to the last character.

Nothing of the contract is written down a second time here. Requests are JSON (protocol "json", version 1.1): members
that the model does not name are passed over, as Amazon does it.
"""

import base64
import binascii
import math
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import regex
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape

from photocall.server.wire_errors import WireError

_BITS = {"integer": 31, "long": 63}
_SHOWN = 60  # characters of a wrong value that its error repeats


@cache
def service_model() -> ServiceModel:
    """The model of API version 2016-06-27, whichever botocore is installed."""
    return ServiceModel(Loader().load_service_model("rekognition", "service-2", "2016-06-27"), "rekognition")


def operation_model(operation: str) -> OperationModel:
    """The model of one operation. KeyError if Rekognition has none of that name."""
    model = service_model()
    if operation not in model.operation_names:
        raise KeyError(operation)
    return model.operation_model(operation)


def read_request(operation: OperationModel, value: object) -> dict[str, Any]:
    """A request as the model says it: blobs as bytes, unknown and null members left out.

    Raises:
        WireError: SerializationException for a wrong type, ImageTooLargeException for an image with too many bytes,
            InvalidParameterException for what breaks a limit, a pattern, an enumeration, or is missing.
    """
    wrong: list[str] = []
    request: dict[str, Any] = _read(operation.input_shape, value, "", wrong)
    if wrong:
        count = f"{len(wrong)} validation error{'s' * (len(wrong) > 1)} detected"
        raise WireError("InvalidParameterException", f"{count}: {'; '.join(wrong[:10])}")
    return request


def _read(shape: Shape, value: object, path: str, wrong: list[str]) -> Any:
    return _READERS[shape.type_name](shape, value, path, wrong)


def _structure(shape: StructureShape, value: object, path: str, wrong: list[str]) -> dict[str, Any]:
    members: Mapping[str, object] = _typed(value, dict, "an object", path)
    found = {}
    for name, member in shape.members.items():
        inner = _below(path, name)
        if members.get(name) is not None:
            found[name] = _read(member, members[name], inner, wrong)
        elif name in shape.required_members:
            wrong.append(f"Value null at '{inner}' failed to satisfy constraint: Member must not be null")
    return found


def _list(shape: ListShape, value: object, path: str, wrong: list[str]) -> list[Any]:
    items = _typed(value, list, "a list", path)
    if _check_length(shape, len(items), "", path, wrong):
        return [_read(shape.member, item, f"{path}.{number}.member", wrong) for number, item in enumerate(items, 1)]
    return []


def _map(shape: MapShape, value: object, path: str, wrong: list[str]) -> dict[str, Any]:
    items = _typed(value, dict, "an object", path)
    if not _check_length(shape, len(items), "", path, wrong):
        return {}
    return {
        _read(shape.key, key, f"{path}.key", wrong): _read(shape.value, item, f"{path}.{key[:_SHOWN]}.member", wrong)
        for key, item in items.items()
    }


def _string(shape: StringShape, value: object, path: str, wrong: list[str]) -> str:
    text: str = _typed(value, str, "a string", path)
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can say half a character; nothing else can
        raise WireError("SerializationException", f"'{path}' holds half of a surrogate pair") from None
    pattern = shape.metadata.get("pattern")
    if not _check_length(shape, len(text), text, path, wrong):
        return text
    if pattern and not _pattern(pattern).fullmatch(text):
        wrong.append(_constraint(text, path, f"satisfy regular expression pattern: {pattern}"))
    if shape.enum and text not in shape.enum:
        wrong.append(_constraint(text, path, f"satisfy enum value set: [{', '.join(shape.enum)}]"))
    return text


def _integer(shape: Shape, value: object, path: str, wrong: list[str]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value.bit_length() > _BITS[shape.type_name]:
        raise _wrong_type(path, "a whole number", value)
    _check_range(shape, value, path, wrong)
    return value


def _float(shape: Shape, value: object, path: str, wrong: list[str]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(path, "a number", value)
    if not abs(value) <= sys.float_info.max:  # NaN, infinity, or a whole number that is too large for a float
        raise WireError("SerializationException", f"'{path}' is not a finite number")
    _check_range(shape, value, path, wrong)
    return float(value)


def _boolean(_: Shape, value: object, path: str, _wrong: list[str]) -> bool:
    flag: bool = _typed(value, bool, "true or false", path)
    return flag


def _blob(shape: Shape, value: object, path: str, wrong: list[str]) -> bytes:
    text: str = _typed(value, str, "base64 text", path)
    limit = shape.metadata.get("max")
    if limit and len(text) * 3 // 4 > limit + 3:  # before it is decoded; padding and rounding aside
        raise _too_large(path, limit)
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError for what is not ASCII
        raise WireError("SerializationException", f"'{path}' is not base64") from None
    if limit and len(data) > limit:
        raise _too_large(path, limit)
    if len(data) < shape.metadata.get("min", 0):
        wrong.append(f"Value at '{path}' failed to satisfy constraint: Member must not be empty")
    return data


def _too_large(path: str, limit: int) -> WireError:
    return WireError("ImageTooLargeException", f"The image at '{path}' has more than {limit} bytes; make it smaller")


_READERS: Mapping[str, Callable[[Any, object, str, list[str]], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "blob": _blob,
}


def _typed(value: object, kind: type, expected: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise _wrong_type(path, expected, value)
    return value


def _wrong_type(path: str, expected: str, value: object) -> WireError:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    found = names.get(type(value), "a number")
    if found == expected or found == "a number":
        found = "another number"
    return WireError("SerializationException", f"'{path or 'the request'}' must be {expected}, not {found}")


def _check_length(shape: Shape, length: int, shown: str, path: str, wrong: list[str]) -> bool:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
    if least <= length <= most:
        return True
    limit = f"greater than or equal to {least}" if length < least else f"less than or equal to {most}"
    wrong.append(_constraint(shown, path, f"have length {limit}"))
    return False


def _check_range(shape: Shape, number: float, path: str, wrong: list[str]) -> None:
    least, most = shape.metadata.get("min", -math.inf), shape.metadata.get("max", math.inf)
    if number < least:
        wrong.append(_constraint(str(number), path, f"have value greater than or equal to {least}"))
    if number > most:
        wrong.append(_constraint(str(number), path, f"have value less than or equal to {most}"))


def _constraint(value: str, path: str, must: str) -> str:
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "..."
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must {must}"


def _below(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]  # as Amazon's own messages have it
    return f"{path}.{name}" if path else name


@cache
def _pattern(text: str) -> "regex.Pattern[str]":
    return regex.compile(text)
