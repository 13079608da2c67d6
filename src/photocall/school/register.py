"""What a Register keeps for a school: part of the port `Register` in `ports`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from photocall.roster import Status
from photocall.school.records import Noun, Record


@dataclass(frozen=True, slots=True)
class Between:
    """Values from `first` up to, and not with, `end`; texts, numbers or times."""

    first: object
    end: object


class Records(Protocol):
    """Records by key, and by what else they hold.

    Where a method takes `equal`, a record is meant whose every named field is that value, one of a list of values, or
    lies `Between` two.
    """

    def put(self, *records: Record) -> None:
        """Add records, or replace those with the same key; all or none."""
        ...

    def get(self, kind: type[Noun], *key: object) -> Noun | None:
        """The record with this key."""
        ...

    def find(self, kind: type[Noun], **equal: object) -> list[Noun]:
        """Records, in the order of their keys; all of the kind where nothing is asked for."""
        ...

    def remove(self, kind: type[Noun], **equal: object) -> int:
        """Remove records for good; how many there were. All of the kind where nothing is asked for."""
        ...

    def last_audit_number(self) -> int:
        """The number of the newest entry of the audit log; 0 while there is none."""
        ...


class SchoolRegister(Records, Protocol):
    """Each method is one transaction."""

    def changing(self, *locks: str) -> AbstractContextManager[Records]:
        """Several steps as one transaction, which is undone if an exception leaves it.

        Args:
            locks: names, such as "lesson/17": who changes the same thing waits until the other one is through. What
                was read before is read anew. Everybody takes locks in the order of their names.
        """
        ...

    def students_by_status(self, lesson_ids: Sequence[str]) -> list[tuple[str, Status, list[str]]]:
        """What the registers of lessons say: lesson_id, a status, and the ids of all students who have it there.

        In no order; a lesson whose register is empty is not among them. It is quick where lines are many.
        """
        ...
