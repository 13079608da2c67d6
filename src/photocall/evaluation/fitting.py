"""The calibration of a model from photos of people: what its distances mean, and how sure that is.

log10(false match rate) is fitted with a parabola of the distance over the two decades that can be measured well, as
the shipped calibrations were; similarity 80 and 99 lie where the parabola says 1 in 1,000 and 1 in 100,000. It may be
straight, but never bends up: that would be a few wrong labels or lookalikes among the nearest pairs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from photocall.calibration import Calibration
from photocall.errors import CalibrationImpossible
from photocall.evaluation.bootstrap import with_intervals
from photocall.evaluation.impostors import Impostors
from photocall.evaluation.rates import Floats

LEAST_PEOPLE, LEAST_PAIRS = 30, 1000
"""Fewer say nothing about anybody else."""

RATE_80, RATE_99 = 1e-3, 1e-5
"""The false match rates that similarity 80 and 99 stand for (`Calibration`)."""

_LOWEST_RATE, _PAIRS_AT_LOWEST = 1e-4, 10  # below, a rate is counted on too few pairs
_DECADES = 2
_POINTS = 25
_HALVES, _SEED = 20, 7
_FLATTEST = -0.01  # of the parabola's first number: over distances 0..2 a straight line


@dataclass(frozen=True, slots=True)
class Fit:
    """A calibration and how it came about.

    Attributes:
        calibration: what distances mean.
        valid: (from, to): the distances for which it was measured; beyond, it is extrapolated.
        rates: (from, to): the false match rates there.
        report: how sure: `people`, `impostor_pairs`, 95 % `intervals` of d80 and d99, and `held_out`.
    """

    calibration: Calibration
    valid: tuple[float, float]
    rates: tuple[float, float]
    report: dict[str, Any]

    def table(self, source: str) -> dict[str, Any]:
        """The `calibration` table of a pack, measured on `source`."""
        pairs, people = self.report["impostor_pairs"], self.report["people"]
        return {
            "source": f"measured on {source}: {pairs} pairs of different people, {people} people",
            "fmr_curve": [round(value, 4) for value in self.calibration.fmr_curve],
            "valid": [round(value, 4) for value in self.valid],
            "d80": round(self.calibration.d80, 4),
            "d99": round(self.calibration.d99, 4),
            "customary_threshold": round(self.calibration.customary_threshold, 4),
        }


def fit_calibration(impostors: Impostors, customary_threshold: float, source: str) -> Fit:
    """Fit what distances mean to pairs of different people.

    Args:
        impostors: all pairs that the photos make.
        customary_threshold: the 1:1 threshold that is right most often.
        source: what errors call the set.

    Raises:
        CalibrationImpossible: there are too few people or pairs, or their distances follow no such curve.
    """
    people, pairs = len(np.unique(impostors.owners[impostors.photos])), impostors.pairs
    if people < LEAST_PEOPLE or pairs < LEAST_PAIRS:
        least = f"it takes {LEAST_PEOPLE} people and {LEAST_PAIRS} pairs of different people at least"
        raise CalibrationImpossible(source, f"{people} people whose faces were found make {pairs} pairs; {least}")
    lowest = max(_LOWEST_RATE, _PAIRS_AT_LOWEST / pairs)
    rates = lowest, min(lowest * 10**_DECADES, 0.3)
    near = impostors.nearest(min(1.0, 4 * rates[1]))
    everybody = np.ones(impostors.people)
    curve = _curve(near, rates, everybody)
    if curve is None:
        raise CalibrationImpossible(
            source, "the distances of different people follow no falling curve; use more photos"
        )
    calibration = Calibration(curve, _distance(curve, RATE_80), _distance(curve, RATE_99), customary_threshold)
    sure = with_intervals(lambda weights: _points(near, rates, weights), impostors.people)
    report = {
        "people": people,
        "impostor_pairs": pairs,
        "intervals": sure["intervals"],
        "held_out": _held_out(near, rates),
    }
    return Fit(calibration, (near.threshold(rates[0]), near.threshold(rates[1])), rates, report)


def _curve(near: Impostors, rates: tuple[float, float], people: Floats) -> tuple[float, float, float] | None:
    """The parabola of least squares that bends down; None where it does not rise up to the last distance fitted on."""
    steps = np.linspace(np.log10(rates[0]), np.log10(rates[1]), _POINTS)
    distances = near.thresholds((10**steps).tolist(), people)
    if not np.isfinite(distances).all() or distances[0] >= distances[-1]:
        return None
    a, b, c = (float(value) for value in np.polyfit(distances, steps, 2))
    if a > _FLATTEST:
        a = _FLATTEST
        b, c = (float(value) for value in np.polyfit(distances, steps - a * distances**2, 1))
    return (a, b, c) if -b / (2 * a) >= distances[-1] else None


def _distance(curve: tuple[float, float, float], rate: float) -> float:
    return Calibration(curve, 1, 0, 0).distance_at(rate)


def _points(near: Impostors, rates: tuple[float, float], people: Floats) -> dict[str, float]:
    curve = _curve(near, rates, people)
    if curve is None:
        return {"d80": np.nan, "d99": np.nan}
    return {"d80": _distance(curve, RATE_80), "d99": _distance(curve, RATE_99)}


def _held_out(near: Impostors, rates: tuple[float, float]) -> dict[str, Any]:
    """Fitted on half of the people, the rates measured on the others: median, least and most of many halvings."""
    random = np.random.default_rng(_SEED)
    measured: dict[str, list[float]] = {"80": [], "99": []}
    for _ in range(_HALVES):
        half = random.permutation(near.people) < near.people // 2
        points = _points(near, rates, half.astype(np.float64))
        for name, distance in (("80", points["d80"]), ("99", points["d99"])):
            rate = near.rate(distance, (~half).astype(np.float64)) if np.isfinite(distance) else np.nan
            if np.isfinite(rate):
                measured[name].append(rate)
    return {
        name: {"median": float(np.median(values)), "least": min(values), "most": max(values)} if values else None
        for name, values in measured.items()
    }
