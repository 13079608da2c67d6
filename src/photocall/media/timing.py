"""When a frame is shown, and whether it is wanted: time comes from timestamps, not from counting frames.

Phones record at a changing rate, transport streams start anywhere and jump, raw streams carry no timestamps at all. All
of that is made here into seconds that start at 0 and never run backwards.
"""

import math
from fractions import Fraction

_ROUNDING = 0.001
"""Seconds by which a timestamp may be early: Matroska and FLV store whole milliseconds."""

_JUMP = 1.0
"""Seconds. A timestamp this much earlier than the one before starts a new count; less is disorder within one.

A first frame this much later than the stream's start has lost others before it; less is an encoder's delay."""


class Clock:
    """Seconds since the start of a video, never decreasing.

    Args:
        unit: seconds that one step of a timestamp lasts; None if the container does not say.
        start: timestamp at which the stream says to start, if it does. The first frame is the start, unless it comes
            so much later that those before it must be lost.
        interval: seconds between two frames where timestamps are missing.
    """

    def __init__(self, unit: Fraction | None, start: int | None, interval: float) -> None:
        self._unit = unit
        self._start = start
        self._interval = interval
        self._shift = 0.0
        self._last: float | None = None
        self._stamps = _Stamps()

    def of_packet(self, pts: int | None) -> float | None:
        """Seconds at which a packet's frame will be shown; None before the first frame and where it is not sure."""
        seconds = self._seconds(pts)
        if seconds is None or self._last is None or self._stamps.disordered:
            return None
        return seconds + self._shift

    def of_frame(self, pts: int | None, dts: int | None) -> float:
        """Seconds at which the next frame is shown. To be called once for each frame, in the order shown."""
        stamp = self._stamps.best(pts, dts)
        self._last = self._first(stamp) if self._last is None else self._next(stamp, self._last)
        return self._last

    def _seconds(self, stamp: int | None) -> float | None:
        if stamp is None or self._unit is None or self._start is None:
            return None
        return float((stamp - self._start) * self._unit)

    def _first(self, stamp: int | None) -> float:
        seconds = self._seconds(stamp) or 0.0
        if seconds >= _JUMP:
            return seconds
        self._start = self._start if stamp is None else stamp
        return 0.0

    def _next(self, stamp: int | None, last: float) -> float:
        seconds = self._seconds(stamp)
        if seconds is None:
            return last + self._interval
        if seconds + self._shift < last - _JUMP:
            self._shift = last + self._interval - seconds
        return max(seconds + self._shift, last)


class _Stamps:
    """Presentation timestamps, or decoding ones where those are in disorder, as AVI leaves them with B-frames.

    The rule is FFmpeg's `guess_correct_pts`: whichever has been out of order less often.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._faults = {"pts": 0, "dts": 0}

    @property
    def disordered(self) -> bool:
        """Whether presentation timestamps have been out of order."""
        return self._faults["pts"] > 0

    def best(self, pts: int | None, dts: int | None) -> int | None:
        self._judge("pts", pts)
        self._judge("dts", dts)
        if pts is not None and (dts is None or self._faults["pts"] <= self._faults["dts"]):
            return pts
        return dts

    def _judge(self, which: str, stamp: int | None) -> None:
        if stamp is not None:
            self._faults[which] += stamp <= self._last.get(which, stamp - 1)
            self._last[which] = stamp


class Sampler:
    """Which frames to take: the first at or after each multiple of 1/fps, so that each is nearest to its due time.

    Args:
        fps: frames per second wanted; None takes every frame.
    """

    def __init__(self, fps: float | None) -> None:
        self._fps = fps
        self._taken = -1
        self._earliest: dict[int, float] = {}

    def takes(self, time: float) -> bool:
        """Whether a decoded frame is wanted. To be called once for each frame, in the order shown."""
        if self._fps is None:
            return True
        period = self._period(time, self._fps)
        if period <= self._taken:
            return False
        self._taken = period
        self._earliest = {key: value for key, value in self._earliest.items() if key >= period}
        return True

    def spares(self, time: float | None) -> bool:
        """Whether a packet's frame is surely not wanted. To be called once for each packet, in the order stored.

        Another packet of the same period is shown earlier, so that one, or one earlier still, will be taken.
        """
        if self._fps is None or time is None:
            return False
        period = self._period(time, self._fps)
        if time > self._earliest.get(period, math.inf):
            return True
        self._earliest[period] = time
        return False

    @staticmethod
    def _period(time: float, fps: float) -> int:
        return math.floor((time + _ROUNDING) * fps)
