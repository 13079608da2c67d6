"""A worker in a thread of this process, and a class for it to know, for tests of what waits for workers."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

from photocall.app import open_app, open_queue
from photocall.demo import Demo
from photocall.enrolment import enroll_photo
from photocall.fleet import Progress
from photocall.handlers import Tools
from photocall.jobs import Job
from photocall.ports import Delivery, JobQueue
from photocall.settings import Settings
from photocall.worker import Worker


class Silent:
    """Nobody watches."""

    def begun(self, delivery: Delivery, job: Job) -> None: ...

    def went_on(self, progress: Progress) -> None: ...

    def ended(self) -> None: ...


def enroll_class(data: Path, demo: Demo) -> None:
    """Enrol the demo class in a data directory."""
    with open_app(Settings(data=data, threads=1)) as app:
        app.gallery()
        for path in sorted(demo.enroll.iterdir()):
            enroll_photo(app.engine, app.store, "students", path, path.stem)


def emptied(queue: JobQueue) -> JobQueue:
    """A queue in which nothing waits any more."""
    for delivery in iter(lambda: next(iter(queue.receive()), None), None):
        queue.delete(delivery)
    return queue


@contextmanager
def at_work(settings: Settings) -> Iterator[None]:
    """While this lasts, a worker does the jobs of the queue."""
    stopping = Event()
    with open_app(settings) as app, closing(open_queue(settings)) as queue:
        thread = Thread(target=Worker(Tools(app), queue, None, stopping, Silent()).work)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
