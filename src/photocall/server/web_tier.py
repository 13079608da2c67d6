"""The web tier of an elastic fleet (S4.1, S4.2): a photo comes as a form, and its answer is awaited and given as text.

The answer is the job's own result in the object store, so that no server can ever get the answer of another. No thread
waits: what is not there is asked for again, with growing pauses.
"""

import asyncio
import time
from uuid import uuid4

import anyio
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope as Asked

from photocall import errors, report, results
from photocall.handlers import MAX_IMAGE_BYTES
from photocall.jobs import Job
from photocall.keys import Scope
from photocall.media import signatures
from photocall.server.api_keys import needs_key, needs_own_page
from photocall.server.jobs import job_of, start
from photocall.server.limits import UPLOADS
from photocall.server.multipart import Upload, received
from photocall.server.problems import BadRequest, V1Route, reason_of
from photocall.server.refusals import is_form
from photocall.server.service import Service
from photocall.settings import AnswerForm

FIELD = "inputFile"
"""Of the form, that has the photo; the original's name for it."""

FIRST_PAUSE, MOST_PAUSE = 0.05, 0.5
"""Seconds between two looks at a result: a photo takes a tenth of one, and a hundred that wait should not keep a store
busy."""

READERS = 8
"""Threads that look at results. They are others than those that answer requests, so that those who wait for an answer
take none from those who could have one."""


class FormRoute(V1Route):
    """A route for forms alone: Rekognition's protocol has the same path and method."""

    def matches(self, scope: Asked) -> tuple[Match, Asked]:
        """Whether a request is for this route."""
        if scope["type"] == "http" and is_form(scope):
            return super().matches(scope)
        return Match.NONE, {}


router = APIRouter(route_class=FormRoute)


@router.post("/", include_in_schema=False, dependencies=[Depends(needs_key(Scope.WRITE)), Depends(needs_own_page)])
async def recognize(request: Request) -> Response:
    """Say who is in a photo, once a worker has recognised it."""
    service: Service = request.app.state.service
    async with received(request, FIELD, 1) as (upload,):
        job = await run_in_threadpool(_started, service, upload)
    found = await _result(request, job, service.settings.answer_seconds)
    return PlainTextResponse(line_of(job, found, service.settings.answer_form))


def add_to(http: FastAPI) -> None:
    """Add the route, before that of Rekognition's protocol."""
    http.state.readers = anyio.CapacityLimiter(READERS)
    http.include_router(router)


def line_of(job: Job, found: results.Json, form: AnswerForm) -> str:
    """The answer: `test_000:Paul`, or `test_000.jpg: face detected - Paul`.

    Args:
        job: of a photo.
        found: its result.
        form: which of the two.

    Raises:
        BadRequest: the job was given up; 400 or 409 if the photo is the reason, else 500.
    """
    if found["status"] == results.FAILED:
        raise _failure(found)
    if form is AnswerForm.READABLE:
        return report.readable_line(job.key, found["names"])
    return f"{job.stem}:{report.answer(found)}"


def _failure(found: results.Json) -> BadRequest:
    name, reason = found.get("error", ""), reason_of(found)
    kind = getattr(errors, name, errors.PhotocallError)
    if issubclass(kind, errors.ObjectReplaced | errors.ObjectNotFound):
        return BadRequest(409, name, reason)
    if issubclass(kind, errors.InputError):
        return BadRequest(400, name, reason)
    return BadRequest(500, name or "JobFailed", f"{reason} (job {found['job_id']})")


def _started(service: Service, upload: Upload) -> Job:
    kind = upload.kind()
    if kind not in signatures.IMAGES:
        what = f"of the kind {kind}" if kind else "of no known kind"
        taken = ", ".join(signatures.IMAGES)
        raise BadRequest(400, "NoImage", f"{upload.name!r} is no image but {what}; {taken} are taken")
    if upload.size > MAX_IMAGE_BYTES:
        too_large = f"{upload.name!r} has more than {MAX_IMAGE_BYTES // 2**20} MiB; make it smaller"
        raise BadRequest(413, "ImageTooLarge", too_large)
    job = job_of(service, upload, uuid4().hex)
    start(service, upload, job)
    return job


async def _result(request: Request, job: Job, seconds: float) -> results.Json:
    """The result of a job, once there is one.

    Raises:
        BadRequest: 504 if there is none after so many seconds.
        ClientDisconnect: nobody wants to know it any more.
    """
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        found = await _look(request, job)
        if found is not None and found["status"] != results.WAITING:
            return found
        if time.monotonic() > deadline:
            later = f"GET {UPLOADS}/{job.job_id} has it later"
            raise BadRequest(504, "AnswerLate", f"there is no answer after {seconds:g} s; {later}")
        await asyncio.sleep(pause)
        if await request.is_disconnected():
            raise ClientDisconnect
        pause = min(pause * 1.5, MOST_PAUSE)


async def _look(request: Request, job: Job) -> results.Json | None:
    """The result of a job as of now; none, too, while the store cannot be reached, since it may be back in time."""
    service: Service = request.app.state.service
    limiter = request.app.state.readers
    try:
        return await anyio.to_thread.run_sync(results.read_result, service.objects, job.job_id, limiter=limiter)
    except errors.StoreUnavailable:
        return None
