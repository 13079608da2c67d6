"""Reports as others want them: JSON for machines, CSV for any program, XLSX for spreadsheets.

No text in a CSV or a workbook becomes a formula or a link.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from photocall.errors import ExtraMissing
from photocall.roster import Status
from photocall.school.errors import EntryInvalid
from photocall.school.reports import Counts, Line, Matrix, Report, share
from photocall.students import no_formula

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

STATUSES = (Status.PRESENT, Status.LATE, Status.EXCUSED, Status.ABSENT, Status.UNCERTAIN)
"""In the order of the columns."""

NAMES = tuple(status.value for status in STATUSES)

MOST_LINES = 1_000_000
"""Of a sheet: the programs that read it take 1,048,576 rows."""

LINE_HEADER = (
    "date",
    "time",
    "class_id",
    "class",
    "lesson",
    "student_id",
    "name",
    "status",
    "similarity",
    "by_hand",
    "note",
)
TOTAL_HEADER = ("student_id", "name", *NAMES, "share")

Cell = str | int | float | datetime | None


def report_csv(lines: Iterable[Line]) -> str:
    """A line for every line of the registers, in `LINE_HEADER`'s columns; times are in the school's time zone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LINE_HEADER)
    for line in lines:
        day, time = f"{line.starts:%Y-%m-%d}", f"{line.starts:%H:%M}"
        writer.writerow([no_formula("" if cell is None else str(cell)) for cell in (day, time, *_cells(line))])
    return text.getvalue()


def report_xlsx(report: Report, lines: Iterable[Line]) -> bytes:
    """A workbook: a sheet of totals, a line for each student, and a sheet with every line of the registers.

    Raises:
        EntryInvalid: no sheet holds that many lines.
        ExtraMissing: the library that writes workbooks is not installed.
    """
    if sum(report.total.values()) > MOST_LINES:
        raise EntryInvalid("from", f"a sheet holds at most {MOST_LINES:,} lines; choose fewer days, or take the CSV")
    try:
        from xlsxwriter.workbook import Workbook
    except ImportError as error:
        raise ExtraMissing("a report for spreadsheets", "server") from error
    written = io.BytesIO()
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(written, {"constant_memory": True, "remove_timezone": True, **plain}) as workbook:
        _write(workbook, "Totals", TOTAL_HEADER, _totals(report), "0.0%")
        _write(workbook, "Lines", LINE_HEADER, _every(lines), "0.0")
    return written.getvalue()


def counts_json(counts: Counts) -> dict[str, Any]:
    """How many lines have each status, and the share of those who were there."""
    part = share(counts)
    return {**dict(zip(NAMES, totals(counts), strict=True)), "share": None if part is None else round(part, 4)}


def report_json(found: Report) -> dict[str, Any]:
    """A report."""
    lessons = [
        {
            "lesson_id": lesson.lesson_id,
            "course_id": course.course_id,
            "course": course.name,
            "title": lesson.title,
            "starts": lesson.starts.astimezone(found.zone).isoformat(timespec="seconds"),
            "taken": bool(counts),
            **counts_json(counts),
        }
        for lesson, course, counts in found.lessons
    ]
    students = [{"student_id": one.student_id, "name": one.name, **counts_json(n)} for one, n in found.students]
    days = [{"date": day.isoformat(), **counts_json(counts)} for day, counts in found.days]
    return {"lessons": lessons, "students": students, "days": days, "total": counts_json(found.total)}


def matrix_json(found: Matrix) -> dict[str, Any]:
    """The register of a class over many lessons."""
    lessons = [
        {
            "lesson_id": lesson.lesson_id,
            "starts": lesson.starts.astimezone(found.zone).isoformat(timespec="seconds"),
            "title": lesson.title,
        }
        for lesson in found.lessons
    ]
    students = [{"student_id": one.student_id, "name": one.name, "statuses": statuses} for one, statuses in found.rows]
    return {"lessons": lessons, "students": students}


def totals(counts: Counts) -> list[int]:
    """How many lines have each status, in the order of `STATUSES`."""
    return [counts.get(status, 0) for status in STATUSES]


def _totals(report: Report) -> Iterator[list[Cell]]:
    for student, counts in report.students:
        yield [student.student_id, student.name, *totals(counts), share(counts)]


def _every(lines: Iterable[Line]) -> Iterator[list[Cell]]:
    for line in lines:
        yield [line.starts, f"{line.starts:%H:%M}", *_cells(line)]


def _cells(line: Line) -> list[Cell]:
    """What follows date and time."""
    said = line.line
    similarity = None if said.similarity is None else round(said.similarity, 2)
    of = [line.course.course_id, line.course.name, line.lesson.title, line.student.student_id, line.student.name]
    return [*of, said.status.value, similarity, "yes" if said.by_hand else "", line.note]


def _write(workbook: "Workbook", name: str, header: Iterable[str], rows: Iterable[list[Cell]], fraction: str) -> None:
    """A sheet; its numbers with a fraction look like `fraction`."""
    sheet: Worksheet = workbook.add_worksheet(name)
    bold, day, number = (
        workbook.add_format(look) for look in ({"bold": True}, {"num_format": "yyyy-mm-dd"}, {"num_format": fraction})
    )
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(tuple(header)) - 1, 14)
    for place, heading in enumerate(header):
        sheet.write_string(0, place, heading, bold)
    for number_of_row, row in enumerate(rows, start=1):
        for place, cell in enumerate(row):
            if isinstance(cell, datetime):
                sheet.write_datetime(number_of_row, place, datetime(cell.year, cell.month, cell.day), day)
            elif isinstance(cell, str):
                sheet.write_string(number_of_row, place, cell)
            elif cell is not None:
                sheet.write_number(number_of_row, place, cell, number if isinstance(cell, float) else None)
