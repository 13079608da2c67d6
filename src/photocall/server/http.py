"""The web application: every route, and what all of them share."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from photocall import __version__
from photocall.server import api_keys, health, jobs, metrics, openapi, pages, rekognition, rest, v1, web_tier
from photocall.server.asking import Question
from photocall.server.limits import Limits
from photocall.server.logs import RequestLog, gone, unexpected
from photocall.server.refusals import Refusal
from photocall.server.school import routes as school
from photocall.server.service import Service, is_loopback

FOREIGN = Refusal(
    421,
    "MisdirectedRequest",
    "Without keys this server answers to localhost and 127.0.0.1 alone; PHOTOCALL_AUTH=on lets it have other names",
    "AccessDeniedException",
    400,
)

_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::\d*)?")
"""A name or an address, and a port."""


def make_http(service: Service) -> FastAPI:
    """The application that answers requests with `service`."""
    # A redirect to the path without its slash would be to http://, also behind a proxy that speaks TLS, key and all.
    http = FastAPI(
        title="photocall",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    http.state.service = service
    http.state.stores = Question(lambda: health.stores_answer(service), "photocall-readiness")
    http.state.fleet = Question(service.fleet, "photocall-fleet")
    http.add_middleware(Limits, metrics=service.metrics)
    http.include_router(health.router)
    http.include_router(metrics.router)
    web_tier.add_to(http)
    http.include_router(rekognition.router)
    for part in (api_keys, rest, v1, jobs, pages, school, openapi):
        part.add_to(http)
    if not (service.needs_key or service.is_open):
        http.add_middleware(OwnNames)
    http.add_middleware(RequestLog, metrics=service.metrics)  # the last one is around all others
    http.add_exception_handler(HTTPException, _no_route)  # type: ignore[arg-type]  # it is told no other
    http.add_exception_handler(ClientDisconnect, gone)
    http.add_exception_handler(Exception, unexpected)
    return http


@asynccontextmanager
async def _lifespan(http: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = http.state.service.workers
    yield
    http.state.stores.close()
    http.state.fleet.close()


class OwnNames:
    """Lets in what is sent to this machine by its own names: any page may give its name this machine's address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        host = Headers(scope=scope).get("host") if scope["type"] == "http" else None
        answers = self._app if not host or is_own(host) else FOREIGN.answer(scope)
        await answers(scope, receive, send)


def is_own(host: str) -> bool:
    """Whether a header Host names this machine as only itself can be meant, with or without a port."""
    match = _HOST.fullmatch(host.lower())
    name = match[1].strip("[]") if match else ""
    return is_loopback(name) or name.endswith(".localhost")


async def _no_route(request: Request, error: HTTPException) -> Response:
    """The answer where no route answers: 404, 405 and the like."""
    name = HTTPStatus(error.status_code).phrase.replace(" ", "")
    told = Refusal(error.status_code, name, error.detail, "InvalidParameterException", 400)
    response = told.answer(request.scope)
    response.headers.update(error.headers or {})
    return response
