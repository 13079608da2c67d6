"""The connection to DynamoDB: its client, threads, patience, and in plain words why something failed."""

import random
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from photocall.errors import StoreUnavailable
from photocall.stores.aws_client import client, code_of, reason_of

Answer = TypeVar("Answer")
Asked = TypeVar("Asked")

THREADS = 8
"""Questions at once: one a shard of a collection."""

PATIENCE = 30.0
"""Seconds for which something is tried again that others keep from happening."""

PAUSES = (0.01, 0.5)
"""Seconds until it is tried again: about the first of these at first, about the second in the end."""

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=2 * THREADS,
)

CHANGING = "others change it all the time; try again when fewer do"
THROTTLED = "it is asked more often than it allows; try again later, or give it more capacity"

_MISSING = "ResourceNotFoundException"
_BUSY = ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled")


class Connection:
    """A client of DynamoDB, and threads for what is asked at once; safe to share between threads."""

    def __init__(self, name: str) -> None:
        """Nothing is asked yet; the name is for messages. Raises `StoreUnavailable` if nobody said which region."""
        with failing(name):
            self.client = client("dynamodb", _CONFIG)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="photocall-dynamodb")

    def at_once(self, ask: Callable[[Asked], Answer], asked: Collection[Asked]) -> list[Answer]:
        """The answers to several questions, asked side by side; none of them may ask so itself."""
        return [ask(each) for each in asked] if len(asked) < 2 else list(self._threads.map(ask, asked))

    def close(self) -> None:
        """Let go of connections and threads."""
        self._threads.shutdown()
        self.client.close()


def attempts() -> Iterator[None]:
    """One attempt after another, with pauses between them that grow, for as long as `PATIENCE` says."""
    end, (pause, longest) = time.monotonic() + PATIENCE, PAUSES
    while True:
        yield
        if time.monotonic() > end:
            return
        time.sleep(random.uniform(0, 2 * pause))  # noqa: S311  # so that those who met do not meet again
        pause = min(2 * pause, longest)


@contextmanager
def failing(name: str) -> Iterator[None]:
    """Say in plain words why DynamoDB failed: `StoreUnavailable`, or ValueError where an item is too large."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if "Item size" in _told(error):
            raise ValueError("it is larger than the 400 KB that DynamoDB takes of an item") from None
        raise StoreUnavailable(f"dynamodb://{name}", _reason(error)) from None


def _told(error: Exception) -> str:
    """All that DynamoDB said of a failure, which in that of a transaction stands beside the message."""
    return f"{error} {error.response.get('CancellationReasons', '') if isinstance(error, ClientError) else ''}"


def _reason(error: Exception) -> str:
    code = code_of(error) if isinstance(error, ClientError) else ""
    if code == _MISSING:
        return "there is no such table; docs/stores.md shows how to make it"
    return THROTTLED if code in _BUSY else reason_of("DynamoDB", error)
