"""A day of videos and the workers for it, event by event: fleets of a fixed size, and workers that follow the queue.

Jobs are done in the order in which they come. A worker does one at a time and takes the next one at once.
"""

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace

import numpy as np
from numpy.typing import NDArray

from photocall.scaling import Policy, desired_workers, needed_workers

DAY = 86_400
"""Seconds."""

TICK = 0.25
"""Seconds between two looks at the queue, as the pool does it."""

LESSONS = ((8, 0), (8, 50), (9, 45), (10, 40), (11, 30), (12, 25), (13, 25), (14, 15))
"""When lessons begin, hour and minute: an assumption."""

IN_PEAKS = 0.5
"""Share of the videos that comes around the start of a lesson: an assumption."""

_AFTER, _SPREAD = 300, 240  # seconds from a lesson's start to its middle video, and their standard deviation
_ALL_DAY = 0.05  # share of the videos that comes at any time; the rest comes between the hours below
_FROM, _TO = 7.5 * 3600, 16 * 3600

_NEVER = float("inf")
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Day:
    """The work of a day.

    Attributes:
        arrivals: float64, shape (n,), when each video came, seconds after midnight, ascending.
        services: float64, shape (n,), seconds of a worker that each takes.
    """

    arrivals: Numbers
    services: Numbers


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a day.

    Attributes:
        latencies: float64, shape (n,), seconds from the arrival of each video to its result.
        worker_seconds: that were paid for, start-up and idling included.
        workers: int64, shape (minutes,), workers that there were at each full minute.
        backlog: int64, shape (minutes,), videos that waited then.
    """

    latencies: Numbers
    worker_seconds: float
    workers: NDArray[np.int64]
    backlog: NDArray[np.int64]


def school_day() -> Numbers:
    """How the videos of a day are spread over its seconds: float64, shape (86400,), the sum is 1."""
    seconds = np.arange(DAY, dtype=np.float64)
    middles = [hour * 3600 + minute * 60 + _AFTER for hour, minute in LESSONS]
    peaks = np.sum([np.exp(-0.5 * ((seconds - middle) / _SPREAD) ** 2) for middle in middles], axis=0)
    between = np.where((seconds > _FROM) & (seconds < _TO), np.sin(np.pi * (seconds - _FROM) / (_TO - _FROM)), 0)
    rest = 1 - IN_PEAKS - _ALL_DAY
    curve: Numbers = IN_PEAKS * peaks / peaks.sum() + rest * between / between.sum() + _ALL_DAY / DAY
    return curve


def make_day(videos: int, measured: Sequence[float], seed: int = 7) -> Day:
    """A school day of so many videos, each of which takes one of the measured times.

    That a number of arrivals is known makes a Poisson process's arrivals independent draws from its curve.
    """
    random = np.random.default_rng(seed)
    total = np.concatenate([[0], np.cumsum(school_day())])
    arrivals = np.interp(np.sort(random.random(videos)), total, np.arange(DAY + 1))
    return Day(arrivals, random.choice(np.array(measured), videos))


def busy_on_average(videos: int, service: float) -> Numbers:
    """Workers that are busy on average in each minute, if none has to wait: float64, shape (1440,)."""
    busy: Numbers = school_day().reshape(-1, 60).sum(axis=1) * videos * service / 60
    return busy


def fixed_fleet(day: Day, workers: int) -> Outcome:
    """The day with workers that are always there, and paid for 24 hours even if they are not done by then.

    A job begins when the worker that is free first is free (Kiefer and Wolfowitz, 1955).
    """
    free = [0.0] * workers
    starts = array("d")
    for arrival, service in zip(array("d", day.arrivals), array("d", day.services), strict=True):
        start = max(arrival, free[0])
        starts.append(start)
        heapreplace(free, start + service)
    backlog = _backlog(day, starts)
    return Outcome(_latencies(day, starts), workers * DAY, np.full(len(backlog), workers), backlog)


def elastic_fleet(day: Day, policy: Policy, start_up: float) -> Outcome:
    """The day with workers that `photocall.scaling` starts and stops.

    Args:
        day: the work.
        policy: the limits; `policy.minimum` workers are there at midnight.
        start_up: seconds from the decision for a worker until it can take a job; they are paid for.
    """
    pool = _Pool(day, policy, start_up)
    ticks = 0
    while ticks * TICK < DAY or pool.working:
        ticks += 1
        pool.go_on_until(ticks * TICK)
        pool.decide(ticks * TICK)
    return Outcome(
        _latencies(day, pool.starts), pool.paid, np.array(pool.workers, np.int64), _backlog(day, pool.starts)
    )


class _Pool:
    """Workers between two ticks, and what is decided at a tick.

    Attributes:
        starts: when each job began, seconds after midnight; those of the waiting ones are missing.
        paid: worker-seconds so far.
        workers: that there were at each full minute.
    """

    def __init__(self, day: Day, policy: Policy, start_up: float) -> None:
        self.starts, self.workers, self.paid = array("d"), array("q", [policy.minimum]), 0.0
        self._arrivals, self._services = array("d", day.arrivals), array("d", day.services)
        self._policy, self._start_up = policy, start_up
        self._arrived, self._idle, self._enough_at = 0, policy.minimum, 0.0
        self._busy: list[float] = []  # when each is done; a heap
        self._starting: deque[float] = deque()  # when each is ready

    @property
    def working(self) -> bool:
        """Whether there is a job that is not done."""
        return bool(self._busy) or len(self.starts) < len(self._arrivals)

    def go_on_until(self, now: float) -> None:
        """Let everything happen that happens until then, in its order."""
        while True:
            arrival = self._arrivals[self._arrived] if self._arrived < len(self._arrivals) else _NEVER
            done = self._busy[0] if self._busy else _NEVER
            ready = self._starting[0] if self._starting else _NEVER
            if min(arrival, done, ready) > now:
                return
            if arrival <= done and arrival <= ready:
                self._arrived += 1
                if self._idle:
                    self._idle -= 1
                    self._begin(arrival)
            elif done <= ready:
                self._free(heappop(self._busy))
            else:
                self._free(self._starting.popleft())

    def _free(self, when: float) -> None:
        """A worker can take a job."""
        if len(self.starts) < self._arrived:
            self._begin(when)
        else:
            self._idle += 1

    def _begin(self, when: float) -> None:
        """The next job begins."""
        heappush(self._busy, when + self._services[len(self.starts)])
        self.starts.append(when)

    def decide(self, now: float) -> None:
        """Look at the queue, start and stop."""
        waiting, busy = self._arrived - len(self.starts), len(self._busy)
        running = busy + self._idle + len(self._starting)
        if needed_workers(self._policy, waiting, busy) >= running:
            self._enough_at = now
        wanted = desired_workers(self._policy, waiting, busy, running, now - self._enough_at)
        self._starting.extend([now + self._start_up] * (wanted - running))
        self._stop(running - wanted)
        self.paid += max(wanted, busy) * TICK
        if now % 60 == 0:
            self.workers.append(max(wanted, busy))

    def _stop(self, count: int) -> None:
        """Idle ones first, then those that have not started yet; never busy ones."""
        for _ in range(count):
            if self._idle:
                self._idle -= 1
            elif self._starting:
                self._starting.pop()


def _latencies(day: Day, starts: "array[float]") -> Numbers:
    return np.frombuffer(starts) + day.services - day.arrivals


def _backlog(day: Day, starts: "array[float]") -> NDArray[np.int64]:
    """Videos that wait at each full minute, until none is left."""
    begun = np.frombuffer(starts)
    minutes = np.arange(0, max(DAY, begun[-1]) + 60, 60)
    return np.searchsorted(day.arrivals, minutes, "right") - np.searchsorted(begun, minutes, "right")
