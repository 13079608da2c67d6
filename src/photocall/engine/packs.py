"""Model packs: what `packs.toml` says about the networks that photocall runs.

A pack names its files by package, size and SHA-256, says under which licence they come, and what distances between its
embeddings mean. Nothing here touches the files themselves; `weights.py` does.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photocall.calibration import Calibration
from photocall.errors import WeightsInvalid

ROLES = {"detector": ("pnet", "rnet", "onet"), "landmarks": ("predictor",), "embedder": ("embedder",)}
"""What a pack is made of, and the names of the files that each part needs."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of an installed package, as published.

    Attributes:
        name: what it is: pnet, rnet, onet, predictor or embedder.
        role: the part of the pack it belongs to: detector, landmarks or embedder.
        package: name and version of the package it comes in, "mtcnn==1.0.0".
        path: below the package's own directory, with slashes.
        home: the project's page.
        licence: SPDX identifier.
        sha256: hexadecimal, 64 digits.
        bytes: size.
    """

    name: str
    role: str
    package: str
    path: str
    home: str
    licence: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Pack:
    """The networks that work together, and how to read their results.

    Attributes:
        name: of the pack.
        files: in the order of `ROLES`.
        model: name of the embedding space; embeddings of different spaces are never compared.
        dimension: length of an embedding.
        metric: how embeddings are compared: "euclidean".
        calibration: what distances mean.
        calibration_valid: (from, to): distances for which the calibration was measured.
        calibration_source: on what it was measured.
    """

    name: str
    files: tuple[SourceFile, ...]
    model: str
    dimension: int
    metric: str
    calibration: Calibration
    calibration_valid: tuple[float, float]
    calibration_source: str


def pack_names() -> list[str]:
    """Every pack that `load_pack` knows, the default first."""
    return list(_packs())


def load_pack(name: str) -> Pack:
    """The pack of that name; raises `WeightsInvalid` if there is none, or if its entry is incomplete."""
    packs = _packs()
    if name not in packs:
        raise WeightsInvalid(f"model pack {name!r}", f"there is no such pack; there is {', '.join(packs)}")
    return read_pack(name, packs[name])


def read_pack(name: str, table: Mapping[str, Any]) -> Pack:
    """The pack that a table of `packs.toml` describes.

    Raises:
        WeightsInvalid: an entry is missing or not of its kind; a part without a licence is refused like any other.
    """
    entries = _Entries(f"model pack {name!r}", "", table)
    embeddings, calibration = entries.table("embeddings"), entries.table("calibration")
    a, b, c = calibration.numbers("fmr_curve", 3)
    first, last = calibration.numbers("valid", 2)
    return Pack(
        name=name,
        files=tuple(_source_file(entries.table(role), role, file) for role in ROLES for file in ROLES[role]),
        model=embeddings.text("model"),
        dimension=embeddings.whole("dimension"),
        metric=embeddings.text("metric"),
        calibration=Calibration((a, b, c), *(calibration.number(key) for key in ("d80", "d99", "customary_threshold"))),
        calibration_valid=(first, last),
        calibration_source=calibration.text("source"),
    )


def _source_file(part: "_Entries", role: str, name: str) -> SourceFile:
    file = part.table("files").table(name)
    return SourceFile(
        name=name,
        role=role,
        package=part.text("package"),
        path=file.text("path"),
        home=part.text("home"),
        licence=part.text("licence"),
        sha256=file.text("sha256"),
        bytes=file.whole("bytes"),
    )


def _packs() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("packs.toml").read_text("utf-8"))


class _Entries:
    """A table of the file, read entry by entry, each with the type it must have."""

    def __init__(self, source: str, prefix: str, table: Mapping[str, Any]) -> None:
        self._source, self._prefix, self._table = source, prefix, table

    def table(self, key: str) -> "_Entries":
        return _Entries(self._source, f"{self._prefix}{key}.", self._get(key, "a table", _is_table))

    def text(self, key: str) -> str:
        return str(self._get(key, "text", lambda value: isinstance(value, str) and value.strip() != ""))

    def whole(self, key: str) -> int:
        return int(self._get(key, "a whole number above 0", lambda value: type(value) is int and value > 0))

    def number(self, key: str) -> float:
        return float(self._get(key, "a number", _is_number))

    def numbers(self, key: str, count: int) -> list[float]:
        def fits(value: object) -> bool:
            return isinstance(value, list) and len(value) == count and all(map(_is_number, value))

        return [float(value) for value in self._get(key, f"{count} numbers", fits)]

    def _get(self, key: str, kind: str, fits: Callable[[object], bool]) -> Any:
        value = self._table.get(key)
        if not fits(value):
            raise WeightsInvalid(self._source, f"entry {self._prefix}{key} must be {kind}, not {value!r}")
        return value


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_number(value: object) -> bool:
    return type(value) in (int, float)
