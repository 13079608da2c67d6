"""Items of DynamoDB as plain dictionaries, and back: `{"pk": {"S": "a"}}` is `{"pk": "a"}`.

Numbers are int or float, and bytes are bytes, where boto3's own conversion has Decimal and Binary; both ways keep every
bit. https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]


def encoded(item: Mapping[str, object]) -> dict[str, Any]:
    """An item as DynamoDB takes it, without what is None or an empty set, which it has no value for.

    Raises ValueError if a text is none (half of a surrogate pair), TypeError if a value is of no such type.
    """
    return {name: encoded_value(value) for name, value in item.items() if value is not None and value != frozenset()}


def encoded_value(value: object) -> dict[str, Any]:
    """A value as DynamoDB takes it. Raises as `encoded`."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            value.encode()
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": {str(name): encoded_value(each) for name, each in value.items()}}
        case frozenset():
            return {"SS": sorted(value)}
        case list() | tuple():
            return {"L": [encoded_value(each) for each in value]}
    raise TypeError(f"DynamoDB has no value for a {type(value).__name__}")


def decoded(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """An item as it was before `encoded`; sequences are lists."""
    return {name: decoded_value(value) for name, value in item.items()}


def decoded_value(value: Mapping[str, Any]) -> Any:
    """A value as it was before `encoded_value`."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdecimal() else float(content)
        case "M":
            return decoded(content)
        case "L":
            return [decoded_value(each) for each in content]
        case "SS":
            return frozenset(content)
        case "NULL":
            return None
    return content
