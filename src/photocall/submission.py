"""Asking for a job: its result says "waiting" before anybody can do it, so that whoever asked can always find it."""

from photocall import results
from photocall.jobs import Job, message
from photocall.ports import JobQueue, ObjectStore


def submit(objects: ObjectStore, queue: JobQueue, job: Job) -> None:
    """Ask for a job; asking again for one that was done does nothing new.

    Args:
        objects: where its result will be.
        queue: of the jobs.
        job: whose object is in its bucket by now.
    """
    results.announce(objects, job)
    queue.send(message(job))
