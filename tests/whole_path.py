"""The whole path on AWS, run on this machine: objects put, events in a queue, environments that come and go, CSVs."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from aws_account import Account
from event_source import Function, QueueSource
from photocall.app import open_queue
from photocall.ports import DeadLetter, Depth
from photocall.settings import Settings

WORKER = "photocall.aws.jobs.worker"
JOBS = "photocall-jobs"

VISIBILITY, LEASE = 10, 6
"""Seconds after which the message of an environment that was killed is another one's: before its first extension, when
the environment may still be starting, and later on."""

_STEP = 0.25


@dataclass(frozen=True, slots=True)
class Moment:
    """What there was at one moment, so many seconds after the first object was put."""

    seconds: float
    environments: int
    messages: int


@dataclass(slots=True)
class Run:
    """What came of objects that were put.

    Attributes:
        curve: environments and messages over time.
        outputs: the output bucket at the end.
        letters: the dead letters at the end.
        depth: of the queue at the end.
        started: how many environments there have been.
    """

    curve: list[Moment] = field(default_factory=list)
    outputs: dict[str, bytes] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    depth: Depth = field(default_factory=lambda: Depth(0, 0, 0, 0))
    started: int = 0


def run_path(
    account: Account,
    folder: Path,
    objects: Mapping[str, bytes],
    *,
    most: int,
    patience: float,
    meanwhile: Callable[[Function], None] = lambda function: None,
) -> Run:
    """Put objects into the input bucket, and wait until nothing is left to do and no environment is left.

    Every message is handed over twice.

    Args:
        account: whose input bucket tells the queue of jobs.
        folder: where the logs of environments go.
        objects: content by key.
        most: environments at the same time, at most.
        patience: seconds after which it ends in any case.
        meanwhile: is called once all are put.
    """
    run, ended = Run(), Event()
    account.set_visibility(JOBS, VISIBILITY)
    variables = {**account.variables, "PHOTOCALL_LEASE": str(LEASE)}
    queue = open_queue(Settings(queue="sqs://"))
    with (
        closing(queue),
        Function(WORKER, folder, variables) as function,
        QueueSource(function, JOBS, most=most, twice=True),
    ):
        begun = time.monotonic()

        def watch() -> None:
            while not ended.wait(_STEP):
                depth = queue.depth()
                left = depth.waiting + depth.delayed + depth.leased
                run.curve.append(Moment(time.monotonic() - begun, function.environments, left))

        watching = Thread(target=watch)
        watching.start()
        for key, data in objects.items():
            account.put("photocall-input", key, data)
        meanwhile(function)
        while not _is_over(run.curve) and time.monotonic() - begun < patience:
            time.sleep(_STEP)
        ended.set()
        watching.join()
        run.letters, run.depth, run.started = queue.dead(100), queue.depth(), len(function.started)
    run.outputs = account.objects("photocall-output")
    return run


def _is_over(curve: list[Moment]) -> bool:
    """Whether there was work, and neither any of it nor anybody to do it is left."""
    if not curve:
        return False
    return any(each.environments for each in curve) and not curve[-1].messages and not curve[-1].environments
