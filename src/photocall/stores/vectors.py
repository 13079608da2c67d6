"""Vectors of faces as stores keep them: little-endian float32, all of a collection of one length and one model."""

from collections.abc import Sequence

import numpy as np

from photocall.errors import ModelMismatch
from photocall.faces import FaceRecord, FloatArray


def vectors_of(blobs: Sequence[bytes], dimension: int) -> FloatArray:
    """Vectors of `dimension` floats out of their bytes: float32, shape (n, dimension). ValueError if one is damaged."""
    if set(map(len, blobs)) - {4 * dimension}:
        raise ValueError(f"a vector has not the {dimension} floats of its collection")
    return np.frombuffer(b"".join(blobs), dtype="<f4").reshape(-1, dimension).astype(np.float32, copy=False)


def vector_length(collection_id: str, model: str, length: int | None, new: Sequence[FaceRecord]) -> int | None:
    """Floats in every vector of a collection once `new` has been put into it; None while it has no vector.

    Args:
        collection_id: the collection.
        model: that its faces were embedded by.
        length: of its vectors before.
        new: the faces to come.

    Raises:
        ModelMismatch: a face was embedded by another model.
        ValueError: a face bears another collection's id, or its vector is not finite numbers of shape (d,) with the d
            of all others.
    """
    for face in new:
        if face.embedding.model != model:
            raise ModelMismatch(expected=model, found=face.embedding.model)
        if face.collection_id != collection_id:
            raise ValueError(f"face {face.face_id} belongs to {face.collection_id!r}, not {collection_id!r}")
        length = _checked_length(face, length)
    return length


def _checked_length(face: FaceRecord, expected: int | None) -> int:
    vector = face.embedding.vector
    if vector.ndim != 1 or vector.size != (expected or vector.size) or vector.size == 0:
        raise ValueError(f"the vector of face {face.face_id} has shape {vector.shape}, not ({expected or 'd'},)")
    if not np.isfinite(vector).all():
        raise ValueError(f"the vector of face {face.face_id} is not made of finite numbers")
    return vector.size
