"""Where a gallery's faces are kept in memory: rows of arrays, in segments that are never copied to grow.

Readers need no lock. They work on a `Snapshot`, whose rows are only ever wiped; a row is never given to another face.
Wiping puts infinity in place of the row's square first, so that whoever has read a vector and then finds the square
finite knows that the vector was whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocall.faces import FloatArray
from photocall.metric import Metric

Numbers = NDArray[np.int64]
Strings = NDArray[Any]
"""Of NumPy's StringDType: 16 bytes a string, and a heap of their own for longer ones."""

LARGEST = 65_536
"""Rows of a segment at most; 32 MB of 128 floats."""

GRAIN = 64
"""Rows of a segment are a multiple of this."""

_SMALLEST = 256  # a gallery doubles from here until its segments are as large as they get


@dataclass(frozen=True, slots=True)
class Rows:
    """Faces to be kept.

    Attributes:
        face_ids: n of them.
        owners: whose they are, n.
        users: the users they are associated with, n; empty for none.
        vectors: float32, shape (n, d).
    """

    face_ids: Strings
    owners: Strings
    users: Strings
    vectors: FloatArray

    def __len__(self) -> int:
        return len(self.face_ids)

    def __getitem__(self, which: slice | NDArray[Any]) -> "Rows":
        return Rows(self.face_ids[which], self.owners[which], self.users[which], self.vectors[which])


class Segment:
    """Room for so many faces; a row without one has an infinite half and is 0 elsewhere.

    Attributes:
        vectors: float32, shape (rows, d).
        halves: float32, shape (rows,): half of what a face adds to every squared distance, (|b|^2 - room^2 / 4) / 2.
        rooms: float32, shape (rows,): `Metric.rooms`.
        hashes: int64, shape (rows,): of the face_ids, to find them by.
        face_ids: shape (rows,).
        owners: shape (rows,).
        users: shape (rows,); empty for none.
        longest: the greatest length of a vector that was ever written.
        roomiest: the greatest amount of a room that was.
    """

    def __init__(self, rows: int, dimension: int) -> None:
        self.vectors = np.zeros((rows, dimension), np.float32)
        self.halves = np.full(rows, np.inf, np.float32)
        self.rooms = np.zeros(rows, np.float32)
        self.hashes = np.zeros(rows, np.int64)
        self.face_ids, self.owners, self.users = (np.zeros(rows, np.dtypes.StringDType()) for _ in range(3))
        self.longest = self.roomiest = 0.0

    def write(self, start: int, rows: Rows, metric: Metric) -> None:
        """Put faces in rows that nobody reads yet."""
        here = slice(start, start + len(rows))
        self.vectors[here], self.rooms[here] = rows.vectors, metric.rooms(rows.vectors)
        self.hashes[here] = hashes(rows.face_ids)
        self.face_ids[here], self.owners[here], self.users[here] = rows.face_ids, rows.owners, rows.users
        squares = np.einsum("ij,ij->i", rows.vectors, rows.vectors)
        self.longest = max(self.longest, float(np.sqrt(squares.max())))
        self.roomiest = max(self.roomiest, float(np.abs(self.rooms[here]).max()))
        self.halves[here] = (squares - self.rooms[here] ** 2 / 4) / 2

    def wipe(self, rows: NDArray[Any]) -> None:
        """Leave nothing of faces; from its first step on they are never found."""
        self.halves[rows] = np.inf
        for column in (self.vectors, self.rooms, self.hashes):
            column[rows] = 0
        for strings in (self.face_ids, self.owners, self.users):
            strings[rows] = ""

    def read(self, rows: NDArray[Any]) -> Rows:
        """A copy of faces."""
        return Rows(self.face_ids[rows], self.owners[rows], self.users[rows], self.vectors[rows])


@dataclass(frozen=True, slots=True)
class Part:
    """A segment as far as a snapshot reads it.

    Attributes:
        segment: the rows.
        used: how many of them, from the first.
    """

    segment: Segment
    used: int

    def living(self) -> NDArray[np.intp]:
        """The rows that have a face."""
        return np.flatnonzero(np.isfinite(self.segment.halves[: self.used]))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The faces as of one version of their collection.

    Attributes:
        metric: how they are compared.
        version: of the collection.
        replaced: how often faces had been replaced by then.
        faces: how many there are.
        parts: where they are.
    """

    metric: Metric
    version: int = 0
    replaced: int = 0
    faces: int = 0
    parts: tuple[Part, ...] = ()

    @cached_property
    def longest(self) -> float:
        """The greatest length of a vector; no face that is deleted makes it wrong."""
        return max((part.segment.longest for part in self.parts), default=0.0)

    @cached_property
    def roomiest(self) -> float:
        """The greatest amount of a room."""
        return max((part.segment.roomiest for part in self.parts), default=0.0)

    @cached_property
    def starts(self) -> Numbers:
        """Number of each part's first row, and one past the last row: int64, shape (parts + 1,)."""
        return np.cumsum([0, *(part.used for part in self.parts)], dtype=np.int64)

    def find(self, face_ids: Sequence[str]) -> Iterator[tuple[Segment, NDArray[np.intp]]]:
        """The rows of faces, segment by segment, for those that are there."""
        wanted, codes = set(face_ids), hashes(face_ids)
        for part in self.parts if wanted else ():
            segment = part.segment
            here = segment.hashes[: part.used].copy()  # np.isin reads it twice, and a row may be wiped in between
            maybe = np.flatnonzero(np.isin(here, codes))
            rows = [row for row in maybe if np.isfinite(segment.halves[row]) and segment.face_ids[row] in wanted]
            if rows:
                yield segment, np.array(rows, np.intp)

    def gather(self, numbers: Numbers) -> tuple[FloatArray, Strings] | None:
        """The vectors (n, d) and face_ids (n,) of rows by their numbers; None if a row has been wiped."""
        which = np.searchsorted(self.starts, numbers, side="right") - 1
        vectors = np.empty((len(numbers), self.parts[0].segment.vectors.shape[1]), np.float32)
        face_ids = np.zeros(len(numbers), np.dtypes.StringDType())
        for index in np.unique(which):
            segment, here = self.parts[index].segment, which == index
            rows = numbers[here] - self.starts[index]
            vectors[here], face_ids[here] = segment.vectors[rows], segment.face_ids[rows]
            if not np.isfinite(segment.halves[rows]).all():
                return None
        return vectors, face_ids


def hashes(face_ids: Iterable[str]) -> Numbers:
    """Numbers that are equal for equal ids: int64, shape (n,)."""
    return np.fromiter(map(hash, face_ids), np.int64)


def strings(values: Sequence[str]) -> Strings:
    """Strings as an array, shape (n,)."""
    return np.array(values, np.dtypes.StringDType())


def appended(parts: Sequence[Part], rows: Rows, metric: Metric) -> tuple[Part, ...]:
    """The parts with more faces; those that read the parts before do not notice."""
    grown, done = list(parts), 0
    while done < len(rows):
        room = _room(grown[-1], rows) if grown else 0
        if not room:
            room = _capacity(sum(part.used for part in grown), len(rows) - done)
            grown.append(Part(Segment(room, rows.vectors.shape[1]), 0))
        segment, used = grown[-1].segment, grown[-1].used
        some = rows[done : done + room]
        segment.write(used, some, metric)
        grown[-1] = Part(segment, used + len(some))
        done += len(some)
    return tuple(grown)


def packed(parts: Sequence[Part], metric: Metric) -> tuple[Part, ...]:
    """The parts without those that are wiped for more than half; the faces in these move to the end."""
    living = [part.living() for part in parts]
    sparse = [2 * len(rows) < part.used for part, rows in zip(parts, living, strict=True)]
    kept = tuple(part for part, is_sparse in zip(parts, sparse, strict=True) if not is_sparse)
    for part, rows, is_sparse in zip(parts, living, sparse, strict=True):
        if is_sparse:
            kept = appended(kept, part.segment.read(rows), metric)
    return kept


def _room(part: Part, rows: Rows) -> int:
    """How many of the rows a part can take."""
    free, dimension = len(part.segment.halves) - part.used, part.segment.vectors.shape[1]
    return free if dimension == rows.vectors.shape[1] else 0


def _capacity(before: int, to_come: int) -> int:
    """Rows of the next segment: as many as there are, so that a gallery doubles, or as many as come at once."""
    rows = min(LARGEST, max(_SMALLEST, before, to_come))
    return -(-rows // GRAIN) * GRAIN
