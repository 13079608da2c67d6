"""Rekognition's wire protocol, so that an unchanged client works: JSON 1.1 by POST to /, signed by SigV4.

The header `X-Amz-Target: RekognitionService.<Operation>` says what is asked. Answers and errors have the shapes of
botocore's service model; every error of the caller's is HTTP 400.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from photocall.access import check_scope
from photocall.errors import PhotocallError
from photocall.server.operations import OPERATIONS, answer
from photocall.server.service import Service
from photocall.server.shapes import operation_model, read_request
from photocall.server.sigv4 import Signed, verify
from photocall.server.wire_errors import WireError, wire_error

CONTENT_TYPE = "application/x-amz-json-1.1"

TARGET = "RekognitionService."
"""What the header X-Amz-Target starts with."""

router = APIRouter()


@router.post("/", include_in_schema=False)
async def rekognition(request: Request) -> Response:
    """Answer one request."""
    headers = {name: ",".join(request.headers.getlist(name)) for name in request.headers}
    query = request.scope["query_string"].decode("latin-1")
    arrived = Signed(request.method, f"/?{query}" if query else "/", headers, await request.body())
    return await run_in_threadpool(respond, request, arrived)


def respond(request: Request, arrived: Signed) -> Response:
    """The answer to a request, or the error in its place."""
    state = request.state  # what is noted there goes to log and metrics
    try:
        operation = state.operation = _operation(arrived.headers)
        return wire_response(200, _answer(request, operation, arrived), state.request_id)
    except PhotocallError as error:
        state.failure = error
        return _refused(request, wire_error(error))
    except WireError as error:
        return _refused(request, error)


def _answer(request: Request, operation: str, arrived: Signed) -> dict[str, Any]:
    service: Service = request.app.state.service
    if service.needs_key:
        now = datetime.now(UTC)
        key = verify(arrived, service.store.key, service.settings.region, now)
        request.state.key_id = key.key_id
        check_scope(key, OPERATIONS[operation].scope)
        request.app.state.meter.use(key, now)
    return answer(service, operation, read_request(operation_model(operation), _parsed(arrived.body)))


def _refused(request: Request, error: WireError) -> Response:
    request.state.error = error.code
    return wire_response(error.status, error_json(error, request.state.request_id), request.state.request_id)


def _operation(headers: Mapping[str, str]) -> str:
    """The operation that a request asks for. Raises `WireError` if that is none that is answered."""
    target = headers.get("x-amz-target", "")
    name = target.removeprefix(TARGET)
    if name not in OPERATIONS or name == target:
        raise WireError("UnknownOperationException", _unknown(target))
    found = headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != CONTENT_TYPE:
        raise WireError("SerializationException", f"Content-Type must be {CONTENT_TYPE}, not {found[:100]!r}")
    return name


def _unknown(target: str) -> str:
    if not target:
        return f"The header X-Amz-Target is missing; it must be {TARGET}<Operation>, such as {TARGET}DetectFaces"
    return f"{target[:100]!r} is no operation that is answered here; these are: {', '.join(OPERATIONS)}"


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):  # ValueError: not JSON, not UTF-8, or a number of too many digits
        raise WireError("SerializationException", "The body is not JSON") from None


def error_json(error: WireError, request_id: str) -> dict[str, Any]:
    """The body of an error: the type is what clients read, the other members are those of the service model."""
    return {"__type": error.code, "Code": error.code, "Message": error.message, "Logref": request_id}


def wire_response(status: int, told: dict[str, Any], request_id: str) -> Response:
    """An answer or an error as the protocol sends it."""
    headers = {"x-amzn-RequestId": request_id}
    if "__type" in told:
        headers["x-amzn-ErrorType"] = told["__type"]
    body = json.dumps(told, default=_seconds, ensure_ascii=False, allow_nan=False).encode()
    return Response(body, status, headers, media_type=CONTENT_TYPE)


def _seconds(value: object) -> float:
    """A time as the protocol has it: seconds since 1970."""
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} is nothing that an answer holds")
