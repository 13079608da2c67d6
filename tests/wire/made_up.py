"""Requests made up out of the service model: good ones, ones at the edge of every limit, and rubbish."""

import base64
import random
import string
from collections.abc import Callable, Sequence
from typing import Any

from botocore.model import Shape

HOSTILE = (
    "",
    " ",
    "\0",
    "\ud800",
    "ä" * 300,
    "'; DROP TABLE faces; --",
    "../../etc/passwd",
    "%00",
    "{{7*7}}",
    "\n",
    "🙂",
    "a" * 5000,
)
RUBBISH: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    1e308,
    0.5,
    "",
    "7",
    [],
    {},
    [None],
    {"": ""},
    [[[]]],
)
CALM = 0.85
"""The share of members that are made good."""


class Inventor:
    """Makes up requests; the same ones for the same seed.

    Args:
        seed: of the dice.
        known: by the name of a shape: values that mean something to the server, such as ids of what is there.
    """

    def __init__(self, seed: int, known: dict[str, Sequence[Any]]) -> None:
        self.dice, self.known = random.Random(seed), known

    def request(self, shape: Shape) -> Any:
        """A request, as JSON."""
        if self.dice.random() < 0.02:
            return self.dice.choice(RUBBISH)
        request = self._structure(shape)
        if self.dice.random() < 0.1:
            request[self.dice.choice(("Colour", "", "__class__", "collectionId"))] = self.dice.choice(RUBBISH)
        return request

    def _any(self, shape: Shape) -> Any:
        if self.dice.random() > CALM:
            return self.dice.choice((*RUBBISH, *HOSTILE)) if self.dice.random() < 0.5 else self._edge(shape)
        if shape.name in self.known and self.dice.random() < 0.8:
            return self.dice.choice(self.known[shape.name])
        return self._makers[shape.type_name](self, shape)

    def _structure(self, shape: Shape) -> dict[str, Any]:
        return {
            name: self._any(member)
            for name, member in shape.members.items()
            if self.dice.random() < (0.95 if name in shape.required_members else 0.5)
        }

    def _list(self, shape: Shape) -> list[Any]:
        return [self._any(shape.member) for _ in range(self.dice.randint(0, 3))]

    def _map(self, shape: Shape) -> dict[str, Any]:
        return {str(self._any(shape.key)): self._any(shape.value) for _ in range(self.dice.randint(0, 3))}

    def _string(self, shape: Shape) -> str:
        if shape.enum:
            return str(self.dice.choice(shape.enum))
        return "".join(self.dice.choices(string.ascii_letters + "-_.", k=self.dice.randint(1, 20)))

    def _number(self, shape: Shape) -> float:
        low, high = shape.metadata.get("min", -5), min(shape.metadata.get("max", 100), 10_000)
        return self.dice.randint(low, high) if shape.type_name in ("integer", "long") else self.dice.uniform(low, high)

    def _boolean(self, _: Shape) -> bool:
        return self.dice.random() < 0.5

    def _blob(self, _: Shape) -> str:
        return base64.b64encode(self.dice.randbytes(self.dice.randint(0, 200))).decode()

    _makers: dict[str, Callable[["Inventor", Shape], Any]] = {  # noqa: RUF012
        "structure": _structure,
        "list": _list,
        "map": _map,
        "string": _string,
        "integer": _number,
        "long": _number,
        "float": _number,
        "boolean": _boolean,
        "blob": _blob,
    }

    def _edge(self, shape: Shape) -> Any:
        """At a limit of the shape, or one beyond."""
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 300)
        beyond = self.dice.choice((least - 1, least, most, most + 1))
        if shape.type_name == "string":
            return "a" * max(0, beyond)
        if shape.type_name == "list":
            return [self._any(shape.member)] * max(0, beyond)
        if shape.type_name == "map":
            return {f"key {number}": "" for number in range(max(0, beyond))}
        return beyond
