"""What guessing passwords costs: a login is locked for longer and longer, and an address may be wrong only so often."""

import ipaddress
import math
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from photocall.school.errors import TooManyTries

FAILURES = 5
"""Wrong passwords in a row that lock a login."""

FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=1), timedelta(hours=1)
"""The fifth wrong password locks for a minute, each further one for twice as long as the last, at most for an hour."""

TRIES = 30
"""Wrong passwords a minute from one address, whosever they are."""

_REMEMBERED = 10_000
"""Addresses, and logins that nobody has, that are remembered."""

Value = TypeVar("Value")


def locked_until(failures: int, now: datetime) -> datetime | None:
    """Until when no password is looked at after so many wrong ones in a row; None for no lock."""
    if failures < FAILURES:
        return None
    times: int = 2 ** min(failures - FAILURES, 10)
    return now + min(FIRST_LOCK * times, LONGEST_LOCK)


def check_lock(until: datetime | None, now: datetime) -> None:
    """Raises `TooManyTries` while a login is locked."""
    if until is not None and now < until:
        raise TooManyTries(math.ceil((until - now).total_seconds()))


class Guesses:
    """The wrong passwords that one process has seen; safe to share between threads.

    Those of accounts are counted in the register. Logins that nobody has are locked here in the same way, so that a
    lock does not tell that there is an account.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._left: dict[str, tuple[float, datetime]] = {}  # by address: tries that are left, and when
        self._strangers: dict[str, tuple[int, datetime | None]] = {}  # by login: failures, and until when it is locked

    def count(self, address: str, now: datetime) -> None:
        """Count a try from an address. Raises `TooManyTries`."""
        with self._lock:
            left = self._refilled(address, now)
            if left < 1:
                raise TooManyTries(math.ceil((1 - left) * 60 / TRIES))
            _keep(self._left, _network(address), (left - 1, now))

    def forgive(self, address: str, now: datetime) -> None:
        """Take back the last try of an address: its password was right."""
        with self._lock:
            _keep(self._left, _network(address), (min(TRIES, self._refilled(address, now) + 1), now))

    def count_stranger(self, login: str, now: datetime) -> None:
        """Count a try of a login that nobody has. Raises `TooManyTries`."""
        with self._lock:
            failures, until = self._strangers.get(login, (0, None))
            check_lock(until, now)
            _keep(self._strangers, login, (failures + 1, locked_until(failures + 1, now)))

    def _refilled(self, address: str, now: datetime) -> float:
        left, since = self._left.get(_network(address), (float(TRIES), now))
        return min(TRIES, left + max(0.0, (now - since).total_seconds()) * TRIES / 60)


def _keep(kept: dict[str, Value], key: str, value: Value) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > _REMEMBERED:
        del kept[next(iter(kept))]  # the one asked for longest ago


def _network(address: str) -> str:
    """What one customer of a provider has: of IPv6 that is 2**64 addresses."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
