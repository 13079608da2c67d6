"""What reports ask an SQL database about registers: many lines at once, so that nothing is made of each of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, func, select

from photocall.roster import Status
from photocall.stores.database import Transactions
from photocall.stores.school_tables import register_lines

_AT_ONCE = 1000
"""Lessons in a question; SQLite takes 32,766 values."""

_BETWEEN = "\n"  # no id has a line break in it


class SchoolReports(Transactions):
    """The part of a SchoolRegister that is for reports."""

    def students_by_status(self, lesson_ids: Sequence[str]) -> list[tuple[str, Status, list[str]]]:
        """What the registers of lessons say: lesson_id, a status, and the ids of all students who have it there."""
        lesson, status, student = (register_lines.c[name] for name in ("lesson_id", "status", "student_id"))
        found: list[Row[Any]] = []
        with self._reading() as connection:
            for at in range(0, len(lesson_ids), _AT_ONCE):
                wanted = lesson.in_(sorted(lesson_ids[at : at + _AT_ONCE]))
                # One text for all of them, and in the index's order: ten times as fast as a row each, and no sorting.
                ids = func.aggregate_strings(student, _BETWEEN).label("student_ids")
                found += connection.execute(select(lesson, status, ids).where(wanted).group_by(lesson, status)).all()
        return self._decoded(_said, found)


def _said(row: Row[Any]) -> tuple[str, Status, list[str]]:
    return row.lesson_id, Status(row.status), row.student_ids.split(_BETWEEN)
