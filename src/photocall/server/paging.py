"""Pages of a listing: where the next one begins, as a token that only its own listing takes."""

import base64
import binascii
import hashlib
import json
from typing import TypeVar

from photocall.server.wire_errors import WireError

Place = TypeVar("Place", int, str)

DEFAULT_PAGE = 4096
"""Results of a page where a request does not say; also where it says 0, which the service model allows."""


def page_token(listing: tuple[str, ...], after: int | str) -> str:
    """The token of the page after `after`; at most 255 characters for one of 128 (the service model's limit)."""
    return base64.urlsafe_b64encode(json.dumps([_digest(listing), after]).encode()).decode()


def page_start(listing: tuple[str, ...], token: str | None, kind: type[Place]) -> Place | None:
    """Where the page begins that a token stands for; None for the first one.

    Args:
        listing: what is listed; a token of another listing is refused.
        token: of the request, if it has one.
        kind: int or str, of the value that `page_token` was given.

    Raises:
        WireError: InvalidPaginationTokenException.
    """
    if token is None:
        return None
    try:
        digest, after = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        digest, after = None, None
    if digest != _digest(listing) or not isinstance(after, kind) or not _is_place(after):
        raise WireError("InvalidPaginationTokenException", "NextToken is not one that this listing gave")
    return after


def _is_place(after: object) -> bool:
    """Whether a listing can have been there: whoever makes up a token gets no further than an honest one."""
    if isinstance(after, str):
        return after.isascii() and after.isprintable() and len(after) <= 128
    return isinstance(after, int) and not isinstance(after, bool) and 0 <= after < 2**63


def _digest(listing: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(listing).encode()).hexdigest()[:16]
