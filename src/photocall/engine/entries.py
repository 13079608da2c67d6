"""Reading a table of a pack's file entry by entry, each with the type it must have."""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from photocall.errors import WeightsInvalid

_MOST_SHOWN = 60  # letters of a wrong value in a message


class Entries:
    """A table, and where it stands; every method raises `WeightsInvalid` with the entry's name and what would be right.

    Args:
        source: what errors call the file or pack.
        table: as TOML gives it.
        prefix: of the entries' names in errors: the tables around this one.
    """

    def __init__(self, source: str, table: Mapping[str, Any], prefix: str = "") -> None:
        self._source, self._prefix, self._table = source, prefix, table

    def has(self, key: str) -> bool:
        """Whether there is such an entry."""
        return key in self._table

    def only(self, *known: str) -> None:
        """Refuse entries of other names: they would be typing errors that change nothing."""
        for key in self._table.keys() - set(known):
            reason = f"there is no entry {self._prefix}{key} here; there are {', '.join(known)}"
            raise WeightsInvalid(self._source, reason)

    def table(self, key: str) -> "Entries":
        """A table."""
        return Entries(self._source, self._get(key, "a table", _is_table), f"{self._prefix}{key}.")

    def text(self, key: str) -> str:
        """Text that is not blank, without NUL characters."""
        return str(self._get(key, "text", _is_text))

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """One of several words."""
        return str(self._get(key, f"one of {', '.join(known)}", lambda value: value in known))

    def boolean(self, key: str) -> bool:
        """true or false."""
        return bool(self._get(key, "true or false", lambda value: isinstance(value, bool)))

    def digest(self, key: str) -> str:
        """A SHA-256 in lower case."""
        fits: Callable[[object], bool] = lambda value: bool(re.fullmatch("[0-9a-fA-F]{64}", str(value)))  # noqa: E731
        return str(self._get(key, "a SHA-256, 64 hexadecimal digits", fits)).lower()

    def whole(self, key: str, most: int) -> int:
        """A whole number from 1 to `most`."""
        fits: Callable[[object], bool] = lambda value: type(value) is int and 0 < value <= most  # noqa: E731
        return int(self._get(key, f"a whole number above 0 and at most {most}", fits))

    def number(self, key: str, least: float = -1e9, most: float = 1e9) -> float:
        """A number within limits."""
        kind = "a number" if least == -1e9 else f"a number from {least} to {most}"
        return float(self._get(key, kind, lambda value: _is_number(value) and least <= value <= most))

    def numbers(self, key: str, count: int) -> list[float]:
        """So many numbers."""

        def fits(value: object) -> bool:
            return isinstance(value, list) and len(value) == count and all(map(_is_number, value))

        return [float(value) for value in self._get(key, f"{count} numbers", fits)]

    def refuse(self, key: str, kind: str) -> NoReturn:
        """Raise for an entry that must be something else."""
        raise WeightsInvalid(self._source, f"entry {self._prefix}{key} must be {kind}")

    def _get(self, key: str, kind: str, fits: Callable[[Any], bool]) -> Any:
        value = self._table.get(key)
        if not fits(value):
            found = f"not {_short(value)}" if key in self._table else "and is missing"
            raise WeightsInvalid(self._source, f"entry {self._prefix}{key} must be {kind}, {found}")
        return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() != "" and "\0" not in value


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
