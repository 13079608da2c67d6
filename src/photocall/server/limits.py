"""Limits that hold before anything is allocated: of bodies, of their senders' patience, and of requests at once.

A request that would break one is refused, in its own protocol. Health and metrics are always answered.
"""

import re
import time
from dataclasses import dataclass

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photocall.server.metrics import Metrics
from photocall.server.refusals import Refusal, is_form

MAX_WIRE_BYTES = 16 * 2**20
"""Of a body in Rekognition's protocol: two images of 5 MB in base64 take 13.4 MB; and of a form for the web tier."""

MAX_BODY_BYTES = 32 * 2**20
"""Of any other body: a photo of 20 MB in base64 takes 27 MB."""

MAX_REQUESTS = 256
"""At work or waiting. At ten a second, the last of them would wait for half a minute, which is when clients give up."""

MAX_HELD_BYTES = 256 * 2**20
"""Of all bodies together that have come and are not answered yet."""

UPLOADS = "/v1/jobs"
"""Where files of any size are sent."""

SCHOOL_UPLOADS = re.compile(r"/v1/school/(lessons/[^/]+/evidence|students/[^/]+/portraits|portrait-archives)")
"""Where files of any size are sent for lessons, and photos of students."""

MAX_UPLOAD_BYTES = 2 * 2**30
"""Of a body with files for jobs: an hour of a lesson in high definition. It is on the disk, not in memory."""

MAX_UPLOADS = 512
"""Requests with files, at work or waiting for an answer: they hold no thread meanwhile, and 1 MiB of a file at most."""

MAX_UPLOADED_BYTES = 16 * 2**30
"""Of all bodies with files that are not answered yet, on the disk."""

FIRST_SECONDS = 20
LEAST_RATE = 16 * 2**10
"""A body may take 20 seconds, and one more for every 16 KiB of it: lines may be slow, but nobody may just hold on."""

OPERATION = ("/healthz", "/readyz", "/metrics")
"""What is asked when too much else is."""

BUSY = Refusal(
    503, "ServiceUnavailable", "Too many requests at once; try again", "ThrottlingException", 400, retry_after=1
)
TOO_SLOW = Refusal(
    408, "RequestTimeout", "The body of the request did not come in time", "RequestTimeoutException", 400
)


def too_large(limit: int) -> Refusal:
    """What is said to a body above `limit` bytes."""
    told = f"The body of the request is larger than the {limit // 2**20} MiB allowed; send a smaller one"
    return Refusal(413, "PayloadTooLarge", told, "RequestEntityTooLargeException", 413)


class BodyRefused(Exception):
    """What whoever reads a body meets when it breaks a limit; `Limits` answers."""


@dataclass
class Held:
    """What all requests of a kind that are not answered yet hold, together, and how much they may."""

    most_requests: int
    most_bytes: int
    requests: int = 0
    bytes: int = 0


class Body:
    """The body of one request, as it comes."""

    def __init__(self, receive: Receive, limit: int, held: Held) -> None:
        self._receive, self._limit, self._held = receive, limit, held
        self.bytes, self._waited, self._complete = 0, 0.0, False
        self.refusal: Refusal | None = None

    async def receive(self) -> Message:
        """The next message of the client. Raises `BodyRefused`, and `refusal` says why."""
        if self.refusal is not None:
            raise BodyRefused
        if self._complete:
            return await self._receive()
        message = await self._next()
        if message is None:
            return self._refuse(TOO_SLOW)
        self._complete = not message.get("more_body", False)
        size = len(message.get("body", b""))
        self.bytes += size
        self._held.bytes += size
        if self.bytes > self._limit:
            return self._refuse(too_large(self._limit))
        if self._held.bytes > self._held.most_bytes:
            return self._refuse(BUSY)
        return message

    async def _next(self) -> Message | None:
        """The next message; None if it does not come in time."""
        patience, started = FIRST_SECONDS + self.bytes / LEAST_RATE - self._waited, time.monotonic()
        with anyio.move_on_after(patience):
            message = await self._receive()
            self._waited += time.monotonic() - started
            return message
        return None

    def _refuse(self, refusal: Refusal) -> Message:
        self.refusal = refusal
        raise BodyRefused


class Limits:
    """Around the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._plain, self._uploads = Held(MAX_REQUESTS, MAX_HELD_BYTES), Held(MAX_UPLOADS, MAX_UPLOADED_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request within the limits, or refuse it."""
        if scope["type"] != "http" or scope["path"] in OPERATION:
            await self._app(scope, receive, send)
            return
        limit, held = limit_of(scope), self._uploads if takes_files(scope) else self._plain
        refusal = refusal_of(scope, limit, held)
        if refusal is None:
            refusal = await self._answer(scope, Body(receive, limit, held), send, held)
        if refusal is not None:
            self._metrics.refused.labels(refusal.error).inc()
            await refusal.answer(scope)(scope, receive, send)

    async def _answer(self, scope: Scope, body: Body, send: Send, held: Held) -> Refusal | None:
        """Let the application answer; why it could not, if its body broke a limit before an answer began."""
        started = False

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if body.refusal is None or started:
                started = True
                await send(message)

        held.requests += 1
        try:
            await self._app(scope, body.receive, send_unless_refused)
        except BodyRefused:
            pass
        finally:
            held.requests -= 1
            held.bytes -= body.bytes
        return None if started else body.refusal


def limit_of(scope: Scope) -> int:
    """How many bytes the body of a request may have."""
    if takes_files(scope) and scope["path"] != "/":
        return MAX_UPLOAD_BYTES
    return MAX_WIRE_BYTES if scope["method"] == "POST" and scope["path"] == "/" else MAX_BODY_BYTES


def takes_files(scope: Scope) -> bool:
    """Whether the body of a request is written to the disk as it comes."""
    is_place = scope["path"] in ("/", UPLOADS) or SCHOOL_UPLOADS.fullmatch(scope["path"]) is not None
    return scope["method"] == "POST" and is_place and is_form(scope)


def refusal_of(scope: Scope, limit: int, held: Held) -> Refusal | None:
    """Why a request is refused before its body is looked at; None if it is not."""
    length = Headers(scope=scope).get("content-length", "0")
    declared = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
    if declared > limit:
        return too_large(limit)
    if held.requests >= held.most_requests or held.bytes + declared > held.most_bytes:
        return BUSY
    return None
