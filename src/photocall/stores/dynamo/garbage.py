"""What must still be erased: generations that their collections have left, and snapshots that nobody may find.

A note of it is written in the transaction that makes it garbage, or before anything is written that will be garbage
unless somebody comes to the end of what he does. Whoever comes next erases it, so that nobody who is killed leaves
templates behind for ever.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice

from photocall.errors import PhotocallError
from photocall.ports import ObjectStore
from photocall.stores.dynamo.archive import Archive
from photocall.stores.dynamo.face_items import source_of
from photocall.stores.dynamo.rows import objects_of, shards, users_of
from photocall.stores.dynamo.tables import WRITTEN_TOGETHER, Part, Table
from photocall.stores.dynamo.values import Item

GARBAGE = "garbage"

UNFINISHED_SECONDS = 3600
"""After so long, what somebody began to write is taken for left behind."""

UNFINISHED: Mapping[str, object] = {"unfinished": True}
"""What a note says of something that may still be adopted: it is either that, or garbage, never both."""

SWEEP_SECONDS = 600
"""After so long, a process that writes looks again for what others have left behind."""

MOST_SECONDS = 10.0
"""For which whoever happens to come erases; the rest is the next one's."""

_log = logging.getLogger(__name__)


class Garbage:
    """The notes of what must be erased; safe to share between threads."""

    def __init__(self, table: Table, archive: Archive, objects: ObjectStore | None) -> None:
        self._table, self._archive, self._objects = table, archive, objects
        self._due = time.monotonic()

    def noting_generation(self, generation: str, collection_id: str) -> Part:
        """Notes a generation that its collection leaves in the same transaction."""
        return self._table.putting(self._generation(generation, collection_id))

    def noting_snapshot(self, key: str) -> Part:
        """Notes a snapshot that its collection gives up in the same transaction."""
        return self._table.putting(_snapshot(key))

    def note_unfinished_generation(self, generation: str, collection_id: str) -> None:
        """Note a generation that is to be written now, and will be garbage unless it is `adopting` in time."""
        self._table.put({**self._generation(generation, collection_id), **_unfinished()})

    def note_unfinished_snapshot(self, key: str) -> bool:
        """Note a snapshot that is to be written now, likewise; False if somebody else writes it."""
        return self._table.put({**_snapshot(key), **_unfinished()}, {"pk": None})

    def give_up_snapshot(self, key: str) -> None:
        """Erase a snapshot at once that was written, and is not to be adopted."""
        self._table.put(_snapshot(key))
        self.sweep()

    def may_adopt_snapshot(self, key: str) -> bool:
        """Whether a snapshot that was noted as unfinished has not been taken for left behind."""
        found = self._table.get(_note(f"snapshot/{key}"))
        return found is not None and bool(found.get("unfinished"))

    def give_up_generation(self, generation: str, collection_id: str) -> None:
        """Erase a generation at once that was noted as unfinished, and was not adopted."""
        self._table.put(self._generation(generation, collection_id), UNFINISHED)
        self.sweep()

    def adopting_generation(self, generation: str) -> Part:
        """Forgets the note of a generation that was written; it must not have been taken for left behind."""
        return self._table.deleting(_note(f"generation/{generation}"), UNFINISHED)

    def adopting_snapshot(self, key: str) -> Part:
        """Forgets the note of a snapshot that was written, likewise."""
        return self._table.deleting(_note(f"snapshot/{key}"), UNFINISHED)

    def sweep_if_due(self, *, now: bool) -> None:
        """Erase what others have left behind, if that was not looked for in a while, or it is to be done now."""
        if now or time.monotonic() >= self._due:
            self.sweep()

    def sweep(self) -> None:
        """Erase what may be erased, for `MOST_SECONDS`; a failure is logged, and is the next one's work."""
        end = time.monotonic() + MOST_SECONDS
        self._due = time.monotonic() + SWEEP_SECONDS
        try:
            for note in self._table.query(GARBAGE):
                if self._is_left(note) and self._erase(note, end):
                    self._table.delete(_note(note["sk"]))
        except PhotocallError as error:
            _log.warning("something that was erased could not be swept away yet: %s", type(error).__name__)
            self._due = time.monotonic()

    def _is_left(self, note: Item) -> bool:
        """Whether a note is of garbage; from now on, if somebody was to finish it in time and did not."""
        if not note.get("unfinished"):
            return True
        garbage = {name: value for name, value in note.items() if name not in ("unfinished", "until")}
        return bool(note["until"] <= time.time()) and self._table.put(garbage, UNFINISHED)

    def _erase(self, note: Item, end: float) -> bool:
        """Erase what a note is of; False if it is not all gone yet."""
        if "snapshot" in note:
            return self._erase_snapshot(note["snapshot"])
        if note["archive"] not in ("", self._archive.name):  # those who have the table that shows the faces erase them
            return False
        generation, erase_shard = note["generation"], partial(self._erase_faces, note["collection_id"], end)
        swept = self._table.connection.at_once(erase_shard, shards(generation))
        return all(swept) and all(self._erase_all(each, end) for each in (users_of(generation), objects_of(generation)))

    def _generation(self, generation: str, collection_id: str) -> Item:
        shown = {"archive": self._archive.name}
        return {**_note(f"generation/{generation}"), "generation": generation, "collection_id": collection_id, **shown}

    def _erase_snapshot(self, key: str) -> bool:
        if self._objects is None:  # those who have the object store erase it
            return False
        self._objects.delete(key)
        return True

    def _erase_faces(self, collection_id: str, end: float, shard: str) -> bool:
        """Leave of every face its id, which readers that still have it must learn of; False if some are left."""
        for block in _blocks(self._table.query(shard, names=("pk", "sk", "about"), having="vector")):
            self._archive.forget(self._table, collection_id, [face["sk"] for face in block if source_of(face)])
            self._table.write_all([_key(face) for face in block])
            if time.monotonic() > end:
                return False
        return True

    def _erase_all(self, partition: str, end: float) -> bool:
        for block in _blocks(self._table.query(partition, names=("pk", "sk"))):
            self._table.write_all(deleted=block)
            if time.monotonic() > end:
                return False
        return True


def _blocks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while block := list(islice(items, WRITTEN_TOGETHER)):
        yield block


def _snapshot(key: str) -> Item:
    return {**_note(f"snapshot/{key}"), "snapshot": key}


def _unfinished() -> Item:
    return {**UNFINISHED, "until": int(time.time()) + UNFINISHED_SECONDS}


def _note(name: str) -> dict[str, str]:
    return {"pk": GARBAGE, "sk": name}


def _key(item: Item) -> Item:
    return {"pk": item["pk"], "sk": item["sk"]}
