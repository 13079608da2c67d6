"""The list of students: read from JSON or CSV, and written as CSV with what a video showed of them.

Whatever a school's software exports should be read as it is; what contradicts itself is refused with the row that does.
Rows are counted as a spreadsheet shows them: the header of a CSV is row 1, the first object of a JSON is number 1.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from photocall.errors import RosterInvalid, SettingInvalid
from photocall.faces import Identification
from photocall.media.files import read_file, reason
from photocall.roster import Sighting, Student

MAX_BYTES = 10 * 2**20
"""Largest students file, in bytes; a hundred thousand students with a dozen fields take less."""

MAX_STUDENTS = 100_000

Found = TypeVar("Found", Identification, Sighting)

Row = list[tuple[str, str]]
"""Keys and values as text, in the order of the file."""


_SURROGATE = re.compile("[\ud800-\udfff]")
"""JSON can write one down, but no encoding can."""


@dataclass(frozen=True, slots=True)
class CsvLayout:
    """How a CSV of people looks.

    Attributes:
        columns: what stands in each column: a field of the student, or one of what the video showed.
        header: the first line, without which the file starts with the first person; one heading a column.
        byte_order_mark: whether the text starts with one, as old versions of Excel want it.
    """

    columns: tuple[str, ...]
    header: tuple[str, ...] = ()
    byte_order_mark: bool = False


_MAJOR_YEAR = ("name", "major", "year")
_EVERYTHING = (*_MAJOR_YEAR, "first_seen", "last_seen", "similarity")

CSV_LAYOUTS: Mapping[str, CsvLayout] = MappingProxyType(
    {
        "photocall": CsvLayout(_EVERYTHING, header=_EVERYTHING),
        "name-major-year": CsvLayout(_MAJOR_YEAR, header=_MAJOR_YEAR),
        "year-major-name-bom": CsvLayout(
            ("year", "major", "name"), header=("year", "major", "name"), byte_order_mark=True
        ),
        "capitalised": CsvLayout(_MAJOR_YEAR, header=("Name", "Major", "Year")),
        "bare": CsvLayout(_MAJOR_YEAR),
    }
)
"""The layouts that readers of such files expect, by name."""


def csv_layout(name: str) -> CsvLayout:
    """The layout of that name. Raises `SettingInvalid`."""
    if name not in CSV_LAYOUTS:
        raise SettingInvalid("csv_layout", f"there is no layout {name!r}; choose one of {', '.join(CSV_LAYOUTS)}")
    return CSV_LAYOUTS[name]


def people_csv(people: Sequence[tuple[Student, Mapping[str, str]]], layout: str = "photocall") -> str:
    r"""A CSV with one line a person, in the order given.

    Args:
        people: each student with what the video showed, as text: first_seen, last_seen, similarity.
        layout: a name in `CSV_LAYOUTS`.

    Returns:
        Text to be written as UTF-8. Lines end with "\n" alone, and one in a cell becomes a space. A cell that a
        spreadsheet would take for a formula (it starts with =, +, -, @ or a tab) gets an apostrophe before it.

    Raises:
        SettingInvalid: there is no such layout.
    """
    chosen = csv_layout(layout)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if chosen.header:
        writer.writerow(chosen.header)
    for student, seen in people:
        known = {**student.fields, **seen, "name": student.name}
        writer.writerow(no_formula(known.get(column, "")) for column in chosen.columns)
    return ("\ufeff" if chosen.byte_order_mark else "") + text.getvalue()


def no_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: on one line, with an apostrophe before what would start one."""
    # https://owasp.org/www-community/attacks/CSV_Injection. A line break would start a new row in some programs.
    line = cell.replace("\r", " ").replace("\n", " ")
    return f"'{line}" if line.startswith("\t") or line.lstrip().startswith(("=", "+", "-", "@")) else line


def named(found: Sequence[Found], students: Iterable[Student]) -> list[Found]:
    """What was found, with the names of students in place of their ids."""
    names = {student.student_id: student.name for student in students}
    return [replace(one, name=names.get(one.name, one.name)) if one.name is not None else one for one in found]


def clean_name(name: str) -> str:
    """A person's name, so that the same name is the same text: NFC, without white space around it.

    Raises ValueError, with the reason in plain words, if nothing is left of it or it holds what no name does.
    """
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not cleaned:
        raise ValueError("the name is missing")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in cleaned):
        raise ValueError(f"the name {cleaned!a} holds a control character")
    return cleaned


def read_students(path: Path) -> list[Student]:
    """The students in a file, in its order.

    JSON: an array of objects, or one object a line. CSV: UTF-8, a header with a column `name`, separated by comma or
    semicolon. Keys and headings become small letters; values become text.

    Raises:
        RosterInvalid: it is neither; a row has no name; two rows have the same name, but for capitals and small
            letters; it is empty or too large.
    """
    try:
        text = read_file(path, MAX_BYTES).decode("utf-8-sig")
        return _students(_rows(text))
    except OSError as error:
        raise RosterInvalid(str(path), reason(error)) from error
    except UnicodeDecodeError as error:
        raise RosterInvalid(str(path), "it is not UTF-8 text; save it as CSV in UTF-8") from error
    except ValueError as error:
        raise RosterInvalid(str(path), str(error)) from error


def _students(rows: Iterable[tuple[int, Row]]) -> list[Student]:
    """ValueError, with the row, where rows contradict themselves or one another."""
    students: list[Student] = []
    seen: dict[str, int] = {}
    for number, row in rows:
        student = _student(number, row)
        first = seen.setdefault(student.name.casefold(), number)
        if first != number:
            raise ValueError(f"rows {first} and {number} have the same name {student.name!r}; a name must be one's own")
        students.append(student)
        if len(students) > MAX_STUDENTS:
            raise ValueError(f"it has more than {MAX_STUDENTS:,} students")
    if not students:
        raise ValueError("there is no student in it")
    return students


def _student(number: int, row: Row) -> Student:
    fields: dict[str, str] = {}
    for key, value in row:
        if _SURROGATE.search(key + value):
            raise ValueError(f"row {number}: {key!a} holds half of a character")
        key = key.strip().lower()
        if key in fields:
            raise ValueError(f"row {number} has {key!r} twice")
        fields[key] = value.strip()
    try:
        return Student(clean_name(fields.pop("name", "")), fields)
    except ValueError as error:
        raise ValueError(f"row {number}: {error}") from error


def _rows(text: str) -> Iterator[tuple[int, Row]]:
    return _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)


# --- JSON


class _Pairs(Row):
    """An object of the file, with keys that stand in it twice."""


def _json_rows(text: str) -> Iterator[tuple[int, Row]]:
    for number, row in enumerate(_json_objects(text), start=1):
        if not isinstance(row, _Pairs):
            raise ValueError(f"number {number} is not an object such as {{'name': 'Ada'}}")
        yield number, [(key, _plain(number, key, value)) for key, value in row]


def _json_objects(text: str) -> list[object]:
    # Numbers stay as they are written: 1.50 is not 1.5, and a long student id is not rounded.
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str)
    try:
        if text.lstrip().startswith("["):
            found: list[object] = decoder.decode(text)
            return found
        return list(_objects_in_a_row(text, decoder))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _objects_in_a_row(text: str, decoder: json.JSONDecoder) -> Iterator[object]:
    position, end = 0, len(text)
    while position < end:
        if text[position].isspace():
            position += 1
        else:
            found, position = decoder.raw_decode(text, position)
            yield found


def _plain(number: int, key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"row {number}: {key!r} is a list or an object; it must be text or a number")
    return value


# --- CSV


def _csv_rows(text: str) -> Iterator[tuple[int, Row]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    header: list[str] = []
    try:
        for number, cells in enumerate(map(_without_empty_end, lines), start=1):
            if not header:
                header = _checked_header(cells)
            elif len(cells) > len(header):
                raise ValueError(f"row {number} has {len(cells)} cells, the header only {len(header)}")
            elif cells:
                yield number, list(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
    except csv.Error as error:
        raise ValueError(f"it is neither JSON nor CSV: line {lines.line_num}: {error}") from error


def _delimiter(text: str) -> str:
    header = text.lstrip().partition("\n")[0]
    return ";" if header.count(";") > header.count(",") else ","


def _without_empty_end(cells: list[str]) -> list[str]:
    """Spreadsheets end rows with separators for columns that were once in use."""
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _checked_header(cells: list[str]) -> list[str]:
    if cells and "name" not in (cell.strip().lower() for cell in cells):
        raise ValueError("it is neither JSON nor a CSV whose first line names its columns, one of them 'name'")
    if not all(cell.strip() for cell in cells):
        raise ValueError("row 1: a column has no heading")
    return cells
