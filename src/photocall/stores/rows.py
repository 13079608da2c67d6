"""How a noun becomes a row of the SQL store, and a row a noun again. ValueError or TypeError if a row is damaged."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Row

from photocall.faces import BoundingBox, Collection, Embedding, FaceRecord, ImageSource
from photocall.keys import Key, KeyKind, Plan, Scope
from photocall.roster import Student
from photocall.stores.sealing import Sealer


def collection_of(row: Row[Any]) -> Collection:
    """The collection in a row of `collections`."""
    return Collection(row.collection_id, row.model, datetime.fromisoformat(row.created), row.threshold_shift)


FACES = "faces"
"""The table of faces, as part of the place that a vector is sealed for: its collection and its id follow."""


def row_of_face(face: FaceRecord, version: int, sealer: Sealer) -> dict[str, object]:
    """A row of `faces` for a face put at `version`."""
    vector = face.embedding.vector.astype("<f4").tobytes()
    return {
        "collection_id": face.collection_id,
        "face_id": face.face_id,
        "image_id": face.image_id,
        "external_image_id": face.external_image_id,
        **_row_of_box(face.box),
        "image_width": int(face.image_width),
        "image_height": int(face.image_height),
        "score": float(face.score),
        "vector": sealer.seal(vector, FACES, face.collection_id, face.face_id),
        "version": version,
        **_row_of_source(face.source),
    }


def _row_of_box(box: BoundingBox | None) -> dict[str, float | None]:
    columns = ("box_left", "box_top", "box_width", "box_height")
    if box is None:
        return dict.fromkeys(columns)
    return dict(zip(columns, map(float, (box.left, box.top, box.width, box.height)), strict=True))


def _row_of_source(source: ImageSource | None) -> dict[str, str | None]:
    if source is None:
        return dict.fromkeys(("bucket", "object_key", "metadata"))
    metadata = json.dumps(dict(source.metadata), ensure_ascii=False)
    return {"bucket": source.bucket, "object_key": source.key, "metadata": metadata}


def face_of(row: Row[Any], collection: Row[Any], sealer: Sealer) -> FaceRecord:
    """The face in a row of `faces`, whose model stands in its collection's row. ValueError if the row is damaged."""
    plain = sealer.open(row.vector, FACES, row.collection_id, row.face_id)
    vector = np.frombuffer(plain, dtype="<f4").astype(np.float32, copy=False)
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
        user_id=row.user_id,
        source=_source_of(row),
    )


def _box_of(row: Row[Any]) -> BoundingBox | None:
    if row.box_left is None:
        return None
    return BoundingBox(row.box_left, row.box_top, row.box_width, row.box_height)


def _source_of(row: Row[Any]) -> ImageSource | None:
    if row.bucket is None:
        return None
    return ImageSource(row.bucket, row.object_key, _object(row.metadata, f"the metadata of face {row.face_id}"))


def row_of_student(student: Student) -> dict[str, object]:
    """A row of `students`."""
    return {"student_id": student.student_id, "name": student.name, "fields": json.dumps(dict(student.fields))}


def student_of(row: Row[Any]) -> Student:
    """The student in a row of `students`. ValueError if the row is damaged."""
    return Student(row.name, _object(row.fields, f"the fields of student {row.name!r}"), row.student_id)


def row_of_key(key: Key) -> dict[str, object]:
    """A row of `access_keys`."""
    return {
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind.value,
        "secret": key.secret,
        "scopes": json.dumps(sorted(key.scopes)),
        "plan": None if key.plan is None else json.dumps(asdict(key.plan)),
        "created": key.created.isoformat(),
        "revoked": None if key.revoked is None else key.revoked.isoformat(),
    }


def key_of(row: Row[Any]) -> Key:
    """The key in a row of `access_keys`. ValueError or TypeError if the row is damaged."""
    return Key(
        key_id=row.key_id,
        name=row.name,
        kind=KeyKind(row.kind),
        secret=row.secret,
        scopes=frozenset(map(Scope, json.loads(row.scopes))),
        plan=None if row.plan is None else Plan(**_object(row.plan, f"the plan of key {row.key_id}")),
        created=datetime.fromisoformat(row.created),
        revoked=None if row.revoked is None else datetime.fromisoformat(row.revoked),
    )


def _object(text: str, what: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"{what}: not a JSON object")
    return value
