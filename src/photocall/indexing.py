"""Indexing: the faces of a picture go into a collection, the good ones, the largest first."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from photocall.engine.face_engine import FaceEngine
from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.faces import ByteArray, Face, FaceRecord, ImageSource, largest_first
from photocall.kept_photos import keep_photo, photo_key
from photocall.ports import FaceStore, ObjectStore
from photocall.quality_gate import QualityFilter, Reason, Use, reasons
from photocall.recognition import face_record

MOST_FACES = 100
"""Faces of one picture that are looked at, the largest ones (Rekognition's limit)."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of the faces of a picture.

    Attributes:
        faces: those in the collection now, each with its record, the largest first.
        unindexed: the others, each with the reasons.
    """

    faces: list[tuple[Face, FaceRecord]]
    unindexed: list[tuple[Face, tuple[Reason, ...]]]


def index_faces(
    engine: FaceEngine,
    store: FaceStore,
    collection_id: str,
    image: ByteArray,
    *,
    image_id: str,
    external_image_id: str = "",
    max_faces: int = MOST_FACES,
    quality_filter: QualityFilter = QualityFilter.AUTO,
    source: ImageSource | None = None,
    objects: ObjectStore | None = None,
) -> Indexed:
    """Put the faces of a picture into a collection; doing it again changes nothing.

    Args:
        engine: what finds and embeds.
        store: where the faces go.
        collection_id: the collection, which must be there.
        image: uint8 RGB, shape (h, w, 3).
        image_id: of the picture, as `derive_image_id` makes it.
        external_image_id: the caller's name for what the picture shows; empty for none.
        max_faces: how many faces at most; poor ones fall out first, then small ones.
        quality_filter: how good a face must be; NONE takes every one.
        source: the object that the picture is kept as, if it is.
        objects: where to keep of the picture what another model needs; without it nothing is kept.

    Raises:
        CollectionNotFound: there is no such collection.
        ModelMismatch: it was embedded by another model.
    """
    model = store.collection(collection_id).model
    if model != engine.model:  # before the work
        raise ModelMismatch(expected=model, found=engine.model)
    found = [(face, reasons(face, Use.ENROLMENT, quality_filter)) for face in largest_first(engine.detect(image))]
    good = [face for face, why in found[:MOST_FACES] if not why]
    unindexed = [(face, why) for face, why in found[:MOST_FACES] if why]
    unindexed += [(face, (Reason.EXCEEDS_MAX_FACES,)) for face in good[max_faces:]]
    faces = engine.embed(image, good[:max_faces])
    records = [
        face_record(
            face,
            image,
            collection_id=collection_id,
            image_id=image_id,
            external_image_id=external_image_id,
            source=source,
        )
        for face in faces
    ]
    indexed = list(zip(faces, records, strict=True))
    if objects is not None:  # before the faces: a face whose photo was to be kept always has it
        for face, record in indexed:
            keep_photo(objects, record, face.box, image)
    try:
        store.put_faces(collection_id, records)
    except (CollectionNotFound, ModelMismatch):  # it was erased or moved meanwhile
        if objects is not None:
            _drop_photos(store, objects, collection_id, [record.face_id for record in records])
        raise
    return Indexed(indexed, unindexed)


def _drop_photos(store: FaceStore, objects: ObjectStore, collection_id: str, face_ids: Sequence[str]) -> None:
    """Erase the photos of faces that did not come into the collection."""
    there = set[str]()
    with suppress(CollectionNotFound):
        there = {record.face_id for record in store.faces_by_id(collection_id, face_ids)}
    for face_id in set(face_ids) - there:
        objects.delete(photo_key(collection_id, face_id))
