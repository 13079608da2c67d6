"""Which adapter of JobQueue an address means; each is loaded only where it is meant."""

import re

from photocall.errors import ExtraMissing, SettingInvalid, StoreUnavailable
from photocall.ports import JobQueue

_ADDRESS = "PHOTOCALL_QUEUE"  # instead of the address itself, which may have a password in it
_EXPECTED = "not the address of queues, such as sqlite:////srv/queue.db, nats://127.0.0.1:4222 or sqs://"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,75}")
"""SQS takes 80 letters, and the queue of the dead letters has five more."""


def open_queue(url: str, name: str, *, lease: float, max_receives: int) -> JobQueue:
    """The queue of this name at an address; see `SqliteQueue`, `NatsQueue` and `SqsQueue`.

    Raises:
        SettingInvalid: no queue can have this name.
        StoreUnavailable: it is no such address, or what it names cannot be reached.
        ExtraMissing: the package for it is not installed.
    """
    if not _NAME.fullmatch(name):
        raise SettingInvalid(repr(name), "not the name of a queue: 1 to 75 letters, digits, - and _")
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return _open_sqlite(url, name, lease, max_receives)
    if scheme in ("nats", "tls"):
        return _open_nats(url, name, lease, max_receives)
    if scheme == "sqs":
        return _open_sqs(url, name, lease, max_receives)
    raise StoreUnavailable(_ADDRESS, _EXPECTED)


def _open_sqlite(url: str, name: str, lease: float, max_receives: int) -> JobQueue:
    from sqlalchemy import make_url  # which a queue of SQS does not need
    from sqlalchemy.exc import ArgumentError

    from photocall.stores.sqlite import database_path
    from photocall.stores.sqlite_queue import SqliteQueue

    try:
        path = database_path(make_url(url))
    except (ArgumentError, ValueError) as error:
        raise StoreUnavailable(_ADDRESS, _EXPECTED) from error
    return SqliteQueue(path, name, lease=lease, max_receives=max_receives)


def _open_nats(url: str, name: str, lease: float, max_receives: int) -> JobQueue:
    try:
        from photocall.stores.nats_queue import NatsQueue  # an extra
    except ImportError as error:
        raise ExtraMissing("a queue in NATS", "nats") from error
    return NatsQueue(url, name, lease=lease, max_receives=max_receives)


def _open_sqs(url: str, name: str, lease: float, max_receives: int) -> JobQueue:
    try:
        from photocall.stores.sqs_queue import SqsQueue  # an extra
    except ImportError as error:
        raise ExtraMissing("a queue in SQS", "aws") from error
    return SqsQueue(url, name, lease=lease, max_receives=max_receives)
