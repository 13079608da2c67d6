"""The table that shows the faces of archived images, one item each, as others query it by PartiQL.

It is written with the faces, in the same transactions, and never read here. The attributes are those of the table
`rekognition` of the system that photocall replaces: FaceId, which is the key, BoundingBox, Confidence, ExternalImageId,
ImageId, bucket, key and metadata.
"""

from collections.abc import Sequence

from photocall.errors import StoreUnavailable
from photocall.faces import BoundingBox, FaceRecord, ImageSource
from photocall.stores.dynamo.connection import CHANGING, attempts
from photocall.stores.dynamo.face_items import source_of
from photocall.stores.dynamo.rows import CollectionRow, face_key, row_key, row_of
from photocall.stores.dynamo.tables import PARTS, Part, Table
from photocall.stores.dynamo.values import Item


class Archive:
    """The table of the faces of one collection; those without an object are not in it."""

    def __init__(self, collection_id: str, table: Table | None) -> None:
        """Nothing is ever written without a table."""
        self._collection_id, self._table = collection_id, table

    @property
    def name(self) -> str:
        """Of the table; empty if there is none."""
        return "" if self._table is None else self._table.name

    def moving(self, row: CollectionRow, old: Item | None, new: FaceRecord | None) -> list[Part]:
        """What shows a face in place of the one that was there, as part of a transaction.

        Args:
            row: of the collection.
            old: the face's item, None if it is new.
            new: the face, None if it is removed.
        """
        if self._table is None or row.collection_id != self._collection_id:
            return []
        if new is not None and new.source is not None:
            return [self._table.putting(_item(new, new.source))]
        was_shown = old is not None and source_of(old) is not None
        return [self._table.deleting({"FaceId": old["sk"]})] if old is not None and was_shown else []

    def forget(self, table: Table, collection_id: str, face_ids: Sequence[str]) -> None:
        """Remove faces of a generation that the collection has left, but those that it has again.

        Args:
            table: with the collections.
            collection_id: the collection.
            face_ids: of the faces.
        """
        if self._table is None or collection_id != self._collection_id:
            return
        for start in range(0, len(face_ids), PARTS - 1):
            self._forget(self._table, table, face_ids[start : start + PARTS - 1])

    def _forget(self, shown: Table, table: Table, face_ids: Sequence[str]) -> None:
        for _ in attempts():
            found = table.get(row_key(self._collection_id))
            row = row_of(found) if found else CollectionRow(self._collection_id, "")
            again = {item["sk"] for item in table.get_all([face_key(row.generation, each) for each in face_ids])}
            parts = [shown.deleting({"FaceId": each}) for each in face_ids if each not in again]
            unchanged = table.checking(row_key(self._collection_id), {"revision": row.revision or None})
            if not parts or table.transact([unchanged, *parts]):
                return
        raise StoreUnavailable(table.address, CHANGING)


def _item(face: FaceRecord, source: ImageSource) -> Item:
    return {
        "FaceId": face.face_id,
        "BoundingBox": face.box and _box(face.box, face.image_width, face.image_height),
        "Confidence": round(min(max(100 * float(face.score), 0.0), 100.0), 4),
        "ExternalImageId": face.external_image_id,
        "ImageId": face.image_id,
        "bucket": source.bucket,
        "key": source.key,
        "metadata": dict(source.metadata),
    }


def _box(box: BoundingBox, width: int, height: int) -> Item | None:
    """A box in parts of its image; None where the size of that is not known."""
    if not (width and height):
        return None
    return {
        "Width": float(box.width / width),
        "Height": float(box.height / height),
        "Left": float(box.left / width),
        "Top": float(box.top / height),
    }
