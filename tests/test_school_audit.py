"""The audit log: whole while others write, and read a page at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from photocall.school import audit
from photocall.school.errors import AuditBroken
from photocall.school.records import AuditEntry
from photocall.stores.sql import SqlStore
from schooling import NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(f"sqlite:///{tmp_path / 'photocall.db'}") as opened:
        yield opened


class Busy:
    """A register in which somebody writes an entry before each of the first few things of a kind that are asked."""

    def __init__(self, store: SqlStore, before: str, entries: int) -> None:
        self._store, self._before, self._left = store, before, entries

    def __getattr__(self, name: str) -> Any:
        if self._left and name == self._before:
            self._left -= 1
            audit.noted(self._store, "cli", "student.seen", "s-1", NOW)
        return getattr(self._store, name)


class Torn:
    """A register without one entry of its log."""

    def __init__(self, store: SqlStore, gap: int) -> None:
        self._store, self._gap = store, gap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def find(self, kind: Any, **equal: Any) -> list[Any]:
        return [each for each in self._store.find(kind, **equal) if each.number != self._gap]


@pytest.mark.parametrize("entries", [1, 3])
@pytest.mark.parametrize("before", ["find", "last_audit_number"])
def test_a_log_that_is_written_to_while_it_is_verified_is_whole(store: SqlStore, before: str, entries: int) -> None:
    audit.noted(store, "cli", "student.seen", "s-1", NOW)
    busy: Any = Busy(store, before, entries)
    assert audit.verify(busy) == len(store.find(AuditEntry)) > 1


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_an_entry_that_is_missing_is_told_wherever_it_was(store: SqlStore, gap: int) -> None:
    for _ in range(3):
        audit.noted(store, "cli", "student.seen", "s-1", NOW)
    broken: Any = Torn(store, gap)
    with pytest.raises(AuditBroken, match=f"at entry {gap}: it is missing"):
        audit.verify(broken)


LATELY = "time >= '2' AND time < '3'"


@pytest.mark.parametrize("wanted", ["action IN ('a', 'b')", f"action IN ('a') AND {LATELY}", LATELY])
def test_what_is_asked_of_the_log_every_hour_does_not_read_all_of_it(
    store: SqlStore, tmp_path: Path, wanted: str
) -> None:
    audit.noted(store, "cli", "student.seen", "s-1", NOW)
    with closing(sqlite3.connect(tmp_path / "photocall.db")) as opened:
        plan = opened.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM audit_entries WHERE {wanted} ORDER BY number"
        ).fetchall()
    assert "SEARCH audit_entries USING INDEX" in plan[0][-1]


@pytest.mark.parametrize("subject", [None, "s-1"])
def test_the_log_is_read_backwards_a_page_at_a_time(store: SqlStore, subject: str | None) -> None:
    for number in range(1, 12):
        audit.noted(store, "cli", "student.seen", f"s-{number % 2}", NOW)
    pages: list[list[int]] = []
    before = None
    while page := audit.entries(store, subject, None, 4, before):
        pages.append([each.number for each in page])
        before = page[-1].number
    mine = list(range(11, 0, -1 if subject is None else -2))
    assert pages == [mine[at : at + 4] for at in range(0, len(mine), 4)]
