"""Migration: a collection's faces embedded again by another model, from their kept photos.

The new embeddings grow in a collection of their own beside the old one, which answers until the end. Whoever stops
half-way, however hard, goes on where it stopped. The switch is one step, and it only happens if nothing was enrolled
or erased since the two were compared.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from photocall.engine.face_engine import FaceEngine
from photocall.errors import CollectionNotFound, InputError, NoFace, ObjectNotFound
from photocall.faces import FaceChanges, FaceRecord
from photocall.kept_photos import embed_kept, photo_key
from photocall.ports import FaceStore, ObjectStore

SIDE = "~"
"""Between a collection's id and the model that it is being moved to; Rekognition's ids cannot hold it."""

Watch = Callable[[Sequence[FaceRecord]], Iterable[FaceRecord]]


@dataclass(frozen=True, slots=True)
class Unmigrated:
    """A face that the new model has no embedding of.

    Attributes:
        record: as it is in the old collection.
        reason: in plain words.
    """

    record: FaceRecord
    reason: str


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration came to.

    Attributes:
        model: the new one.
        faces: how many are embedded by it.
        unmigrated: those that are not; they are gone if it switched.
        switched: whether the collection now answers with the new model.
    """

    model: str
    faces: int
    unmigrated: tuple[Unmigrated, ...]
    switched: bool


def migrate_faces(
    engine: FaceEngine,
    store: FaceStore,
    objects: ObjectStore,
    collection_id: str,
    *,
    drop_unmigrated: bool = False,
    may_switch: bool = True,
    watch: Watch = iter,
) -> Migration:
    """Move a collection to the engine's model; doing it again goes on, or changes nothing once it is done.

    Args:
        engine: with the new model.
        store: where the collection is.
        objects: where its photos are kept.
        collection_id: the collection.
        drop_unmigrated: switch although some faces cannot be embedded again; those are lost.
        may_switch: whether the collection is to answer with the new model as soon as it can; else it is only prepared.
        watch: gives the faces to embed back one by one, and may show how far it is.

    Returns:
        Not switched if it may not be, or if there are faces that cannot be embedded again and may not be dropped: the
        old collection stays as it is, and what was embedded is kept for the next time.

    Raises:
        CollectionNotFound: there is no such collection.
        StoreUnavailable: it cannot be read or written.
    """
    side = side_collection(collection_id, engine.model)
    if store.collection(collection_id).model == engine.model:
        _drop(store, side_collections(store, collection_id))
        return _done(store, collection_id)
    _drop(store, [other for other in side_collections(store, collection_id) if other != side])
    store.create_collection(side, engine.model)
    try:
        while True:
            now, unmigrated = _level(engine, store, objects, (collection_id, side), watch)
            switch = may_switch and (drop_unmigrated or not unmigrated)
            if not switch or store.adopt_faces(collection_id, side, now.version):
                break
    except CollectionNotFound:
        if store.collection(collection_id).model != engine.model:
            raise
        return _done(store, collection_id)  # by another process that was faster
    for lost in unmigrated if switch else ():
        objects.delete(photo_key(collection_id, lost.record.face_id))
    return Migration(engine.model, len(now.put) - len(unmigrated), tuple(unmigrated), switch)


def side_collection(collection_id: str, model: str) -> str:
    """Where the faces of a collection gather that are embedded by another model."""
    return f"{collection_id}{SIDE}{model}"


def side_collections(store: FaceStore, collection_id: str) -> list[str]:
    """The migrations of a collection that have begun and not ended."""
    prefix = side_collection(collection_id, "")
    return [each.collection_id for each in store.collections() if each.collection_id.startswith(prefix)]


def _level(
    engine: FaceEngine, store: FaceStore, objects: ObjectStore, pair: tuple[str, str], watch: Watch
) -> tuple[FaceChanges, list[Unmigrated]]:
    """Let the second collection follow the first until that stands still; how it is then, and what is missing."""
    collection_id, side = pair
    while True:
        now = store.changes(collection_id, 0)
        unmigrated = _catch_up(engine, store, objects, side, now.put, watch)
        if store.changes(collection_id, now.version).version == now.version:
            return now, unmigrated


def _catch_up(
    engine: FaceEngine,
    store: FaceStore,
    objects: ObjectStore,
    side: str,
    records: Sequence[FaceRecord],
    watch: Watch,
) -> list[Unmigrated]:
    """Let the side collection have the faces of the old one, and no others; those for which that is not possible."""
    present = {record.face_id for record in store.faces(side)}
    store.delete_faces(side, present - {record.face_id for record in records})
    unmigrated = []
    # One face a transaction: it is a hundredth of the time that its embedding takes, and all that a kill can cost.
    for record in watch([record for record in records if record.face_id not in present]):
        try:
            embedding = embed_kept(engine, objects, record)
        except (ObjectNotFound, InputError) as error:
            unmigrated.append(Unmigrated(record, _reason(error)))
        else:
            store.put_faces(side, [replace(record, collection_id=side, embedding=embedding)])
    return unmigrated


def _reason(error: ObjectNotFound | InputError) -> str:
    if isinstance(error, ObjectNotFound):
        return "no photo of it was kept"
    return "no face is found in its kept photo" if isinstance(error, NoFace) else "its kept photo is damaged"


def _done(store: FaceStore, collection_id: str) -> Migration:
    return Migration(store.collection(collection_id).model, len(store.faces(collection_id)), (), switched=True)


def _drop(store: FaceStore, sides: Iterable[str]) -> None:
    for side in sides:
        try:
            store.delete_collection(side)
        except CollectionNotFound:
            continue
