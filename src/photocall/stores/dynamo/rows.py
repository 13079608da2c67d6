"""The row of a collection in DynamoDB, and where everything else of the collection stands.

A collection's faces, users and log are those of its *generation*, a random name: emptying a collection, or giving it
other faces, is one write of its row. What stood under the generation before is erased afterwards (`garbage`).

    pk                      sk                    what
    collections             collection_id         `CollectionRow`; every change of the collection is a change of it
    GENERATION/faces/0..7   face_id               a face; only its id once the generation is erased
    GENERATION/log          number, 20 digits     which faces a change was of, `log`
    GENERATION/users        user_id               a user, with the ids of its faces
    GENERATION/objects      digest/face_id        which faces an object shows, `object_prefix`
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4
from zlib import crc32

from photocall.faces import Collection
from photocall.stores.dynamo.tables import Key
from photocall.stores.dynamo.values import Item

COLLECTIONS = "collections"

SHARDS = 8
"""Partitions of a collection's faces, so that they are read side by side."""


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection as it is kept.

    Attributes:
        collection_id, model, threshold_shift: as in `Collection`.
        created: ISO 8601.
        deleted: whether it is gone; the row stays, so that a collection made anew counts on.
        tags: by key.
        dimension: floats in a vector; 0 until the first face.
        version: counts the changes of faces; 0 before the first.
        revision: counts all changes, those of this row among them: writers depend on it.
        generation: under which everything of it stands.
        born: the version that the generation began with.
        faces, users: how many there are.
        erased: the version that faces were last removed at; what was read before holds faces that are gone.
        snapshot: key of the object with its faces as of `snapshot_version`; empty for none.
    """

    collection_id: str
    generation: str
    model: str = ""
    created: str = ""
    threshold_shift: float = 0.0
    deleted: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)
    dimension: int = 0
    version: int = 0
    revision: int = 0
    born: int = 0
    faces: int = 0
    users: int = 0
    erased: int = 0
    snapshot: str = ""
    snapshot_version: int = 0

    @property
    def collection(self) -> Collection:
        """The collection."""
        created = datetime.fromisoformat(self.created)
        return Collection(self.collection_id, self.model, created, self.threshold_shift)


def new_generation() -> str:
    """A name that no generation ever had."""
    return uuid4().hex


def made(before: CollectionRow, model: str, tags: Mapping[str, str]) -> CollectionRow:
    """A collection that was deleted or never there, made now."""
    return replace(before, model=model, created=datetime.now(UTC).isoformat(), deleted=False, tags=dict(tags))


def row_key(collection_id: str) -> Key:
    """Where the row of a collection stands."""
    return {"pk": COLLECTIONS, "sk": collection_id}


def item_of_row(row: CollectionRow) -> Item:
    """The row as an item."""
    return {**row_key(row.collection_id), **asdict(row)}


def row_of(item: Item) -> CollectionRow:
    """The row in an item."""
    known: dict[str, Any] = {name: value for name, value in item.items() if name not in ("pk", "sk")}
    return CollectionRow(**known)


def shards(generation: str) -> list[str]:
    """The partitions of a generation's faces."""
    return [f"{generation}/faces/{shard}" for shard in range(SHARDS)]


def face_key(generation: str, face_id: str) -> Key:
    """Where a face stands."""
    return {"pk": f"{generation}/faces/{crc32(face_id.encode()) % SHARDS}", "sk": face_id}


def users_of(generation: str) -> str:
    """The partition of a generation's users."""
    return f"{generation}/users"


def user_key(generation: str, user_id: str) -> Key:
    """Where a user stands."""
    return {"pk": users_of(generation), "sk": user_id}


def objects_of(generation: str) -> str:
    """The partition that says which faces objects show."""
    return f"{generation}/objects"


def object_prefix(bucket: str, key: str) -> str:
    """What the sort keys of an object's faces begin with: its name may be longer than such a key."""
    return f"{sha256(f'{bucket}/{key}'.encode()).hexdigest()}/"


def object_key(generation: str, bucket: str, key: str, face_id: str) -> Key:
    """Where it stands that an object shows a face."""
    return {"pk": objects_of(generation), "sk": object_prefix(bucket, key) + face_id}
