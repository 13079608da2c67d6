"""What goes wrong on the REST routes, in the words of the systems they replace.

Two families of routes, two forms: /encode, /detect and /compare answer `{"success": false, "message": ...}`, /v1
answers `{"error": ..., "description": ...}`. Each has its own class of routes, so that no error of one is told in the
form of the other.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from photocall import errors
from photocall.server.wire_errors import WireError, wire_error

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

INVALID_REQUEST = "Invalid request format"
"""What the original of /encode says of a request that is none."""


@dataclass(eq=False)
class BadRequest(Exception):
    """A request that cannot be answered as it is.

    Attributes:
        status: of HTTP.
        error: its name.
        description: what is wrong and what would be right.
    """

    status: int
    error: str
    description: str


STATUSES: Mapping[type[errors.PhotocallError], int] = MappingProxyType(
    {
        errors.KeyMissing: 401,
        errors.KeyRefused: 403,
        errors.TooManyRequests: 429,
        errors.BucketNotFound: 404,
        errors.ObjectNotFound: 404,
        errors.ObjectTooLarge: 413,
        errors.CollectionNotFound: 404,
        errors.StoreUnavailable: 503,
        errors.InputError: 400,
    }
)
"""Which status stands for which error; what is not here is the server's own fault, 500."""

WIRE_STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "AccessDeniedException": 403,
        "ResourceNotFoundException": 404,
        "InvalidS3ObjectException": 406,
        "ImageTooLargeException": 406,
        "InvalidImageFormatException": 406,
        "InvalidParameterException": 400,
        "ThrottlingException": 429,
        "ProvisionedThroughputExceededException": 429,
        "ServiceQuotaExceededException": 429,
    }
)
"""The statuses of /v1 for Rekognition's errors: the original's, but for 429, which it calls 401."""

WAIT = 1
"""Seconds to wait where Rekognition says "too many" and does not say how long."""


def status_of(error: errors.PhotocallError) -> int:
    """The status of HTTP for an error."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


class RestRoute(APIRoute):
    """A route of /encode, /detect and /compare."""

    def get_route_handler(self) -> Handler:
        """The route's own handler, with its errors told in the family's form."""
        answer = super().get_route_handler()

        async def answer_or_say_why(request: Request) -> Response:
            try:
                return await answer(request)
            except BadRequest as bad:
                request.state.error = bad.error  # for the log
                bad.__traceback__ = None  # whose frames hold the body, and the exception: see `logs.forget`
                said = {"success": False, "message": bad.error, "detail": bad.description}
                return JSONResponse(said, bad.status)
            except errors.PhotocallError as error:
                request.state.error, request.state.failure = type(error).__name__, error
                status = status_of(error)
                message = f"Error processing image: {error}" if status == 400 else told(error, status)
                return JSONResponse({"success": False, "message": message}, status, headers_of(error))

        return answer_or_say_why


class V1Route(APIRoute):
    """A route of /v1."""

    def get_route_handler(self) -> Handler:
        """The route's own handler, with its errors told in the family's form."""
        answer = super().get_route_handler()

        async def answer_or_say_why(request: Request) -> Response:
            try:
                return await answer(request)
            except BadRequest as bad:
                request.state.error = bad.error  # for the log
                bad.__traceback__ = None  # whose frames hold the body, and the exception: see `logs.forget`
                return _v1(bad.status, bad.error, bad.description)
            except WireError as error:
                request.state.error, error.__traceback__ = error.code, None
                return _rekognition(error)
            except errors.PhotocallError as error:
                request.state.error, request.state.failure = type(error).__name__, error
                if isinstance(error, errors.ObjectKeyInvalid):
                    return _v1(400, "InvalidFilename", "no file can have this name; another one will do")
                if type(error) not in STATUSES:
                    return _rekognition(wire_error(error))
                status = STATUSES[type(error)]
                return _v1(status, type(error).__name__, told(error, status), headers_of(error))

        return answer_or_say_why


def _rekognition(error: WireError) -> Response:
    """An error in Rekognition's words."""
    status = WIRE_STATUSES.get(error.code, error.status)
    wait = {"Retry-After": str(WAIT)} if status == 429 else None
    return _v1(status, error.code, error.message, wait)


def _v1(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "description": description}, status, headers)


def told(error: errors.PhotocallError, status: int) -> str:
    """What the caller may know of an error: nothing of the server's insides, such as the addresses of its stores."""
    if isinstance(error, errors.StoreUnavailable):
        return "A store of the server cannot be reached; try again"
    return str(error) if status < 500 else "The service failed; try again"


def reason_of(failed: Mapping[str, Any]) -> str:
    """Why a job was given up, without the addresses of stores."""
    if failed.get("error") == errors.StoreUnavailable.__name__:
        return told(errors.StoreUnavailable("", ""), 503)
    return str(failed["reason"])


def headers_of(error: errors.PhotocallError) -> dict[str, str] | None:
    """When to try again, for a key that was used too often."""
    return {"Retry-After": str(error.seconds)} if isinstance(error, errors.TooManyRequests) else None
