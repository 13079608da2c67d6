"""Faces and students in an SQL database: both ports, on a file with no server to run or on a PostgreSQL.

Every method is one transaction. What is particular to a database is in `sqlite` and `postgresql`; what is done with
rows is here once, a file for each noun.
"""

from types import TracebackType
from typing import Self

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from photocall.errors import ExtraMissing, StoreUnavailable
from photocall.stores import tables
from photocall.stores.collection_store import CollectionStore
from photocall.stores.database import Database
from photocall.stores.face_store import FacesOfCollections
from photocall.stores.register import SqlRegister
from photocall.stores.schema import make_schema, schema_version, upgrade_schema
from photocall.stores.school_reports import SchoolReports
from photocall.stores.school_store import SchoolRecords
from photocall.stores.sealing import Sealer
from photocall.stores.sqlite import SqliteFile
from photocall.stores.template_keys import NO_KEYS, KeyFile
from photocall.stores.template_store import TemplateStore
from photocall.stores.user_store import UserStore

EXPECTED = (
    "not the address of a database file, such as sqlite:////home/ada/photocall.db, "
    "nor of a server, such as postgresql://ada@localhost/photocall"
)


class SqlStore(
    CollectionStore, FacesOfCollections, UserStore, SqlRegister, SchoolRecords, SchoolReports, TemplateStore
):
    """A FaceStore and a Register in one database; safe from many threads and many processes at once.

    Open it anew in a process made by `os.fork`: a connection does not survive one.
    """

    def __init__(self, url: str, keys: KeyFile = NO_KEYS) -> None:
        """Open the database; a file is made on first use with its parent directory, and tables are made or upgraded.

        Args:
            url: `sqlite:////absolute/path/photocall.db` (`settings.sqlite_url` makes one from a path), or
                `postgresql://user:password@host/database`.
            keys: that templates are sealed under; without them new ones are not sealed.

        Raises:
            StoreUnavailable: it cannot be opened, is no database of photocall's, or was made by a newer photocall; or
                the keys are missing.
            ExtraMissing: the driver for PostgreSQL is not installed.
        """
        super().__init__(_database(url), Sealer(keys))
        try:
            self._open()
        except (StoreUnavailable, ValueError):
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._database.reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        with self._reading() as connection:
            self._database.check(connection)
            version = schema_version(connection)
        if version is None or 0 < version < tables.SCHEMA_VERSION:
            with self._writing() as connection:
                self._database.keep_others_out(connection)
                version = schema_version(connection)  # another process may have been first
                version = make_schema(connection) if version is None else upgrade_schema(connection, version)
        if version == 0:
            raise StoreUnavailable(self._database.name, self._database.damaged)
        if version > tables.SCHEMA_VERSION:
            known = f"schema {version}, this one knows {tables.SCHEMA_VERSION}"
            raise StoreUnavailable(self._database.name, f"it was made by a newer photocall ({known}); update")
        self._sealer.begin(self.anything_sealed)


def _database(url: str) -> Database:
    parsed = _parsed(url)
    if parsed.drivername == "sqlite":
        return SqliteFile(parsed)
    if parsed.drivername not in ("postgresql", "postgresql+psycopg"):
        raise StoreUnavailable(parsed.set(query={}).render_as_string(), EXPECTED)
    try:
        from photocall.stores.postgresql import PostgresqlServer  # loads psycopg, which a file does not need
    except ImportError as error:
        raise ExtraMissing("PostgreSQL", "postgres") from error
    return PostgresqlServer(parsed)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # the errors may show the password
        raise StoreUnavailable(_without_secrets(url), EXPECTED) from None


def _without_secrets(url: str) -> str:
    """An address that cannot be read: nothing of it that may be a password."""
    scheme, slashes, rest = url.partition("?")[0].rpartition("://")
    return scheme + slashes + (f"***@{rest.rpartition('@')[2]}" if "@" in rest else rest)
