"""What is particular to PostgreSQL: how it is opened, how it locks, and what its failures mean in plain words.

Any number of writers; those of one collection wait for its row. A reader's transaction sees one moment (REPEATABLE
READ), a writer's sees what was committed before the row it locked became its own (READ COMMITTED).
"""

from typing import ClassVar

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from photocall.errors import StoreUnavailable

BUSY_SECONDS = 30
"""How long a writer waits for another one's lock before it gives up; a bulk enrolment holds it for about one."""

CONNECT_SECONDS = 10
"""How long the server may take to answer a new connection."""

SCHEMA_LOCK = 0x70686F746F63616C
"""Number of the advisory lock of whoever makes or changes tables; "photocal" in ASCII."""

KEYS_LOCK = SCHEMA_LOCK + 1
"""Number of the advisory lock of whoever seals templates, and, alone, of whoever changes their keys."""

DAMAGED = "it holds tables that are not photocall's, or damaged ones; give photocall a database of its own"

_REASONS = {
    "42501": "this user may not do that; let it own the database, or: GRANT CREATE ON SCHEMA public TO the user",
    "42": "its tables are not as photocall made them; restore it from a copy",
    "53100": "the server's disk is full; nothing was written; free some space and try again",
    "53": "the server has no room for more connections or memory; try again, or let it have more",
    "55P03": f"another program kept it locked for {BUSY_SECONDS} s; let that finish and try again",
    "40": "it collided with another program's writing; nothing was written; try again",
    "57": "the server is starting or stopping, or ended the connection; try again",
    "25006": "the server only reads at present; use the one that writes",
    "XX": "the server found its data damaged; restore it from a copy",
}
"""By SQLSTATE, or its first two characters, which are its class."""


class PostgresqlServer:
    """A `Database` on a PostgreSQL server; nothing is opened yet."""

    failures: tuple[type[Exception], ...] = (SQLAlchemyError, psycopg.Error)
    refusals: tuple[type[Exception], ...] = (DataError,)
    streaming: ClassVar[dict[str, bool]] = {"stream_results": True}
    damaged = DAMAGED

    def __init__(self, url: URL) -> None:
        """Name the database.

        Args:
            url: of it; what libpq takes as parameters may follow a question mark.
        """
        url = url.set(drivername="postgresql+psycopg")
        # A query may hold a password, too.
        self.name = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
        engine = create_engine(url, connect_args=_arguments(url), pool_pre_ping=True)
        self.reader: Engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self.writer: Engine = engine.execution_options(isolation_level="READ COMMITTED")

    def reason_for(self, error: Exception) -> str:
        """Why it failed, and what to do, in plain words."""
        if isinstance(error, PoolTimeoutError):
            return "too many threads use it at once; try again"
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", None) or ""
        return _REASONS.get(state) or _REASONS.get(state[:2]) or _in_its_words(cause)

    def keep_others_out(self, connection: Connection) -> None:
        """Let nobody else make or change tables until the transaction ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": SCHEMA_LOCK})

    def hold_keys(self, connection: Connection, *, alone: bool) -> None:
        """Until the transaction ends, let nobody drop keys of templates; alone, let nobody seal any either."""
        lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        connection.execute(text(f"SELECT {lock}(:number)"), {"number": KEYS_LOCK})

    def check(self, connection: Connection) -> None:
        """Raise `StoreUnavailable` if the database cannot keep every name."""
        encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
        if encoding != "UTF8":
            reason = f"its encoding is {encoding}, which cannot hold every name; make it with: createdb --encoding=UTF8"
            raise StoreUnavailable(self.name, reason)

    def written(self, *, erased: bool) -> None:
        """Nothing to do: the rows are gone, and their bytes are the server's to overwrite (docs/stores.md)."""


def _arguments(url: URL) -> dict[str, object]:
    """What the connection is opened with, unless the address says otherwise."""
    ours = {
        "application_name": "photocall",
        "client_encoding": "utf8",
        "connect_timeout": CONNECT_SECONDS,
        "options": f"-c lock_timeout={BUSY_SECONDS * 1000}",
    }
    return {name: value for name, value in ours.items() if name not in url.query}


def _in_its_words(cause: BaseException | None) -> str:
    """The first line of the server's or the driver's message, for what has no plain words of its own."""
    message = str(cause).partition("\n")[0]
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:  # there is no connection
        _, answered, refusal = message.partition("FATAL:")
        if answered:
            return f"the server refuses: {refusal.strip()}; check user, password and database, which createdb makes"
        return f"the server cannot be reached: {message}; check that it runs, its address and its port"
    return f"the database failed: {message}"
