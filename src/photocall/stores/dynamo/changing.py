"""How a collection in DynamoDB is changed: a transaction that depends on its row, tried again while others are faster.

Everything that a change was computed from is a condition of its transaction: the row's `revision`, and the version of
every face and user that is written. So writers never lose or count twice what others have done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from photocall.errors import CollectionNotFound, StoreUnavailable
from photocall.stores.dynamo.archive import Archive
from photocall.stores.dynamo.connection import CHANGING, attempts
from photocall.stores.dynamo.garbage import Garbage
from photocall.stores.dynamo.log import entry_items
from photocall.stores.dynamo.rows import CollectionRow, item_of_row, new_generation, row_key, row_of
from photocall.stores.dynamo.snapshots import Snapshots
from photocall.stores.dynamo.tables import Part, Table
from photocall.stores.dynamo.values import Item

Answer = TypeVar("Answer")
Noun = TypeVar("Noun")

DAMAGED = "the table is not as photocall made it: an item makes no sense; restore it to a point in time before"


@dataclass(frozen=True, slots=True)
class Change(Generic[Answer]):
    """What is to be written.

    Attributes:
        answer: what is told when it has been.
        row: as the collection is to be, `revision` aside; None to write nothing.
        parts: of the transaction, beside the row.
        is_littering: whether something becomes garbage by it, which is then erased at once.
    """

    answer: Answer
    row: CollectionRow | None = None
    parts: Sequence[Part] = ()
    is_littering: bool = False


class Changing:
    """What all parts of the store build on."""

    def __init__(self, table: Table, archive: Archive, garbage: Garbage, snapshots: Snapshots) -> None:
        self._table, self._archive, self._garbage, self._snapshots = table, archive, garbage, snapshots

    def _row(self, collection_id: str) -> CollectionRow:
        """The row of a collection; where there never was one, the one that it would have."""
        return self._row_of(collection_id, self._table.get(row_key(collection_id)))

    def _rows(self, *collection_ids: str) -> list[CollectionRow]:
        """The rows of collections as of one moment, at which no transaction was half done."""
        found = self._table.get_together([row_key(each) for each in collection_ids])
        return [self._row_of(*each) for each in zip(collection_ids, found, strict=True)]

    def _live(self, collection_id: str) -> CollectionRow:
        """The row of a collection. Raises `CollectionNotFound`."""
        return live(self._row(collection_id))

    def _change(self, collection_id: str, decide: Callable[[CollectionRow], Change[Answer]]) -> Answer:
        """Change a collection as `decide` says of its row; it is asked again where others were faster.

        Raises `StoreUnavailable` if they are for `PATIENCE` seconds.
        """
        for _ in attempts():
            row = self._row(collection_id)
            change = decide(row)
            if change.row is None or self._table.transact([self._stepping(row, change.row), *change.parts]):
                self._garbage.sweep_if_due(now=change.is_littering)
                return change.answer
        raise StoreUnavailable(self._table.address, CHANGING)

    def _stepping(self, before: CollectionRow, after: CollectionRow) -> Part:
        """Writes a row in place of the one that was read."""
        changed = replace(after, revision=before.revision + 1)
        return self._table.putting(item_of_row(changed), {"revision": before.revision or None})

    def _logged(
        self,
        row: CollectionRow,
        face_ids: Sequence[str],
        parts: Sequence[Part],
        answer: Answer,
        *,
        erased: bool = False,
    ) -> Change[Answer]:
        """The change of some faces, as of a new version.

        Args:
            row: as it is to be but for the version.
            face_ids: in the order of their numbers, where they are new.
            parts: that write them.
            answer: what is told.
            erased: whether a vector that was there is not any more, so that the snapshot must not stay.
        """
        new = replace(row, version=row.version + 1)
        log = [self._table.putting(item) for item in entry_items(row.generation, new.version, face_ids)]
        dropped = [self._garbage.noting_snapshot(row.snapshot)] if erased and row.snapshot else []
        if erased:
            new = replace(new, snapshot="", snapshot_version=0, erased=new.version)
        return Change(answer, new, [*parts, *log, *dropped], is_littering=bool(dropped))

    def _row_of(self, collection_id: str, item: Item | None) -> CollectionRow:
        if item is None:
            return CollectionRow(collection_id, new_generation())
        (row,) = self._decoded(row_of, [item])
        return row

    def _decoded(self, decode: Callable[[Any], Noun], items: Sequence[Any]) -> list[Noun]:
        try:
            return [decode(item) for item in items]
        except (ValueError, TypeError, KeyError) as error:
            raise StoreUnavailable(self._table.address, DAMAGED) from error


def live(row: CollectionRow) -> CollectionRow:
    """The row of a collection that is there. Raises `CollectionNotFound`."""
    if row.deleted:
        raise CollectionNotFound(row.collection_id)
    return row
