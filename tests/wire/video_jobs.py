"""Video jobs for tests: a server in this process, and workers that do its jobs with its own engine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import Any, cast

import pytest

from crew import Silent
from photocall.app import App, open_bucket, open_queue
from photocall.handlers import Tools
from photocall.server.service import Service
from photocall.stores.sql import SqlStore
from photocall.worker import Worker
from wire.clients import Client

Json = dict[str, Any]

BUCKET = "lessons"

SECONDS = 120
"""Until a job must be done."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server, and its client."""

    service: Service
    rekognition: Client

    def put(self, key: str, data: bytes) -> None:
        open_bucket(self.service.settings, BUCKET).put(key, data)

    def code(self, method: str, **request: object) -> str:
        """The code of the error that a call ends with."""
        with pytest.raises(self.rekognition.exceptions.ClientError) as refused:
            getattr(self.rekognition, method)(**request)
        return str(refused.value.response["Error"]["Code"])


def video(key: str, bucket: str = BUCKET, **more: str) -> Json:
    return {"S3Object": {"Bucket": bucket, "Name": key, **more}}


@contextmanager
def working(service: Service, workers: int = 1) -> Iterator[None]:
    """Workers that do the server's jobs, with its own engine."""
    stopping = Event()
    app = App(service.settings, service.engine, cast(SqlStore, service.store))
    queues = [open_queue(service.settings) for _ in range(workers)]
    threads = [Thread(target=Worker(Tools(app), queue, None, stopping, Silent()).work) for queue in queues]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
        for queue in queues:
            queue.close()


def ended(get: Callable[..., Json], job_id: str, **request: object) -> Json:
    """What is told of a job once it is done or was given up."""
    deadline = monotonic() + SECONDS
    while (told := get(JobId=job_id, **request))["JobStatus"] == "IN_PROGRESS":
        assert monotonic() < deadline
        Event().wait(0.1)
    return told
