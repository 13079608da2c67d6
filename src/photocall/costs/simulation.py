"""Jobs and the workers for them, event by event: fleets of a fixed size, and workers that follow the queue.

Jobs are done in the order in which they come. A worker does one at a time and takes the next one at once.
"""

from array import array
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace

import numpy as np
from numpy.typing import NDArray

from photocall.scaling import Policy, desired_workers, needed_workers

DAY = 86_400
"""Seconds."""

TICK = 0.25
"""Seconds between two looks at the queue, as the pool does it."""

_NEVER = float("inf")
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Load:
    """The work of a day, or of another time.

    Attributes:
        arrivals: float64, shape (n,), when each job came, seconds after the beginning, ascending.
        services: float64, shape (n,), seconds of a worker that each takes.
        length: seconds for which there are workers at least; longer if there is work then.
    """

    arrivals: Numbers
    services: Numbers
    length: float = DAY


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the work.

    Attributes:
        latencies: float64, shape (n,), seconds from the arrival of each job to its result.
        worker_seconds: that were paid for, start-up and idling included.
        workers: int64, shape (minutes,), workers that there were at each full minute.
        backlog: int64, shape (minutes,), jobs that waited then.
    """

    latencies: Numbers
    worker_seconds: float
    workers: NDArray[np.int64]
    backlog: NDArray[np.int64]


def fixed_fleet(load: Load, workers: int) -> Outcome:
    """The work with workers that are always there, and paid for its length even if they are not done by then.

    A job begins when the worker that is free first is free (Kiefer and Wolfowitz, 1955).
    """
    free = [0.0] * workers
    starts = array("d")
    for arrival, service in zip(array("d", load.arrivals), array("d", load.services), strict=True):
        start = max(arrival, free[0])
        starts.append(start)
        heapreplace(free, start + service)
    backlog = _backlog(load, starts)
    return Outcome(_latencies(load, starts), workers * load.length, np.full(len(backlog), workers), backlog)


def elastic_fleet(load: Load, policy: Policy, start_up: float) -> Outcome:
    """The work with workers that `photocall.scaling` starts and stops.

    Args:
        load: the work.
        policy: the limits; `policy.minimum` workers are there at the beginning.
        start_up: seconds from the decision for a worker until it can take a job; they are paid for.
    """
    pool = _Pool(load, policy, start_up)
    ticks = 0
    while ticks * TICK < load.length or pool.working:
        ticks += 1
        pool.go_on_until(ticks * TICK)
        pool.decide(ticks * TICK)
    return Outcome(
        _latencies(load, pool.starts), pool.paid, np.array(pool.workers, np.int64), _backlog(load, pool.starts)
    )


class _Pool:
    """Workers between two ticks, and what is decided at a tick.

    Attributes:
        starts: when each job began, seconds after the beginning; those of the waiting ones are missing.
        paid: worker-seconds so far.
        workers: that there were at each full minute.
    """

    def __init__(self, load: Load, policy: Policy, start_up: float) -> None:
        self.starts, self.workers, self.paid = array("d"), array("q", [policy.minimum]), 0.0
        self._arrivals, self._services = array("d", load.arrivals), array("d", load.services)
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


def _latencies(load: Load, starts: "array[float]") -> Numbers:
    return np.frombuffer(starts) + load.services - load.arrivals


def _backlog(load: Load, starts: "array[float]") -> NDArray[np.int64]:
    """Jobs that wait at each full minute, until none is left."""
    begun = np.frombuffer(starts)
    minutes = np.arange(0, max(load.length, begun[-1]) + 60, 60)
    return np.searchsorted(load.arrivals, minutes, "right") - np.searchsorted(begun, minutes, "right")
