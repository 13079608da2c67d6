"""The web application: every route, and what all of them share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from photocall import __version__
from photocall.server import api_keys, health, metrics, openapi, rekognition, rest, v1
from photocall.server.limits import Limits
from photocall.server.logs import RequestLog, gone, unexpected
from photocall.server.refusals import Refusal
from photocall.server.service import Service


def make_http(service: Service) -> FastAPI:
    """The application that answers requests with `service`."""
    http = FastAPI(title="photocall", version=__version__, docs_url=None, redoc_url=None, lifespan=_lifespan)
    http.state.service = service
    http.state.store_check = health.StoreCheck(service)
    http.add_middleware(Limits, metrics=service.metrics)
    http.include_router(health.router)
    http.include_router(metrics.router)
    http.include_router(rekognition.router)
    for part in (api_keys, rest, v1, openapi):
        part.add_to(http)
    http.add_middleware(RequestLog, metrics=service.metrics)  # the last one is around all others
    http.add_exception_handler(HTTPException, _no_route)  # type: ignore[arg-type]  # it is told no other
    http.add_exception_handler(ClientDisconnect, gone)
    http.add_exception_handler(Exception, unexpected)
    return http


@asynccontextmanager
async def _lifespan(http: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = http.state.service.workers
    yield
    http.state.store_check.close()


async def _no_route(request: Request, error: HTTPException) -> Response:
    """The answer where no route answers: 404, 405 and the like."""
    name = HTTPStatus(error.status_code).phrase.replace(" ", "")
    told = Refusal(error.status_code, name, error.detail, "InvalidParameterException", 400)
    response = told.answer(request.scope)
    response.headers.update(error.headers or {})
    return response
