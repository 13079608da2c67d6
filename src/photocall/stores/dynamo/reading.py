"""Reading faces in DynamoDB: all of them, what changed since a version, and pages in the order of enrolment.

Questions about many faces see no single moment. So a reader asks for the version again when it has read, follows the
log from the version that it began with to the one that it finds, and is done when that stands still: what it then has
is what the collection was at that version, no half of a change among it.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from photocall.errors import StoreUnavailable, UserNotFound
from photocall.faces import FaceChanges, FaceRecord, VectorChanges
from photocall.stores.dynamo.changing import Change, Changing, live
from photocall.stores.dynamo.connection import CHANGING, attempts
from photocall.stores.dynamo.face_items import FOR_SEARCH, face_of
from photocall.stores.dynamo.log import ENTRY, beginning, entries, entries_since
from photocall.stores.dynamo.rows import CollectionRow, face_key, object_prefix, objects_of, shards, user_key
from photocall.stores.dynamo.snapshots import snapshot_key
from photocall.stores.dynamo.values import Item
from photocall.stores.vectors import vectors_of

PAGE = 100
"""Faces of a page that are asked for at once."""

_log = logging.getLogger(__name__)


class Reading(Changing):
    """The part of a FaceStore that tells which faces there are."""

    def faces(self, collection_id: str) -> list[FaceRecord]:
        """Every face, in the order of enrolment. Raises `CollectionNotFound`."""
        return self.changes(collection_id, 0).put

    def changes(self, collection_id: str, since: int) -> FaceChanges:
        """What changed after version `since`; 0 for all that is there. Raises `CollectionNotFound`."""
        row, faces = self._followed(collection_id, since, ())
        return FaceChanges(row.version, self._records(_there(faces), row), _gone(faces))

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        """What changed after version `since`, as far as searching needs it. Raises `CollectionNotFound`."""
        row, faces = self._followed(collection_id, since, FOR_SEARCH)
        if since == 0 and self._snapshots.are_due(row):
            self._keep_snapshot(row, {face_id: face for face_id, face in faces.items() if face})
        (found,) = self._decoded(lambda there: _vectors(there, row, _gone(faces)), [_there(faces)])
        return found

    def counts(self, collection_id: str) -> tuple[int, int]:
        """How many faces and how many users a collection has. Raises `CollectionNotFound`."""
        row = self._live(collection_id)
        return row.faces, row.users

    def faces_by_id(self, collection_id: str, face_ids: Sequence[str]) -> list[FaceRecord]:
        """The faces of these ids that are there, in the order given. Raises `CollectionNotFound`."""
        wanted = list(dict.fromkeys(face_ids))
        row, found = self._read(collection_id, lambda row: self._items(row, wanted))
        by_id = {record.face_id: record for record in self._records(found, row)}
        return [by_id[face_id] for face_id in wanted if face_id in by_id]

    def faces_of_object(self, collection_id: str, bucket: str, key: str) -> list[FaceRecord]:
        """The faces whose image is kept as this object, oldest first. Raises `CollectionNotFound`."""

        def read(row: CollectionRow) -> list[Item]:
            prefix = object_prefix(bucket, key)
            shown = self._table.query(objects_of(row.generation), prefix=prefix)
            return self._items(row, [each["sk"].removeprefix(prefix) for each in shown])

        row, found = self._read(collection_id, read)
        return self._records(found, row)

    def face_page(
        self, collection_id: str, *, after: int = 0, limit: int, user_id: str | None = None
    ) -> tuple[list[FaceRecord], int | None]:
        """At most `limit` faces in the order of enrolment, and where the next page begins; None for the last one.

        Raises `CollectionNotFound`; `UserNotFound` if `user_id` names nobody.
        """

        def read(row: CollectionRow) -> list[Item]:
            if user_id is None:
                return list(islice(self._enrolled(row, after), limit + 1))
            theirs = _by_number(self._items(row, sorted(self._user_item(row, user_id).get("faces", ()))))
            return [face for face in theirs if face["number"] > after][: limit + 1]

        row, found = self._read(collection_id, read)
        return self._records(found[:limit], row), found[limit - 1]["number"] if len(found) > limit else None

    # --- one moment

    def _followed(
        self, collection_id: str, since: int, names: Sequence[str]
    ) -> tuple[CollectionRow, dict[str, Item | None]]:
        """The row, and the faces that changed since a version up to the row's: None for one that is gone.

        Args:
            collection_id: which collection.
            since: the version; 0 for every face.
            names: attributes of the faces; all without any.
        """
        faces, version, row = dict[str, Item | None](), since, self._live(collection_id)
        for _ in attempts():
            if row.version == version:
                return row, faces
            if version == 0 or version < row.born:
                gone = [*faces, *self._before(row, version)]
                faces = {**dict.fromkeys(gone), **self._every_face(row, names)}
            else:
                faces |= self._changed(row, version)
            version = row.version
            row = live(self._rows(collection_id)[0])
        raise StoreUnavailable(self._table.address, CHANGING)

    def _read(
        self, collection_id: str, read: Callable[[CollectionRow], list[Item]]
    ) -> tuple[CollectionRow, list[Item]]:
        """The row and faces, read again where the collection left its generation meanwhile and some were erased."""
        for _ in attempts():
            row = self._live(collection_id)
            found = read(row)
            if all("vector" in face for face in found):
                return row, found
        raise StoreUnavailable(self._table.address, CHANGING)

    # --- faces of a row

    def _every_face(self, row: CollectionRow, names: Sequence[str]) -> Mapping[str, Item | None]:
        kept = self._snapshots.read(row) if names == FOR_SEARCH else None
        if kept is not None:
            return {**kept, **self._changed(row, row.snapshot_version)}
        pages = self._table.connection.at_once(
            lambda shard: list(self._table.query(shard, names=names)), shards(row.generation)
        )
        return {face["sk"]: face for page in pages for face in page}

    def _changed(self, row: CollectionRow, version: int) -> dict[str, Item | None]:
        """The faces that the log names since a version of the row's generation."""
        log = entries_since(self._table, row.generation, version)
        ids = list(dict.fromkeys(face_id for entry in log for face_id in entry.face_ids))
        return {**dict.fromkeys(ids), **{face["sk"]: face for face in self._items(row, ids)}}

    def _before(self, row: CollectionRow, version: int) -> list[str]:
        """The ids of all faces that a reader may have who stopped at a version before the row's generation began."""
        generation, born = row.generation, row.born
        while 0 < version < born:
            entry = beginning(self._table, generation, born)
            if entry is None or not entry.left:
                return []
            generation, born = entry.left, entry.left_born
        if version == 0:
            return []
        left = [face["sk"] for shard in shards(generation) for face in self._table.query(shard, names=("sk",))]
        log = entries_since(self._table, generation, version)
        return [*left, *(face_id for entry in log for face_id in entry.face_ids)]

    def _items(self, row: CollectionRow, face_ids: Sequence[str]) -> list[Item]:
        return self._table.get_all([face_key(row.generation, face_id) for face_id in face_ids])

    def _enrolled(self, row: CollectionRow, after: int) -> Iterator[Item]:
        """The faces whose numbers are greater than `after`, in that order."""
        log = entries(self._table, row.generation, max(after - ENTRY, 0))
        named = ((entry.number + at, face_id) for entry in log for at, face_id in enumerate(entry.face_ids))
        later = (each for each in named if each[0] > after)
        while some := list(islice(later, PAGE)):
            # A face that was put again is named once more, and was enrolled where its number says.
            ids = list(dict.fromkeys(face_id for _, face_id in some))
            numbers = {number for number, _ in some}
            yield from _by_number(face for face in self._items(row, ids) if face.get("number") in numbers)

    def _user_item(self, row: CollectionRow, user_id: str) -> Item:
        """A user. Raises `UserNotFound`."""
        found = self._table.get(user_key(row.generation, user_id))
        if found is None:
            raise UserNotFound(row.collection_id, user_id)
        return found

    def _records(self, found: Sequence[Item], row: CollectionRow) -> list[FaceRecord]:
        return self._decoded(lambda item: face_of(item, row), _by_number(found))

    # --- a snapshot for the next reader

    def _keep_snapshot(self, row: CollectionRow, faces: Mapping[str, Item]) -> None:
        """Write a snapshot of what was read; a failure is logged, since the faces are there."""
        key = snapshot_key(row)
        try:
            if self._garbage.note_unfinished_snapshot(key):
                self._snapshots.write(key, row, faces)
                self._adopt_snapshot(key, row)
        except StoreUnavailable as error:
            _log.warning("a snapshot of faces could not be kept: %s", type(error).__name__)

    def _adopt_snapshot(self, key: str, row: CollectionRow) -> None:
        """Let the collection have a snapshot, unless something was erased since it was read."""

        def adopt(now: CollectionRow) -> Change[bool]:
            is_whole = (now.generation, now.deleted) == (row.generation, False) and now.erased <= row.version
            is_newest = now.snapshot_version < row.version
            if not (is_whole and is_newest and self._garbage.may_adopt_snapshot(key)):
                return Change(False)
            old = [self._garbage.noting_snapshot(now.snapshot)] if now.snapshot else []
            new = replace(now, snapshot=key, snapshot_version=row.version)
            return Change(True, new, [self._garbage.adopting_snapshot(key), *old], is_littering=bool(old))

        if not self._change(row.collection_id, adopt):
            self._garbage.give_up_snapshot(key)


def _there(faces: Mapping[str, Item | None]) -> list[Item]:
    return _by_number(face for face in faces.values() if face)


def _gone(faces: Mapping[str, Item | None]) -> list[str]:
    return [face_id for face_id, face in faces.items() if not face]


def _by_number(faces: Iterable[Item]) -> list[Item]:
    return sorted(faces, key=lambda face: face.get("number", 0))


def _vectors(faces: Sequence[Item], row: CollectionRow, gone: list[str]) -> VectorChanges:
    ids = [face["sk"] for face in faces]
    owners, users = [face["external_image_id"] for face in faces], [face.get("user_id") for face in faces]
    blobs: list[Any] = [face["vector"] for face in faces]
    vectors = vectors_of(blobs, row.dimension) if blobs else np.empty((0, 0), np.float32)
    return VectorChanges(row.version, ids, owners, users, vectors, gone)
