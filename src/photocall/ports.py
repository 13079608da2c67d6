"""What photocall asks of the systems around it. Adapters live in `stores/` and are chosen by URL in `app.py`.

Every method may raise `StoreUnavailable`. Writes are transactions: once it returned, a write survives `kill -9`;
before, it leaves no trace. Writing the same thing twice is the same as writing it once.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from photocall.faces import Collection, FaceChanges, FaceRecord
from photocall.roster import Student


class FaceStore(Protocol):
    """Collections and their faces."""

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
