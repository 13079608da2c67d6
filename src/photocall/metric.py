"""How embeddings of one space are compared; smaller is more alike.

Plain Euclidean distance, and what was measured to make it a better one for finding a person among many: a correction
for faces that lie close to everybody's, and one for people enrolled with several photos. docs/accuracy.md has figures.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photocall.faces import FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Metric:
    """The distance of an embedding space; without arguments the Euclidean one.

    Attributes:
        hubness: float32, shape (d + 1,), weights and an offset: `vector @ hubness[:-1] + hubness[-1]` is how much
            farther than the average face a face lies from its nearest five strangers. Some lie in crowded places and
            take part in most false matches; half of what each of two faces has too little is added to their distance.
        scatter: mean square by which photos of one person lie around their mean, as far as it shows in false matches:
            the mean of k photos lies closer to everybody, and scatter (1 - 1 / k) makes up for it. None where it was
            not measured; then the nearest of a person's photos counts.
    """

    hubness: FloatArray | None = None
    scatter: float | None = None

    def distances(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Distances between all rows of two sets of embeddings, good to about 0.001 near 0.

        Args:
            a: float32, shape (n, d).
            b: float32, shape (m, d).

        Returns:
            float32, shape (n, m), >= 0.
        """
        return self._corrected(squared(a, b), a, b)

    def distances_to_means(self, probes: FloatArray, means: FloatArray, counts: FloatArray) -> FloatArray:
        """Distances to people who are known by the mean of several photos.

        Args:
            probes: float32, shape (n, d).
            means: float32, shape (people, d).
            counts: float32, shape (people,): how many photos each is the mean of.

        Returns:
            float32, shape (n, people), >= 0, comparable with those to single photos.
        """
        squares = squared(probes, means)
        squares += np.float32(self.scatter or 0) * (1 - 1 / counts)
        return self._corrected(squares, probes, means)

    def paired(self, a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
        """Distances between rows of the same number, computed in 64 bits: alike for alike rows, and 0 for equal ones.

        Args:
            a: float32, shape (n, d).
            b: float32, shape (n, d).

        Returns:
            float64, shape (n,), >= 0.
        """
        wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
        distances: NDArray[np.float64] = np.sqrt(np.square(wide_a - wide_b).sum(axis=1))
        if self.hubness is not None:
            rooms = ((wide_a + wide_b) * self.hubness[:-1]).sum(axis=1) + 2 * np.float64(self.hubness[-1])
            distances -= rooms / 2
        return np.maximum(distances, 0, out=distances)

    def rooms(self, vectors: FloatArray) -> FloatArray:
        """How much farther than the average face each lies from strangers.

        Args:
            vectors: float32, shape (n, d).

        Returns:
            float32, shape (n,); 0 without `hubness`.
        """
        if self.hubness is None:
            return np.zeros(len(vectors), np.float32)
        rooms: FloatArray = vectors @ self.hubness[:-1] + self.hubness[-1]
        return rooms

    def _corrected(self, squares: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
        distances: FloatArray = np.sqrt(squares)
        if self.hubness is not None:
            distances -= (self.rooms(a)[:, None] + self.rooms(b)) / 2
            np.maximum(distances, 0, out=distances)
        return distances


EUCLIDEAN = Metric()
"""Plain distance."""


def squared(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared Euclidean distances between all rows of a (n, d) and all of b (m, d); float32, shape (n, m), >= 0."""
    squares: FloatArray = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return np.maximum(squares, 0, out=squares)
