"""Search in memory: one matrix product between probes and every enrolled face.

Exact, one file, the same for every store; refreshed by the store's changes. Good for about a million faces a process
(512 bytes each, some tens of milliseconds a probe on two cores); beyond that, split collections over processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photocall.errors import ModelMismatch
from photocall.faces import FaceRecord, FloatArray
from photocall.ports import FaceStore


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The gallery as of one version; replaced as a whole, so that readers need no lock."""

    version: int
    records: tuple[FaceRecord, ...]
    vectors: FloatArray
    names: tuple[str, ...]
    first_faces: tuple[int, ...]


class Gallery:
    """The faces of one collection, ready to be compared; faces of one person lie side by side.

    Args:
        store: where the collection is kept.
        collection_id: which.
        model: the embedding space of the probes to come.

    Raises:
        CollectionNotFound: there is no such collection.
        ModelMismatch: the collection was embedded by another model.
    """

    def __init__(self, store: FaceStore, collection_id: str, model: str) -> None:
        collection = store.collection(collection_id)
        if collection.model != model:
            raise ModelMismatch(model, collection.model)
        self._store, self._collection_id = store, collection_id
        self._snapshot = _snapshot(0, [])
        self.refresh()

    def refresh(self) -> None:
        """Take over what changed in the store since the last time."""
        changes = self._store.changes(self._collection_id, self._snapshot.version)
        if changes.version == self._snapshot.version:
            return
        records = {record.face_id: record for record in self._snapshot.records}
        records |= {record.face_id: record for record in changes.put}
        for face_id in changes.deleted:
            records.pop(face_id, None)
        self._snapshot = _snapshot(changes.version, list(records.values()))

    @property
    def people(self) -> tuple[str, ...]:
        """The names enrolled, sorted; the columns of `distances_to_people`."""
        return self._snapshot.names

    def __len__(self) -> int:
        """How many faces are enrolled."""
        return len(self._snapshot.records)

    def distances_to_people(self, probes: FloatArray) -> FloatArray:
        """Euclidean distance of every probe to every person: to the nearest of the person's faces.

        Args:
            probes: float32, shape (n, d).

        Returns:
            float32, shape (n, people).
        """
        snapshot = self._snapshot
        if not snapshot.names or not len(probes):
            return np.empty((len(probes), len(snapshot.names)), np.float32)
        distances = euclidean(probes, snapshot.vectors)
        nearest: FloatArray = np.minimum.reduceat(distances, snapshot.first_faces, axis=1)
        return nearest


def euclidean(a: FloatArray, b: FloatArray) -> FloatArray:
    """Distances between all rows of a (n, d) and all of b (m, d); float32, shape (n, m), good to about 0.001 at 0."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    distances: FloatArray = np.sqrt(np.maximum(squares, 0))
    return distances


def _snapshot(version: int, records: Sequence[FaceRecord]) -> _Snapshot:
    ordered = tuple(sorted(records, key=lambda record: (record.external_image_id, record.face_id)))
    owners = [record.external_image_id for record in ordered]
    first_faces: dict[str, int] = {}
    for index, owner in enumerate(owners):
        first_faces.setdefault(owner, index)
    vectors = np.stack([record.embedding.vector for record in ordered]) if ordered else np.empty((0, 0), np.float32)
    return _Snapshot(version, ordered, vectors, tuple(first_faces), tuple(first_faces.values()))
