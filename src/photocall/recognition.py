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
from photocall.errors import NoFace, SeveralFaces
from photocall.faces import BoundingBox, ByteArray, Embedding, Face, FaceRecord, FloatArray, Identification
from photocall.gallery import Gallery, euclidean
from photocall.ports import FaceStore

BYSTANDER = 0.4
"""In a photo of one person, a face narrower than this share of the widest one is background and does not count."""

REVIEW_TARGET = 0.2
"""The share of strangers that may be put up for review; between this and the false-positive target lies "uncertain"."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures, compared by the largest face of each.

    Attributes:
        distance: Euclidean.
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
    a, b = (
        _embedded(engine, image, _largest(engine, image, name))
        for image, name in ((source, names[0]), (target, names[1]))
    )
    distance = float(euclidean(a.vector[None], b.vector[None])[0, 0])
    calibration = engine.calibration
    return Comparison(distance, calibration.similarity(distance), distance <= calibration.customary_threshold)


def index_face(
    engine: FaceEngine, store: FaceStore, collection_id: str, image: ByteArray, *, name: str, image_id: str, source: str
) -> FaceRecord:
    """Enrol the one person that a picture shows; doing it again changes nothing.

    Args:
        engine: what finds and embeds.
        store: where the face goes.
        collection_id: the collection, which must be there.
        image: uint8 RGB, shape (h, w, 3).
        name: the person's name, kept as the face's external_image_id.
        image_id: of the picture, as `derive_image_id` makes it.
        source: what errors call the picture.

    Raises:
        NoFace: it shows no face.
        SeveralFaces: it shows more than one person, background faces aside.
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
    record = FaceRecord(
        face_id=derive_face_id(collection_id, image_id, name, people[0].box),
        collection_id=collection_id,
        image_id=image_id,
        external_image_id=name,
        box=people[0].box,
        image_width=image.shape[1],
        image_height=image.shape[0],
        score=people[0].score,
        embedding=_embedded(engine, image, people[0]),
    )
    store.put_faces(collection_id, [record])
    return record


def identify_faces(
    faces: Sequence[Face], gallery: Gallery, calibration: Calibration, false_positive_target: float
) -> list[Identification]:
    """Who the faces of one picture are: the best one-to-one assignment, since nobody is in a picture twice.

    Args:
        faces: all of one picture, with embeddings.
        gallery: who may be in it.
        calibration: of the embeddings' model.
        false_positive_target: the share of strangers that may be named, 0..1.

    Returns:
        One identification a face, in order.
    """
    if not faces:
        return []
    accept = calibration.operating_point(len(gallery.people), false_positive_target)
    review = max(accept, calibration.operating_point(len(gallery.people), REVIEW_TARGET))
    distances = gallery.distances_to_people(stacked(faces))
    identified = [Identification(face) for face in faces]
    for row, column in assign(review - distances):
        distance = float(distances[row, column])
        identified[row] = Identification(
            faces[row], gallery.people[column], calibration.similarity(distance), distance <= accept
        )
    return identified


def stacked(faces: Sequence[Face]) -> FloatArray:
    """The faces' vectors as rows; every face must have its embedding.

    Raises:
        ValueError: a face has none.
    """
    vectors = [face.embedding.vector for face in faces if face.embedding is not None]
    if len(vectors) != len(faces):
        raise ValueError("faces must be embedded before they are compared")
    return np.stack(vectors)


def derive_image_id(data: bytes) -> str:
    """The same id for the same bytes: the first half of their SHA-256, written as a UUID."""
    return str(UUID(bytes=hashlib.sha256(data).digest()[:16]))


def derive_face_id(collection_id: str, image_id: str, external_image_id: str, box: BoundingBox | None) -> str:
    """The same id for the same face of the same image in the same collection, so that indexing is idempotent."""
    where = "" if box is None else ",".join(str(round(edge)) for edge in (box.left, box.top, box.right, box.bottom))
    return derive_image_id("\0".join((collection_id, image_id, external_image_id, where)).encode())


def _largest(engine: FaceEngine, image: ByteArray, name: str) -> Face:
    faces = engine.detect(image)
    if not faces:
        raise NoFace(name)
    return max(faces, key=lambda face: face.box.area)


def _embedded(engine: FaceEngine, image: ByteArray, face: Face) -> Embedding:
    return Embedding(engine.embed_chips(engine.chips(image, [face]))[0], engine.model)
