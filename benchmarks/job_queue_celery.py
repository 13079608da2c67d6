"""The rival of `benchmarks.job_queue`: Celery with one task."""

import os
from pathlib import Path

from celery import Celery

from benchmarks import job_queue

app = Celery("notes", broker=os.environ["PHOTOCALL_BENCHMARK_BROKER"])
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True


@app.task  # type: ignore[untyped-decorator]
def note(number: str) -> None:
    """Do what a job of photocall's queue does."""
    job_queue.note(Path(os.environ["PHOTOCALL_BENCHMARK_NOTES"]), number)
