"""The whole HTTP service as one function, for API Gateway (payloads 1.0 and 2.0) and function URLs: `handler`.

The routes are those of `photocall serve`; Mangum carries events to them. The application begins with the environment,
not with each event as Mangum would have it, and never ends: Lambda ends processes without a word.
"""

import asyncio
import json
import time
from contextlib import ExitStack
from functools import cache
from typing import Any

from mangum import Mangum
from mangum.types import LambdaContext

from photocall.aws import environment
from photocall.server.http import make_http
from photocall.server.logs import REQUEST_ID, start_log
from photocall.server.service import Service, open_service

MAX_ANSWER_BYTES = 6 * 2**20
"""Of an answer as JSON: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # nothing listens here
"""Where requests come from: not from this machine, so that they need a key unless PHOTOCALL_AUTH is off."""

Json = dict[str, Any]

_opened = ExitStack()  # for as long as the process lives

_SURELY_FITS = MAX_ANSWER_BYTES // 8  # characters of a body, each of which JSON may write as six


def handler(event: Json, context: LambdaContext) -> Json:
    """The answer to a request."""
    service, mangum = _application()
    started, before = time.perf_counter(), _faces(service)
    answer: Json = mangum(_as_sent(event, context.aws_request_id), context)
    environment.count(_faces(service) - before, time.perf_counter() - started)
    return answer if _fits(answer) else _too_large(answer)


@cache
def _application() -> tuple[Service, Mangum]:
    settings = environment.settings().model_copy(update={"host": ANY_ADDRESS})
    start_log(debug=settings.debug)
    service = _opened.enter_context(open_service(settings))
    if service.amazon is None:
        _ = service.engine  # waits until it is there
    http = make_http(service)
    http.state.lifespan = http.router.lifespan_context(http)  # kept: it ends with the last mention of it
    loop = asyncio.new_event_loop()
    loop.run_until_complete(http.state.lifespan.__aenter__())
    asyncio.set_event_loop(loop)  # Mangum's, for every event
    return service, Mangum(http, lifespan="off")


def _as_sent(event: Json, request_id: str) -> Json:
    """The event with the id that Lambda's own log has, and by the path that the application knows.

    In an event of an HTTP API the stage stands before the path, if it has a name.
    """
    headers = {REQUEST_ID: request_id, **(event.get("headers") or {})}
    context = event.get("requestContext") or {}
    if "http" in context:
        stage, path = f"/{context.get('stage')}", context["http"]["path"]
        if f"{path}/".startswith(f"{stage}/"):
            context = {**context, "http": {**context["http"], "path": path.removeprefix(stage) or "/"}}
    return {**event, "headers": headers, "requestContext": context}


def _faces(service: Service) -> float:
    """How many faces were found until now."""
    return service.metrics.registry.get_sample_value("photocall_faces_total", {"what": "found"}) or 0


def _fits(answer: Json) -> bool:
    return len(answer["body"]) <= _SURELY_FITS or len(json.dumps(answer)) <= MAX_ANSWER_BYTES


def _too_large(answer: Json) -> Json:
    """What is said in place of an answer that Lambda would not carry."""
    told = {
        "error": "AnswerTooLarge",
        "description": "the answer has more than the 6 MB that a function may give; fetch the object from its bucket",
    }
    headers = {"content-type": "application/json", REQUEST_ID: answer["headers"][REQUEST_ID]}
    return {"statusCode": 413, "headers": headers, "body": json.dumps(told), "isBase64Encoded": False}


_application()
