"""What is particular to SQLite: how it is opened, how it locks, and what its failures mean in plain words.

One writer at a time and any number of readers, over threads and processes alike (write-ahead log). A transaction that
will write says so at its start (BEGIN IMMEDIATE): two readers that both turn into writers would deadlock.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from photocall.errors import StoreUnavailable

BUSY_SECONDS = 30
"""How long a connection waits for another one's lock before it gives up; a bulk enrolment holds it for about one."""

SWEEP_SECONDS = 0.2
"""How long an erasure waits for readers of the log; most are done in a thousandth of that."""

STATEMENTS = 32
"""Compiled statements that a connection keeps. Python's 128 took 1.6 MB a connection after 1,500 requests, and more
with every further one, since each length of a list of ids makes another statement; 16 took 0.3 MB."""

PRAGMAS = (
    f"busy_timeout = {BUSY_SECONDS * 1000}",  # first: the next one may have to wait for a lock
    "journal_mode = WAL",
    "synchronous = FULL",  # a commit is on the disk before it returns; NORMAL could lose the last ones with the power
    "foreign_keys = ON",
    "secure_delete = ON",  # a face that was deleted is overwritten, not merely forgotten
)

WRITES = "photocall_writes"
"""Execution option of a connection whose transactions will write."""

DAMAGED = "it is not a photocall database, or it is damaged; restore it from a copy or choose another --data directory"

_REASONS = {
    sqlite3.SQLITE_ERROR: "its tables are not as photocall made them; restore it from a copy",
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full; nothing was written; free some space and try again",
    sqlite3.SQLITE_BUSY: f"another program kept it locked for {BUSY_SECONDS} s; let that finish and try again",
    sqlite3.SQLITE_READONLY: "it may not be written; give yourself the right to write it and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; make sure that it and its folder may be read and written by you",
    sqlite3.SQLITE_PERM: "it may not be opened; give yourself the right to read and write it and its folder",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write it; check the disk and the space left on it",
}


class SqliteFile:
    """A `Database` in a file; nothing is opened yet."""

    failures: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError)
    refusals: tuple[type[Exception], ...] = ()  # it keeps what it is given
    streaming: ClassVar[dict[str, bool]] = {}  # a file is read row by row anyway
    damaged = DAMAGED

    def __init__(self, url: URL) -> None:
        """Name the file; its folder is made if missing.

        Raises:
            StoreUnavailable: the address names no file, or a place where no file can be.
        """
        path = database_path(url)
        make_room(path)
        self.name = str(path)
        self.reader: Engine = create_engine(
            URL.create("sqlite", database=self.name), connect_args={"cached_statements": STATEMENTS}
        )
        self.writer: Engine = self.reader.execution_options(**{WRITES: True})
        self._unswept = True  # a process that was killed may have left something in the log
        event.listen(self.reader, "connect", prepare)
        event.listen(self.reader, "begin", _begin)

    def reason_for(self, error: Exception) -> str:
        """Why it failed, and what to do, in plain words."""
        if isinstance(error, PoolTimeoutError):
            return "too many threads use it at once; try again"
        return reason_for(error.orig if isinstance(error, DBAPIError) else error)

    def keep_others_out(self, connection: Connection) -> None:
        """Nobody else writes anyway while a transaction that writes is under way."""

    def hold_keys(self, connection: Connection, *, alone: bool) -> None:
        """Nobody else writes anyway while a transaction that writes is under way."""

    def check(self, connection: Connection) -> None:
        """Every file will do."""

    def written(self, *, erased: bool) -> None:
        """Empty the log after an erasure: it holds older copies of the pages, with what was erased.

        A reader that is slower than `SWEEP_SECONDS` prevents it; then the next write tries again, or who closes last.
        """
        if erased or self._unswept:
            self._unswept = not self._sweep()

    def _sweep(self) -> bool:
        try:
            connection = self.reader.raw_connection()
        except self.failures:
            return False
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {int(SWEEP_SECONDS * 1000)}")
            busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.execute(f"PRAGMA {PRAGMAS[0]}")
        except sqlite3.Error:  # the erasure itself is committed
            connection.invalidate()
            return False
        finally:
            connection.close()
        return not busy


def reason_for(error: BaseException | None) -> str:
    """What a failure of the driver means, and what to do, in plain words."""
    if isinstance(error, UnicodeDecodeError):  # the driver could not even read the message about the damage
        return DAMAGED
    # The low byte is the kind of failure; the rest says where it happened.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return _REASONS.get(code, f"the database failed: {error}")


def make_room(path: Path) -> None:
    """Make a database file that is its owner's alone, if there is none. Raises `StoreUnavailable`."""
    try:
        # Faces are personal data: a directory made for them is its owner's alone.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        in_the_way = path.is_dir()
        if not path.exists():
            path.touch(mode=0o600)  # the log files beside it get the same rights from SQLite
    except OSError as error:
        reason = f"its folder cannot be made or entered: {error.strerror}; choose another --data directory"
        raise StoreUnavailable(str(path), reason) from error
    if in_the_way:
        raise StoreUnavailable(str(path), "it is a directory, not a database file; choose another --data directory")


def database_path(url: URL) -> Path:
    """The file that an address names. Raises `StoreUnavailable` if it names none."""
    # A memory database is each connection's own, so it could not be shared between threads.
    in_memory = not url.database or url.database == ":memory:" or url.database.startswith("file:")
    if in_memory or url.query or url.host:
        expected = "not the address of a database file, such as sqlite:////home/ada/photocall.db"
        raise StoreUnavailable(url.set(query={}).render_as_string(), expected)
    return Path(str(url.database))


def prepare(connection: Any, _record: object = None) -> None:
    """Set a new connection up; it is closed if that fails."""
    connection.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
    try:
        for pragma in PRAGMAS:
            _set(connection, pragma)
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()  # the pool has not taken it yet
        raise


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Where several processes turn a new file into a write-ahead log at once, SQLite does not wait by itself."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}").fetchall()
            return
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
