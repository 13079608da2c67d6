"""The log: one line of JSON a request on standard error, and nothing of a face or a person in it.

A line has the request's id, what was asked, the status, how long it took, and whose key it was: no bodies, no query
strings, no external ids, names or distances. A failure is told by its type and the frames it came through, without the
values in them.

What a route knows of its request it leaves in `request.state`: `operation` (of Rekognition's protocol), `key_id` (of an
API key or access key, never a secret), `error` (the name of the error that was answered) and `failure` (the exception
that was the reason, which is told if it was the server's fault).
"""

import json
import logging
import re
import sys
import time
import traceback
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photocall.server.limits import OPERATION
from photocall.server.metrics import Metrics
from photocall.server.refusals import UNEXPECTED

REQUEST_ID = "x-request-id"

GONE = 499
"""The status in log and metrics of a request whose sender went away; nobody is told it. It is nginx's."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_TOLD = "told with its request"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """Records as lines of JSON; members that a record carries as `told` come along."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage().rstrip(),
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = exception_json(record.exc_info[1])
        return json.dumps(line, default=str)


def exception_json(error: BaseException) -> dict[str, Any]:
    """Type and frames of an exception and of what caused it, without messages, which may quote anything."""
    frames = [f"{frame.f_globals.get('__name__')}:{line} {frame.f_code.co_name}" for frame, line in _frames(error)]
    told: dict[str, Any] = {"type": type(error).__qualname__, "frames": frames}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return {**told, "cause": exception_json(cause)} if cause else told


def _frames(error: BaseException) -> "list[tuple[Any, int]]":
    return list(traceback.walk_tb(error.__traceback__))


def _is_news(record: logging.LogRecord) -> bool:
    """Whether nobody has told it: uvicorn repeats exceptions that `unexpected` has answered."""
    return not (record.exc_info and _TOLD in getattr(record.exc_info[1], "__notes__", ()))


def start_log(*, debug: bool) -> None:
    """Write every log of this process as lines of JSON to standard error.

    Args:
        debug: tells requests to health and metrics, too, and clients' addresses and programs.
    """
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonLines())
    lines.addFilter(_is_news)
    logging.basicConfig(handlers=[lines], level=logging.WARNING, force=True)
    logging.getLogger("photocall").setLevel(logging.DEBUG if debug else logging.INFO)


async def unexpected(request: Request, error: Exception) -> Response:
    """The answer to a request that met a defect: 500 in its protocol, with its id; the process goes on."""
    _log.error("unexpected failure", exc_info=error, extra={"told": {"request_id": request.state.request_id}})
    error.add_note(_TOLD)
    response = UNEXPECTED.answer(request.scope)
    response.headers[REQUEST_ID] = request.state.request_id
    return response


async def gone(request: Request, error: Exception) -> Response:
    """What ends a request whose sender went away."""
    return Response(status_code=GONE)


@dataclass
class Seen:
    """What went through of a request and its answer."""

    bytes_in: int = 0
    bytes_out: int = 0
    status: int | None = None


class RequestLog:
    """Gives every request an id, and tells and counts it when it is answered. Around everything else."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, then tell it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        seen, started = Seen(), time.perf_counter()

        async def receive_counted() -> Message:
            message = await receive()
            seen.bytes_in += len(message.get("body", b""))
            return message

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            seen.bytes_out += len(message.get("body", b""))
            await send(message)

        with self._metrics.in_flight.track_inprogress():
            try:
                await self._app(scope, receive_counted, send_with_id)
            finally:
                self._tell(scope, seen, time.perf_counter() - started)
                forget(scope["state"])

    def _tell(self, scope: Scope, seen: Seen, seconds: float) -> None:
        route, operation = route_of(scope), scope["state"].get("operation") or ""
        method = scope["method"] if scope["method"] in METHODS else "other"
        status = seen.status or 500
        self._metrics.requests.labels(route, operation, method, str(status)).inc()
        self._metrics.seconds.labels(route, operation).observe(seconds)
        told = {
            "request_id": scope["state"]["request_id"],
            "method": method,
            "route": route,
            "operation": operation or None,
            "status": status,
            "error": scope["state"].get("error"),
            "ms": round(seconds * 1000, 1),
            "bytes_in": seen.bytes_in,
            "key_id": scope["state"].get("key_id"),
        }
        if status >= 500 and "failure" in scope["state"]:
            told["exception"] = exception_json(scope["state"]["failure"])
        if _log.isEnabledFor(logging.DEBUG):
            told |= {"bytes_out": seen.bytes_out, "client": (scope.get("client") or [None])[0], **_agent(scope)}
        quiet = route in OPERATION and status < 500
        told = {name: value for name, value in told.items() if value is not None}
        _log.log(logging.DEBUG if quiet else logging.INFO, "request", extra={"told": told})


def forget(state: dict[str, Any]) -> None:
    """Let go of what a request failed with.

    An exception holds the frames that it came through, with images and bodies of megabytes in them, and some of those
    hold the exception; only the garbage collector would find such a circle, many requests later.
    """
    failure = state.pop("failure", None)
    if failure is not None:
        failure.__traceback__ = None


def _agent(scope: Scope) -> dict[str, str | None]:
    return {"agent": Headers(scope=scope).get("user-agent", "")[:200] or None}


def request_id_of(scope: Scope) -> str:
    """The id that the client gave its request if it can stand in a log, else a new one."""
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _SANE.fullmatch(given) else str(uuid.uuid4())


def route_of(scope: Scope) -> str:
    """The template of the route that a request went to, such as /v1/index/{filename}; "unknown" if there is none."""
    return str(getattr(scope.get("route"), "path_format", "unknown"))
