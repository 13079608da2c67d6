"""Users: several faces of a collection that are one person.

A user is known by the mean of the associated faces, or by the nearest of them where a metric cannot tell how much
closer a mean lies (`Metric.scatter`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from photocall.calibration import Calibration
from photocall.faces import FaceRecord, FloatArray
from photocall.metric import Metric
from photocall.ports import FaceStore

MOST_FACES = 100
"""Faces a user may have (Rekognition's limit)."""


class Unassociated(StrEnum):
    """Why a face is not a user's: Rekognition's words."""

    FACE_NOT_FOUND = "FACE_NOT_FOUND"
    ASSOCIATED_TO_A_DIFFERENT_USER = "ASSOCIATED_TO_A_DIFFERENT_USER"
    LOW_MATCH_CONFIDENCE = "LOW_MATCH_CONFIDENCE"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A face that was not associated with a user, or not taken away.

    Attributes:
        face_id: which face.
        reason: why.
        user_id: of the user that the face has, where that is the reason.
        similarity: to the user, 0..100, where that is the reason.
    """

    face_id: str
    reason: Unassociated
    user_id: str | None = None
    similarity: float | None = None


def associate_faces(
    store: FaceStore,
    collection_id: str,
    user_id: str,
    face_ids: Sequence[str],
    *,
    metric: Metric,
    calibration: Calibration,
    least_similarity: float,
) -> tuple[list[str], list[Refusal]]:
    """Associate faces with a user, those that are similar enough to the faces that the user has.

    Args:
        store: where they are.
        collection_id: the collection.
        user_id: the user.
        face_ids: the faces; one that is the user's already stays so.
        metric: how the collection's embeddings are compared.
        calibration: of its model.
        least_similarity: to the user, 0..100; it does not count while the user has no face.

    Returns:
        The ids of faces that are the user's now, and the refusals.

    Raises:
        CollectionNotFound, UserNotFound: one of them is not there.
        UserFull: the user would have more than `MOST_FACES`; nothing was done.
    """
    wanted = list(dict.fromkeys(face_ids))
    theirs = user_faces(store, collection_id, user_id)
    refusals = []
    fitting = []
    records = {record.face_id: record for record in store.faces_by_id(collection_id, wanted)}
    for face_id in wanted:
        refusal = _refusal(face_id, records.get(face_id), user_id)
        if refusal is None and theirs and records[face_id].user_id is None:
            similarity = _similarity(records[face_id], theirs, metric, calibration)
            if similarity < least_similarity:
                refusal = Refusal(face_id, Unassociated.LOW_MATCH_CONFIDENCE, similarity=similarity)
        if refusal is None:
            fitting.append(face_id)
        else:
            refusals.append(refusal)
    done = store.associate_faces(collection_id, user_id, fitting, MOST_FACES)
    late = [face_id for face_id in fitting if face_id not in done]  # somebody was quicker: it is gone, or another's
    now = {record.face_id: record for record in store.faces_by_id(collection_id, late)} if late else {}
    refusals += [
        _refusal(face_id, now.get(face_id), user_id) or Refusal(face_id, Unassociated.FACE_NOT_FOUND)
        for face_id in late
    ]
    return done, refusals


def disassociate_faces(
    store: FaceStore, collection_id: str, user_id: str, face_ids: Sequence[str], *, again: bool = False
) -> tuple[list[str], list[Refusal]]:
    """Take faces from a user; they stay in the collection.

    Args:
        store: where they are.
        collection_id: the collection.
        user_id: the user.
        face_ids: the faces.
        again: this is asked for the second time: faces that have no user count as done.

    Returns:
        The ids of the faces taken away, and the refusals.

    Raises:
        CollectionNotFound, UserNotFound: one of them is not there.
    """
    wanted = list(dict.fromkeys(face_ids))
    records = {record.face_id: record for record in store.faces_by_id(collection_id, wanted)}
    taken = set(store.disassociate_faces(collection_id, user_id, wanted))
    if again:
        taken |= {face_id for face_id, record in records.items() if record.user_id is None}
    refusals = [
        _refusal(face_id, records.get(face_id), user_id) or Refusal(face_id, Unassociated.FACE_NOT_FOUND)
        for face_id in wanted
        if face_id not in taken
    ]
    return [face_id for face_id in wanted if face_id in taken], refusals


def user_faces(store: FaceStore, collection_id: str, user_id: str) -> list[FaceRecord]:
    """The faces of a user, oldest first. Raises `CollectionNotFound`, `UserNotFound`."""
    return store.face_page(collection_id, limit=MOST_FACES, user_id=user_id)[0]


def _refusal(face_id: str, record: FaceRecord | None, user_id: str) -> Refusal | None:
    if record is None:
        return Refusal(face_id, Unassociated.FACE_NOT_FOUND)
    if record.user_id not in (None, user_id):
        return Refusal(face_id, Unassociated.ASSOCIATED_TO_A_DIFFERENT_USER, user_id=record.user_id)
    return None


def _similarity(record: FaceRecord, theirs: Sequence[FaceRecord], metric: Metric, calibration: Calibration) -> float:
    """Of a face to a user who has these faces, 0..100."""
    probe, faces = record.embedding.vector[None], vectors_of(theirs)
    if metric.scatter is None:
        distance = metric.distances(probe, faces).min()
    else:
        count = np.array([len(faces)], np.float32)
        distance = metric.distances_to_means(probe, faces.mean(axis=0, keepdims=True), count)[0, 0]
    return calibration.similarity(float(distance))


def vectors_of(records: Sequence[FaceRecord]) -> FloatArray:
    """The faces' vectors as rows, float32, shape (n, d); at least one face."""
    return np.stack([record.embedding.vector for record in records])
