"""A school day of videos: how many come when, an assumption, and how many workers that keeps busy."""

from collections.abc import Sequence

import numpy as np

from photocall.costs.simulation import DAY, Load, Numbers

LESSONS = ((8, 0), (8, 50), (9, 45), (10, 40), (11, 30), (12, 25), (13, 25), (14, 15))
"""When lessons begin, hour and minute: an assumption."""

IN_PEAKS = 0.5
"""Share of the videos that comes around the start of a lesson: an assumption."""

_AFTER, _SPREAD = 300, 240  # seconds from a lesson's start to its middle video, and their standard deviation
_ALL_DAY = 0.05  # share of the videos that comes at any time; the rest comes between the hours below
_FROM, _TO = 7.5 * 3600, 16 * 3600


def school_day() -> Numbers:
    """How the videos of a day are spread over its seconds: float64, shape (86400,), the sum is 1."""
    seconds = np.arange(DAY, dtype=np.float64)
    middles = [hour * 3600 + minute * 60 + _AFTER for hour, minute in LESSONS]
    peaks = np.sum([np.exp(-0.5 * ((seconds - middle) / _SPREAD) ** 2) for middle in middles], axis=0)
    between = np.where((seconds > _FROM) & (seconds < _TO), np.sin(np.pi * (seconds - _FROM) / (_TO - _FROM)), 0)
    rest = 1 - IN_PEAKS - _ALL_DAY
    curve: Numbers = IN_PEAKS * peaks / peaks.sum() + rest * between / between.sum() + _ALL_DAY / DAY
    return curve


def make_day(videos: int, measured: Sequence[float], seed: int = 7) -> Load:
    """A school day of so many videos, each of which takes one of the measured times.

    That a number of arrivals is known makes a Poisson process's arrivals independent draws from its curve.
    """
    random = np.random.default_rng(seed)
    total = np.concatenate([[0], np.cumsum(school_day())])
    arrivals = np.interp(np.sort(random.random(videos)), total, np.arange(DAY + 1))
    return Load(arrivals, random.choice(np.array(measured), videos))


def busy_on_average(videos: int, service: float) -> Numbers:
    """Workers that are busy on average in each minute, if none has to wait: float64, shape (1440,)."""
    busy: Numbers = school_day().reshape(-1, 60).sum(axis=1) * videos * service / 60
    return busy
