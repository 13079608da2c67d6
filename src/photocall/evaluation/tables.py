"""CSV files of labels, read row by row: pairs of photos, and groups of photos or people.

What is wrong with a file is told with the number of the line, so that whoever made it can repair it.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath

from photocall.errors import LabelsInvalid
from photocall.media.files import read_file, reason

_LARGEST = 200 * 2**20  # bytes of a file of labels: about two million pairs


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, by name, and whether they show one person.

    Attributes:
        fold: the part of the set that it belongs to; thresholds are chosen on the other parts.
        a: path of a photo below the folder of photos, with slashes.
        b: the other one.
        same: whether both show one person.
        line: of the file, from 1.
    """

    fold: str
    a: str
    b: str
    same: bool
    line: int


@dataclass(frozen=True, slots=True)
class GroupTable:
    """Which group each photo or person is in.

    Attributes:
        key: "photo" or "person": what `groups` is keyed by.
        groups: the group by photo or person.
    """

    key: str
    groups: dict[str, str]


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a CSV file with the columns fold, a, b and same (1 or 0).

    Raises:
        LabelsInvalid: it cannot be read, has no such columns or no pairs, or a row is wrong; rows are named by line.
    """
    pairs = []
    for line, row in _rows(_reader(path), path, ("fold", "a", "b", "same")):
        a, b = (checked_name(row[column], path, line) for column in ("a", "b"))
        if row["same"] not in ("0", "1"):
            raise LabelsInvalid(str(path), f"line {line}: same must be 1 or 0, not {row['same']!r}")
        if a == b:
            raise LabelsInvalid(str(path), f"line {line}: a and b are one photo, {a!r}; give two")
        pairs.append(Pair(row["fold"], a, b, row["same"] == "1", line))
    if not pairs:
        raise LabelsInvalid(str(path), "it has no pairs")
    return pairs


def read_groups(path: Path, column: str) -> GroupTable:
    """The groups in one column of a CSV file that has a column photo or person too.

    Raises:
        LabelsInvalid: it cannot be read, has no such columns or no rows, or names a photo or person twice.
    """
    reader = _reader(path)
    key = next((name for name in ("photo", "person") if name in (reader.fieldnames or ())), None)
    if key is None:
        raise LabelsInvalid(str(path), "it must have a column photo or a column person")
    groups: dict[str, str] = {}
    for line, row in _rows(reader, path, (key, column)):
        name = checked_name(row[key], path, line) if key == "photo" else row[key]
        if name in groups:
            raise LabelsInvalid(str(path), f"line {line}: {name!r} is there twice")
        groups[name] = row[column]
    if not groups:
        raise LabelsInvalid(str(path), "it has no rows")
    return GroupTable(key, groups)


def read_text(path: Path) -> str:
    """The text of a file of labels, UTF-8 with or without a byte order mark. Raises `LabelsInvalid`."""
    try:
        return read_file(path, _LARGEST).decode("utf-8-sig")
    except OSError as error:
        raise LabelsInvalid(str(path), reason(error)) from error
    except UnicodeDecodeError as error:
        raise LabelsInvalid(str(path), f"it is not UTF-8 text (byte {error.start + 1})") from error


def checked_name(name: str, path: Path, line: int) -> str:
    """The name of a photo, spelt in the one way, if it can only lie below the folder. Raises `LabelsInvalid`."""
    parts = PurePosixPath(name)
    if not name or parts.is_absolute() or ".." in parts.parts or "\0" in name:
        raise LabelsInvalid(str(path), f"line {line}: {name!r} is no path below the folder of photos")
    return str(parts)


def _reader(path: Path) -> "csv.DictReader[str]":
    """A reader whose header can be read."""
    reader = csv.DictReader(StringIO(read_text(path), newline=""), strict=True)
    try:
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise LabelsInvalid(str(path), f"line 1: {error}") from error
    return reader


def _rows(reader: "csv.DictReader[str]", path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Every row with its line, each with all its cells, and the named columns among them."""
    header = reader.fieldnames or ()
    missing = [column for column in columns if column not in header]
    if missing:
        there = ", ".join(header) or "none"
        raise LabelsInvalid(str(path), f"it has no column {' and no column '.join(missing)}; its columns are {there}")
    try:
        for row in reader:
            if None in row or None in row.values():
                raise LabelsInvalid(str(path), f"line {reader.line_num}: it must have {len(header)} cells")
            yield reader.line_num, {name: cell.strip() for name, cell in row.items()}
    except csv.Error as error:
        raise LabelsInvalid(str(path), f"line {reader.line_num + 1}: {error}") from error
