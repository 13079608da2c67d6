"""The DET plot: both kinds of error against one another, on axes on which normally distributed scores give a line.

Detection error tradeoff (Martin et al. 1997), as in ISO/IEC 19795-1. Drawn by matplotlib, which is an extra.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import NormalDist

import numpy as np

from photocall.errors import ExtraMissing, SettingInvalid
from photocall.evaluation.rates import Floats

_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
_POINTS = 400


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """What a DET plot shows.

    Attributes:
        x: rates of false matches, or false positives, ascending, 0..1, shape (n,).
        y: the rates of the other error at the same thresholds, shape (n,).
        x_name: what x is.
        y_name: what y is.
        point: (x, y) of the operating point; None without one.
        point_name: what the point is called.
    """

    x: Floats
    y: Floats
    x_name: str
    y_name: str
    point: tuple[float, float] | None
    point_name: str = ""


def curve(impostors: Floats, total: float, genuine: Floats) -> tuple[Floats, Floats]:
    """Both rates at thresholds spread evenly over the logarithm of the first, each the largest that has its rate.

    Args:
        impostors: distances of comparisons that must not match, ascending; the nearest ones suffice.
        total: how many there are with those further away.
        genuine: distances of comparisons that must match; infinite ones never do.
    """
    finite = impostors[np.isfinite(impostors)]
    places = np.unique(np.geomspace(1, max(len(finite), 1), _POINTS).astype(np.intp)) - 1
    below = np.nextafter(finite[places[places < len(finite)]], -np.inf)
    thresholds = np.append(below, finite[-1:])
    accepted = np.searchsorted(finite, thresholds, "right")
    missed = 1 - np.searchsorted(np.sort(genuine), thresholds, "right") / max(len(genuine), 1)
    return accepted / total, missed


def check_plot(path: Path) -> None:
    """Refuse now what could not be drawn after minutes of work.

    Raises:
        SettingInvalid: the file's ending is none that can be drawn.
        ExtraMissing: matplotlib is not installed.
    """
    if path.suffix.lower() not in (".png", ".svg"):
        raise SettingInvalid("--plot", f"{str(path)!r} must end in .png or .svg")
    if find_spec("matplotlib") is None:
        raise ExtraMissing("--plot", "plot")


def draw(tradeoff: Tradeoff, kind: str, title: str) -> bytes:
    """The plot as a file of the kind "png" or "svg"."""
    from matplotlib.figure import Figure  # an extra, and slow to import

    figure = Figure(figsize=(6.4, 6), dpi=120, layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=tradeoff.x_name, ylabel=tradeoff.y_name)
    inside = (tradeoff.x > 0) & (tradeoff.x < 1) & (tradeoff.y > 0) & (tradeoff.y < 1)
    x, y = tradeoff.x[inside], tradeoff.y[inside]
    axes.plot(_probit(x), _probit(y), color="#1f4e79")
    if tradeoff.point is not None and all(0 < rate < 1 for rate in tradeoff.point):
        axes.plot(*([deviate] for deviate in _probit(tradeoff.point)), "o", color="#c0392b", label=tradeoff.point_name)
        axes.legend()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(_probit(_TICKS), [f"{100 * tick:g} %" for tick in _TICKS])
    axes.tick_params("x", rotation=45)
    shown = tradeoff.point or ()
    axes.set_xlim(*_span([*x, *shown[:1]]))
    axes.set_ylim(*_span([*y, *shown[1:]]))
    axes.grid(color="#dddddd")
    file = BytesIO()
    figure.savefig(file, format=kind)
    return file.getvalue()


def _probit(rates: Sequence[float] | Floats) -> list[float]:
    return [NormalDist().inv_cdf(float(rate)) for rate in rates]


def _span(rates: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis that shows these rates and a little more."""
    deviates = _probit([rate for rate in rates if 0 < rate < 1]) or _probit((0.001, 0.5))
    return min(deviates) - 0.15, max(deviates) + 0.15
