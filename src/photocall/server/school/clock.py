"""The retention clock of a server: runs at the start and every hour, so that what is due is really deleted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

from photocall.errors import PhotocallError
from photocall.school import retention
from photocall.school.accounts import has_administrator
from photocall.server.school.lessons import places_of
from photocall.server.school.memory import forget_now
from photocall.server.service import Service

SECONDS = 3600.0
"""Between two runs."""

STOP_SECONDS = 20.0
"""So long a server that stops waits for a run under way; the next run of any server goes on where it ended."""

_log = logging.getLogger(__name__)


class Clock:
    """Deletes what is due, in a thread of its own; several servers may do so at once."""

    def __init__(self, service: Service, seconds: float = SECONDS) -> None:
        """Nothing happens before `start`."""
        self._service, self._seconds, self._ending = service, seconds, Event()
        self._thread = Thread(target=self._run, name="photocall-retention", daemon=True)

    def start(self) -> None:
        """Run now, and then every hour."""
        self._thread.start()

    def close(self) -> None:
        """Run no more; a run that is under way ends first, if it does soon."""
        self._ending.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._ending.is_set():
            run_once(self._service)
            self._ending.wait(self._seconds)


@contextmanager
def running(service: Service) -> Iterator[None]:
    """While this lasts, the clock of a server runs."""
    clock = Clock(service)
    clock.start()
    try:
        yield
    finally:
        clock.close()


def run_once(service: Service) -> retention.Deleted | None:
    """Delete what is due; None where there is no school, or if that failed, for which the next run makes up."""
    try:
        if not (service.has_school and has_administrator(service.school)):
            return None
        deleted = retention.run(places_of(service), service.queue, datetime.now(UTC))
        forget_now(service)
    except PhotocallError as error:
        _log.warning("the retention clock could not finish: %s", type(error).__name__)
        return None
    return deleted
