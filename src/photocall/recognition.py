"""The verbs of recognition: compare two pictures, enrol a face, identify the faces of a picture.

They take what they need as arguments and know nothing of settings, files or the web.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from photocall.assignment import assign
from photocall.calibration import Calibration
from photocall.engine.face_engine import FaceEngine
from photocall.errors import NoFace, PoorFace, SeveralFaces
from photocall.faces import (
    BoundingBox,
    ByteArray,
    Embedding,
    Face,
    FaceMatch,
    FaceRecord,
    FloatArray,
    Identification,
    ImageSource,
)
from photocall.gallery import Gallery
from photocall.kept_photos import keep_photo
from photocall.ports import FaceStore, ObjectStore
from photocall.quality_gate import QualityFilter, Use, advice, reasons

BYSTANDER = 0.4
"""In a photo of one person, a face narrower than this share of the widest one is background and does not count."""

REVIEW_TARGET = 0.2
"""The share of strangers that may be put up for review; between this and the false-positive target lies "uncertain"."""

MARGIN = 0.03
"""How much nearer than anybody else the person must be whose name counts; measured on LFW (docs/accuracy.md)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures, compared by the largest face of each.

    Attributes:
        distance: of the model's metric; dlib's own Euclidean one with the pack `dlib-mtcnn`.
        similarity: calibrated, 0..100.
        same: whether the distance is within the model's customary 1:1 threshold.
    """

    distance: float
    similarity: float
    same: bool


def compare_faces(engine: FaceEngine, source: ByteArray, target: ByteArray, *, names: tuple[str, str]) -> Comparison:
    """Compare the largest face of two pictures.

    Args:
        engine: what finds and embeds.
        source: uint8 RGB, shape (h, w, 3).
        target: uint8 RGB, shape (h, w, 3).
        names: what errors call the pictures.

    Raises:
        NoFace: one of them shows no face.
    """
    a, b = (stacked([largest_face(engine, image, name)]) for image, name in ((source, names[0]), (target, names[1])))
    distance = float(engine.metric.distances(a, b)[0, 0])
    calibration = engine.calibration
    return Comparison(distance, calibration.similarity(distance), distance <= calibration.customary_threshold)


def index_face(
    engine: FaceEngine,
    store: FaceStore,
    collection_id: str,
    image: ByteArray,
    *,
    name: str,
    image_id: str,
    source: str,
    objects: ObjectStore | None = None,
    quality_filter: QualityFilter = QualityFilter.AUTO,
) -> FaceRecord:
    """Enrol the one person that a picture shows; doing it again changes nothing.

    The photo is kept before the face is: a face whose photo was to be kept always has it.

    Args:
        engine: what finds and embeds.
        store: where the face goes.
        collection_id: the collection, which must be there.
        image: uint8 RGB, shape (h, w, 3).
        name: the person's name, kept as the face's external_image_id.
        image_id: of the picture, as `derive_image_id` makes it.
        source: what errors call the picture.
        objects: where to keep of the photo what another model needs; without it nothing is kept.
        quality_filter: how good the face must be; NONE takes one that is too small, dark, blurred or turned, too.

    Raises:
        NoFace: it shows no face.
        SeveralFaces: it shows more than one person, background faces aside.
        PoorFace: the face is too poor for enrolment (`quality_gate`).
        CollectionNotFound: there is no such collection.
        ModelMismatch: the collection was embedded by another model.
    """
    faces = engine.detect(image)
    if not faces:
        raise NoFace(source)
    widest = max(face.box.width for face in faces)
    people = [face for face in faces if face.box.width >= BYSTANDER * widest]
    if len(people) > 1:
        raise SeveralFaces(source, len(people))
    why = reasons(people[0], Use.ENROLMENT, quality_filter)
    if why:
        raise PoorFace(source, ", ".join(why), advice(people[0], Use.ENROLMENT, why))
    face = engine.embed(image, people)[0]
    record = face_record(face, image, collection_id=collection_id, image_id=image_id, external_image_id=name)
    if objects is not None:
        keep_photo(objects, record, people[0].box, image)
    store.put_faces(collection_id, [record])
    return record


def search_faces(
    store: FaceStore,
    collection_id: str,
    gallery: Gallery,
    calibration: Calibration,
    probe: FloatArray,
    *,
    limit: int,
    least_similarity: float,
    without: str | None = None,
) -> list[FaceMatch]:
    """The faces of a collection that a probe may be, the most similar first.

    Args:
        store: where the collection is; it has the last word on what is still there.
        collection_id: which collection.
        gallery: its faces.
        calibration: of its model.
        probe: float32, shape (d,), of the gallery's model.
        limit: how many at most.
        least_similarity: 0..100.
        without: a face_id that is not to be found.

    Raises:
        CollectionNotFound: it is gone.
    """
    (candidates,) = gallery.search(probe[None], limit, calibration.farthest(least_similarity), without=without)
    distances = {each.face_id: each.distance for each in candidates}
    faces = store.faces_by_id(collection_id, list(distances))
    return [FaceMatch(face, distances[face.face_id], calibration.similarity(distances[face.face_id])) for face in faces]


def face_record(
    face: Face,
    image: ByteArray,
    *,
    collection_id: str,
    image_id: str,
    external_image_id: str,
    source: ImageSource | None = None,
) -> FaceRecord:
    """What is kept of a face.

    Args:
        face: with its embedding.
        image: the picture that it was detected in, shape (h, w, 3).
        collection_id: where it goes.
        image_id: of the picture, as `derive_image_id` makes it.
        external_image_id: the caller's name for what the picture shows; empty for none.
        source: the object that the picture is kept as, if it is.
    """
    return FaceRecord(
        face_id=derive_face_id(collection_id, image_id, external_image_id, face.box),
        collection_id=collection_id,
        image_id=image_id,
        external_image_id=external_image_id,
        box=face.box,
        image_width=image.shape[1],
        image_height=image.shape[0],
        score=face.score,
        embedding=embedding_of(face),
        source=source,
    )


def identify_faces(
    faces: Sequence[Face],
    gallery: Gallery,
    calibration: Calibration,
    false_positive_target: float,
    quality_filter: QualityFilter = QualityFilter.AUTO,
) -> list[Identification]:
    """Who the faces of one picture are: the best one-to-one assignment, since nobody is in a picture twice.

    A name is certain if the distance is within the operating point, if nobody else is nearly as near (`MARGIN`) who is
    not the better match of another face, and if the face is good enough to be named (`quality_gate`).

    Args:
        faces: all of one picture, with embeddings.
        gallery: who may be in it.
        calibration: of the embeddings' model.
        false_positive_target: the share of strangers that may be named, 0..1.
        quality_filter: how good a face must be to be named for certain.

    Returns:
        One identification a face, in order.
    """
    if not faces:
        return []
    accept = gallery.operating_point(calibration, false_positive_target)
    review = max(accept, gallery.operating_point(calibration, REVIEW_TARGET))
    people, distances = gallery.compared_with_people(stacked(faces))
    identified = [Identification(face) for face in faces]
    chosen = assign(review - distances)
    runners_up = _runners_up(distances, chosen)
    for row, column in chosen:
        distance, poor = float(distances[row, column]), reasons(faces[row], Use.IDENTIFICATION, quality_filter)
        identified[row] = Identification(
            face=faces[row],
            name=people[column],
            similarity=calibration.similarity(distance),
            certain=distance <= accept and runners_up[row] - distance >= MARGIN and not poor,
            reasons=tuple(poor),
        )
    return identified


def _runners_up(distances: FloatArray, chosen: Sequence[tuple[int, int]]) -> dict[int, float]:
    """The distance of each named face to the nearest other person who is not the better match of another face."""
    others = distances.copy()
    for row, column in chosen:
        others[distances[:, column] > distances[row, column], column] = np.inf
        others[row, column] = np.inf
    return {row: float(others[row].min()) for row, _ in chosen}


def stacked(faces: Sequence[Face]) -> FloatArray:
    """The faces' vectors as rows; every face must have its embedding.

    Raises:
        ValueError: a face has none.
    """
    return np.stack([embedding_of(face).vector for face in faces])


def embedding_of(face: Face) -> Embedding:
    """The face's embedding. Raises ValueError if it has none."""
    if face.embedding is None:
        raise ValueError("faces must be embedded before they are compared or kept")
    return face.embedding


def derive_image_id(data: bytes) -> str:
    """The same id for the same bytes: the first half of their SHA-256, written as a UUID."""
    return str(UUID(bytes=hashlib.sha256(data).digest()[:16]))


def derive_face_id(collection_id: str, image_id: str, external_image_id: str, box: BoundingBox | None) -> str:
    """The same id for the same face of the same image in the same collection, so that indexing is idempotent."""
    where = "" if box is None else ",".join(str(round(edge)) for edge in (box.left, box.top, box.right, box.bottom))
    return derive_image_id("\0".join((collection_id, image_id, external_image_id, where)).encode())


def largest_face(engine: FaceEngine, image: ByteArray, name: str) -> Face:
    """The largest face of a picture, with its embedding.

    Args:
        engine: what finds and embeds.
        image: uint8 RGB, shape (h, w, 3).
        name: what the error calls the picture.

    Raises:
        NoFace: it shows none.
    """
    face = engine.detect_largest(image)
    if face is None:
        raise NoFace(name)
    return engine.embed(image, [face])[0]
