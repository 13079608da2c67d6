"""What a ClientRequestToken promises: the same request again does nothing more and has the same answer."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from photocall.errors import PhotocallError
from photocall.server.service import Service
from photocall.server.wire_errors import WireError
from photocall.server.wire_nouns import Json

TOKEN_LIFE = timedelta(hours=24)
"""How long a ClientRequestToken is remembered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request has to itself.

    Attributes:
        name: no other request has it; the same request, sent again with its token, does.
        again: whether the request may have been carried out before.
    """

    name: str
    again: bool


@contextmanager
def once(service: Service, operation: str, request: Json) -> Iterator[Claim]:
    """Carry a request out by its token, if it has one. A request that fails may be sent again.

    Raises:
        WireError: the token was used for another request.
    """
    token = request.get("ClientRequestToken")
    if token is None:
        yield Claim(uuid4().hex, again=False)
        return
    name = f"{operation} {token}"
    claim, now = f"{_fingerprint(request)} {uuid4().hex}", datetime.now(UTC)
    first = service.store.claim_token(name, claim, now, now - TOKEN_LIFE)
    if first.split()[0] != claim.split()[0]:
        message = "The ClientRequestToken was used with other parameters; take a new one"
        raise WireError("IdempotentParameterMismatchException", message)
    try:
        yield Claim(first, again=first != claim)
    except (PhotocallError, WireError):
        if first == claim:
            service.store.release_token(name)
        raise


def _fingerprint(request: Json) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
