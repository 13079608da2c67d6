"""Snapshots of large collections: the faces of a version in one object, so that reading them all is one question.

An object is a line that says what it is, a SHA-256 of all that follows, a line of JSON with the ids and owners, and the
vectors. Whoever had to read a large collection face by face writes one; it belongs to the collection once the row names
it. It is a copy: where it is missing or damaged, the table is read.
"""

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from photocall.errors import PhotocallError
from photocall.ports import ObjectStore
from photocall.stores.dynamo.rows import CollectionRow
from photocall.stores.dynamo.values import Item

FACES = 10_000
"""Of a collection that is larger, a snapshot is kept: up to here, pages read side by side take under a second."""

TAIL = 2_000
"""After so many changes since the snapshot, a reader that has read them writes another one."""

MAGIC = b"photocall faces 1\n"

NUMBER = 4
"""Bytes of a float32."""

MAX_BYTES = 8 * 2**30
"""Of a snapshot that is read."""

_DIGEST = sha256().digest_size

_log = logging.getLogger(__name__)


class Snapshots:
    """The snapshots in an object store; without one there are none."""

    def __init__(self, objects: ObjectStore | None) -> None:
        self._objects = objects

    def read(self, row: CollectionRow) -> dict[str, Item] | None:
        """The faces of a collection as of its snapshot, by id; None where it has none that can be read."""
        if self._objects is None or not row.snapshot:
            return None
        try:
            return unpacked(self._objects.get(row.snapshot, MAX_BYTES), row)
        except (PhotocallError, ValueError) as error:
            _log.warning("a snapshot of faces could not be read, so the table is: %s", type(error).__name__)
            return None

    def are_due(self, row: CollectionRow) -> bool:
        """Whether whoever has read all faces of a collection should write a snapshot."""
        old = not row.snapshot or row.version - row.snapshot_version > TAIL
        return self._objects is not None and row.faces > FACES and old

    def write(self, key: str, row: CollectionRow, faces: Mapping[str, Item]) -> None:
        """Write a snapshot. Raises `StoreUnavailable`."""
        if self._objects is not None:
            self._objects.put(key, packed(row, faces))


def snapshot_key(row: CollectionRow) -> str:
    """The key of the object with a collection's faces as of its version."""
    return f"snapshots/{row.generation}-{row.version}"


def packed(row: CollectionRow, faces: Mapping[str, Item]) -> bytes:
    """Faces as an object.

    Args:
        row: of their collection, as of the version that they are.
        faces: by id, with the attributes `FOR_SEARCH`.
    """
    columns = {
        "generation": row.generation,
        "version": row.version,
        "dimension": row.dimension,
        "face_ids": list(faces),
        "numbers": [face["number"] for face in faces.values()],
        "owners": [face["external_image_id"] for face in faces.values()],
        "users": [face.get("user_id") for face in faces.values()],
    }
    head = json.dumps(columns, separators=(",", ":")).encode() + b"\n"
    content = head + b"".join(face["vector"] for face in faces.values())
    return MAGIC + sha256(content).digest() + content


def unpacked(data: bytes, row: CollectionRow) -> dict[str, Item]:
    """The faces in an object, by id. Raises ValueError if it is damaged, or another collection's."""
    start = len(MAGIC) + _DIGEST
    if not data.startswith(MAGIC) or sha256(memoryview(data)[start:]).digest() != data[len(MAGIC) : start]:
        raise ValueError("not a snapshot, or a damaged one")
    end = data.index(b"\n", start) + 1
    columns: dict[str, Any] = json.loads(data[start:end])
    if (columns["generation"], columns["version"]) != (row.generation, row.snapshot_version):
        raise ValueError("a snapshot of other faces")
    size, count = NUMBER * columns["dimension"], len(columns["face_ids"])
    if len(data) - end != size * count:
        raise ValueError("a snapshot with too few or too many vectors")
    vectors = (data[at : at + size] for at in range(end, len(data), size))
    rows = zip(columns["face_ids"], columns["numbers"], columns["owners"], columns["users"], vectors, strict=True)
    return {
        face_id: {"sk": face_id, "number": number, "external_image_id": owner, "user_id": user, "vector": vector}
        for face_id, number, owner, user, vector in rows
    }
