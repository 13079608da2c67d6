"""The nouns of an import: what files say of students and classes, before it is compared with what is known."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from photocall.school.entries import fields_of, id_of, name_of
from photocall.school.errors import EntryInvalid
from photocall.school.roster_files import BadRow, Sheet
from photocall.students import no_formula

ID_COLUMNS = ("student_id", "id")
CLASS_COLUMNS = ("class", "course")
"""What may be above the column of a CSV of students; the first of them that is there, the other one is a field."""


STUDENTS, ONEROSTER = "students", "oneroster"
"""The kinds of files: CSVs of students, or OneRoster's tables."""


@dataclass(frozen=True, slots=True)
class StudentRow:
    """A student.

    Attributes:
        file: where it stands.
        row: its number there.
        student_id: empty for one who is known by name.
        name: cleaned.
        fields: cleaned.
        gone: whether the student leaves every class.
    """

    file: str
    row: int
    student_id: str
    name: str
    fields: Mapping[str, str]
    gone: bool = False

    @property
    def key(self) -> str:
        """What rows of the same student have in common; no id begins with a line break."""
        return self.student_id or f"\n{self.name.casefold()}"


@dataclass(frozen=True, slots=True)
class CourseRow:
    """A class with an id of its own; `gone` if it is over."""

    file: str
    row: int
    course_id: str
    name: str
    fields: Mapping[str, str]
    gone: bool = False


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody belongs to a class, or `gone`: no more.

    Attributes:
        file: where it stands.
        row: its number there.
        course: the class, by id, or in a CSV of students by id or name.
        student: the student, by `StudentRow.key`.
        gone: whether it is so no more.
    """

    file: str
    row: int
    course: str
    student: str
    gone: bool = False


@dataclass(slots=True)
class Roster:
    """All that some files say.

    Attributes:
        kind: `STUDENTS` or `ONEROSTER`.
        students: in the order of the files, each once.
        courses: the same.
        members: the same.
        bad: rows that say nothing that could be taken.
        ignored: rows about others than students.
    """

    kind: str
    students: list[StudentRow] = field(default_factory=list)
    courses: list[CourseRow] = field(default_factory=list)
    members: list[MemberRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    ignored: int = 0


def for_each_row(roster: Roster, sheet: Sheet, take: Callable[[int, dict[str, str]], None]) -> None:
    """Let `take` have the number and the cells of each row; where it raises `EntryInvalid`, the row is bad."""
    for each in sheet.rows():
        if isinstance(each, BadRow):
            roster.bad.append(each)
            continue
        try:
            take(*each)
        except EntryInvalid as error:
            reason = error.reason if error.what == "row" else str(error)
            roster.bad.append(BadRow(sheet.name, each[0], reason))


def students_in(sheets: Sequence[Sheet]) -> Roster:
    """What CSVs of students say: a column `name`, perhaps an id and a class, and fields in all other columns.

    Headings become small letters. Who has no id is known by name: rows with the same name are the same student.

    Raises:
        EntryInvalid: there is no column `name`, or two with the same heading.
    """
    roster, known = Roster(STUDENTS), dict[str, StudentRow]()
    for sheet in sheets:
        headings = {heading: heading.lower() for heading in sheet.header}
        if "name" not in headings.values():
            raise EntryInvalid(sheet.name, "its first line has no column 'name'")
        if len(set(headings.values())) < len(headings):
            raise EntryInvalid(sheet.name, "two columns are called the same, but for capitals and small letters")
        columns = _column(ID_COLUMNS, headings), _column(CLASS_COLUMNS, headings)

        def take(number: int, cells: dict[str, str], sheet: Sheet = sheet, columns: tuple[str, str] = columns) -> None:
            low = {heading.lower(): _text(cell) for heading, cell in cells.items()}
            student_id, course = (low.pop(column, "") for column in columns)
            name = name_of("name", low.pop("name"))
            row = StudentRow(sheet.name, number, student_id and id_of("student_id", student_id), name, fields_of(low))
            course = course and name_of("class", course)
            add_student(roster, known, row)
            if course:
                roster.members.append(MemberRow(sheet.name, number, course, row.key))

        for_each_row(roster, sheet, take)
    return roster


def add_student(roster: Roster, known: dict[str, StudentRow], row: StudentRow) -> None:
    """Add a student to a roster unless it is in it. Raises `EntryInvalid` for one who is in it as somebody else."""
    before = known.setdefault(row.key, row)
    if before is row:
        roster.students.append(row)
        return
    is_same = before.name == row.name or not row.student_id
    if not is_same or (before.fields, before.gone) != (row.fields, row.gone):
        who = "the same id" if row.student_id else "the same name and no id"
        raise EntryInvalid("row", f"row {before.row} has {who} and says something else")


def _text(cell: str) -> str:
    """A cell without the apostrophe that exports put before what a spreadsheet would take for a formula."""
    return cell[1:] if cell.startswith("'") and no_formula(cell[1:]) == cell else cell


def _column(names: Sequence[str], headings: Mapping[str, str]) -> str:
    return next((name for name in names if name in headings.values()), names[0])


def content_of(roster: Roster) -> str:
    """A roster as JSON, from which `roster_of` makes it again."""
    rows = {
        name: [[getattr(row, each) for each in kind.__slots__] for row in getattr(roster, name)]
        for name, kind in _KINDS.items()
    }
    return json.dumps({"kind": roster.kind, "ignored": roster.ignored, **rows}, ensure_ascii=False)


def roster_of(content: str) -> Roster:
    """The roster that was made this JSON."""
    told = json.loads(content)
    rows = {name: [kind(*values) for values in told[name]] for name, kind in _KINDS.items()}
    return Roster(told["kind"], ignored=told["ignored"], **rows)


_KINDS: dict[str, Any] = {"students": StudentRow, "courses": CourseRow, "members": MemberRow, "bad": BadRow}
