"""What photos and videos take, as measured: `measured.toml`, which `python -m benchmarks.plan` writes.

Seconds are those of one processor with nothing else at work, and of two. What more would do is computed from these by
Amdahl's law (1967): a part of the work gains from every processor, the rest from none.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photocall.costs.workload import Workload

SHIPPED = Path(__file__).with_name("measured.toml")


@dataclass(frozen=True, slots=True)
class Effort:
    """Seconds that something takes.

    Attributes:
        one: on one processor.
        two: on two.
    """

    one: float
    two: float

    @property
    def parallel(self) -> float:
        """The share that gains from every processor, 0..1."""
        return min(1.0, max(0.0, 2 * (1 - self.two / self.one))) if self.one else 0.0

    def seconds(self, processors: float) -> float:
        """On as many processors; less than one does proportionally less."""
        if processors <= 1:
            return self.one / processors
        return self.one * (1 - self.parallel + self.parallel / processors)


@dataclass(frozen=True, slots=True)
class Medium:
    """Photos, or minutes of video.

    Attributes:
        what: was measured, in words.
        megabytes: of a file, by photo or minute.
        memory: megabytes (2**20 bytes) that a process had at most.
        fp32: with the embedder in floating point, as it runs where nobody has measured the processor.
        int8: seconds on one processor with the embedder in 8-bit integers, as `photocall models build` leaves it on
            most of today's.
        faces: that a photo shows on average; 0 for videos.
    """

    what: str
    megabytes: float
    memory: float
    fp32: Effort
    int8: float
    faces: float = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured on one machine.

    Attributes:
        date: in words.
        machine: in words.
        start: seconds of one processor until a new process can answer.
        photo: a photo.
        video: a minute of video.
    """

    date: str
    machine: str
    start: float
    photo: Medium
    video: Medium

    def memory(self, workload: Workload) -> float:
        """Megabytes that a process needs for what is in the work; for photos if nothing is."""
        return max(self.photo.memory, self.video.memory if workload.videos else 0)


def shipped() -> Measured:
    """What comes with photocall."""
    return from_table(tomllib.loads(SHIPPED.read_text("utf-8")))


def from_table(table: Mapping[str, Any]) -> Measured:
    """What a table in the layout of `measured.toml` says."""
    return Measured(table["date"], table["machine"], table["start"], _medium(table["photo"]), _medium(table["video"]))


def _medium(table: Mapping[str, Any]) -> Medium:
    fp32 = Effort(*table["fp32"])
    return Medium(table["what"], table["megabytes"], table["memory"], fp32, table["int8"], table.get("faces", 0))
