"""Search in memory: one matrix product between probes and every enrolled face.

Exact, one file, the same for every store; refreshed by the store's changes. Good for about a million faces a process
(512 bytes each, some tens of milliseconds a probe on two cores); beyond that, split collections over processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photocall.calibration import Calibration
from photocall.errors import ModelMismatch
from photocall.faces import FaceRecord, FloatArray
from photocall.metric import EUCLIDEAN, Metric
from photocall.ports import FaceStore


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The gallery as of one version; replaced as a whole, so that readers need no lock."""

    version: int
    records: tuple[FaceRecord, ...]
    vectors: FloatArray
    names: tuple[str, ...]
    first_faces: tuple[int, ...]
    means: FloatArray
    counts: FloatArray


class Gallery:
    """The faces of one collection, ready to be compared; faces of one person lie side by side.

    Args:
        store: where the collection is kept.
        collection_id: which.
        model: the embedding space of the probes to come.
        metric: how its embeddings are compared.

    Raises:
        CollectionNotFound: there is no such collection.
        ModelMismatch: the collection was embedded by another model.
    """

    def __init__(self, store: FaceStore, collection_id: str, model: str, metric: Metric = EUCLIDEAN) -> None:
        self._store, self._collection_id, self._model, self.metric = store, collection_id, model, metric
        self._snapshot = _snapshot(0, [])
        self.refresh()

    def refresh(self) -> None:
        """Take over what changed in the store since the last time.

        Raises:
            CollectionNotFound: the collection is gone.
            ModelMismatch: it was embedded by another model, or has been since.
        """
        collection = self._store.collection(self._collection_id)
        if collection.model != self._model:
            raise ModelMismatch(expected=collection.model, found=self._model)
        self._threshold_shift = collection.threshold_shift
        changes = self._store.changes(self._collection_id, self._snapshot.version)
        if changes.version == self._snapshot.version:
            return
        if any(record.embedding.model != self._model for record in changes.put):  # it was migrated just now
            raise ModelMismatch(expected=changes.put[0].embedding.model, found=self._model)
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

    def operating_point(self, calibration: Calibration, false_positive_target: float) -> float:
        """The distance up to which a probe is taken for one of the people.

        Args:
            calibration: of the collection's model.
            false_positive_target: the share of strangers that may be named, 0 < target < 1.
        """
        return calibration.operating_point(len(self.people), false_positive_target) + self._threshold_shift

    def distances_to_people(self, probes: FloatArray) -> FloatArray:
        """The metric's distance of every probe to every person.

        A person with several photos is known by their mean where the metric can tell how much closer that lies, and by
        the nearest of them where it cannot.

        Args:
            probes: float32, shape (n, d).

        Returns:
            float32, shape (n, people).
        """
        snapshot = self._snapshot
        if not snapshot.names or not len(probes):
            return np.empty((len(probes), len(snapshot.names)), np.float32)
        if self.metric.scatter is not None:
            return self.metric.distances_to_means(probes, snapshot.means, snapshot.counts)
        distances = self.metric.distances(probes, snapshot.vectors)
        nearest: FloatArray = np.minimum.reduceat(distances, snapshot.first_faces, axis=1)
        return nearest


def _snapshot(version: int, records: Sequence[FaceRecord]) -> _Snapshot:
    ordered = tuple(sorted(records, key=lambda record: (record.external_image_id, record.face_id)))
    owners = [record.external_image_id for record in ordered]
    first_faces: dict[str, int] = {}
    for index, owner in enumerate(owners):
        first_faces.setdefault(owner, index)
    vectors = np.stack([record.embedding.vector for record in ordered]) if ordered else np.empty((0, 0), np.float32)
    firsts = tuple(first_faces.values())
    counts = np.diff([*firsts, len(ordered)]).astype(np.float32)
    means = np.add.reduceat(vectors, firsts, axis=0) / counts[:, None] if ordered else vectors
    return _Snapshot(version, ordered, vectors, tuple(first_faces), firsts, means.astype(np.float32), counts)
