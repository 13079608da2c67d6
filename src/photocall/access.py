"""The verbs of access: keys are made, checked and revoked, and no key is used more often than its plan allows.

An API key is `pc_<key_id>_<secret>`: its id finds it, its secret proves it. The secret has 256 random bits, so that a
plain SHA-256 keeps it as well as a slow hash would keep a password.
"""

import math
import re
import secrets
import string
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from hmac import compare_digest
from threading import Lock

from photocall.errors import KeyNotFound, KeyRefused, TooManyRequests
from photocall.keys import Key, KeyKind, Plan, Scope
from photocall.ports import PeopleRegister

PREFIX = "pc_"
"""What an API key begins with, so that scanners for leaked secrets can know one."""

_LOWER = string.ascii_lowercase + string.digits
_ALL = string.ascii_letters + string.digits
_AWS = string.ascii_uppercase + "234567"  # what Amazon's own ids are made of
_API_KEY = re.compile(rf"{PREFIX}([a-z0-9]{{12}})_([A-Za-z0-9]{{43}})")
_UNKNOWN = "there is no such key"


def create_api_key(
    register: PeopleRegister, name: str, scopes: frozenset[Scope], plan: Plan | None, now: datetime
) -> tuple[Key, str]:
    """A new API key, and its text, which cannot be had again."""
    key_id, secret = _random(_LOWER, 12), _random(_ALL, 43)
    key = Key(key_id, name, KeyKind.API, _digest(secret), scopes, plan, now)
    register.put_key(key)
    return key, f"{PREFIX}{key_id}_{secret}"


def create_access_key(
    register: PeopleRegister, name: str, scopes: frozenset[Scope], plan: Plan | None, now: datetime
) -> tuple[Key, str]:
    """A new access key in the form of Amazon's, and its secret; the register keeps the secret readable."""
    secret = _random(_ALL, 40)
    key = Key(f"AKIA{_random(_AWS, 16)}", name, KeyKind.ACCESS, secret, scopes, plan, now)
    register.put_key(key)
    return key, secret


def revoke_key(register: PeopleRegister, key_id: str, now: datetime) -> Key:
    """The key, which is good for nothing from now on; again changes nothing. Raises `KeyNotFound`."""
    key = register.key(key_id)
    if key is None:
        raise KeyNotFound(key_id)
    if key.revoked is None:
        # The readable secret of an access key goes; the digest of an API key stays, to say that it was revoked.
        key = replace(key, revoked=now, secret=key.secret if key.kind is KeyKind.API else "")
        register.put_key(key)
    return key


def check_api_key(register: PeopleRegister, text: str, scope: Scope) -> Key:
    """The API key of this text. Raises `KeyRefused` if it is unknown, revoked, or not for `scope`."""
    parts = _API_KEY.fullmatch(text)
    key = register.key(parts[1]) if parts else None
    if parts is None or key is None or key.kind is not KeyKind.API:
        raise KeyRefused(_UNKNOWN)
    if not compare_digest(key.secret, _digest(parts[2])):
        raise KeyRefused(_UNKNOWN)
    check_scope(key, scope)
    return key


def check_scope(key: Key, scope: Scope) -> None:
    """Raises `KeyRefused` if a key is revoked, or not for `scope`; that the key is its user's was shown before."""
    if key.revoked is not None:
        raise KeyRefused("it was revoked")
    if scope not in key.scopes:
        raise KeyRefused(f"it is not for {scope}; photocall keys create NAME --scope {scope} makes one that is")


class Meter:
    """How often keys are used; safe to share between threads.

    The uses of a day are counted in the register, over every process that shares it; bursts in this process alone.
    """

    def __init__(self, register: PeopleRegister) -> None:
        self._register = register
        self._lock = Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # by key: tokens left, and when, in seconds

    def use(self, key: Key, now: datetime) -> None:
        """Count one use of a key. Raises `TooManyRequests` if it is one more than the key's plan allows."""
        plan = key.plan
        if plan is None:
            return
        wait = self._take(key.key_id, plan, now.timestamp())
        if wait > 0:
            raise TooManyRequests(f"{plan.rate:g} requests a second, {plan.burst} at once", math.ceil(wait))
        today = now.astimezone(UTC).date()
        if plan.per_day is not None and self._register.count_use(key.key_id, today) > plan.per_day:
            midnight = datetime.combine(today + timedelta(days=1), time(), UTC)
            raise TooManyRequests(f"{plan.per_day} requests a day", math.ceil((midnight - now).total_seconds()))

    def _take(self, key_id: str, plan: Plan, now: float) -> float:
        """Take a token from a key's bucket; how many seconds to wait where there is none, else 0."""
        with self._lock:
            left, since = self._buckets.get(key_id, (float(plan.burst), now))
            left = min(plan.burst, left + max(0.0, now - since) * plan.rate)
            granted = left >= 1
            self._buckets[key_id] = (left - granted, now)
        return 0.0 if granted else (1 - left) / plan.rate


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
