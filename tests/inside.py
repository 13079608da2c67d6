"""Requests to an application in this process, without a socket between."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp


class Client:
    """Sends requests and waits for the answers. A defect of the application is an answer as it would be at a server."""

    def __init__(self, application: ASGIApp, runner: asyncio.Runner) -> None:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        self._runner = runner

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **given))

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.request("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.request("POST", path, **given)


@contextmanager
def inside(application: ASGIApp) -> Iterator[Client]:
    """A client of the application."""
    with asyncio.Runner() as runner:
        yield Client(application, runner)
