"""Keys: who may ask a server that listens beyond its own machine, for what, and how often.

There are two kinds. An API key is one secret that its user sends along; of it only a digest is kept. An access key is
a pair: the user signs requests with the secret (AWS Signature Version 4) and never sends it, so the server must be
able to read it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class KeyKind(StrEnum):
    """How a key is used."""

    API = "api"
    ACCESS = "access"


class Scope(StrEnum):
    """What a key may be used for."""

    READ = "read"
    """Detect, compare, search, list."""

    WRITE = "write"
    """Make, change and delete collections, faces and users, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often a key may be used; the defaults are those of the systems that photocall replaces (S3.5).

    Attributes:
        per_day: requests in a day of UTC; None for any number.
        burst: requests that may come at once.
        rate: requests a second in the long run.
    """

    per_day: int | None = 500
    burst: int = 25
    rate: float = 10.0


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        key_id: public; part of an API key, all of an access key's id.
        name: who it is for.
        kind: how it is used.
        secret: of an API key the SHA-256 in hexadecimal, of an access key the secret itself.
        scopes: what it may be used for.
        plan: how often; None for any number of times.
        created: with a time zone.
        revoked: when it was revoked; None while it is good.
    """

    key_id: str
    name: str
    kind: KeyKind
    secret: str
    scopes: frozenset[Scope]
    plan: Plan | None
    created: datetime
    revoked: datetime | None = None
