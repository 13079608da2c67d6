"""Faces in DynamoDB: put and removed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from photocall.faces import FaceRecord
from photocall.stores.dynamo.changing import Change, live
from photocall.stores.dynamo.face_items import PLACE, face_item, object_key_of, source_of
from photocall.stores.dynamo.log import first_number
from photocall.stores.dynamo.reading import Reading
from photocall.stores.dynamo.rows import CollectionRow, face_key, user_key
from photocall.stores.dynamo.tables import BYTES, PARTS, Part
from photocall.stores.dynamo.values import Item
from photocall.stores.vectors import vector_length

OWN_PARTS = 3
"""Parts of a transaction that are no face's: the row, the log, a snapshot that becomes garbage."""


@dataclass(slots=True)
class Block:
    """The part of a change of many faces that one transaction takes.

    Attributes:
        face_ids: that it is of.
        parts: that write them.
        size: of what they write, bytes, about.
    """

    face_ids: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    size: int = 0

    def takes(self, face_id: str, parts: Sequence[Part], size: int = 0) -> bool:
        """Add a face, if there is room for it."""
        if len(self.parts) + len(parts) > PARTS - OWN_PARTS or (self.parts and self.size + size > BYTES):
            return False
        self.face_ids.append(face_id)
        self.parts += parts
        self.size += size
        return True


class FacesInDynamo(Reading):
    """The part of a FaceStore that changes faces.

    What one transaction does not take, of about a hundred items, is done in several: each of them is done or not, and
    doing all of it again does the rest.
    """

    def put_faces(self, collection_id: str, faces: Sequence[FaceRecord]) -> None:
        """Add or replace by face_id; some 95 faces, or 30 with an object, all or none. Faces that are there stay.

        Raises `CollectionNotFound`, `ModelMismatch`. A face that is replaced keeps its user, whatever `user_id` says.
        ValueError if a face bears another collection's id, or a vector is not finite or not as long as all others.
        """
        left = list({face.face_id: face for face in faces}.values())
        row = self._live(collection_id)
        vector_length(collection_id, row.model, row.dimension or None, faces)
        while left:
            left = left[self._change(collection_id, partial(self._put, faces=left)) :]

    def delete_faces(self, collection_id: str, face_ids: Iterable[str]) -> list[str]:
        """Remove faces; the ids that were there, in the order given. Raises `CollectionNotFound`."""
        left, removed = list(dict.fromkeys(face_ids)), list[str]()
        self._live(collection_id)
        while left:
            done, gone = self._change(collection_id, partial(self._remove, face_ids=left))
            left = left[done:]
            removed += gone
        return removed

    def _put(self, row: CollectionRow, faces: Sequence[FaceRecord]) -> Change[int]:
        """Puts the first of some faces; how many."""
        live(row)
        length = vector_length(row.collection_id, row.model, row.dimension or None, faces)
        some, block, added, erased, done = faces[:PARTS], Block(), 0, False, 0
        before = {item["sk"]: item for item in self._items(row, [face.face_id for face in some])}
        for face in some:
            new, old = face_item(face, row.generation), before.get(face.face_id)
            if not _same(new, old):
                number = first_number(row.version + 1) + len(block.face_ids)
                if not block.takes(face.face_id, self._writing(row, face, new, old, number), _size(new)):
                    break
                added += old is None
                erased = erased or (old is not None and old["vector"] != new["vector"])
            done += 1
        if not block.face_ids:
            return Change(done)
        changed = replace(row, dimension=length or 0, faces=row.faces + added)
        return self._logged(changed, block.face_ids, block.parts, done, erased=erased)

    def _writing(self, row: CollectionRow, face: FaceRecord, new: Item, old: Item | None, number: int) -> list[Part]:
        """What writes a face in place of the one that was there, and what others ask for beside it."""
        place = {"number": number} if old is None else {name: old.get(name) for name in PLACE}
        item = {**new, **place, "version": row.version + 1}
        return [
            self._table.putting(item, {"version": old and old["version"]}),
            *self._moving(old and object_key_of(old, row.generation), object_key_of(new, row.generation)),
            *self._archive.moving(row, old, face),
        ]

    def _moving(self, old: Mapping[str, str] | None, new: Mapping[str, str] | None) -> list[Part]:
        """What lets one object show a face in place of another."""
        if old == new:
            return []
        gone = [self._table.deleting(old)] if old else []
        return [*gone, *([self._table.putting(dict(new))] if new else [])]

    def _remove(self, row: CollectionRow, face_ids: Sequence[str]) -> Change[tuple[int, list[str]]]:
        """Removes the first of some faces; how many were looked at, and those that were there."""
        live(row)
        found = {item["sk"]: item for item in self._items(row, face_ids[:PARTS])}
        some = _fitting(face_ids[:PARTS], found)
        gone = [found[face_id] for face_id in some if face_id in found]
        if not gone:
            return Change((len(some), []))
        ids = [item["sk"] for item in gone]
        parts = [part for item in gone for part in self._removing(row, item)]
        parts += self._taking(row, gone)
        left = replace(row, faces=row.faces - len(gone))
        return self._logged(left, ids, parts, (len(some), ids), erased=True)

    def _removing(self, row: CollectionRow, item: Item) -> list[Part]:
        """What removes a face, and what others ask for beside it."""
        return [
            self._table.deleting(face_key(row.generation, item["sk"]), {"version": item["version"]}),
            *self._moving(object_key_of(item, row.generation), None),
            *self._archive.moving(row, item, None),
        ]

    def _taking(self, row: CollectionRow, gone: Sequence[Item]) -> list[Part]:
        """What takes faces from the users whose they are."""
        owners = {item["user_id"] for item in gone if item.get("user_id")}
        users = self._table.get_all([user_key(row.generation, user_id) for user_id in owners])
        ids = {item["sk"] for item in gone}
        return [self._user(row, user, user.get("faces", frozenset()) - ids) for user in users]

    def _user(self, row: CollectionRow, user: Item, faces: frozenset[str]) -> Part:
        """What lets a user have these faces in place of those that were read."""
        changed = {**user, "faces": faces, "version": row.revision + 1}
        return self._table.putting(changed, {"version": user["version"]})


def _same(new: Item, old: Item | None) -> bool:
    """Whether a face is there already as it is to be."""
    return old is not None and new == {name: value for name, value in old.items() if name not in PLACE}


def _size(item: Item) -> int:
    """Bytes of an item, about; once more for what stands beside it."""
    return 2 * len(item["about"].encode()) + len(item["vector"])


def _fitting(face_ids: Sequence[str], found: Mapping[str, Item]) -> Sequence[str]:
    """The first faces, as many as one transaction can remove."""
    room = PARTS - OWN_PARTS
    for at, face_id in enumerate(face_ids):
        item = found.get(face_id)
        room -= 0 if item is None else 1 + 2 * (source_of(item) is not None) + ("user_id" in item)
        if room < 0:
            return face_ids[:at]
    return face_ids
