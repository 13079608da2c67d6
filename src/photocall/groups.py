"""Faces put together: a person by the faces of one name, a user by the faces that are associated with it."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photocall.faces import FloatArray
from photocall.segments import Snapshot

Rows = NDArray[np.intp]


class Groups:
    """The faces of a snapshot by owner or by user.

    A group of several faces is known by their mean where the metric can tell how much closer that lies, and by the
    nearest of them where it cannot. The means of as many groups as there are faces take as much memory as the faces.

    Attributes:
        names: of the groups, sorted; the columns of `distances`.
        is_whole: whether no face was deleted while they were put together.
    """

    def __init__(self, snapshot: Snapshot, by: Literal["owners", "users"]) -> None:
        self._metric = snapshot.metric
        parts = [(part.segment, part.living()) for part in snapshot.parts]
        if by == "users":
            parts = [(segment, rows[segment.users[rows] != ""]) for segment, rows in parts]
        self._parts = [(segment, rows) for segment, rows in parts if len(rows)]
        names = [name for segment, rows in self._parts for name in getattr(segment, by)[rows].tolist()]
        self.names: tuple[str, ...] = tuple(sorted(set(names)))
        columns = {name: column for column, name in enumerate(self.names)}
        self._columns = np.fromiter(map(columns.__getitem__, names), np.intp, len(names))
        self._counts = np.bincount(self._columns, minlength=len(self.names)).astype(np.float32)
        self._means = self._sums() / self._counts[:, None] if self._metric.scatter is not None and names else None
        self.is_whole = all(np.isfinite(segment.halves[rows]).all() for segment, rows in self._parts)

    def distances(self, probes: FloatArray) -> FloatArray:
        """The metric's distance of every probe to every group.

        Args:
            probes: float32, shape (n, d).

        Returns:
            float32, shape (n, groups); infinite for a group whose faces are being deleted.
        """
        if not self.names or not len(probes):
            return np.empty((len(probes), len(self.names)), np.float32)
        if self._means is not None:
            return self._metric.distances_to_means(probes, self._means, self._counts)
        order = np.argsort(self._columns, kind="stable")
        firsts = np.searchsorted(self._columns[order], np.arange(len(self.names)))
        nearest: FloatArray = np.minimum.reduceat(self._to_faces(probes)[:, order], firsts, axis=1)
        return nearest

    def _to_faces(self, probes: FloatArray) -> FloatArray:
        distances = np.empty((len(probes), len(self._columns)), np.float32)
        start = 0
        for segment, rows in self._parts:
            here = distances[:, start : start + len(rows)]
            here[:] = self._metric.distances(probes, segment.vectors[rows])
            here[:, ~np.isfinite(segment.halves[rows])] = np.inf
            start += len(rows)
        return distances

    def _sums(self) -> FloatArray:
        """Of the vectors of each group; float32, shape (groups, d)."""
        sums = np.zeros((len(self.names), self._parts[0][0].vectors.shape[1]), np.float32)
        start = 0
        for segment, rows in self._parts:
            columns = self._columns[start : start + len(rows)]
            order = np.argsort(columns, kind="stable")
            here, firsts = np.unique(columns[order], return_index=True)
            sums[here] += np.add.reduceat(segment.vectors[rows[order]], firsts, axis=0)
            start += len(rows)
        return sums
