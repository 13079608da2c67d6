"""Drawings for the pages: numbers to rectangles, which a template writes as SVG with attributes and no style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from photocall.roster import Status

WIDTH, HEIGHT = 640, 200
"""Of a drawing, in its own units; a page shows it as wide as there is room."""

LEFT, FOOT, TOP = 30, 24, 10
"""Room for what stands beside the bars, below and above them."""

MOST_LABELS = 8
"""Days that are named below the bars; more would run into each other."""

MOST_BAR = 48.0
"""The width of a bar where there are only a few."""

ORDER = (Status.PRESENT, Status.LATE, Status.EXCUSED, Status.UNCERTAIN, Status.ABSENT)
"""From the foot of a bar to its top."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: a rectangle, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    status: str


@dataclass(frozen=True, slots=True)
class Label:
    """A text and where it begins."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars.

    Attributes:
        parts: rectangles, bar after bar.
        labels: below the bars, and beside them.
        lines: heights at which a line helps the eye.
    """

    parts: tuple[Part, ...]
    labels: tuple[Label, ...]
    lines: tuple[float, ...]


def stacked(bars: Sequence[tuple[str, Mapping[Status, int]]]) -> Chart:
    """Bars of how many there are of each status, all in one scale.

    Args:
        bars: of each its name and its counts by status.
    """
    most = max((sum(counts.get(status, 0) for status in ORDER) for _, counts in bars), default=0) or 1
    step = (WIDTH - LEFT) / max(len(bars), 1)
    width, scale = min(0.8 * step, MOST_BAR), (HEIGHT - FOOT - TOP) / most
    parts: list[Part] = []
    labels = [Label(0, HEIGHT - FOOT - most * scale + 4, str(most)), Label(0, HEIGHT - FOOT, "0")]
    every = -(-len(bars) // MOST_LABELS)
    for at, (name, counts) in enumerate(bars):
        x = LEFT + at * step
        parts += _bar(x, width, scale, counts)
        if at % every == 0:
            labels.append(Label(round(x, 2), HEIGHT - 6, name))
    return Chart(tuple(parts), tuple(labels), (TOP, HEIGHT - FOOT))


def _bar(x: float, width: float, scale: float, counts: Mapping[Status, int]) -> list[Part]:
    floor, parts = float(HEIGHT - FOOT), []
    for status in ORDER:
        height = counts.get(status, 0) * scale
        if height:
            floor -= height
            parts.append(Part(round(x, 2), round(floor, 2), round(width, 2), round(height, 2), str(status)))
    return parts
