"""A database and its transactions, whichever it is. The parts of the store build on `Transactions`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from photocall.errors import StoreUnavailable
from photocall.stores.sealing import Sealer

Noun = TypeVar("Noun")
Insert = sqlite.Insert | postgresql.Insert


class Database(Protocol):
    """What is particular to a kind of database; `sqlite` and `postgresql` have one each."""

    name: str
    """Its address, for messages: without a password."""
    reader: Engine
    """Its transactions see the database as it was at their start."""
    writer: Engine
    """Its transactions see what others committed before a row was locked."""
    failures: tuple[type[Exception], ...]
    """What its driver raises."""
    refusals: tuple[type[Exception], ...]
    """Those of them that say that a value cannot be kept, which is the caller's fault."""
    streaming: ClassVar[dict[str, bool]]
    """Execution options of a query whose answer is large: without them, PostgreSQL would send all of it at once."""
    damaged: str
    """What to say of tables that are not photocall's, or of rows that make no sense."""

    def reason_for(self, error: Exception) -> str:
        """Why it failed, and what to do, in plain words."""
        ...

    def keep_others_out(self, connection: Connection) -> None:
        """Let nobody else make or change tables until the transaction ends."""
        ...

    def hold_keys(self, connection: Connection, *, alone: bool) -> None:
        """Until the transaction ends, let nobody drop keys of templates; alone, let nobody seal any either."""
        ...

    def check(self, connection: Connection) -> None:
        """Raise `StoreUnavailable` if it is set up so that it cannot keep what photocall writes."""
        ...

    def written(self, *, erased: bool) -> None:
        """Hear that a transaction was committed, and whether it removed something that nobody may find again."""
        ...


class Transactions:
    """Transactions on a database, with its failures in plain words."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database, self._sealer = database, sealer

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._failing(), self._database.reader.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self, *, erasing: bool = False) -> Iterator[Connection]:
        with self._failing(), self._database.writer.begin() as connection:
            yield connection
        self._database.written(erased=erasing)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except self._database.refusals as error:
            raise ValueError(self._database.reason_for(error)) from error
        except self._database.failures as error:
            raise StoreUnavailable(self._database.name, self._database.reason_for(error)) from error

    def _sealing(self, connection: Connection, *, alone: bool = False) -> Sealer:
        """What seals in a transaction that writes; the key that it uses stays in the file until that has ended."""
        if self._sealer.seals:
            self._database.hold_keys(connection, alone=alone)
            self._sealer.refresh()
        return self._sealer

    def _decoded(self, decode: Callable[[Row[Any]], Noun], rows: Sequence[Row[Any]]) -> list[Noun]:
        try:
            return [decode(row) for row in rows]
        except (ValueError, TypeError) as error:
            raise StoreUnavailable(self._database.name, self._database.damaged) from error


def insert_into(connection: Connection, table: Table) -> Insert:
    """An INSERT that can say what happens on a conflict, which is the same in both databases."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def upsert(connection: Connection, table: Table, *key: str, keep: Sequence[str] = ()) -> Insert:
    """Insert a row, or replace the one with the same `key`, whose primary key and columns to `keep` stay."""
    statement = insert_into(connection, table)
    replaced = [c.name for c in table.columns if c.name not in (*key, *keep) and not c.primary_key]
    new = {name: statement.excluded[name] for name in replaced}
    if not new:
        return statement.on_conflict_do_nothing(index_elements=key)
    return statement.on_conflict_do_update(index_elements=key, set_=new)
