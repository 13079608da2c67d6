"""The tables of the SQL store, and how a noun becomes a row and a row a noun again.

Portable SQLAlchemy Core: nothing here knows which database it is for. Each collection counts its own changes in
`collections.version`; every face carries the version it was put at, and a removed face leaves its id and version in
`removed_faces`, so that a reader can ask for what happened since.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
)

from photocall.errors import ModelMismatch
from photocall.faces import BoundingBox, Collection, Embedding, FaceRecord
from photocall.roster import Student

SCHEMA_VERSION = 2
"""Raised by one whenever the tables change; a database with a higher one was made by a newer photocall."""

metadata = MetaData()

schema = Table("photocall_schema", metadata, Column("version", Integer, nullable=False))

collections = Table(
    "collections",
    metadata,
    Column("collection_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("created", Text, nullable=False),  # ISO 8601 with its offset: SQLite has no time type that keeps one
    Column("dimension", Integer),  # floats in a vector; unknown until the first face
    Column("version", Integer, nullable=False),
    Column("deleted", Boolean, nullable=False),  # the row stays, so that a collection made anew counts on
    Column("threshold_shift", Double, nullable=False, server_default="0"),  # since schema 2
)

faces = Table(
    "faces",
    metadata,
    Column("number", Integer, primary_key=True),  # in the order of enrolment
    Column("collection_id", Text, ForeignKey(collections.c.collection_id), nullable=False),
    Column("face_id", Text, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("external_image_id", Text, nullable=False),
    Column("box_left", Double),
    Column("box_top", Double),
    Column("box_width", Double),
    Column("box_height", Double),
    Column("image_width", Integer, nullable=False),
    Column("image_height", Integer, nullable=False),
    Column("score", Double, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # little-endian float32
    Column("version", Integer, nullable=False),
    UniqueConstraint("collection_id", "face_id"),
    Index("faces_by_version", "collection_id", "version"),
)

removed_faces = Table(
    "removed_faces",
    metadata,
    Column("collection_id", Text, ForeignKey(collections.c.collection_id), primary_key=True),
    Column("face_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Index("removed_faces_by_version", "collection_id", "version"),
)

students = Table(
    "students",
    metadata,
    Column("name", Text, primary_key=True),
    Column("fields", Text, nullable=False),  # a JSON object; the order of its keys counts
)


def collection_of(row: Row[Any]) -> Collection:
    """The collection in a row of `collections`."""
    return Collection(row.collection_id, row.model, datetime.fromisoformat(row.created), row.threshold_shift)


def row_of_face(face: FaceRecord, version: int) -> dict[str, object]:
    """A row of `faces` for a face put at `version`."""
    return {
        "collection_id": face.collection_id,
        "face_id": face.face_id,
        "image_id": face.image_id,
        "external_image_id": face.external_image_id,
        **_row_of_box(face.box),
        "image_width": int(face.image_width),
        "image_height": int(face.image_height),
        "score": float(face.score),
        "vector": face.embedding.vector.astype("<f4").tobytes(),
        "version": version,
    }


def _row_of_box(box: BoundingBox | None) -> dict[str, float | None]:
    columns = ("box_left", "box_top", "box_width", "box_height")
    if box is None:
        return dict.fromkeys(columns)
    return dict(zip(columns, map(float, (box.left, box.top, box.width, box.height)), strict=True))


def face_of(row: Row[Any], collection: Row[Any]) -> FaceRecord:
    """The face in a row of `faces`, whose model stands in its collection's row. ValueError if the row is damaged."""
    vector = np.frombuffer(row.vector, dtype="<f4").astype(np.float32, copy=False)
    if len(vector) != collection.dimension:
        raise ValueError(f"face {row.face_id} has {len(vector)} floats, its collection {collection.dimension}")
    return FaceRecord(
        face_id=row.face_id,
        collection_id=row.collection_id,
        image_id=row.image_id,
        external_image_id=row.external_image_id,
        box=_box_of(row),
        image_width=row.image_width,
        image_height=row.image_height,
        score=row.score,
        embedding=Embedding(vector, collection.model),
    )


def _box_of(row: Row[Any]) -> BoundingBox | None:
    if row.box_left is None:
        return None
    return BoundingBox(row.box_left, row.box_top, row.box_width, row.box_height)


def row_of_student(student: Student) -> dict[str, object]:
    """A row of `students`."""
    return {"name": student.name, "fields": json.dumps(dict(student.fields))}


def student_of(row: Row[Any]) -> Student:
    """The student in a row of `students`. ValueError if the row is damaged."""
    fields = json.loads(row.fields)
    if not isinstance(fields, Mapping):
        raise ValueError(f"the fields of student {row.name!r} are not a JSON object")
    return Student(row.name, fields)


def vector_length(collection: Row[Any], new: Sequence[FaceRecord]) -> int | None:
    """Floats in every vector of a collection once `new` has been put into it; None while it has no vector.

    Raises `ModelMismatch` if a face was embedded by another model than the collection's, ValueError if it bears
    another collection's id, or its vector is not finite numbers of shape (d,) with the d of all others.
    """
    length: int | None = collection.dimension
    for face in new:
        if face.embedding.model != collection.model:
            raise ModelMismatch(expected=collection.model, found=face.embedding.model)
        if face.collection_id != collection.collection_id:
            raise ValueError(f"face {face.face_id} belongs to {face.collection_id!r}, not {collection.collection_id!r}")
        length = _checked_length(face, length)
    return length


def _checked_length(face: FaceRecord, expected: int | None) -> int:
    vector = face.embedding.vector
    if vector.ndim != 1 or vector.size != (expected or vector.size) or vector.size == 0:
        raise ValueError(f"the vector of face {face.face_id} has shape {vector.shape}, not ({expected or 'd'},)")
    if not np.isfinite(vector).all():
        raise ValueError(f"the vector of face {face.face_id} is not made of finite numbers")
    return vector.size
