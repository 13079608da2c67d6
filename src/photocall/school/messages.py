"""Messages in the queue that are about one student alone, and the results of such jobs.

photocall itself asks for no such job: photos of students are looked at at once. But a bucket may tell a queue of every
object that is put, and then the queue, or its dead letters, name the student's photos.
"""

from collections.abc import Callable, Sequence

from photocall.errors import JobInvalid
from photocall.jobs import Job, Kind, parse
from photocall.ports import JobQueue, ObjectStore
from photocall.results import read_result, result_key
from photocall.school.places import is_portrait, is_portrait_of

_BATCH = 10
_MOST_LETTERS = 10_000
"""Dead letters that are looked at; thousands of them are a fault that an operator should have seen."""


def drop_messages(queue: JobQueue, objects: ObjectStore, bucket: str, student_id: str) -> tuple[int, list[str]]:
    """Remove messages that wait or were given up and name nothing but photos of a student, and their results.

    A message that is somebody else's goes back into the queue as if it were new. One that a worker has right now is
    left: its photo is gone, so it ends as a dead letter, which the retention clock drops.

    Args:
        queue: of jobs.
        objects: where results are.
        bucket: the school's, by name.
        student_id: whose.

    Returns:
        How many messages went, and the keys of the results that did.
    """
    results, count = list[str](), 0
    for letter in queue.dead(_MOST_LETTERS):
        jobs = _theirs(letter.body, bucket, student_id)
        results += _delete_results(objects, jobs)  # before the message, by which they are found
        count += bool(jobs) and queue.drop(letter.letter_id)
    waiting = queue.depth().waiting
    while waiting > 0 and (deliveries := queue.receive(min(_BATCH, waiting))):
        waiting -= len(deliveries)
        for delivery in deliveries:
            jobs = _theirs(delivery.body, bucket, student_id)
            if not jobs:
                queue.send(delivery.body)  # before it is deleted: rather twice than lost
            results += _delete_results(objects, jobs)
            queue.delete(delivery)
            count += bool(jobs)
    return count, results


def drop_letters(queue: JobQueue, bucket: str) -> int:
    """Remove dead letters about photos of students, on which nobody ever works; how many there were."""
    found = [each for each in queue.dead(_MOST_LETTERS) if _jobs(each.body, bucket, is_portrait)]
    return sum(queue.drop(each.letter_id) for each in found)


def _delete_results(objects: ObjectStore, jobs: Sequence[Job]) -> list[str]:
    found = [result_key(job.job_id) for job in jobs if read_result(objects, job.job_id)]
    for key in found:
        objects.delete(key)
    return found


def _theirs(body: str, bucket: str, student_id: str) -> list[Job]:
    return _jobs(body, bucket, lambda key: is_portrait_of(key, student_id))


def _jobs(body: str, bucket: str, is_meant: Callable[[str], bool]) -> list[Job]:
    """The jobs of a message, if every one is about an object of the bucket that is meant; else none."""
    try:
        jobs = parse(body, lambda _: Kind.RECOGNIZE)
    except JobInvalid:
        return []
    return jobs if all(job.bucket == bucket and is_meant(job.key) for job in jobs) else []
