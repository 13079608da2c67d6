"""Students in a table of DynamoDB as the course's exercises make it: `{name, id, major, year}`, keyed by name or by id.

Other programs write it, too, so that it is read as it is: numbers become text, and what has no name is left out. What
such an item cannot say of a student stands in one more attribute, `photocall`, and only where it is needed.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from photocall.errors import RosterInvalid, StoreUnavailable
from photocall.roster import Student
from photocall.stores.dynamo.connection import CHANGING, attempts
from photocall.stores.dynamo.tables import PARTS, Part, Table
from photocall.stores.dynamo.values import Item, decoded

USUAL = ("id", "major", "year")
"""The fields of a student in their usual order; others follow by name."""

OWN = "photocall"
"""Attribute with the `student_id` that is not the name, and the names of the `fields` where their order is another."""

_log = logging.getLogger(__name__)


class StudentTable:
    """The table of students; safe to share between threads. It is small: questions read all of it."""

    def __init__(self, table: Table) -> None:
        """Nothing is asked yet."""
        self._table = table

    def put(self, students: Sequence[Student]) -> None:
        """Add or replace by `student_id`; up to a hundred, all or none.

        Raises:
            RosterInvalid: the key of the table does not tell two of them apart, or cannot be what they are known by.
        """
        new = {student.student_id: student for student in students}
        items = [self._item(student) for student in new.values()]
        parts = [self._table.putting(item) for item in items]
        if new and self._key[0] == "id":
            parts += self._replaced(new, items)
        for start in range(0, len(parts), PARTS):
            self._write(parts[start : start + PARTS])

    def all(self) -> list[Student]:
        """Every student, by name, capitals and small letters alike."""
        items = list(self._table.scan())
        found = [student for item in items if (student := _student(item))]
        if len(found) < len(items):
            told = "%s: %d items have no name, and are no students"
            _log.warning(told, self._table.name, len(items) - len(found))
        return sorted(found, key=lambda each: (each.name.casefold(), each.name))

    def delete(self, student_id: str) -> bool:
        """Remove a student; False if there was none."""
        if self._key[0] == "name":
            return self._table.delete({"name": student_id})
        keys = [key for key, owner in self._owners().items() if owner == student_id]
        return sum(self._table.delete({"id": key}) for key in keys) > 0

    @cached_property
    def _key(self) -> tuple[str, str]:
        """The attribute that is the table's key, and its type: S or N."""
        schema, types = self._table.schema()
        if len(schema) != 1 or schema[0] not in ("name", "id") or types[schema[0]] not in ("S", "N"):
            told = f"its key is {' and '.join(schema)}; that of a table of students is `name` or `id`, text or a number"
            raise StoreUnavailable(self._table.address, told)
        return schema[0], types[schema[0]]

    def _item(self, student: Student) -> Item:
        name, kind = self._key
        if name == "name" and student.student_id != student.name:
            told = f"student {student.name!r} has an id beside the name; the key of the table must be `id` for that"
            raise RosterInvalid(self._table.address, told)
        item: Item = {**student.fields, "name": student.name}
        if name == "id":
            item["id"] = self._number(student, item.get("id") or student.student_id, kind)
        own: Item = {} if student.student_id == student.name else {"student_id": student.student_id}
        if list(student.fields) != _in_order(name for name in item if name != "name"):
            own["fields"] = list(student.fields)
        return {**item, **({OWN: own} if own else {})}

    def _number(self, student: Student, key: str, kind: str) -> str | int:
        if kind == "S":
            return key
        if not key.isdecimal():
            raise RosterInvalid(self._table.address, f"the key `id` is a number, which {student.name!r} has not")
        return int(key)

    def _replaced(self, new: Mapping[str, Student], items: Sequence[Item]) -> list[Part]:
        """What removes students under other keys that are put anew. Raises `RosterInvalid` where two have one key."""
        there, taken = self._owners(), dict[object, str]()
        for student_id, item in zip(new, items, strict=True):
            other = taken.setdefault(item["id"], there.get(item["id"], student_id))
            if other != student_id or list(taken).count(item["id"]) > 1:
                raise RosterInvalid(
                    self._table.name, f"the id {item['id']!r} is {other!r}'s, and cannot be {student_id!r}'s"
                )
            taken[item["id"]] = student_id
        old = [key for key, owner in there.items() if owner in new and key not in taken]
        return [self._table.deleting({"id": key}) for key in old]

    def _owners(self) -> dict[Any, str]:
        """Which student stands under which key."""
        found = ((decoded({"id": item["id"]})["id"], _student(item)) for item in self._table.scan())
        return {key: student.student_id for key, student in found if student}

    def _write(self, parts: Sequence[Part]) -> None:
        for _ in attempts():
            if self._table.transact(parts):
                return
        raise StoreUnavailable(self._table.address, CHANGING)


def _student(item: Mapping[str, Mapping[str, Any]]) -> Student | None:
    """The student in an item as DynamoDB gives it; None if it has no name."""
    texts = {key: text for key, value in item.items() if (text := _text(value)) is not None}
    name, own = texts.pop("name", ""), decoded(item).get(OWN)
    own = own if isinstance(own, dict) else {}
    fields = own.get("fields", _in_order(texts))
    return Student(name, {field: texts.get(field, "") for field in fields}, own.get("student_id", "")) if name else None


def _text(value: Mapping[str, Any]) -> str | None:
    """A value as text: numbers as they were written; None for what is no text, number or truth."""
    ((kind, content),) = value.items()
    if kind == "BOOL":
        return str(content).lower()
    return {"S": content, "N": content, "NULL": ""}.get(kind)


def _in_order(fields: Iterable[str]) -> list[str]:
    return sorted(fields, key=lambda field: (USUAL.index(field) if field in USUAL else len(USUAL), field))
