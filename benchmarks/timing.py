"""Stopwatch and statistics: rivals take turns in one run, so that whatever else the machine does hits all of them.

A ratio is that of two medians; its spread comes from the ratios of neighbours, which saw the same machine.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """What one call took.

    Attributes:
        wall: seconds on the clock.
        cpu: seconds of processor time, of all threads and of child processes that ended.
    """

    wall: float
    cpu: float

    def plus(self, other: "Sample", times: float = 1) -> "Sample":
        """This and `times` as much as the other."""
        return Sample(self.wall + times * other.wall, self.cpu + times * other.cpu)


def timed(action: Callable[[], object]) -> Sample:
    """What calling it took."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    action()
    return Sample(time.perf_counter() - wall, cpu_seconds() - cpu)


def cpu_seconds() -> float:
    """Processor time so far; of this process to the nanosecond, of children, which the kernel counts, to the tick."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def interleaved(
    sides: Mapping[str, Callable[[Item], Sample]], items: Sequence[Item], doing: str, *, pause: float = 0
) -> dict[str, list[Sample]]:
    """Every side does every item, in turns: A B A B ...

    Args:
        sides: what measures one item, by the side's name; each is called once before, unmeasured, on the first item.
        items: what is to be done, in order; the same item many times to repeat it.
        doing: what the progress line says.
        pause: seconds of rest before each call, for sides whose threads spin on after the work is done.

    Returns:
        One sample an item, by side.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for side in sides.values():
        side(items[0])
    for item in told(items, doing):
        for name, side in sides.items():
            time.sleep(pause)
            samples[name].append(side(item))
    return samples


def told(items: Iterable[Item], doing: str) -> Iterable[Item]:
    """The items, while standard error tells how many have been done."""
    count = 0
    for count, item in enumerate(items, start=1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{doing}: {count}\r")
            sys.stderr.flush()
        yield item
    sys.stderr.write(f"{doing}: {count} done\n")


def summary(samples: Sequence[Sample]) -> Result:
    """Medians in milliseconds, and the quartiles of the wall time."""
    walls = [1000 * sample.wall for sample in samples]
    return {
        "wall_ms": round(float(np.median(walls)), 3),
        "wall_ms_quartiles": _quartiles(walls),
        "cpu_ms": round(1000 * float(np.median([sample.cpu for sample in samples])), 3),
        "samples": len(samples),
    }


def ratio(rival: Sequence[Sample], ours: Sequence[Sample]) -> Result:
    """How many times as long the rival took: of the medians, and the quartiles over neighbours in the run."""
    return {
        "wall": round(_median_ratio([s.wall for s in rival], [s.wall for s in ours]), 3),
        "wall_quartiles": _quartiles([a.wall / b.wall for a, b in zip(rival, ours, strict=True)]),
        "cpu": round(_median_ratio([s.cpu for s in rival], [s.cpu for s in ours]), 3),
    }


def _median_ratio(rival: Sequence[float], ours: Sequence[float]) -> float:
    return float(np.median(rival) / np.median(ours))


def _quartiles(values: Sequence[float]) -> list[float]:
    return [round(float(value), 3) for value in np.percentile(values, (25, 75))]
