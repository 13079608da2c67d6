"""Erasure: faces leave with everything that was kept of them, and broken writes leave nothing behind."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from photocall.errors import CollectionNotFound
from photocall.kept_photos import photo_key, photo_prefix
from photocall.migration import side_collections
from photocall.ports import FaceStore, ObjectStore

UNFINISHED = timedelta(hours=1)
"""Until a kept photo is so old, its face may still be on its way into the store."""


def erase_faces(store: FaceStore, objects: ObjectStore, collection_id: str, face_ids: Iterable[str]) -> list[str]:
    """Erase faces of a collection; the ids that were there.

    Photos go first, and the records last: until everything is gone the faces are still listed, and erasing them again
    finishes it. A running migration loses its copies, too, and learns of it before it ends.

    Raises:
        CollectionNotFound: there is no such collection.
        StoreUnavailable: something could not be erased.
    """
    wanted = list(dict.fromkeys(face_ids))
    for face_id in wanted:
        objects.delete(photo_key(collection_id, face_id))
    for side in side_collections(store, collection_id):
        _delete_from(store, side, wanted)
    deleted = store.delete_faces(collection_id, wanted)
    for face_id in deleted:  # again: it may have been indexed anew meanwhile
        objects.delete(photo_key(collection_id, face_id))
    return deleted


def erase_collection(store: FaceStore, objects: ObjectStore, collection_id: str) -> None:
    """Erase a collection with its faces, its users, and everything that was kept.

    Raises:
        CollectionNotFound: there is no such collection.
        StoreUnavailable: something could not be erased; erasing it again finishes it.
    """
    store.collection(collection_id)
    for photo in list(objects.list(photo_prefix(collection_id))):
        objects.delete(photo.key)
    for side in side_collections(store, collection_id):
        with suppress(CollectionNotFound):  # the migration has just ended
            store.delete_collection(side)
    store.delete_collection(collection_id)
    for photo in list(objects.list(photo_prefix(collection_id))):  # of faces that came meanwhile
        objects.delete(photo.key)


def erase_remains(store: FaceStore, objects: ObjectStore, collection_id: str) -> None:
    """Erase what writers that died left of faces that are not in a collection: photos, and copies in a migration.

    Raises:
        StoreUnavailable: something could not be erased.
    """
    settled = datetime.now(UTC) - UNFINISHED
    kept = [photo.key for photo in objects.list(photo_prefix(collection_id)) if photo.written < settled]
    try:
        enrolled = {record.face_id for record in store.faces(collection_id)}
    except CollectionNotFound:
        enrolled = set()
    wanted = {photo_key(collection_id, face_id) for face_id in enrolled}
    for key in kept:
        if key not in wanted:
            objects.delete(key)
    for side in side_collections(store, collection_id):
        _delete_from(store, side, [face_id for face_id in _ids(store, side) if face_id not in enrolled])


def _ids(store: FaceStore, side: str) -> list[str]:
    try:
        return [record.face_id for record in store.faces(side)]
    except CollectionNotFound:
        return []


def _delete_from(store: FaceStore, side: str, face_ids: list[str]) -> None:
    with suppress(CollectionNotFound):  # the migration has just ended
        store.delete_faces(side, face_ids)
