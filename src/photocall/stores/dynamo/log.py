"""The log of a generation: which faces each change was of, so that a reader learns what happened since a version.

An entry's sort key is a number: that of its change's first face. A face that was new then has the number of its place
in the entry for good, so that the log also tells the order of enrolment. The first entry of a generation says which
one was before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from photocall.stores.dynamo.tables import Table
from photocall.stores.dynamo.values import Item

STRIDE = 10_000_000
"""Numbers of one version: the most faces that a change may be of."""

ENTRY = 300
"""The most ids of an entry: ids of 1,024 bytes fill the 400 KB of an item with 390."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a change was of, or a part of it.

    Attributes:
        number: of its first face.
        face_ids: put, removed, or associated with another user.
        left: the generation that was before this one; empty where there was none, and in any but the first entry.
        left_born: the version that that one had begun with.
    """

    number: int
    face_ids: list[str]
    left: str = ""
    left_born: int = 0


def first_number(version: int) -> int:
    """The number of the first face of the change that led to a version."""
    return version * STRIDE


def entry_items(generation: str, version: int, face_ids: Sequence[str], left: tuple[str, int] = ("", 0)) -> list[Item]:
    """The entries of a change: one, unless it is of more than `ENTRY` faces.

    Args:
        generation: whose log.
        version: that the change led to.
        face_ids: what it was of, in the order of their numbers.
        left: the generation before and the version that it had begun with, where the change began a generation.
    """
    starts = range(0, max(len(face_ids), 1), ENTRY)
    first = {"left": left[0], "left_born": left[1]} if left[0] else {}
    return [
        {
            "pk": log_of(generation),
            "sk": _sort_key(first_number(version) + start),
            "face_ids": list(face_ids[start : start + ENTRY]),
            **({} if start else first),
        }
        for start in starts
    ]


def entries(table: Table, generation: str, after: int) -> Iterator[Entry]:
    """The entries of a log whose numbers are greater than `after`, oldest first."""
    for item in table.query(log_of(generation), after=_sort_key(after)):
        yield _entry(item)


def entries_since(table: Table, generation: str, version: int) -> Iterator[Entry]:
    """The entries of a log after a version, oldest first."""
    return entries(table, generation, first_number(version + 1) - 1)


def beginning(table: Table, generation: str, born: int) -> Entry | None:
    """The first entry of a generation that began with a version above 0; None if it began empty."""
    found = table.get({"pk": log_of(generation), "sk": _sort_key(first_number(born))})
    return None if found is None else _entry(found)


def log_of(generation: str) -> str:
    """The partition of a generation's log."""
    return f"{generation}/log"


def _entry(item: Item) -> Entry:
    return Entry(int(item["sk"]), item["face_ids"], item.get("left", ""), item.get("left_born", 0))


def _sort_key(number: int) -> str:
    return f"{number:020d}"
