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
from photocall.faceprints import failure
from photocall.server.wire_errors import WireError, wire_error
from photocall.statuses import STATUSES, told

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


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
                status, said = failure(error)
                return JSONResponse(said, status, headers_of(error))

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


def reason_of(failed: Mapping[str, Any]) -> str:
    """Why a job was given up, without the addresses of stores."""
    if failed.get("error") == errors.StoreUnavailable.__name__:
        return told(errors.StoreUnavailable("", ""), 503)
    return str(failed["reason"])


def headers_of(error: errors.PhotocallError) -> dict[str, str] | None:
    """When to try again, for a key that was used too often."""
    return {"Retry-After": str(error.seconds)} if isinstance(error, errors.TooManyRequests) else None
