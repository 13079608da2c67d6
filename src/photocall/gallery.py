"""Search in memory: a collection's faces as rows of one matrix, compared with probes by matrix products.

Exact, the same for every store; refreshed by the store's changes. Good for a million faces a process: 512 bytes each
for the vector and some 150 for what is beside it, and a search reads all vectors once (docs/benchmarks.md). Beyond
that, split collections over processes.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from photocall.calibration import Calibration
from photocall.errors import CollectionNotFound, FaceNotFound, ModelMismatch
from photocall.faces import Collection, FloatArray, VectorChanges
from photocall.groups import Groups
from photocall.metric import EUCLIDEAN, Metric
from photocall.nearest import Candidate, cores, nearest
from photocall.segments import Rows, Segment, Snapshot, appended, packed, strings

MOST_FACES = 1_000_000
"""Faces of a gallery up to which searching was measured (docs/benchmarks.md); beyond, a warning is logged."""

_LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class Enrolled(Protocol):
    """What a gallery needs of a FaceStore."""

    def collection(self, collection_id: str) -> Collection:
        """The collection. Raises `CollectionNotFound`."""
        ...

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        """What changed after version `since`. Raises `CollectionNotFound`."""
        ...


class _View(Snapshot):
    """A snapshot, and its faces put together when that is asked for."""

    @cached_property
    def people(self) -> Groups:
        """The faces by owner."""
        return Groups(self, "owners")

    @cached_property
    def users(self) -> Groups:
        """The faces that are associated with users, by user."""
        return Groups(self, "users")


class Gallery:
    """The faces of one collection, ready to be compared; safe to share between threads.

    Args:
        store: where the collection is kept.
        collection_id: which.
        model: the embedding space of the probes to come.
        metric: how its embeddings are compared.

    Raises:
        CollectionNotFound: there is no such collection.
        ModelMismatch: the collection was embedded by another model.
    """

    def __init__(self, store: Enrolled, collection_id: str, model: str, metric: Metric = EUCLIDEAN) -> None:
        self._store, self._collection_id, self._model, self.metric = store, collection_id, model, metric
        self._view = _View(metric)
        self._lock = Lock()
        self._begun = self._done = self._replaced = 0
        self._has_warned = False
        self._helpers = ThreadPoolExecutor(cores(), thread_name_prefix="photocall-search")
        self.refresh()

    def refresh(self) -> None:
        """Take over what changed in the store up to now; a deleted face is gone from memory afterwards.

        Raises:
            CollectionNotFound: the collection is gone; so are its faces here.
            ModelMismatch: it was embedded by another model, or has been since; the gallery stays as it was.
        """
        begun = self._begun
        with self._lock:
            if self._done > begun:  # another thread has, since this one asked
                return
            self._begun += 1
            self._refresh()
            self._done = self._begun

    @property
    def people(self) -> tuple[str, ...]:
        """The names enrolled, sorted; the columns of `distances_to_people`."""
        return self._settled(lambda view: view.people.names if view.people.is_whole else None)

    def __len__(self) -> int:
        """How many faces are enrolled."""
        return self._view.faces

    def operating_point(self, calibration: Calibration, false_positive_target: float) -> float:
        """The distance up to which a probe is taken for one of the people.

        Args:
            calibration: of the collection's model.
            false_positive_target: the share of strangers that may be named, 0 < target < 1.
        """
        return calibration.operating_point(len(self.people), false_positive_target) + self._threshold_shift

    def distances_to_people(self, probes: FloatArray) -> FloatArray:
        """The metric's distance of every probe to every person, `Groups.distances`.

        Args:
            probes: float32, shape (n, d).

        Returns:
            float32, shape (n, people).
        """
        return self.compared_with_people(probes)[1]

    def compared_with_people(self, probes: FloatArray) -> tuple[tuple[str, ...], FloatArray]:
        """The names of everybody enrolled, and the distances to them as of the same moment, shape (n, people)."""
        return self._settled(lambda view: _compared_with(view.people, probes))

    def compared_with_users(self, probes: FloatArray) -> tuple[tuple[str, ...], FloatArray]:
        """The ids of all users who have faces, and the distances to them as of the same moment, shape (n, users)."""
        return self._settled(lambda view: _compared_with(view.users, probes))

    def search(
        self, probes: FloatArray, limit: int, max_distance: float, *, without: str | None = None
    ) -> list[list[Candidate]]:
        """The nearest faces of each probe, nearest first; of equally near ones the smaller face_id comes first.

        Args:
            probes: float32, shape (n, d).
            limit: how many faces a probe at most, > 0.
            max_distance: how far they may be.
            without: the id of a face that is not to be found.
        """
        more = limit + (without is not None)
        found = self._settled(lambda view: nearest(view, probes, more, max_distance, self._helpers))
        return [[each for each in candidates if each.face_id != without][:limit] for candidates in found]

    def vector(self, face_id: str) -> FloatArray:
        """The vector of a face: float32, shape (d,). Raises `FaceNotFound`."""
        for vector in self._settled(lambda view: _vectors(view, face_id)):
            return vector
        raise FaceNotFound(self._collection_id, face_id)

    def _settled(self, read: Callable[[_View], Answer | None]) -> Answer:
        """What `read` makes of the faces, again if one that matters was deleted or replaced meanwhile."""
        while True:
            view = self._view
            answer = read(view)
            if answer is not None and view.replaced == self._replaced:
                return answer

    def _refresh(self) -> None:
        try:
            shift = self._collection().threshold_shift
            changes = self._store.vectors(self._collection_id, self._view.version)
            if changes.version != self._view.version:
                shift = self._collection().threshold_shift  # again: it may have been migrated just now
                self._take_over(changes)
        except CollectionNotFound:
            self._forget([(part.segment, part.living()) for part in self._view.parts])
            self._view = _View(self.metric, replaced=self._replaced)
            raise
        self._threshold_shift = shift

    def _collection(self) -> Collection:
        collection = self._store.collection(self._collection_id)
        if collection.model != self._model:
            raise ModelMismatch(expected=collection.model, found=self._model)
        return collection

    def _take_over(self, changes: VectorChanges) -> None:
        """Let there be new faces first, where nobody reads yet; then let go of the old ones, and show the new."""
        before, rows = self._view, _rows(changes)
        fresh, replaced = _compared(before, rows)
        deleted = list(before.find(changes.deleted))
        parts = appended(before.parts, rows[fresh], self.metric)
        self._replaced += bool(replaced)
        self._forget([*replaced, *deleted])
        gone = sum(len(numbers) for _, numbers in [*replaced, *deleted])
        self._view = _View(
            self.metric,
            version=changes.version,
            replaced=self._replaced,
            faces=before.faces + int(fresh.sum()) - gone,
            parts=tuple(part for part in parts if len(part.living())) if gone else parts,
        )
        if gone:
            self._view = replace(self._view, parts=packed(self._view.parts, self.metric))
        self._warn()

    def _forget(self, faces: Iterable[tuple[Segment, NDArray[np.intp]]]) -> None:
        for segment, numbers in faces:
            segment.wipe(numbers)

    def _warn(self) -> None:
        if len(self) > MOST_FACES and not self._has_warned:
            self._has_warned = True
            _LOG.warning(
                "a collection has %d faces, more than the %d that searching in one process was measured with; "
                "searches take longer in proportion: split it over several collections",
                len(self),
                MOST_FACES,
            )


def _vectors(view: Snapshot, face_id: str) -> list[FloatArray] | None:
    """The vector of a face, if it is there; None if it was wiped while it was read."""
    found = [(segment, rows[0]) for segment, rows in view.find([face_id])]
    vectors = [segment.vectors[row].copy() for segment, row in found]
    return vectors if all(np.isfinite(segment.halves[row]) for segment, row in found) else None


def _compared_with(groups: Groups, probes: FloatArray) -> tuple[tuple[str, ...], FloatArray] | None:
    """The names of groups and the distances to them; None if faces were deleted while they were put together."""
    return (groups.names, groups.distances(probes)) if groups.is_whole else None


def _rows(changes: VectorChanges) -> Rows:
    users = [user_id or "" for user_id in changes.user_ids]
    return Rows(strings(changes.face_ids), strings(changes.owners), strings(users), changes.vectors)


def _compared(view: Snapshot, rows: Rows) -> tuple[NDArray[np.bool_], list[tuple[Segment, NDArray[np.intp]]]]:
    """Which of the rows are new, shape (n,), and what they replace; faces with the same vector stay where they are."""
    fresh, replaced = np.ones(len(rows), np.bool_), list[tuple[Segment, NDArray[np.intp]]]()
    if not view.faces:
        return fresh, replaced
    face_ids = rows.face_ids.tolist()
    places = {face_id: place for place, face_id in enumerate(face_ids)}
    for segment, numbers in view.find(face_ids):
        theirs = np.array([places[face_id] for face_id in segment.face_ids[numbers]], np.intp)
        old, new = segment.vectors[numbers], rows.vectors[theirs]
        same = (old == new).all(axis=1) if old.shape == new.shape else np.zeros(len(numbers), np.bool_)
        fresh[theirs[same]] = False
        segment.owners[numbers[same]] = rows.owners[theirs[same]]
        segment.users[numbers[same]] = rows.users[theirs[same]]
        if not same.all():
            replaced.append((segment, numbers[~same]))
    return fresh, replaced
