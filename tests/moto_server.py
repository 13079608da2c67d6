"""moto's server, whose SQS is made safe for several clients at once.

As it comes, two threads of it may both lease a message, and a message sent while another one is deleted may be lost.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from moto.server import main
from moto.sqs.models import SQSBackend

ALONE = Lock()
RECEIVE = SQSBackend.receive_message


def alone(method: Callable[..., Any]) -> Callable[..., Any]:
    def locked(*arguments: Any, **named: Any) -> Any:
        with ALONE:
            return method(*arguments, **named)

    return locked


def receive_message(
    backend: SQSBackend, queue_name: str, count: int, wait_seconds_timeout: int, *others: Any, **named: Any
) -> Any:
    """Ask again and again, and let others at the queue in between."""
    deadline = time.monotonic() + wait_seconds_timeout
    while True:
        with ALONE:
            found = RECEIVE(backend, queue_name, count, 0, *others, **named)
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(0.02)


if __name__ == "__main__":
    for name in ("send_message", "delete_message", "change_message_visibility"):  # those for batches call these
        setattr(SQSBackend, name, alone(getattr(SQSBackend, name)))
    setattr(SQSBackend, "receive_message", receive_message)  # noqa: B010
    main()
