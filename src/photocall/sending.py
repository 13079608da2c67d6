"""Files of this machine become objects in a bucket and jobs in a queue; and the wait for what comes of jobs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from photocall import results
from photocall.errors import FileUnreadable
from photocall.jobs import Job, Kind
from photocall.media.files import read_file, reason
from photocall.media.signatures import HEAD, IMAGES, kind
from photocall.ports import JobQueue, ObjectStore
from photocall.submission import submit


@dataclass(frozen=True, slots=True)
class Intake:
    """Where files are put so that they are worked on.

    Attributes:
        kind: what is done with them.
        name: of their bucket.
        bucket: the same, opened.
        objects: where results will be.
        queue: of the jobs.
    """

    kind: Kind
    name: str
    bucket: ObjectStore
    objects: ObjectStore
    queue: JobQueue

    def job(self, key: str, request_id: str) -> Job:
        """The job that an object of this key is to become."""
        return Job(self.kind, self.name, key, request_id)

    def send(self, path: Path, job: Job) -> None:
        """Put a file as a job's object and ask for the job; doing it again changes nothing.

        Raises:
            FileUnreadable: it cannot be read, or is neither a photo nor, where videos are wanted, a video.
            ObjectKeyInvalid: no object can have its name.
            StoreUnavailable: bucket or queue cannot be reached.
        """
        try:
            _check(path, photos_only=self.kind is Kind.INDEX)
            file = path.open("rb")
        except OSError as error:
            raise FileUnreadable(str(path), reason(error)) from error
        with file:
            self.bucket.upload(job.key, file)
        submit(self.objects, self.queue, job)


def settled(objects: ObjectStore, job_ids: Iterable[str]) -> Iterator[results.Json]:
    """The results of those jobs that have been done or given up by now."""
    for job_id in job_ids:
        found = results.read_result(objects, job_id)
        if found is not None and found["status"] != results.WAITING:
            yield found


def _check(path: Path, *, photos_only: bool) -> None:
    found = kind(read_file(path, head=HEAD))
    if found not in IMAGES and (photos_only or found not in ("video", None)):  # not every video can be told so early
        wanted = "a photo" if photos_only else "a photo or a video"
        raise FileUnreadable(str(path), f"it is {found or 'something unknown'}, not {wanted}")
