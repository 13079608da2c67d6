"""Who may ask on the REST routes: the API key in the header `x-api-key`, what it is for, and how often.

The key is looked at before the body is read.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import FastAPI, Request

from photocall.access import Meter, check_api_key
from photocall.errors import KeyMissing
from photocall.keys import Scope
from photocall.server.problems import BadRequest
from photocall.server.service import Service

HEADER = "x-api-key"


def needs_key(scope: Scope) -> Callable[[Request], None]:
    """A dependency of routes that need a key for `scope`, where the service needs one at all.

    It raises `KeyMissing`, `KeyRefused` or `TooManyRequests`. Its thread may wait for the database.
    """

    def check(request: Request) -> None:
        service: Service = request.app.state.service
        if not service.needs_key:
            return
        text = request.headers.get(HEADER)
        if not text:
            raise KeyMissing
        key = check_api_key(service.store, text, scope)
        request.state.key_id = key.key_id  # for the log
        meter: Meter = request.app.state.meter
        meter.use(key, datetime.now(UTC))

    return check


def needs_own_page(request: Request) -> None:
    """A dependency of routes that a page of another origin could send a form to without being let in by CORS.

    Without keys nothing else tells a browser's user from whoever wrote a page. Raises `BadRequest`.
    """
    service: Service = request.app.state.service
    if is_foreign(request) and not (service.needs_key or service.is_open):
        raise BadRequest(403, "Not for a page of another origin", "PHOTOCALL_AUTH=on lets it ask with a key")


def is_foreign(request: Request) -> bool:
    """Whether a browser sent a request for a page of another origin."""
    return request.headers.get("origin") not in (None, f"http://{request.headers.get('host')}")


def add_to(http: FastAPI) -> None:
    """Let an application whose `state.service` is there keep count of its keys' uses."""
    http.state.meter = Meter(http.state.service.store)
