"""Same person or not: what a file of pairs tells of an engine (1:1, ISO/IEC 19795-1).

Pairs of one person are those of the file. Pairs of different people are, for accuracy, those of the file, and for
rates of false matches all that the file's photos make (`impostors`). A pair with a photo in which no face was found is
rejected: for two photos of one person that is a false non-match.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocall.calibration import Calibration
from photocall.evaluation.album import Album, Numbers
from photocall.evaluation.bootstrap import Figures, told, with_intervals
from photocall.evaluation.impostors import Impostors
from photocall.evaluation.rates import Flags, Floats, cross_validated, fold_means, share, thresholds_at
from photocall.evaluation.tables import Pair

FALSE_MATCH_RATES = {"1e-2": 1e-2, "1e-3": 1e-3}
"""Where false non-matches are told, by the name in JSON."""

SIMILARITIES = (80, 99)
"""The similarities that promise a false match rate (`Calibration`)."""

_SLACK = 4  # of the largest rate: how far the nearest impostors must reach for every draw of people


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The pairs of a file, compared.

    Attributes:
        album: the photos.
        a: number of the first photo of each pair, shape (n,).
        b: number of the second.
        same: whether they show one person, shape (n,).
        folds: 0, 1, 2 ...: the fold of each, shape (n,).
        distances: by the album's metric, infinite where a face is missing, shape (n,).
    """

    album: Album
    a: Numbers
    b: Numbers
    same: Flags
    folds: NDArray[np.intp]
    distances: Floats

    def weights(self, people: Floats) -> Floats:
        """The weight of each pair, from those of people: of one person once, of two people both."""
        a, b = people[self.album.owners[self.a]], people[self.album.owners[self.b]]
        return np.where(self.same, a, a * b)


def compare(pairs: Sequence[Pair], album: Album) -> Comparisons:
    """The distances of the pairs, whose photos are all in the album."""
    number = album.numbers()
    a = np.array([number[pair.a] for pair in pairs], np.intp)
    b = np.array([number[pair.b] for pair in pairs], np.intp)
    distances = [album.distance(i, j) for i, j in zip(a, b, strict=True)]
    fold = {name: index for index, name in enumerate(sorted({pair.fold for pair in pairs}))}
    return Comparisons(
        album=album,
        a=a,
        b=b,
        same=np.array([pair.same for pair in pairs]),
        folds=np.array([fold[pair.fold] for pair in pairs], np.intp),
        distances=np.array(distances, np.float64),
    )


def evaluate_pairs(comparisons: Comparisons, impostors: Impostors, calibration: Calibration | None) -> dict[str, Any]:
    """Everything that `photocall evaluate pairs` tells; docs/evaluate.md says what each key means.

    Args:
        comparisons: of the file's pairs.
        impostors: all pairs of different people among its photos.
        calibration: of the engine's model; None where it has none.
    """
    album, same = comparisons.album, comparisons.same
    missing = ~np.isfinite(comparisons.distances)
    right, thresholds = cross_validated(comparisons.distances, same, comparisons.folds)
    means = fold_means(right, comparisons.folds, np.ones(len(right)))
    counts = {
        "pairs": len(same),
        "same": int(same.sum()),
        "folds": len(thresholds),
        "photos": len(album.photos),
        "people": len(album.people),
        "failures_to_acquire": album.failures,
        "pairs_with_failures": {"same": int((missing & same).sum()), "different": int((missing & ~same).sum())},
        "impostor_pairs": impostors.pairs,
        "threshold": told(float(thresholds.mean())),
        "standard_error": told(float(means.std(ddof=1) / len(means) ** 0.5)) if len(means) > 1 else None,
        "threshold_at_fmr": {name: told(impostors.threshold(rate)) for name, rate in FALSE_MATCH_RATES.items()},
    }
    near = impostors.nearest(_SLACK * max(FALSE_MATCH_RATES.values()))
    points = {} if calibration is None else {f"{s}": calibration.distance(s) for s in SIMILARITIES}

    def figures(people: Floats) -> Figures:
        return _figures(comparisons, near, people) | _at_similarities(comparisons, impostors, points, people)

    result = counts | with_intervals(figures, len(album.people))
    result.setdefault("at_similarity", None)
    return result


def _figures(comparisons: Comparisons, near: Impostors, people: Floats) -> Figures:
    weights = comparisons.weights(people)
    distances, same, folds = comparisons.distances, comparisons.same, comparisons.folds
    right, _ = cross_validated(distances, same, folds, weights)
    order = np.argsort(distances, kind="stable")
    order = order[~same[order]]
    means = fold_means(right, folds, weights)
    means = means[np.isfinite(means)]  # a draw may leave a fold without pairs
    figures = {"accuracy": float(means.mean()) if len(means) else np.nan}
    rates = tuple(FALSE_MATCH_RATES.values())
    points = {
        "fnmr_at_fmr": near.thresholds(rates, people),
        "fnmr_at_fmr_of_listed_pairs": thresholds_at(
            distances[order], weights[order], float(weights[order].sum()), rates
        ),
    }
    for key, thresholds in points.items():
        for name, threshold in zip(FALSE_MATCH_RATES, thresholds, strict=True):
            figures[f"{key}/{name}"] = share((distances > threshold)[same], weights[same])
    return figures


def _at_similarities(
    comparisons: Comparisons, impostors: Impostors, points: dict[str, float], people: Floats
) -> Figures:
    same, weights = comparisons.same, comparisons.weights(people)
    figures = {}
    for name, distance in points.items():
        figures[f"at_similarity/{name}/fmr"] = impostors.rate(distance, people)
        figures[f"at_similarity/{name}/fnmr"] = share((comparisons.distances > distance)[same], weights[same])
    return figures
