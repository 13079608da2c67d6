"""Adoption in DynamoDB: a collection goes on with the faces of another one, however many, in one step.

The faces are written under a new generation first, where nobody looks. Then one transaction lets the collection have
that generation, and the other one be gone.
"""

from dataclasses import replace

from photocall.errors import StoreUnavailable
from photocall.stores.dynamo.changing import live
from photocall.stores.dynamo.collections import CollectionsInDynamo
from photocall.stores.dynamo.connection import CHANGING, attempts
from photocall.stores.dynamo.face_items import object_key_of, with_source_of
from photocall.stores.dynamo.log import entry_items, first_number
from photocall.stores.dynamo.rows import CollectionRow, face_key, new_generation, user_key, users_of
from photocall.stores.dynamo.tables import WRITTEN_TOGETHER
from photocall.stores.dynamo.users import UsersInDynamo
from photocall.stores.dynamo.values import Item


class AdoptionInDynamo(CollectionsInDynamo, UsersInDynamo):
    """The part of a FaceStore that moves faces from one collection to another."""

    def adopt_faces(self, collection_id: str, other: str, version: int) -> bool:
        """Let a collection have the model and the faces of another one instead of its own, in one step.

        A face that was in both keeps the user and the source that it had in the collection. The other collection is
        gone afterwards. False, and nothing is done, if the collection has changed since `version`.

        Raises `CollectionNotFound`; ValueError if both are the same.
        """
        if collection_id == other:
            raise ValueError(f"a collection cannot adopt its own faces: {collection_id!r}")
        for _ in attempts():
            taker, giver = map(live, self._rows(collection_id, other))
            if taker.version != version:
                return False
            generation = new_generation()
            self._garbage.note_unfinished_generation(generation, collection_id)
            faces = self._copy(taker, giver, generation)
            if self._switch(taker, giver, generation, faces):
                self._garbage.sweep()
                return True
            self._garbage.give_up_generation(generation, collection_id)
        raise StoreUnavailable(self._table.address, CHANGING)

    def _copy(self, taker: CollectionRow, giver: CollectionRow, generation: str) -> int:
        """Write the faces of `giver` under a new generation of `taker`, with its users and sources; how many."""
        version = taker.version + 1
        mine, theirs = self._every_face(taker, ()), self._every_face(giver, ())
        faces = sorted((face for face in theirs.values() if face), key=lambda face: int(face["number"]))
        copies = [
            {
                **_copied(face, mine.get(face["sk"]), generation),
                "number": first_number(version) + at,
                "version": version,
            }
            for at, face in enumerate(faces)
        ]
        objects = [dict(key) for face in copies if (key := object_key_of(face, generation))]
        log = entry_items(generation, version, [face["sk"] for face in copies], (taker.generation, taker.born))
        self._write([*copies, *objects, *log, *self._users_with(taker, generation, {face["sk"] for face in copies})])
        return len(copies)

    def _users_with(self, taker: CollectionRow, generation: str, face_ids: set[str]) -> list[Item]:
        """The users of a collection under a new generation, with those of their faces that are in it."""
        return [
            {**user, **user_key(generation, user["sk"]), "faces": user.get("faces", frozenset()) & face_ids}
            for user in self._table.query(users_of(taker.generation))
        ]

    def _write(self, items: list[Item]) -> None:
        blocks = [items[start : start + WRITTEN_TOGETHER] for start in range(0, len(items), WRITTEN_TOGETHER)]
        self._table.connection.at_once(self._table.write_all, blocks)

    def _switch(self, taker: CollectionRow, giver: CollectionRow, generation: str, faces: int) -> bool:
        """Let the new generation be that of `taker`, and `giver` be gone; False if one of them has changed."""
        version = taker.version + 1
        new = replace(
            taker,
            generation=generation,
            model=giver.model,
            dimension=giver.dimension,
            threshold_shift=0.0,
            faces=faces,
            version=version,
            born=version,
            erased=version,
            snapshot="",
            snapshot_version=0,
        )
        gone, parts = self._left(giver, new_generation())
        return self._table.transact(
            [
                self._stepping(taker, new),
                self._stepping(giver, gone),
                self._garbage.adopting_generation(generation),
                *self._discarding(taker),
                *parts,
            ]
        )


def _copied(face: Item, mine: Item | None, generation: str) -> Item:
    """A face under a new generation, with the user and the source that it has in another collection, if it is there."""
    return {
        **face,
        **face_key(generation, face["sk"]),
        "user_id": mine and mine.get("user_id"),
        "about": with_source_of(face, mine),
    }
