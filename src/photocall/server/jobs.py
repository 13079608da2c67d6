"""Jobs over HTTP: photos and videos come in, are worked on when a worker has time, and can be asked about.

The file is put into the input bucket under its name, as whoever writes there directly would do it.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import anyio
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from photocall import fleet, results
from photocall.handlers import MAX_IMAGE_BYTES
from photocall.jobs import Job, Kind
from photocall.keys import Scope
from photocall.media import signatures
from photocall.server import openapi_jobs
from photocall.server.api_keys import needs_key, needs_own_page
from photocall.server.limits import UPLOADS
from photocall.server.multipart import Upload, received
from photocall.server.problems import BadRequest, V1Route, reason_of
from photocall.server.service import Service

Json = dict[str, Any]

FIELD = "file"
"""Of the form, that has the files."""

MOST_FILES = 100
"""In one request."""

UPLOADERS = 4
"""Threads that write files into the object store. They are others than those that answer requests, since a large file
may take minutes."""

MOST_KEY = 255
"""Characters of an Idempotency-Key."""

MEDIA_TYPES = {"faces.jpg": "image/jpeg", "timeline.json": "application/json", "people.csv": "text/csv; charset=utf-8"}
"""The files that a job may leave, by name."""

READ, WRITE = Depends(needs_key(Scope.READ)), Depends(needs_key(Scope.WRITE))

router = APIRouter(route_class=V1Route, tags=["Jobs"])


@router.post(
    UPLOADS,
    status_code=202,
    summary="Have photos and videos recognised",
    dependencies=[WRITE, Depends(needs_own_page)],
    **openapi_jobs.POST,
)
async def submit(request: Request) -> JSONResponse:
    """Take files, and say where each one's result will be."""
    request_id = _request_id(request)
    async with received(request, FIELD, MOST_FILES) as uploads:
        limiter = request.app.state.uploaders
        jobs = await anyio.to_thread.run_sync(_submit, _service(request), uploads, request_id, limiter=limiter)
    return JSONResponse({"jobs": jobs}, 202)


@router.get(UPLOADS + "/{job_id}", summary="How far a job is", dependencies=[READ], **openapi_jobs.GET)
def get_job(request: Request) -> JSONResponse:
    """The result of a job; while a worker is at it, how far that is."""
    service = _service(request)
    found = _result(request)
    if found["status"] == results.WAITING:
        worker = fleet.worker_on(service.objects, found["job_id"])
        found |= {"progress": progress_json(worker)} if worker else {}
    elif found["status"] == results.FAILED:
        found["reason"] = reason_of(found)
    return JSONResponse(found)


@router.get(UPLOADS + "/{job_id}/files/{name}", summary="A file of a job", dependencies=[READ], **openapi_jobs.FILE)
def get_file(request: Request, name: str) -> Response:
    """A file that a job has left: everybody's face, every appearance, or the table."""
    place = _result(request).get("files", {}).get(name)
    if name not in MEDIA_TYPES or place is None:
        known = "faces.jpg, timeline.json and people.csv are what a video that is done has"
        raise BadRequest(404, "FileNotFound", f"the job has no file {name[:100]!r}; {known}")
    # What callers have sent is never shown as a page of this server's.
    safe = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return Response(_service(request).objects.get(place), media_type=MEDIA_TYPES[name], headers=safe | _named(name))


def add_to(http: FastAPI) -> None:
    """Add the routes to an application whose `state.service` is there."""
    http.state.uploaders = anyio.CapacityLimiter(UPLOADERS)
    http.include_router(router)


def job_of(service: Service, upload: Upload, request_id: str) -> Job:
    """The job of recognising who is in a file; asked for again with the same `request_id` it is the same job."""
    return Job(Kind.RECOGNIZE, service.settings.input_bucket, upload.name, request_id, upload.digest())


def start(service: Service, upload: Upload, job: Job) -> None:
    """Put a file into the bucket of its job, and ask for the job.

    Raises:
        ObjectKeyInvalid: no file can have its name.
        BucketNotFound, StoreUnavailable, ExtraMissing: it cannot be put there, or the job cannot be sent.
    """
    upload.file.seek(0)
    service.callers_bucket(job.bucket).upload(job.key, upload.file)
    service.submit(job)


def progress_json(worker: fleet.WorkerState) -> Json:
    """How far a worker is: seconds that it has been at the job, and for a video what it has seen, and what is left."""
    told: Json = {"running": round(worker.since, 1)}
    progress = worker.progress
    if progress is None:
        return told
    left = None
    if progress.duration and progress.seconds > 0:
        left = round(worker.since * max(progress.duration - progress.seconds, 0) / progress.seconds, 1)
    seen = {"frames": progress.frames, "seconds": round(progress.seconds, 2), "duration": progress.duration}
    return {**told, **seen, "people": progress.people, "left": left}


def _submit(service: Service, uploads: Sequence[Upload], request_id: str) -> list[Json]:
    for upload in uploads:
        _check(upload)
    if len({upload.name for upload in uploads}) < len(uploads):
        raise BadRequest(400, "FilenameTwice", "two of the files have the same name; give each its own")
    return [_asked(service, upload, request_id) for upload in uploads]


def _asked(service: Service, upload: Upload, request_id: str) -> Json:
    """Ask for the job of a file, unless it was done before; what is said of it."""
    job = job_of(service, upload, request_id)
    found = results.read_result(service.objects, job.job_id)
    is_done = found is not None and found["status"] == results.DONE
    if not is_done:
        start(service, upload, job)
    status = results.DONE if is_done else results.WAITING
    return {"job_id": job.job_id, "filename": job.key, "status": status, "url": f"{UPLOADS}/{job.job_id}"}


def _check(upload: Upload) -> None:
    """Raises `BadRequest` for what is surely neither a photo nor a video; of videos there are more kinds than known."""
    kind = upload.kind()
    if kind in signatures.IMAGES and upload.size > MAX_IMAGE_BYTES:
        too_large = f"{upload.name!r} has more than {MAX_IMAGE_BYTES // 2**20} MiB; make it smaller"
        raise BadRequest(413, "ImageTooLarge", too_large)
    if kind not in (*signatures.IMAGES, "video", None):
        raise BadRequest(415, "UnsupportedMediaType", f"{upload.name!r} is neither a photo nor a video but {kind}")


def _request_id(request: Request) -> str:
    """What tells a request from others: its key says that it may be one which was sent before."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return uuid4().hex
    if not 0 < len(key) <= MOST_KEY:
        raise BadRequest(400, "InvalidIdempotencyKey", f"an Idempotency-Key has 1 to {MOST_KEY} characters")
    return sha256(key.encode()).hexdigest()[:32]


def _result(request: Request) -> results.Json:
    asked: str = request.path_params["job_id"]
    found = None
    if _is_uuid(asked):
        found = results.read_result(_service(request).objects, asked.lower())
    if found is None or found["bucket"] == _service(request).settings.school_bucket:  # what came of a lesson's photo
        raise BadRequest(404, "JobNotFound", f"there is no job {asked[:100]!r}; its id is what POST {UPLOADS} gave")
    return found


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _named(name: str) -> dict[str, str]:
    """The header that says what a file is to be saved as, by RFC 6266."""
    return {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}"}


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service
