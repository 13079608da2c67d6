"""Collections in DynamoDB: made, tagged, deleted, and one taking over the faces of another."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from photocall.errors import CollectionExists, ModelMismatch, TooManyTags
from photocall.faces import Collection
from photocall.stores.dynamo.changing import Change, Changing, live
from photocall.stores.dynamo.log import entry_items
from photocall.stores.dynamo.rows import COLLECTIONS, CollectionRow, made, new_generation, row_of
from photocall.stores.dynamo.tables import Part


class CollectionsInDynamo(Changing):
    """The part of a FaceStore that deals with collections as a whole."""

    def collections(self) -> list[Collection]:
        """Every collection, by its id."""
        rows = self._decoded(row_of, list(self._table.query(COLLECTIONS)))
        return sorted((row.collection for row in rows if not row.deleted), key=lambda each: each.collection_id)

    def create_collection(self, collection_id: str, model: str) -> Collection:
        """The collection, made if it is not there yet. Raises `ModelMismatch` if it is there with another model."""

        def create(row: CollectionRow) -> Change[Collection]:
            if not row.deleted:
                return Change(row.collection)
            new = made(row, model, {})
            return Change(new.collection, new)

        found = self._change(collection_id, create)
        if found.model != model:
            raise ModelMismatch(expected=found.model, found=model)
        return found

    def add_collection(self, collection_id: str, model: str, tags: Mapping[str, str]) -> Collection:
        """A new collection with its tags. Raises `CollectionExists` if there is one of that name."""

        def add(row: CollectionRow) -> Change[Collection]:
            if not row.deleted:
                raise CollectionExists(collection_id)
            new = made(row, model, tags)
            return Change(new.collection, new)

        return self._change(collection_id, add)

    def collection(self, collection_id: str) -> Collection:
        """The collection. Raises `CollectionNotFound`."""
        return self._live(collection_id).collection

    def delete_collection(self, collection_id: str) -> None:
        """Remove it with all its faces, users and tags, however many. Raises `CollectionNotFound`."""

        def delete(row: CollectionRow) -> Change[None]:
            gone, parts = self._left(live(row), new_generation())
            return Change(None, gone, parts, is_littering=True)

        self._change(collection_id, delete)

    def shift_threshold(self, collection_id: str, shift: float) -> None:
        """Set the collection's `threshold_shift`. Raises `CollectionNotFound`."""
        self._alter(collection_id, lambda row: replace(row, threshold_shift=float(shift)))

    # --- tags

    def tags(self, collection_id: str) -> dict[str, str]:
        """The tags of a collection, by key. Raises `CollectionNotFound`."""
        return dict(sorted(self._live(collection_id).tags.items()))

    def put_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        """Add or replace tags, all or none. Raises `CollectionNotFound`, `TooManyTags` above `limit` of them."""

        def put(row: CollectionRow) -> CollectionRow:
            new = {**row.tags, **tags}
            if tags and len(new) > limit:
                raise TooManyTags(collection_id, limit)
            return replace(row, tags=new)

        self._alter(collection_id, put)

    def delete_tags(self, collection_id: str, keys: Iterable[str]) -> None:
        """Remove tags, those that are there. Raises `CollectionNotFound`."""
        gone = set(keys)
        self._alter(
            collection_id,
            lambda row: replace(row, tags={key: value for key, value in row.tags.items() if key not in gone}),
        )

    def _alter(self, collection_id: str, alter: Callable[[CollectionRow], CollectionRow]) -> None:
        """Change nothing but the row. Raises `CollectionNotFound`."""

        def change(row: CollectionRow) -> Change[None]:
            altered = alter(live(row))
            return Change(None, None if altered == row else altered)

        self._change(collection_id, change)

    # --- leaving a generation

    def _left(self, row: CollectionRow, generation: str) -> tuple[CollectionRow, list[Part]]:
        """A collection that is gone, with an empty generation; what notes that it left its own, as garbage."""
        version = row.version + 1
        gone = CollectionRow(
            row.collection_id, generation, version=version, born=version, erased=version, revision=row.revision
        )
        log = entry_items(generation, version, [], (row.generation, row.born))
        return gone, [*map(self._table.putting, log), *self._discarding(row)]

    def _discarding(self, row: CollectionRow) -> list[Part]:
        """Notes as garbage all that a row leaves."""
        snapshot = [self._garbage.noting_snapshot(row.snapshot)] if row.snapshot else []
        return [self._garbage.noting_generation(row.generation, row.collection_id), *snapshot]
