"""What an answer of Rekognition may be: the service model, read strictly."""

import json
import math
import re
from typing import Any

import regex
from botocore.model import OperationModel, Shape

REQUEST_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PROTOCOL = {
    "SerializationException",
    "UnknownOperationException",
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "RequestEntityTooLargeException",
}
"""Errors of the protocol, which no operation lists."""


def check_answer(operation: OperationModel, status: int, body: bytes) -> dict[str, Any]:
    """The answer, which the model must allow: no member more, every pattern, range and enumeration kept."""
    told: dict[str, Any] = json.loads(body)
    if status == 200:
        wrong = faults(operation.output_shape, told, operation.name)
        assert not wrong, wrong
    else:
        check_error(operation, status, told)
    return told


def check_error(operation: OperationModel, status: int, told: dict[str, Any]) -> None:
    assert set(told) == {"__type", "Code", "Message", "Logref"}
    assert told["__type"] == told["Code"]
    modelled = {shape.name for shape in operation.error_shapes}
    assert told["Code"] in modelled | PROTOCOL, f"{operation.name} has no {told['Code']}"
    expected = (
        500 if told["Code"] == "InternalServerError" else 413 if told["Code"][13:] == "TooLargeException" else 400
    )
    assert status == expected
    assert told["Message"]
    assert "Traceback" not in told["Message"]


def faults(shape: Shape, value: Any, path: str) -> list[str]:
    """Where a value is not what its shape says."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: no object"]
        unknown = [f"{path}: unknown member {name}" for name in value.keys() - shape.members.keys()]
        missing = [f"{path}: no {name}" for name in shape.required_members if name not in value]
        inner = [
            faults(shape.members[name], item, f"{path}.{name}") for name, item in value.items() if name in shape.members
        ]
        return sum(inner, unknown + missing)
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return sum((faults(shape.member, item, f"{path}[]") for item in value), _length(shape, value, path))
    if kind == "map":
        pairs = (faults(shape.key, key, path) + faults(shape.value, item, path) for key, item in value.items())
        return sum(pairs, _length(shape, value, path))
    return _scalar(shape, value, path)


def _scalar(shape: Shape, value: Any, path: str) -> list[str]:
    rules = shape.metadata
    if shape.type_name == "string":
        good = isinstance(value, str) and regex.fullmatch(rules.get("pattern", "(?s).*"), value)
        if not good or (shape.enum and value not in shape.enum):
            return [f"{path}: {value!r} is not a {shape.name}"]
        return _length(shape, value, path)
    kinds: dict[str, Any] = {
        "integer": int,
        "long": int,
        "float": (int, float),
        "boolean": bool,
        "timestamp": (int, float),
    }
    numeric = shape.type_name != "boolean"
    if not isinstance(value, kinds[shape.type_name]) or (numeric and isinstance(value, bool)):
        return [f"{path}: {value!r} is not a {shape.name}"]
    if numeric and not rules.get("min", -math.inf) <= value <= rules.get("max", math.inf):
        return [f"{path}: {value!r} is out of range"]
    return []


def _length(shape: Shape, value: Any, path: str) -> list[str]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", math.inf)
    return [] if least <= len(value) <= most else [f"{path}: {len(value)} long, not {least} to {most}"]
