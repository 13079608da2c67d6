"""The nearest faces of probes: matrix products, block by block, and a bound that falls as nearer faces are found.

A face b is no farther than t from a probe a, |a - b| - (room_a + room_b) / 2 <= t, exactly if

    (a + c/2 h) . b - half_b >= (|a|^2 - c^2 - c h0) / 2,    c = t + room_a / 2,    room_b = h . b + h0,

so one product with a probe moved along the metric's weights h is all that most faces cost. Products in 32 bits err by
a little, which widens the bound; what is left is compared once more in 64 bits, so that the answer depends neither on
how the work was cut nor on where a face lies.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photocall.faces import FloatArray
from photocall.segments import GRAIN, Numbers, Part, Snapshot, strings

_TILE = 8192
"""Floats of a matrix that OpenBLAS multiplies on the thread that asks (below 9216 with a vector, interface/gemv.c, and
up to 2^18 multiplications with a matrix, interface/gemm.c), so that its threads and ours do not fight for the cores."""

_PROBES = 32
"""Probes a pass; `_TILE` times this is 2^18."""

_PRODUCTS = 2**18
"""Products a block; 1 MB of them stay in a core's cache."""

_MOST_ROWS = 32_768
"""Rows a block; 16 MB of 128 floats, so that the threads end at about the same time."""

_OPENING = 1024
"""Rows that are looked at whole, since there is no bound yet; twice the limit if that is more."""

_STRIDE = 2048
"""Products side by side that are compared with bounds at once."""

_COMPARED = 4096
"""Pairs that are compared in 64 bits at once."""

_ALONE = 2**13
"""Rows by probes that one thread compares sooner than it has woken another."""

Doubles = NDArray[np.float64]


class Candidate(NamedTuple):
    """A face that a probe may show.

    Attributes:
        face_id: of the face.
        distance: to the probe, by the gallery's metric, >= 0.
    """

    face_id: str
    distance: float


@dataclass(frozen=True, slots=True)
class _Block:
    part: Part
    number: int  # of the part's first row
    start: int
    stop: int


def nearest(
    snapshot: Snapshot, probes: FloatArray, limit: int, max_distance: float, helpers: Executor
) -> list[list[Candidate]] | None:
    """For each probe its nearest faces, nearest first, equally near ones by face_id.

    Args:
        snapshot: the faces.
        probes: float32, shape (n, d).
        limit: how many a probe at most, > 0.
        max_distance: how far at most.
        helpers: threads to share the work with.

    Returns:
        None if one of the faces was deleted meanwhile; ask again.
    """
    found: list[list[Candidate]] = []
    for start in range(0, len(probes), _PROBES):
        search = _Search(snapshot, probes[start : start + _PROBES], limit, max_distance)
        some = search.run(helpers)
        if some is None:
            return None
        found += some
    return found


class _Search:
    """One pass over the faces."""

    def __init__(self, snapshot: Snapshot, probes: FloatArray, limit: int, max_distance: float) -> None:
        self.snapshot, self.limit, self.max_distance = snapshot, limit, max_distance
        self.probes = np.ascontiguousarray(probes, np.float32)
        self.block_rows = max(GRAIN, min(_MOST_ROWS, _PRODUCTS // len(probes)) // GRAIN * GRAIN)
        metric, wide = snapshot.metric, self.probes.astype(np.float64)
        hubness = np.zeros(probes.shape[1] + 1) if metric.hubness is None else metric.hubness.astype(np.float64)
        self.weights, self.offset = hubness[:-1], float(hubness[-1])
        self.squares: Doubles = np.square(wide).sum(axis=1)
        self.rooms: Doubles = wide @ self.weights + self.offset if metric.hubness is not None else np.zeros(len(wide))
        reach = (np.sqrt(self.squares) + snapshot.longest) * (1 + np.linalg.norm(self.weights)) + abs(self.offset)
        # Of a squared distance: a sum of d products errs by at most d / 2^24 of their amount.
        self.error: Doubles = (probes.shape[1] + 8) * 2.0**-24 * reach**2 + 1e-30
        self.bounds: Doubles = np.where(max_distance < reach, self.widened(np.full(len(reach), max_distance)), np.inf)

    def run(self, helpers: Executor) -> list[list[Candidate]] | None:
        blocks = list(self._blocks())
        queue = iter(blocks)
        best = _Best(self)
        small = self.snapshot.starts[-1] * len(self.probes) <= _ALONE
        shares = [] if small else [helpers.submit(_share, self, queue) for _ in range(min(cores(), len(blocks)) - 1)]
        best.take(queue)
        for share in shares:
            if not share.cancel():  # else the helper was busy with other searches, and has not begun
                best.join(share.result())
        return best.candidates()

    def widened(self, bounds: Doubles) -> Doubles:
        """Bounds of distances, such that a face within the bound is found within this in spite of all errors."""
        shortest = bounds + self.rooms / 2 - self.snapshot.roomiest / 2
        return bounds + 3 * self.error / np.maximum(shortest, np.sqrt(self.error))

    def _blocks(self) -> Iterator[_Block]:
        number = 0
        for part in self.snapshot.parts:
            for start in range(0, part.used, self.block_rows):
                yield _Block(part, number, start, min(start + self.block_rows, part.used))
            number += part.used


def _share(search: _Search, blocks: Iterator[_Block]) -> "_Best":
    best = _Best(search)
    best.take(blocks)
    return best


class _Best:
    """The nearest faces among the blocks that one thread has seen: probe, row and about the distance of each."""

    def __init__(self, search: _Search) -> None:
        self.search = search
        self.bounds = search.bounds
        self.probe, self.row, self.distance = np.empty(0, np.intp), np.empty(0, np.int64), np.empty(0, np.float64)
        self._new: list[tuple[NDArray[np.intp], Numbers, Doubles]] = []
        self._waiting = 0
        self._scratch = np.empty(search.block_rows * len(search.probes), np.float32)

    def take(self, blocks: Iterable[_Block]) -> None:
        """See blocks; threads that share an iterator of a list share the work."""
        for block in blocks:
            start = block.start
            while start < block.stop:
                if np.isfinite(self.bounds).all():
                    self._near(block, start, block.stop)
                    break
                stop = min(block.stop, start + max(_OPENING, -(-2 * self.search.limit // GRAIN) * GRAIN))
                self._all(block, start, stop)
                start = stop

    def join(self, other: "_Best") -> None:
        """Take over what another thread has found."""
        other.settle()
        self.bounds = np.minimum(self.bounds, other.bounds)
        self._add(other.probe, other.row, other.distance)

    def settle(self) -> None:
        """Draw the bounds as close as what was found allows, and drop what lies beyond."""
        found = [(self.probe, self.row, self.distance), *self._new]
        probe, row, distance = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((distance, probe))
        probe, row, distance = probe[order], row[order], distance[order]
        numbers = np.arange(len(self.bounds))
        last = np.searchsorted(probe, numbers) + self.search.limit - 1
        enough = last < np.searchsorted(probe, numbers, side="right")
        farthest = np.maximum(distance[last[enough]], 0)
        bounds = np.full(len(self.bounds), np.inf)
        bounds[enough] = farthest
        self.bounds = np.minimum(self.bounds, self.search.widened(bounds))
        near = distance <= self.bounds[probe]
        self.probe, self.row, self.distance = probe[near], row[near], distance[near]
        self._new, self._waiting = [], 0

    def candidates(self) -> list[list[Candidate]] | None:
        """What was found, compared once more; None if a face was deleted meanwhile."""
        self.settle()
        gathered = self.search.snapshot.gather(self.row) if len(self.row) else (self.search.probes[:0], strings([]))
        if gathered is None:
            return None
        vectors, face_ids = gathered
        ordered = sorted(zip(self.probe.tolist(), self._compared(vectors).tolist(), face_ids.tolist(), strict=True))
        found: list[list[Candidate]] = [[] for _ in self.bounds]
        for probe, distance, face_id in ordered:
            if distance <= self.search.max_distance and len(found[probe]) < self.search.limit:
                found[probe].append(Candidate(face_id, distance))
        return found

    def _compared(self, vectors: FloatArray) -> Doubles:
        paired, probes = self.search.snapshot.metric.paired, self.search.probes
        parts = (slice(start, start + _COMPARED) for start in range(0, len(vectors), _COMPARED))
        return np.concatenate([np.empty(0), *(paired(probes[self.probe[part]], vectors[part]) for part in parts)])

    def _near(self, block: _Block, start: int, stop: int) -> None:
        """Find what lies within the bounds."""
        search, segment = self.search, block.part.segment
        c = self.bounds + search.rooms / 2
        floors = ((search.squares - c**2 - c * search.offset) / 2).astype(np.float32)
        moved = search.probes if not search.weights.any() else (search.probes + c[:, None] / 2 * search.weights)
        products = _products(block.part, start, stop, moved.astype(np.float32), self._scratch)
        row, probe = _at_least(products, floors)
        if not len(row):
            return
        rooms = segment.rooms[start + row].astype(np.float64)
        squares = search.squares[probe] - 2.0 * products[row, probe] + c[probe] * (rooms - search.offset) + rooms**2 / 4
        self._found(probe, block.number + start + row, squares, rooms)

    def _all(self, block: _Block, start: int, stop: int) -> None:
        """Find what lies near, by looking at every distance."""
        search = self.search
        products = _products(block.part, start, stop, search.probes, self._scratch)[: stop - start]
        rooms = block.part.segment.rooms[start:stop]
        squares = search.squares.astype(np.float32) - 2 * products + (rooms**2 / 4)[:, None]
        distances = np.sqrt(np.maximum(squares, 0)) - (rooms[:, None] + search.rooms.astype(np.float32)) / 2
        if stop - start >= search.limit:
            nth = np.partition(distances, search.limit - 1, axis=0)[search.limit - 1]
            self.bounds = np.minimum(self.bounds, search.widened(np.maximum(nth, 0).astype(np.float64)))
        near = np.flatnonzero((distances <= self.bounds) & np.isfinite(distances))
        row, probe = np.divmod(near, len(self.bounds))
        self._add(probe, block.number + start + row, distances.ravel()[near].astype(np.float64))

    def _found(self, probe: NDArray[np.intp], row: Numbers, squares: Doubles, rooms: Doubles) -> None:
        distances = np.sqrt(np.maximum(squares, 0)) - (self.search.rooms[probe] + rooms) / 2
        self._add(probe, row, distances)

    def _add(self, probe: NDArray[np.intp], row: Numbers, distance: Doubles) -> None:
        self._new.append((probe, row, distance))
        self._waiting += len(probe)
        if self._waiting > max(self.search.limit * len(self.bounds), 1024):
            self.settle()


def _products(part: Part, start: int, stop: int, probes: FloatArray, scratch: FloatArray) -> FloatArray:
    """Of rows and probes, less each row's half; -inf where there is no face.

    Returns:
        float32, shape (rows, probes), part of `scratch`; the rows from `stop` on fill the last tile.
    """
    dimension = probes.shape[1]
    tile = max(1, min(GRAIN, 2 ** int(np.log2(_TILE / dimension))))
    end = start - (start - stop) // tile * tile
    tiles = part.segment.vectors[start:end].reshape(-1, tile, dimension)
    products = scratch[: (end - start) * len(probes)].reshape(end - start, len(probes))
    if len(probes) == 1:
        np.matmul(tiles, probes[0], out=products.reshape(-1, tile))
    else:
        np.matmul(tiles, np.ascontiguousarray(probes.T), out=products.reshape(-1, tile, len(probes)))
    products -= part.segment.halves[start:end, None]
    products[stop - start :] = -np.inf
    return products


def _at_least(products: FloatArray, floors: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the products that reach their column's floor; few do, so most are seen in long strides."""
    if len(floors) == 1:
        found = np.flatnonzero(products[:, 0] >= floors[0])
        return found, np.zeros_like(found)
    stride = max(1, _STRIDE // len(floors))
    while len(products) % stride:
        stride //= 2
    folded, wanted = products.reshape(-1, stride * len(floors)), np.broadcast_to(floors, (stride, len(floors))).ravel()
    places = np.flatnonzero(folded.max(axis=0) >= wanted)
    if 8 * len(places) > len(wanted):
        row, column = np.divmod(np.flatnonzero(folded >= wanted), len(floors))
        return row, column
    fold, place = np.nonzero(folded[:, places] >= wanted[places])
    row, column = np.divmod(places[place], len(floors))
    return fold * stride + row, column


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))
