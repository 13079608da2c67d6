"""The routes of the operator: what waits, who works, what failed, and who was seen that nobody knows."""

import math
import time
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from photocall import results
from photocall.errors import JobInvalid, NotCalibrated, SettingInvalid
from photocall.fleet import pools
from photocall.jobs import Job, Kind, parse
from photocall.ports import DeadLetter
from photocall.school import live
from photocall.school.errors import NotThere
from photocall.school.evidence import await_again
from photocall.school.unknown_faces import UnknownGroup, group_json, unknown_groups
from photocall.server.school import described, lesson_shapes
from photocall.server.school.entries import Id
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Administrator, now, of
from photocall.server.service import Service
from photocall.worker import kind_of

FRESH_SECONDS = 5.0
"""For how long counts of faces are taken for those of now."""

MOST_FAILURES = 100
"""Dead letters that are shown."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])


@router.get(
    "/live",
    summary="What goes on, for the operator",
    **described.answering(lesson_shapes.LIVE, lesson_shapes.SHOWN_LIVE),
)
def get_live(request: Request, administrator: Administrator) -> JSONResponse:
    """Queue, workers, failures; faces by hour; strangers who come again."""
    service = of(request)
    depth = service.queue.depth()
    told = {
        "queue": {
            "waiting": depth.waiting,
            "delayed": depth.delayed,
            "leased": depth.leased,
            "dead": depth.dead,
        },
        "most_workers": sum(pool.maximum for pool in pools(service.objects)),
        "workers": _workers(service),
        "failures": [_failure_json(service, each) for each in service.queue.dead(MOST_FAILURES)],
        "done_per_minute": live.done_per_minute(service.school, now()),
        **_lately(request),
    }
    return JSONResponse(told)


@router.post("/live/failures/{letter_id}/retry", summary="Try a failure again", **described.emptily(404))
def retry(request: Request, letter_id: Id, administrator: Administrator) -> Response:
    """As if it had just been asked for."""
    service = of(request)
    letter = next((each for each in service.queue.dead(MOST_FAILURES) if each.letter_id == letter_id), None)
    for job in _jobs(service, letter) if letter else ():
        results.announce(service.objects, job)
        if job.kind is Kind.ROLL_CALL:
            await_again(service.school, job)
    if not service.queue.retry(letter_id):
        raise NotThere("failure", letter_id)
    return Response(status_code=204)


def _lately(request: Request) -> dict[str, Any]:
    """What takes long to count, as of some seconds ago at most: a page asks every two seconds."""
    service, state = of(request), request.app.state
    counted, told = getattr(state, "school_lately", (-math.inf, {}))
    if time.monotonic() - counted > FRESH_SECONDS:
        hours = live.recognised(service.school, now())
        told = {
            "recognised": [live.hour_json(each) for each in hours],
            "unknown_groups": [group_json(each) for each in _groups(service)],
        }
        state.school_lately = (time.monotonic(), told)
    return told


def _workers(service: Service) -> list[dict[str, Any]]:
    return [
        {
            "host": pool.host,
            "pid": worker.pid,
            "doing": str(worker.doing),
            "key": worker.key,
            "since": round(worker.since, 1),
        }
        for pool in pools(service.objects)
        for worker in pool.workers
    ]


def _failure_json(service: Service, letter: DeadLetter) -> dict[str, str]:
    what = ", ".join(job.key for job in _jobs(service, letter)) or "a message that is no job"
    return {
        "letter_id": letter.letter_id,
        "reason": letter.reason,
        "what": what,
        "died": letter.died.isoformat(),
    }


def _jobs(service: Service, letter: DeadLetter) -> list[Job]:
    with suppress(JobInvalid):
        return parse(letter.body, lambda bucket: kind_of(bucket, service.settings))
    return []


def _groups(service: Service) -> list[UnknownGroup]:
    """Strangers who come again; none where another service recognises, or nobody measured what distances mean."""
    if not service.ready:
        return []
    with suppress(SettingInvalid, NotCalibrated):
        engine = service.engine
        return unknown_groups(service.school, engine.model, engine.metric, engine.calibration.d80)
    return []
