"""Error rates from distances, with weights so that a bootstrap can draw people more than once or not at all.

A comparison is accepted if its distance is at or below the threshold. A face that was not acquired is at infinite
distance: never accepted. Shares of nothing are not a number (NaN).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ROUNDING = 1e-9  # a share of the total: what sums of weights may be off


def threshold_at(distances: Floats, weights: Floats, total: float, rate: float) -> float:
    """The largest threshold at which at most the share `rate` of impostors is accepted; see `thresholds_at`."""
    return float(thresholds_at(distances, weights, total, (rate,))[0])


def thresholds_at(distances: Floats, weights: Floats, total: float, rates: Sequence[float]) -> Floats:
    """The largest thresholds at which at most a share of the impostor comparisons is accepted, one for each rate.

    Args:
        distances: of comparisons of different people, ascending, shape (n,); the nearest ones suffice.
        weights: of each, shape (n,).
        total: the weight of all such comparisons, those further away too.
        rates: 0..1.

    Returns:
        Finite distances, shape (rates,); -inf where there is no comparison at all to go by.
    """
    near = distances[: np.searchsorted(distances, np.inf)]
    if total <= 0 or not len(near):
        return np.full(len(rates), -np.inf)
    allowed = (np.array(rates) + _ROUNDING) * total
    beyond = np.searchsorted(np.cumsum(weights[: len(near)]), allowed, "right")  # the first that is one too many
    return np.where(beyond < len(near), np.nextafter(near[np.minimum(beyond, len(near) - 1)], -np.inf), near[-1])


def share(flags: Flags, weights: Floats) -> float:
    """The weighted share of flags that are set."""
    total = weights.sum()
    return float(weights[flags].sum() / total) if total > 0 else np.nan


def best_threshold(distances: Floats, same: Flags, weights: Floats | None = None) -> float:
    """The distance up to which pairs must be taken for the same to be right most often.

    Args:
        distances: of pairs, shape (n,).
        same: whether each shows one person, shape (n,).
        weights: of each; all alike without them.
    """
    weights = np.ones(len(distances)) if weights is None else weights
    order = np.argsort(distances, kind="stable")
    nearest, gain = distances[order], np.cumsum(np.where(same, weights, -weights)[order])
    last_of_ties = np.append(nearest[1:] != nearest[:-1], True) if len(nearest) else np.zeros(0, np.bool_)
    places = np.flatnonzero(last_of_ties & np.isfinite(nearest))
    if not len(places) or gain[places].max() <= 0:  # best to take none for the same
        return float(np.nextafter(nearest[0], -np.inf)) if len(nearest) else -np.inf
    return float(nearest[places[int(gain[places].argmax())]])


def cross_validated(
    distances: Floats, same: Flags, folds: NDArray[np.intp], weights: Floats | None = None
) -> tuple[Flags, Floats]:
    """Each pair judged at the threshold that is best on the other folds; with one fold only, on that fold itself.

    Args:
        distances: of pairs, shape (n,).
        same: whether each shows one person, shape (n,).
        folds: 0, 1, 2 ...: the fold of each, shape (n,).
        weights: of each; all alike without them.

    Returns:
        Whether each pair is judged right, shape (n,), and the threshold of each fold.
    """
    weights = np.ones(len(distances)) if weights is None else weights
    right = np.zeros(len(distances), np.bool_)
    thresholds = np.zeros(int(folds.max()) + 1)
    for fold in range(len(thresholds)):
        here = folds == fold
        others = ~here if len(thresholds) > 1 else here
        thresholds[fold] = best_threshold(distances[others], same[others], weights[others])
        right[here] = (distances[here] <= thresholds[fold]) == same[here]
    return right, thresholds


def fold_means(right: Flags, folds: NDArray[np.intp], weights: Floats) -> Floats:
    """The share of each fold's pairs that are judged right."""
    totals = np.bincount(folds, weights)
    with np.errstate(invalid="ignore"):
        means: Floats = np.bincount(folds, weights * right) / totals
    return means
