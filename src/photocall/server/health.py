"""Whether the server lives, and whether it can answer: for whatever starts it, restarts it and sends it requests.

Neither route waits for a worker thread. What is wrong with a store is told in the log, since nobody needs a key here.
"""

import logging
from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from photocall.errors import PhotocallError
from photocall.server.service import Service

ANSWER_SECONDS = 5
"""A store that takes longer counts as one that does not answer."""

_NOTHING = "readyz"
"""A key that nobody has, and a folder that holds no object."""

_log = logging.getLogger(__name__)

router = APIRouter(tags=["Operation"])


class Health(BaseModel):
    """The answer of /healthz."""

    status: Literal["live"] = "live"


class Readiness(BaseModel):
    """The answer of /readyz: each part, and all of them."""

    ready: bool
    engine: Literal["ready", "loading", "failed"]
    store: Literal["ready", "failed"]
    objects: Literal["ready", "failed"]


def stores_answer(service: Service) -> tuple[bool, bool]:
    """Whether the database and the object store answer."""
    return _works(lambda: service.store.key(_NOTHING)), _works(lambda: next(service.objects.list(_NOTHING), None))


def _works(question: Callable[[], object]) -> bool:
    try:
        question()
    except PhotocallError as error:
        _log.warning("not ready: %s", error)
        return False
    return True


@router.get("/healthz", summary="Whether the process lives")
async def healthz() -> Health:
    """Answers as long as the process does."""
    return Health()


@router.get("/readyz", summary="Whether requests can be answered", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """200 if the engine is loaded and both stores answer, else 503; either way with the state of each."""
    service: Service = request.app.state.service
    store, objects = await request.app.state.stores.answer(ANSWER_SECONDS) or (False, False)
    engine: Literal["ready", "loading", "failed"] = "failed" if service.failure else "loading"
    found = Readiness(
        ready=service.ready and store and objects,
        engine="ready" if service.ready else engine,
        store="ready" if store else "failed",
        objects="ready" if objects else "failed",
    )
    response.status_code = 200 if found.ready else 503
    return found
