"""The picture of how workers follow the queue."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure


class Moment(NamedTuple):
    """What was seen at once.

    Attributes:
        seconds: since the first look.
        workers: processes.
        jobs: in the queue, those under way included.
    """

    seconds: float
    workers: int
    jobs: int


def draw_curve(path: Path, curve: Sequence[Moment], most: int, *, who: str = "workers") -> None:
    """Jobs, and whoever does them, over time, as an SVG."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    workers = figure.subplots()
    jobs = workers.twinx()
    seconds = [moment.seconds for moment in curve]
    workers.step(seconds, [moment.workers for moment in curve], color="#009e73", where="post", label=who)
    workers.axhline(most, color="#009e73", linestyle=":", linewidth=1)
    jobs.step(seconds, [moment.jobs for moment in curve], color="#d55e00", where="post", label="jobs")
    workers.set(xlabel="seconds", ylabel=who, ylim=(0, most + 1))
    jobs.set(ylabel="jobs waiting or under way", ylim=(0, None))
    figure.legend(loc="upper right")
    workers.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
