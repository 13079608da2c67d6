"""What photocall asks of the systems around it. Adapters live in `stores/` and are chosen by URL in `app.py`.

Every method may raise `StoreUnavailable`. Writes are transactions: once it returned, a write survives `kill -9`;
before, it leaves no trace. Writing the same thing twice is the same as writing it once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from photocall.faces import Collection, FaceChanges, FaceRecord
from photocall.roster import Student


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing says of an object.

    Attributes:
        key: names it, parts separated by slashes.
        written: when it was last put, with a time zone.
    """

    key: str
    written: datetime


class ObjectStore(Protocol):
    """Files by name: kept photos. Keys are parts separated by slashes, none of them empty, "." or ".."."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object, or replace it; nobody ever sees half of one."""
        ...

    def get(self, key: str) -> bytes:
        """The content of an object. Raises `ObjectNotFound`."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object below `prefix`, which is whole parts of a key: "faces/a" does not find "faces/ab/1"."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...


class FaceStore(Protocol):
    """Collections and their faces."""

    def collections(self) -> list[Collection]:
        """Every collection, by its id."""
        ...

    def create_collection(self, collection_id: str, model: str) -> Collection:
        """The collection, made if it is not there yet. Raises `ModelMismatch` if it is there with another model."""
        ...

    def collection(self, collection_id: str) -> Collection:
        """The collection. Raises `CollectionNotFound`."""
        ...

    def delete_collection(self, collection_id: str) -> None:
        """Remove it with all its faces. Raises `CollectionNotFound`."""
        ...

    def put_faces(self, collection_id: str, faces: Sequence[FaceRecord]) -> None:
        """Add or replace by face_id, all or none. Raises `CollectionNotFound`, `ModelMismatch`."""
        ...

    def delete_faces(self, collection_id: str, face_ids: Iterable[str]) -> list[str]:
        """Remove faces; the ids that were there. Raises `CollectionNotFound`."""
        ...

    def faces(self, collection_id: str) -> list[FaceRecord]:
        """Every face, oldest first. Raises `CollectionNotFound`."""
        ...

    def changes(self, collection_id: str, since: int) -> FaceChanges:
        """What changed after version `since`; 0 for everything. Raises `CollectionNotFound`."""
        ...

    def shift_threshold(self, collection_id: str, shift: float) -> None:
        """Set the collection's `threshold_shift`. Raises `CollectionNotFound`."""
        ...

    def adopt_faces(self, collection_id: str, other: str, version: int) -> bool:
        """Let a collection have the model and the faces of another one instead of its own, in one step.

        Its `threshold_shift` is 0 again, and the other collection is gone afterwards. Whoever follows the changes
        learns of every face that came or went.

        Args:
            collection_id: the collection that goes on under its name.
            other: whose model and faces it takes over.
            version: of `collection_id`, as `changes` gave it.

        Returns:
            False if the collection has changed since `version`; nothing was done.

        Raises:
            CollectionNotFound: one of them is not there.
        """
        ...


class Register(Protocol):
    """Who belongs to the class."""

    def put_students(self, students: Sequence[Student]) -> None:
        """Add or replace by name, all or none."""
        ...

    def students(self) -> list[Student]:
        """Every student, by name."""
        ...

    def delete_student(self, name: str) -> bool:
        """Remove a student; False if there was none. The faces are the FaceStore's."""
        ...
