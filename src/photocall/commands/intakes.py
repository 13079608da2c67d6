"""Bucket, results and queue of the commands that send files to workers."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from photocall.app import open_bucket, open_objects, open_queue
from photocall.console import complain
from photocall.fleet import pools
from photocall.jobs import Kind
from photocall.sending import Intake
from photocall.settings import Settings


@contextmanager
def open_intake(settings: Settings, kind: Kind = Kind.RECOGNIZE) -> Iterator[Intake]:
    """Where files go for one kind of job. Raises `StoreUnavailable`, `ExtraMissing`."""
    name = settings.bucket if kind is Kind.INDEX else settings.input_bucket
    with closing(open_queue(settings)) as queue:
        yield Intake(kind, name, open_bucket(settings, name), open_objects(settings), queue)


def warn_if_idle(intake: Intake) -> None:
    """Say so if nobody is there who would work."""
    if not pools(intake.objects):
        complain("no worker is running: photocall worker starts some, photocall serve has its own")
