"""Files of classes and students as they come: tables in CSV, alone or in a ZIP, within limits.

Rows are counted as a spreadsheet shows them: the header is row 1.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from photocall.school import zips
from photocall.school.errors import EntryInvalid

MAX_BYTES = 20 * 2**20
"""Of all files together, and of each one that a ZIP holds."""

MAX_UNPACKED = 60 * 2**20
"""Of all that a ZIP holds."""

MAX_ROWS = 100_000
"""Of a table."""

MAX_LINES = 10 * MAX_ROWS
"""Of a file, empty ones and those within cells, too."""

MAX_COLUMNS = 200

MAX_LINE = 200_000
"""Characters of a line: fifty fields of five hundred characters, some times over."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken.

    Attributes:
        file: its name.
        row: its number.
        reason: what is wrong, and what would be right.
    """

    file: str
    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with a heading for each column.

    Attributes:
        name: of its file.
        header: the headings, without white space around them, no two alike.
        text: all of it, with the header.
    """

    name: str
    header: tuple[str, ...]
    text: str

    def rows(self) -> Iterator[tuple[int, dict[str, str]] | BadRow]:
        """Each row's number and cells by heading, or why it cannot be read; empty rows are left out."""
        lines = _reader(self.text)
        number = 1
        try:
            next(lines)
            for number, cells in enumerate(lines, start=2):
                if number > MAX_ROWS + 1:
                    raise EntryInvalid(self.name, f"it has more than {MAX_ROWS:,} rows")
                yield from self._row(number, cells)
        except csv.Error as error:
            yield BadRow(self.name, number + 1, f"it and what follows cannot be read: {error}")

    def _row(self, number: int, cells: list[str]) -> Iterator[tuple[int, dict[str, str]] | BadRow]:
        while cells and not cells[-1].strip():  # spreadsheets end rows with separators
            cells.pop()
        if len(cells) > len(self.header):
            yield BadRow(self.name, number, f"it has {len(cells)} cells, the header only {len(self.header)}")
        elif cells:
            stripped = [cell.strip() for cell in cells]
            yield number, dict(zip(self.header, stripped + [""] * (len(self.header) - len(cells)), strict=True))


def read_sheets(files: Sequence[tuple[str, bytes]]) -> list[Sheet]:
    """The tables in some files, each a CSV or a ZIP of such.

    Args:
        files: each one's name and content.

    Raises:
        EntryInvalid: a file is too large, damaged, or no table in UTF-8.
    """
    if sum(len(data) for _, data in files) > MAX_BYTES:
        raise EntryInvalid("file", f"there are more than {MAX_BYTES // 2**20} MiB; send fewer files at once")
    return [sheet for name, data in files for sheet in _sheets(name, data)]


def _sheets(name: str, data: bytes) -> list[Sheet]:
    if data.startswith(b"PK"):
        return [_sheet(inner, content) for inner, content in _unpacked(name, data)]
    return [_sheet(name, data)]


def _sheet(name: str, data: bytes) -> Sheet:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EntryInvalid(name, "it is not UTF-8 text; save it as CSV in UTF-8") from None
    if text.count("\n") > MAX_LINES:
        raise EntryInvalid(name, f"it has more than {MAX_LINES:,} lines")
    if any(len(line) > MAX_LINE for line in text.split("\n")):
        raise EntryInvalid(name, f"a line of it has more than {MAX_LINE:,} characters")
    return Sheet(name, _header(name, text), text)


def _header(name: str, text: str) -> tuple[str, ...]:
    try:
        header = tuple(cell.strip() for cell in next(_reader(text), []))
    except csv.Error as error:
        raise EntryInvalid(name, f"it is no CSV: {error}") from error
    while header and not header[-1]:
        header = header[:-1]
    if not header:
        raise EntryInvalid(name, "its first line does not name its columns")
    if len(header) > MAX_COLUMNS:
        raise EntryInvalid(name, f"it has more than {MAX_COLUMNS} columns")
    if not all(header):
        raise EntryInvalid(name, "a column has no heading")
    twice = next((cell for cell in header if header.count(cell) > 1), None)
    if twice is not None:
        raise EntryInvalid(name, f"two columns are called {twice[:50]!r}")
    return header


def _reader(text: str) -> Iterator[list[str]]:
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The tables in a ZIP, with their names; folders around them do not matter, and nothing is written anywhere."""
    found: set[str] = set()
    left = MAX_UNPACKED
    for entry in zips.entries(io.BytesIO(data), name):
        inner = entry.path.rpartition("/")[2]
        if not inner.lower().endswith(".csv"):
            continue
        if inner.lower() in found:
            raise EntryInvalid(name, "two files in it have the same name")
        found.add(inner.lower())
        content = entry.read(min(MAX_BYTES, left))
        left -= len(content)
        yield inner, content
    if not found:
        raise EntryInvalid(name, "there is no CSV in it")
