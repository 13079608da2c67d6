"""How sure a figure is: the interval in which it lies when people, or photos, are drawn anew from those that are there.

The percentile bootstrap (Efron 1979). Comparisons of one person are not independent, so people are drawn and not
comparisons; this is what ISO/IEC 19795-1 advises.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from photocall.evaluation.rates import Floats

REPLICATES = 500
"""Draws: enough for a 95 % interval whose ends are good to about a tenth of its width."""

SEED = 7
"""Fixed, so that the same photos give the same intervals."""

Figures = dict[str, float]
"""Figures by name; a slash in a name makes a level: "fnmr_at_fmr/1e-2"."""


def with_intervals(figures: Callable[[Floats], Figures], units: int) -> dict[str, Any]:
    """The figures of a set, and under "intervals" the 95 % interval of each; null where it cannot be told.

    Args:
        figures: from the weight of each unit (people or photos), shape (units,), to the figures. Weights of 1 are the
            set as it is.
        units: how many there are.
    """
    random = np.random.default_rng(SEED)
    shares = np.full(units, 1 / units)
    draws = [figures(random.multinomial(units, shares).astype(np.float64)) for _ in range(REPLICATES)]
    result = nested({name: told(value) for name, value in figures(np.ones(units)).items()})
    result["intervals"] = nested({name: _interval(np.array([draw[name] for draw in draws])) for name in draws[0]})
    return result


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping of mappings, made of names with slashes."""
    result: dict[str, Any] = {}
    for name, value in flat.items():
        *levels, last = name.split("/")
        place = result
        for level in levels:
            place = place.setdefault(level, {})
        place[last] = value
    return result


def told(value: float) -> float | None:
    """A figure to five digits; None for one that could not be measured."""
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _interval(values: Floats) -> list[float | None] | None:
    known = values[np.isfinite(values)]
    if len(known) < len(values) / 2:
        return None
    return [told(float(end)) for end in np.percentile(known, (2.5, 97.5))]
