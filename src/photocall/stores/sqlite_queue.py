"""A JobQueue for the processes of one machine, in an SQLite file of its own.

Times are those of the clock that counts from the machine's start, which nobody can set: a lease neither ends early nor
lasts for ever when the clock on the wall jumps. What was leased or delayed before the machine started anew is due.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from photocall.errors import StoreUnavailable
from photocall.ports import DeadLetter, Delivery, Depth
from photocall.stores import sqlite
from photocall.stores.lost import lost

POLL_SECONDS = 0.05
"""How often a receiver that waits looks for a message; a look takes some 20 microseconds."""

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL, receives INTEGER NOT NULL,
        boot TEXT NOT NULL, due REAL NOT NULL, lease TEXT)""",
    "CREATE INDEX IF NOT EXISTS messages_due ON messages (queue, due, lease)",  # all that a depth asks for
    """CREATE TABLE IF NOT EXISTS dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL, receives INTEGER NOT NULL,
        reason TEXT NOT NULL, died REAL NOT NULL)""",
)

_TAKE = """UPDATE messages SET receives = receives + 1, due = :until, lease = :lease
    WHERE id IN (SELECT id FROM messages WHERE queue = :queue AND due <= :now ORDER BY due, id LIMIT :limit)
    RETURNING id, body, receives"""

_COUNT = """SELECT count(*) FILTER (WHERE due <= :now), count(*) FILTER (WHERE due > :now AND lease IS NULL),
    count(*) FILTER (WHERE due > :now AND lease IS NOT NULL),
    (SELECT count(*) FROM dead_letters WHERE queue = :queue) FROM messages WHERE queue = :queue"""

_DURABLE, _QUICK = "FULL", "NORMAL"
"""How a commit waits for the disk: a message that was sent is there after a power cut, while what is forgotten of a
lease, or of a message being done, only has the message received once more."""


class SqliteQueue:
    """Safe to share between threads; each process opens its own."""

    def __init__(self, path: Path, name: str, *, lease: float, max_receives: int) -> None:
        """Open the queue of this name; its file is made if there is none.

        Args:
            path: of the file, which may hold several queues.
            name: of the queue.
            lease: seconds that a receiver has a message for.
            max_receives: how often a message is received before it is given up.

        Raises:
            StoreUnavailable: it cannot be opened.
        """
        self.lease, self.max_receives = lease, max_receives
        self._path, self._name, self._boot, self._lock = path, name, _boot(), Lock()
        self._synchronous, self._had_some = "", False
        sqlite.make_room(path)
        with self._failing():
            self._connection = sqlite3.connect(path, check_same_thread=False, cached_statements=sqlite.STATEMENTS)
            sqlite.prepare(self._connection)
        try:
            self._set_up()
        except BaseException:
            self._connection.close()
            raise

    def send(self, body: str, delay: float = 0) -> None:
        """Add a message, which is on the disk afterwards."""
        with self._writing(_DURABLE) as connection:
            self._insert(connection, body, delay)

    def receive(self, limit: int = 1, wait: float = 0) -> list[Delivery]:
        """Lease messages, the one that has been due for longest first; waits for the first one."""
        deadline = time.monotonic() + wait
        while True:
            found = self._take(limit) if self._had_some or self._is_due() else None
            self._had_some = bool(found)  # then it is cheaper to take than to look first
            left = deadline - time.monotonic()
            if found or (found is None and left <= 0):
                return found or []
            if found is None:
                time.sleep(min(POLL_SECONDS, left))

    def extend(self, delivery: Delivery) -> bool:
        """Begin the lease anew; False if it had ended and the message is somebody else's, done or dead."""
        with self._writing(_QUICK) as connection:
            return self._set_due(connection, delivery, _now() + self.lease, delivery.receipt)

    def delete(self, delivery: Delivery) -> None:
        """Remove a message that was done; also after the lease has ended, since done is done."""
        with self._writing(_QUICK) as connection:
            connection.execute("DELETE FROM messages WHERE id = ?", [_number(delivery.receipt)])

    def release(self, delivery: Delivery, reason: str, delay: float = 0) -> None:
        """Give a message back before its lease ends, or give it up if it had its last receive."""
        if delivery.receives >= self.max_receives:
            self.bury(delivery, reason)
            return
        with self._writing(_QUICK) as connection:
            self._set_due(connection, delivery, _now() + delay, None)

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Give a message up that will never succeed. Nothing happens if the lease has ended."""
        with self._writing(_DURABLE) as connection:
            if self._set_due(connection, delivery, _now(), delivery.receipt):
                self._bury(connection, _number(delivery.receipt), reason)

    def depth(self) -> Depth:
        """How many messages there are, of each kind."""
        with self._lock, self._failing():
            counts = self._connection.execute(_COUNT, {"queue": self._name, "now": _now()}).fetchone()
        return Depth(*counts)

    def dead(self, limit: int) -> list[DeadLetter]:
        """Some of the dead letters, oldest first."""
        select = "SELECT id, body, reason, receives, died FROM dead_letters WHERE queue = ? ORDER BY id LIMIT ?"
        with self._lock, self._failing():
            found = self._connection.execute(select, [self._name, limit]).fetchall()
        return [
            DeadLetter(str(number), body, reason, receives, datetime.fromtimestamp(died, UTC))
            for number, body, reason, receives, died in found
        ]

    def retry(self, letter_id: str) -> bool:
        """Send a dead letter once more, as if it were new; False if there is none of this id."""
        with self._writing(_DURABLE) as connection:
            found = self._remove_letter(connection, letter_id)
            for (body,) in found:
                self._insert(connection, body, 0)
        return bool(found)

    def drop(self, letter_id: str) -> bool:
        """Remove a dead letter for good; False if there is none of this id."""
        with self._writing(_DURABLE) as connection:
            return bool(self._remove_letter(connection, letter_id))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _set_up(self) -> None:
        with self._writing(_DURABLE) as connection:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("UPDATE messages SET boot = ?1, due = 0 WHERE boot <> ?1", [self._boot])

    def _is_due(self) -> bool:
        select = "SELECT 1 FROM messages WHERE queue = ? AND due <= ? LIMIT 1"
        with self._lock, self._failing():
            return self._connection.execute(select, [self._name, _now()]).fetchone() is not None

    def _take(self, limit: int) -> list[Delivery] | None:
        """Lease what is due, and give up what was received too often; None where others were quicker."""
        lease, now = uuid4().hex, _now()
        wanted = {"queue": self._name, "now": now, "until": now + self.lease, "lease": lease, "limit": limit}
        with self._writing(_QUICK) as connection:
            found = sorted(connection.execute(_TAKE, wanted).fetchall())
            for number, _, receives in found:
                if receives > self.max_receives:
                    self._bury(connection, number, lost(self.max_receives), receives - 1)
        taken = [Delivery(body, f"{number}-{lease}", n) for number, body, n in found if n <= self.max_receives]
        return taken if found else None

    def _insert(self, connection: sqlite3.Connection, body: str, delay: float) -> None:
        insert = "INSERT INTO messages (queue, body, receives, boot, due) VALUES (?, ?, 0, ?, ?)"
        connection.execute(insert, [self._name, body, self._boot, _now() + delay])

    def _set_due(self, connection: sqlite3.Connection, delivery: Delivery, due: float, receipt: str | None) -> bool:
        """Change when a leased message is due; False if the lease has ended and somebody else's began."""
        lease = None if receipt is None else receipt.partition("-")[2]
        update = "UPDATE messages SET due = ?, lease = ? WHERE id = ? AND lease = ?"
        old = delivery.receipt.partition("-")[2]
        return connection.execute(update, [due, lease, _number(delivery.receipt), old]).rowcount > 0

    def _bury(self, connection: sqlite3.Connection, number: int, reason: str, receives: int | None = None) -> None:
        insert = """INSERT INTO dead_letters (queue, body, receives, reason, died)
            SELECT queue, body, coalesce(?, receives), ?, ? FROM messages WHERE id = ?"""
        connection.execute(insert, [receives, reason, time.time(), number])
        connection.execute("DELETE FROM messages WHERE id = ?", [number])

    def _remove_letter(self, connection: sqlite3.Connection, letter_id: str) -> Sequence[tuple[str]]:
        delete = "DELETE FROM dead_letters WHERE queue = ? AND id = ? RETURNING body"
        return connection.execute(delete, [self._name, letter_id]).fetchall()

    @contextmanager
    def _writing(self, synchronous: str) -> Iterator[sqlite3.Connection]:
        """A transaction that has the file to itself from its start."""
        with self._lock, self._failing():
            if synchronous != self._synchronous:
                self._connection.execute(f"PRAGMA synchronous = {synchronous}")
                self._synchronous = synchronous
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StoreUnavailable(str(self._path), sqlite.reason_for(error)) from error


def _number(receipt: str) -> int:
    return int(receipt.partition("-")[0])


def _now() -> float:
    """Seconds since the machine started, the same in every process, and also while it sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _boot() -> str:
    """What names this start of the machine, by the kernel's documentation of /proc/sys/kernel/random."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
