"""How a face becomes an item of DynamoDB, and an item a face: ValueError, TypeError or KeyError if it is damaged."""

import json
from typing import Any

import numpy as np

from photocall.faces import BoundingBox, Embedding, FaceRecord, ImageSource
from photocall.stores.dynamo.rows import CollectionRow, face_key, object_key
from photocall.stores.dynamo.tables import Key
from photocall.stores.dynamo.values import Item

FOR_SEARCH = ("sk", "number", "external_image_id", "user_id", "vector")
"""Attributes of a face that searching needs."""

PLACE = ("number", "version", "user_id")
"""Attributes that are not the face's own: its place in the order of enrolment, when it was changed, whose it is."""


def face_item(face: FaceRecord, generation: str) -> Item:
    """A face as an item, without its `PLACE`."""
    return {
        **face_key(generation, face.face_id),
        "external_image_id": face.external_image_id,
        "vector": face.embedding.vector.astype("<f4").tobytes(),
        "about": json.dumps(_about(face), ensure_ascii=False),
    }


def _about(face: FaceRecord) -> dict[str, Any]:
    box, source = face.box, face.source
    return {
        "image_id": face.image_id,
        "box": box and [float(edge) for edge in (box.left, box.top, box.width, box.height)],
        "size": [int(face.image_width), int(face.image_height)],
        "score": float(face.score),
        "source": source and [source.bucket, source.key, dict(source.metadata)],
    }


def face_of(item: Item, row: CollectionRow) -> FaceRecord:
    """The face in an item of a collection."""
    about = json.loads(item["about"])
    vector = np.frombuffer(item["vector"], "<f4").astype(np.float32, copy=False)
    if len(vector) != row.dimension:
        raise ValueError(f"face {item['sk']} has {len(vector)} floats, its collection {row.dimension}")
    return FaceRecord(
        face_id=item["sk"],
        collection_id=row.collection_id,
        image_id=about["image_id"],
        external_image_id=item["external_image_id"],
        box=about["box"] and BoundingBox(*about["box"]),
        image_width=about["size"][0],
        image_height=about["size"][1],
        score=about["score"],
        embedding=Embedding(vector, row.model),
        user_id=item.get("user_id"),
        source=source_of(item),
    )


def source_of(item: Item) -> ImageSource | None:
    """The object that a face's image is kept as, if it is."""
    source = json.loads(item["about"])["source"]
    return source and ImageSource(*source)


def object_key_of(item: Item, generation: str) -> Key | None:
    """Where it stands that its object shows a face; None for a face without one."""
    source = source_of(item)
    return None if source is None else object_key(generation, source.bucket, source.key, item["sk"])


def with_source_of(item: Item, other: Item | None) -> str:
    """What is said about a face, with the source of another item in place of its own."""
    source = json.loads(other["about"])["source"] if other else None
    return json.dumps(json.loads(item["about"]) | {"source": source}, ensure_ascii=False)
