"""Which status of HTTP stands for which error, and what the caller is told of it, on every surface that speaks HTTP."""

from collections.abc import Mapping
from types import MappingProxyType

from photocall import errors

STATUSES: Mapping[type[errors.PhotocallError], int] = MappingProxyType(
    {
        errors.KeyMissing: 401,
        errors.KeyRefused: 403,
        errors.TooManyRequests: 429,
        errors.BucketNotFound: 404,
        errors.ObjectNotFound: 404,
        errors.ObjectTooLarge: 413,
        errors.ImageTooHeavy: 413,
        errors.CollectionNotFound: 404,
        errors.StoreUnavailable: 503,
        errors.InputError: 400,
    }
)
"""What is not here is the server's own fault, 500."""


def status_of(error: errors.PhotocallError) -> int:
    """The status of HTTP for an error."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def told(error: errors.PhotocallError, status: int) -> str:
    """What the caller may know of an error: nothing of the server's insides, such as the addresses of its stores."""
    if isinstance(error, errors.StoreUnavailable):
        return "A store of the server cannot be reached; try again"
    return str(error) if status < 500 else "The service failed; try again"
