"""The records of a school in an SQL database: any kind, in its table."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, delete, func, select, text

from photocall.school.records import KEYS, AuditEntry, Noun, Record
from photocall.school.register import Between, Records
from photocall.stores import school_tables
from photocall.stores.database import Transactions, insert_into, upsert
from photocall.stores.sealing import Sealer

Codec = tuple[Callable[[Any], object], Callable[[Any], Any]]
"""How a field becomes a value of a column, and a value the field again."""


class SchoolRecords(Transactions):
    """A SchoolRegister."""

    def put(self, *records: Record) -> None:
        """Add records, or replace those with the same key; all or none."""
        with self._writing() as connection:
            self._in(connection).put(*records)

    def get(self, kind: type[Noun], *key: object) -> Noun | None:
        """The record with this key."""
        with self._reading() as connection:
            return self._in(connection).get(kind, *key)

    def find(self, kind: type[Noun], **equal: object) -> list[Noun]:
        """Records, in the order of their keys; all of the kind where nothing is asked for."""
        with self._reading() as connection:
            return self._in(connection).find(kind, **equal)

    def remove(self, kind: type[Noun], **equal: object) -> int:
        """Remove records for good; how many there were."""
        with self._writing(erasing=True) as connection:
            return self._in(connection).remove(kind, **equal)

    @contextmanager
    def changing(self, *locks: str) -> Iterator[Records]:
        """Several steps as one transaction; nobody else takes one of the same locks meanwhile."""
        with self._writing(erasing=True) as connection:
            if connection.dialect.name == "postgresql":  # the other one lets only one write at a time anyway
                for lock in sorted(locks):
                    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": lock})
            yield self._in(connection)

    def last_audit_number(self) -> int:
        """The number of the newest entry of the audit log; 0 while there is none."""
        with self._reading() as connection:
            return self._in(connection).last_audit_number()

    def _in(self, connection: Connection) -> "_InTransaction":
        return _InTransaction(connection, self._decoded, self._sealer, self._sealing)


class _InTransaction:
    """Records, as one transaction sees them."""

    def __init__(
        self,
        connection: Connection,
        decoded: Callable[..., list[Any]],
        sealer: Sealer,
        sealing: Callable[[Connection], Sealer],
    ) -> None:
        self._connection, self._decoded, self._sealer, self._sealing = connection, decoded, sealer, sealing

    def put(self, *records: Record) -> None:
        rows: dict[type, dict[tuple[object, ...], dict[str, object]]] = {}
        for record in records:  # the last one of a key wins
            row = _row(record)
            rows.setdefault(type(record), {})[tuple(row[name] for name in KEYS[type(record)])] = row
        for kind, by_key in rows.items():
            # In an order that is everybody's, so that nobody waits for a waiter.
            new = self._sealed(kind, [by_key[key] for key in sorted(by_key, key=str)])
            table = school_tables.TABLES[kind]
            only_new = kind is AuditEntry  # the database refuses to change one
            add = insert_into(self._connection, table) if only_new else upsert(self._connection, table, *KEYS[kind])
            self._connection.execute(add, new)

    def get(self, kind: type[Noun], *key: object) -> Noun | None:
        found = self.find(kind, **dict(zip(KEYS[kind], key, strict=True)))
        return found[0] if found else None

    def find(self, kind: type[Noun], **equal: object) -> list[Noun]:
        table = school_tables.TABLES[kind]
        wanted = select(table).where(_condition(kind, table, equal)).order_by(*(table.c[name] for name in KEYS[kind]))
        rows = self._connection.execute(wanted).all()
        found: list[Noun] = self._decoded(lambda row: _record(kind, row, self._sealer), rows)
        return found

    def _sealed(self, kind: type, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rows whose templates are sealed for their places."""
        names = school_tables.TEMPLATES.get(kind, ())
        if not any(row[name] for row in rows for name in names):
            return rows
        sealer, table = self._sealing(self._connection), school_tables.TABLES[kind].name
        places = [(table, *(row[name] for name in KEYS[kind])) for row in rows]
        return [
            row | {name: sealer.seal(row[name], *place) for name in names}
            for row, place in zip(rows, places, strict=True)
        ]

    def remove(self, kind: type[Noun], **equal: object) -> int:
        table = school_tables.TABLES[kind]
        return self._connection.execute(delete(table).where(_condition(kind, table, equal))).rowcount

    def last_audit_number(self) -> int:
        newest = select(func.coalesce(func.max(school_tables.audit_entries.c.number), 0))
        return int(self._connection.execute(newest).scalar_one())


def _condition(kind: type, table: Table, equal: Mapping[str, object]) -> ColumnElement[bool]:
    conditions = []
    for name, value in equal.items():
        encode, column = _CODECS[kind][name][0], table.c[name]
        if isinstance(value, Between):
            conditions += [column >= encode(value.first), column < encode(value.end)]
        elif isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping):
            conditions.append(column.in_([encode(each) for each in value]))
        else:
            conditions.append(column == encode(value))
    return and_(True, *conditions)  # SQL's own


def _row(record: Record) -> dict[str, object]:
    return {name: encode(getattr(record, name)) for name, (encode, _) in _CODECS[type(record)].items()}


def _record(kind: type[Noun], row: Row[Any], sealer: Sealer) -> Noun:
    values = {name: decode(getattr(row, name)) for name, (_, decode) in _CODECS[kind].items()}
    for name in school_tables.TEMPLATES.get(kind, ()):
        place = (values[key] for key in KEYS[kind])
        values[name] = sealer.open(values[name], school_tables.TABLES[kind].name, *place)
    return kind(**values)


def _codecs(kind: type) -> dict[str, Codec]:
    hints = get_type_hints(kind)
    return {each.name: _codec(hints[each.name]) for each in fields(kind)}


def _codec(hint: Any) -> Codec:
    """How values of a type are kept."""
    if get_origin(hint) in (UnionType,):
        encode, decode = _codec(next(each for each in get_args(hint) if each is not type(None)))
        return (
            lambda value: None if value is None else encode(value),
            lambda value: None if value is None else decode(value),
        )
    if get_origin(hint) is not None:  # a mapping
        return lambda value: json.dumps(dict(value), ensure_ascii=False), _mapping
    if hint is datetime:
        return _time, datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return lambda value: str(hint(value)), hint
    return hint, hint


def _time(value: datetime) -> str:
    """UTC to a microsecond, always as long, so that texts sort as times do. ValueError without a time zone."""
    if value.tzinfo is None:
        raise ValueError(f"the time {value} has no time zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _mapping(value: str) -> dict[str, object]:
    found = json.loads(value)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


_CODECS = {kind: _codecs(kind) for kind in school_tables.TABLES}
