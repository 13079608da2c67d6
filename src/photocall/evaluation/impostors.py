"""All pairs of different people among some photos: the nearest ones kept, the others counted.

A false match rate of one in a thousand or less needs far more pairs than anybody lists: 3,800 photos make seven
million. They are compared in blocks, in memory that does not grow with their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photocall.evaluation.album import Album, Numbers
from photocall.evaluation.rates import Flags, Floats, thresholds_at
from photocall.faces import FloatArray

MOST_PHOTOS = 20_000
"""Of more photos so many are drawn at random: 200 million pairs, some seconds a thousand photos squared."""

MOST_KEPT = 4_000_000
"""The nearest pairs that are kept: of 200 million the nearest 2 %, enough for a false match rate of 1 %."""

_BLOCK = 512  # photos compared with all at once: 40 MB of distances
_SEED = 7
_PAIR = np.dtype([("distance", np.float32), ("a", np.int32), ("b", np.int32)])


@dataclass(frozen=True, slots=True)
class Impostors:
    """Pairs of different people, the nearest first.

    Attributes:
        distances: by the album's metric, ascending, shape (n,).
        a: number of one photo of each pair in the album, shape (n,).
        b: number of the other.
        photos: numbers of all photos that were compared.
        owners: the person of every photo of the album.
        people: how many people the album has.
    """

    distances: Floats
    a: Numbers
    b: Numbers
    photos: Numbers
    owners: Numbers
    people: int

    @property
    def pairs(self) -> int:
        """How many pairs there are, those that were not kept too."""
        return round(self.total(np.ones(self.people)))

    def weights(self, people: Floats) -> Floats:
        """The weight of each kept pair, from those of people."""
        weights: Floats = people[self.owners[self.a]] * people[self.owners[self.b]]
        return weights

    def total(self, people: Floats) -> float:
        """The weight of all pairs, from those of people."""
        counts = np.bincount(self.owners[self.photos], minlength=self.people) * people
        return float((counts.sum() ** 2 - (counts**2).sum()) / 2)

    def nearest(self, share: float) -> "Impostors":
        """The nearest share of all pairs, counted as before; quicker to draw from."""
        return self.only(slice(0, max(1, int(share * self.pairs))))

    def only(self, kept: slice | Flags) -> "Impostors":
        """Only these of the kept pairs, counted as before."""
        return Impostors(self.distances[kept], self.a[kept], self.b[kept], self.photos, self.owners, self.people)

    def threshold(self, rate: float, people: Floats | None = None) -> float:
        """The largest distance at which the false match rate is at most this."""
        return float(self.thresholds((rate,), people)[0])

    def thresholds(self, rates: Sequence[float], people: Floats | None = None) -> Floats:
        """The largest distances at which the false match rate is at most one of these."""
        people = np.ones(self.people) if people is None else people
        return thresholds_at(self.distances, self.weights(people), self.total(people), rates)

    def rate(self, threshold: float, people: Floats | None = None) -> float:
        """The false match rate at a distance: the share of pairs at or below it; NaN where that was not kept."""
        people = np.ones(self.people) if people is None else people
        if len(self.distances) < self.pairs and not threshold < self.distances[-1]:
            return np.nan
        total = self.total(people)
        return self.weight_within(threshold, people) / total if total > 0 else np.nan

    def weight_within(self, threshold: float, people: Floats) -> float:
        """The weight of the kept pairs at or below a distance, from those of people."""
        within = slice(0, int(np.searchsorted(self.distances, threshold, "right")))
        return float(self.only(within).weights(people).sum())


def compare_all(album: Album, most_kept: int = MOST_KEPT) -> Impostors:
    """Compare every acquired photo with every one of other people."""
    photos = album.acquired
    if len(photos) > MOST_PHOTOS:
        photos = np.sort(np.random.default_rng(_SEED).choice(photos, MOST_PHOTOS, replace=False))
    nearest = _Nearest(most_kept)
    if len(photos):
        vectors = np.stack([vector for number in photos if (vector := album.photos[number].vector) is not None])
        owners = album.owners[photos]
        for start in range(0, len(photos), _BLOCK):
            distances = album.metric.distances(vectors[start : start + _BLOCK], vectors[start:])
            other = np.triu(owners[start : start + _BLOCK, None] != owners[None, start:], 1)
            rows, columns = np.nonzero(other & (distances <= nearest.limit))
            nearest.add(distances[rows, columns], photos[start + rows], photos[start + columns])
    pairs = nearest.sorted()
    return Impostors(
        distances=pairs["distance"].astype(np.float64),
        a=pairs["a"].astype(np.intp),
        b=pairs["b"].astype(np.intp),
        photos=photos,
        owners=album.owners,
        people=len(album.people),
    )


class _Nearest:
    """The nearest pairs of those that come along, in memory for three times as many."""

    def __init__(self, most: int) -> None:
        self.limit = np.inf
        self._most = most
        self._parts: list[NDArray[np.void]] = []

    def add(self, distances: FloatArray, a: Numbers, b: Numbers) -> None:
        pairs = np.empty(len(distances), _PAIR)
        pairs["distance"], pairs["a"], pairs["b"] = distances, a, b
        self._parts.append(pairs)
        if sum(map(len, self._parts)) > 2 * self._most:
            self._cut()

    def sorted(self) -> NDArray[np.void]:
        self._cut()
        (pairs,) = self._parts
        return pairs[np.argsort(pairs["distance"], kind="stable")]

    def _cut(self) -> None:
        pairs = np.concatenate([np.empty(0, _PAIR), *self._parts])
        if len(pairs) > self._most:
            pairs = pairs[np.argpartition(pairs["distance"], self._most)[: self._most]]
            self.limit = float(pairs["distance"].max())
        self._parts = [pairs]
