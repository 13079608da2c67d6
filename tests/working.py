"""A worker in this process, for tests of what goes into a queue and what comes out in the end."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread

from photocall.app import open_app, open_queue
from photocall.fleet import Progress
from photocall.handlers import Tools
from photocall.jobs import Job
from photocall.ports import Delivery
from photocall.settings import Settings
from photocall.worker import Worker


class Silent:
    """Nobody watches."""

    def begun(self, delivery: Delivery, job: Job) -> None: ...

    def went_on(self, progress: Progress) -> None: ...

    def ended(self) -> None: ...


@contextmanager
def working(settings: Settings) -> Iterator[None]:
    """A worker that does the jobs of these settings' queue; it has ended afterwards."""
    stopping = Event()
    with open_app(settings) as app, closing(open_queue(settings)) as queue:
        thread = Thread(target=Worker(Tools(app), queue, None, stopping, Silent()).work)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
