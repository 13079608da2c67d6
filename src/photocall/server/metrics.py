"""What the server counts, for Prometheus at GET /metrics.

Labels have few values, and none is a name, an id or a path: routes are counted by their template, and what matches none
as "unknown". Who answers requests counts by

    service.metrics.faces.labels("found").inc(3)      # or "indexed", "searched"
    service.metrics.best_distance.observe(0.42)       # of the nearest face or user of a search

Every `Metrics` has a registry of its own, so that several servers live in one process.
"""

from collections import Counter as Counts
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import anyio.to_thread
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from photocall.fleet import Doing, PoolState
from photocall.ports import Depth

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Buckets of the time to an answer: from a look-up to a queue on a busy machine."""

DISTANCES = tuple(round(0.2 + 0.05 * step, 2) for step in range(19))
"""Buckets of distances, 0.2 to 1.1: matches are below about 0.6, strangers about 0.8 (docs/accuracy.md)."""

FLEET_SECONDS = 2
"""How long the queue and the reports of workers may take to be counted; what takes longer is left out."""

_REQUEST = ["route", "operation"]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Fleet:
    """What the queue of jobs has, and what works on it."""

    depth: Depth
    pools: Sequence[PoolState]


class Metrics:
    """Counters and histograms of one server; safe to share between threads.

    Attributes:
        requests: answered, by route, operation, method and status.
        seconds: to an answer, by route and operation.
        in_flight: requests that have come and are not answered.
        refused: requests refused for a limit, by its name.
        faces: by "found", "indexed", "searched".
        best_distance: of the nearest face or user of a search that found one.
        engine_load_seconds: what loading the engine took; 0 until it is loaded.
        busy, waiting: threads that work on requests, and requests that wait for one.
    """

    def __init__(self, gallery_faces: Callable[[], float]) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "photocall_requests", "Requests answered.", [*_REQUEST, "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "photocall_request_seconds", "Time to an answer.", _REQUEST, buckets=SECONDS, registry=registry
        )
        self.in_flight = Gauge("photocall_requests_in_flight", "Requests not answered yet.", registry=registry)
        self.refused = Counter("photocall_requests_refused", "Refused for a limit.", ["limit"], registry=registry)
        self.faces = Counter("photocall_faces", "Faces found, indexed or searched.", ["what"], registry=registry)
        for what in ("found", "indexed", "searched"):
            self.faces.labels(what)
        self.best_distance = Histogram(
            "photocall_best_distance", "Distance of the nearest in a search.", buckets=DISTANCES, registry=registry
        )
        self.engine_load_seconds = Gauge(
            "photocall_engine_load_seconds", "Time to load the engine; 0 until it is loaded.", registry=registry
        )
        self.busy = Gauge("photocall_threads_busy", "Threads at work on requests.", registry=registry)
        self.waiting = Gauge("photocall_threads_wanted", "Requests that wait for a thread.", registry=registry)
        faces = Gauge("photocall_gallery_faces", "Faces in memory, of all collections.", registry=registry)
        faces.set_function(gallery_faces)
        self._queue = Gauge("photocall_queue_messages", "Messages in the queue of jobs.", ["state"], registry=registry)
        self._workers = Gauge("photocall_workers", "Worker processes of all pools.", ["doing"], registry=registry)
        ProcessCollector(registry=registry)

    def tell_fleet(self, fleet: Fleet | None) -> None:
        """Tell of the queue and its workers as they are now; nothing, where that is not known."""
        self._queue.clear()
        self._workers.clear()
        if fleet is None:
            return
        for state, count in asdict(fleet.depth).items():
            self._queue.labels(state).set(count)
        busy = Counts(worker.doing for pool in fleet.pools for worker in pool.workers)
        for doing in Doing:
            self._workers.labels(doing).set(busy[doing])

    def text(self) -> bytes:
        """Everything in Prometheus's text format."""
        return generate_latest(self.registry)


@router.get("/metrics", tags=["Operation"], summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Request) -> PlainTextResponse:
    """Requests, latencies, faces, distances, memory; no names, ids or paths."""
    counted: Metrics = request.app.state.service.metrics
    threads = anyio.to_thread.current_default_thread_limiter().statistics()
    counted.busy.set(threads.borrowed_tokens)
    counted.waiting.set(threads.tasks_waiting)
    counted.tell_fleet(await request.app.state.fleet.answer(FLEET_SECONDS))
    return PlainTextResponse(counted.text(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
