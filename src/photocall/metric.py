"""How embeddings of one space are compared; smaller is more alike.

Plain Euclidean distance, and what was measured to make it a better one for finding a person among many: a correction
for faces that lie close to everybody's, and one for people enrolled with several photos. docs/accuracy.md has figures.
"""

from dataclasses import dataclass

import numpy as np

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

    def _corrected(self, squares: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
        distances: FloatArray = np.sqrt(squares)
        if self.hubness is not None:
            room_a, room_b = (vectors @ self.hubness[:-1] + self.hubness[-1] for vectors in (a, b))
            distances -= (room_a[:, None] + room_b) / 2
            np.maximum(distances, 0, out=distances)
        return distances


EUCLIDEAN = Metric()
"""Plain distance."""


def squared(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared Euclidean distances between all rows of a (n, d) and all of b (m, d); float32, shape (n, m), >= 0."""
    squares: FloatArray = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return np.maximum(squares, 0, out=squares)
