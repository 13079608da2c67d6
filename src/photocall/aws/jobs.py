"""Functions that do jobs: `worker` for a queue of SQS, `face_recognition_handler` for a bucket of S3 without a queue.

Both do what a worker does, by its code, so what they leave is the same (docs/pipelines.md).
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Timer
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from photocall.aws import environment
from photocall.aws.invocation import Invocation, delivery_of
from photocall.errors import JobUnfinished
from photocall.fleet import Progress
from photocall.handlers import FOLDERS
from photocall.jobs import Job
from photocall.ports import Delivery
from photocall.worker import Inbox, Worker

SPARE_SECONDS = 5.0
"""Before the function's time is up: nobody waits any longer for a store that is away, and no message is begun."""

Json = dict[str, Any]


def worker(event: Json, context: LambdaContext) -> PartialItemFailureResponse:
    """Do the messages of the queue of jobs; the answer names those that are to come again.

    Those that cannot succeed are dead letters by then, and count as done with.
    """
    queue = environment.queue(environment.settings().request_queue)
    with working(queue, context) as (one, stopping):

        def do(record: SQSRecord) -> None:  # powertools hands it over by this name
            if stopping.is_set() or not one.do(delivery_of(record)):
                raise JobUnfinished("the message comes again")

        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
        return process_partial_response(event, do, processor, context)


def face_recognition_handler(event: Json, context: LambdaContext) -> None:
    """Recognise every object of an event of S3: a CSV for a video, the names for a photo.

    Raises `JobUnfinished` with every reason once all are through, so that Lambda tries again and keeps the event if
    that does not help either; what was done is not done again.
    """
    do_all([json.dumps(event)], context)


def do_all(messages: Iterable[str], context: LambdaContext) -> None:
    """Do messages that came with an event of Lambda's own queue. Raises `JobUnfinished` with why any of them failed."""
    invocation = Invocation()
    with working(invocation, context) as (one, _):
        for body in messages:
            one.do(Delivery(body, context.aws_request_id, receives=1))
    if invocation.failures:
        raise JobUnfinished("; ".join(invocation.failures))


@contextmanager
def working(queue: Inbox, context: LambdaContext) -> Iterator[tuple[Worker, Event]]:
    """A worker for as long as an event may take, and what is set when it should stop.

    That is also when the enrolled faces turned out to be of another model: then all is opened anew for the next event.
    """
    settings, stopping = environment.settings(), Event()
    responses = environment.queue(settings.response_queue) if settings.response_queue else None
    timer = Timer(context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS, stopping.set)
    timer.daemon = True
    timer.start()
    watcher = _Counting()
    try:
        yield Worker(environment.tools(), queue, responses, stopping, watcher), stopping
    finally:
        timer.cancel()
        environment.logger().info("event", extra={"request_id": context.aws_request_id, "jobs": watcher.jobs})
        environment.metrics().add_metric("Jobs", "Count", watcher.jobs)
        environment.metrics().flush_metrics()
        if stopping.is_set():
            environment.close()


class _Counting:
    """A `Watcher` that counts the jobs that were begun."""

    def __init__(self) -> None:
        self.jobs = 0

    def begun(self, delivery: Delivery, job: Job) -> None:
        self.jobs += 1

    def went_on(self, progress: Progress) -> None: ...

    def ended(self) -> None: ...


def remove_leftovers() -> None:
    """Remove the objects that an earlier process of this environment had fetched when Lambda ended it.

    It ends a process that takes too long or too much memory, and keeps the environment with its /tmp.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        shutil.rmtree(folder, ignore_errors=True)


if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:  # in Lambda, where nobody else has this /tmp
    remove_leftovers()
