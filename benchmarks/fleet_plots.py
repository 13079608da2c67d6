"""The plots of `docs/scaling.md`: a day minute by minute, and cost against latency."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.timing import Result
from photocall.costs.simulation import Numbers, Outcome

COLOURS = {
    "elastic processes": "#009e73",
    "elastic machines": "#56b4e9",
    "fixed, for the mean": "#d55e00",
    "fixed, for the 95th percentile": "#e69f00",
    "fixed, for the peak": "#000000",
}
"""Of Okabe and Ito, who picked them so that colour-blind people can tell them apart."""

_FROM, _TO = 7, 18  # hours that are shown


def draw_day(path: Path, videos: int, curve: Numbers, outcomes: Mapping[str, Outcome]) -> None:
    """Arrivals, workers and backlog over the day.

    Args:
        path: of the SVG.
        videos: of the day.
        curve: float64, shape (1440,), videos a second in each minute.
        outcomes: by the fleet's name.
    """
    figure = Figure(figsize=(9, 8), layout="constrained")
    arrivals, workers, backlog = figure.subplots(3, sharex=True)
    _line(arrivals, curve, "#666666", "arrivals")
    for name, outcome in outcomes.items():
        _line(workers, outcome.workers, COLOURS[name], name)
        _line(backlog, outcome.backlog, COLOURS[name], name)
    arrivals.set_ylabel("videos a second")
    workers.set_ylabel("workers")
    backlog.set_ylabel("videos waiting")
    backlog.set_yscale("symlog", linthresh=10)
    backlog.set_xlabel("hour of the day")
    backlog.set_xticks(range(_FROM, _TO + 1))
    arrivals.set_title(f"{videos:,} videos a day")
    workers.legend(fontsize="small", loc="upper right")
    for axes in (arrivals, workers, backlog):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    _save(figure, path)


def draw_costs(path: Path, fleets: Sequence[Result]) -> None:
    """Every fleet at its cost and its latency; one size of day a marker."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    volumes = sorted({one["videos"] for one in fleets})
    for one in fleets:
        marker = "os^"[volumes.index(one["videos"])]
        axes.scatter(one["cost"], one["latency"]["p99"], s=60, color=COLOURS[one["fleet"]], marker=marker)
    for name, colour in COLOURS.items():
        axes.scatter([], [], s=60, color=colour, marker="D", label=name)
    for marker, videos in zip("os^", volumes, strict=True):
        axes.scatter([], [], s=60, color="white", marker=marker, edgecolors="#000000", label=f"{videos:,} videos a day")
    axes.set(xscale="log", yscale="log", xlabel="US dollars a day", ylabel="latency p99, seconds")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="center right", bbox_to_anchor=(1, 0.7))
    _save(figure, path)


def _line(axes: Axes, values: Numbers | np.ndarray, colour: str, label: str) -> None:
    shown = slice(_FROM * 60, _TO * 60)
    hours = np.arange(len(values)) / 60
    axes.plot(hours[shown], values[shown], color=colour, label=label, linewidth=1.2)


def _save(figure: Figure, path: Path) -> None:
    """As SVG with letters as letters, the same bytes for the same figures."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "photocall"}):
        figure.savefig(path, metadata={"Date": None})
