"""What goes wrong on the routes of the school, as `{"error": its name, "description": what would be right}`."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from photocall import statuses
from photocall.errors import ModelMismatch, PhotocallError
from photocall.school import errors
from photocall.server import problems
from photocall.server.problems import BadRequest, Handler
from photocall.statuses import told

STATUSES: Mapping[type[PhotocallError], int] = MappingProxyType(
    {
        errors.NotSignedIn: 401,
        errors.SignInRefused: 401,
        errors.NotAllowed: 403,
        errors.NotThere: 404,
        errors.AlreadyThere: 409,
        errors.ChangedMeanwhile: 409,
        errors.ConsentMissing: 409,
        ModelMismatch: 409,  # which says what to do
        errors.TooManyTries: 429,
    }
)
"""Which status stands for which error; the others are those of `photocall.statuses`."""

PRIVATE: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
"""What every answer is: nobody else's, and nothing but what it says it is."""

_MOST_TOLD = 100
"""Characters of the name of a field, which the sender may have made up."""


class SchoolRoute(APIRoute):
    """A route of /v1/school."""

    def get_route_handler(self) -> Handler:
        """The route's own handler, with its errors told in the family's form."""
        answer = super().get_route_handler()

        async def answer_or_say_why(request: Request) -> Response:
            response = await _answer_or_say_why(answer, request)
            for name, value in PRIVATE.items():
                response.headers.setdefault(name, value)
            return response

        return answer_or_say_why


async def _answer_or_say_why(answer: Handler, request: Request) -> Response:
    try:
        return await answer(request)
    except BadRequest as bad:
        request.state.error = bad.error  # for the log
        bad.__traceback__ = None  # whose frames hold the body, and the exception: see `logs.forget`
        return _error(bad.status, bad.error, bad.description)
    except RequestValidationError as invalid:
        request.state.error, invalid.__traceback__ = "EntryInvalid", None
        return _error(400, "EntryInvalid", _first_of(invalid))
    except PhotocallError as error:
        request.state.error, request.state.failure = type(error).__name__, error
        status = status_of(error)
        return _error(status, type(error).__name__, told(error, status), headers_of(error))


def status_of(error: PhotocallError) -> int:
    """The status of HTTP for an error."""
    return STATUSES.get(type(error)) or statuses.status_of(error)


def headers_of(error: PhotocallError) -> Mapping[str, str] | None:
    """When to try again; how to sign in."""
    if isinstance(error, errors.TooManyTries):
        return {"Retry-After": str(error.seconds)}
    if isinstance(error, errors.NotSignedIn | errors.SignInRefused):
        return {"WWW-Authenticate": "Bearer"}  # RFC 9110, section 11.6.1, wants one
    return problems.headers_of(error)


def _error(status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "description": description}, status, headers)


def _first_of(invalid: RequestValidationError) -> str:
    """The first of a request's faults, without what was sent: that may be a password."""
    fault = invalid.errors()[0]
    place = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
    return f"{place[:_MOST_TOLD] or 'the body'}: {fault['msg']}"
