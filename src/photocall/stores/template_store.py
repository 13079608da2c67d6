"""Every template in an SQL database, of whatever table: under which keys they are sealed, and new keys for all."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Row,
    Table,
    bindparam,
    func,
    select,
    tuple_,
    update,
)

from photocall.errors import StoreUnavailable
from photocall.school.records import KEYS
from photocall.stores import school_tables, tables
from photocall.stores.collection_store import CHUNK
from photocall.stores.database import Transactions
from photocall.stores.sealing import NUMBER, OVERHEAD, PREFIX, Sealer
from photocall.stores.template_keys import ID_BYTES
from photocall.templates import KeyUse, Rotation

Watch = Callable[[Sequence[int]], Iterable[int]]
"""Gives the numbers of the steps back one by one, and may show how far it is."""

Place = tuple[str, ...]

PLACES: Mapping[Table, tuple[str, ...]] = {
    tables.faces: ("collection_id", "face_id"),
    **{school_tables.TABLES[kind]: KEYS[kind] for kind in school_tables.TEMPLATES},
}
"""The tables whose column `vector` is a template, and the columns that, after the table's name, are its place."""

PAUSE_SECONDS = 0.05
"""Until rows that others had locked are tried again."""


class TemplateStore(Transactions):
    """What is done with templates as such."""

    def anything_sealed(self) -> bool:
        """Whether any template is sealed."""
        with self._reading() as connection:
            some = (select(table.c.vector).where(_sealed(table)).limit(1) for table in PLACES)
            return any(connection.execute(one).first() is not None for one in some)

    def template_keys(self) -> list[KeyUse]:
        """The keys in the file, the newest first, those that are missing there, and what is not sealed at all."""
        made = self._sealer.keys()
        with self._reading() as connection:
            counts = _counts(connection)
        known = [*made, *sorted(key for key in counts if key and key not in made)]
        newest = next(iter(made), b"")
        uses = [KeyUse(key.hex(), made.get(key), key == newest, counts.get(key, 0)) for key in known]
        return [*uses, KeyUse("", None, newest=False, templates=counts[b""])] if counts.get(b"") else uses

    def rotate_templates(self, watch: Watch = iter) -> Rotation:
        """Seal every template under a new key, and forget the old ones; others may work with the database meanwhile.

        If it is interrupted, the next call brings it to its end.

        Args:
            watch: is given the steps.

        Raises:
            StoreUnavailable: a key is missing, the file of keys cannot be written, or the database failed; everything
                can still be read.
        """
        resumed = self._begin()
        count = self._pass(watch)
        while (dropped := self._end()) is None:
            time.sleep(PAUSE_SECONDS)
            count += self._pass()
        return Rotation(next(iter(self._sealer.keys())).hex(), count, tuple(key.hex() for key in dropped), resumed)

    def _begin(self) -> bool:
        """Make a key, unless there is one that not everything is sealed under yet, since there is an older one."""
        with self._writing() as connection:
            sealer = self._sealing(connection, alone=True)
            resumed = len(sealer.keys()) > 1
            if not resumed:
                sealer.add_key()
        return resumed

    def _end(self) -> list[bytes] | None:
        """Forget the old keys; None, and nothing is done, if they are needed."""
        with self._writing(erasing=True) as connection:
            sealer = self._sealing(connection, alone=True)
            return None if _outstanding(connection, sealer.prefix) else sealer.drop_keys()

    def _pass(self, watch: Watch = iter) -> int:
        """Seal once all that is not sealed under the newest key, but what others have locked; how many those were."""
        with self._reading() as connection:
            outstanding = _outstanding(connection, self._sealer.prefix)
        work, count = self._batches(), 0
        for _ in watch(range(math.ceil(outstanding / CHUNK))):
            count += next(work, 0)
        return count + sum(work)  # what has come meanwhile, and the last batch of every table

    def _batches(self) -> Iterator[int]:
        """Seal batch after batch under the newest key, each in a transaction; the size of each."""
        for table in PLACES:
            last: Place | None = None
            while True:
                with self._writing() as connection:
                    sealer = self._sealing(connection)
                    batch = _batch(connection, table, sealer.prefix, last)
                    last = self._seal_anew(connection, table, batch, sealer)
                if last is None:
                    break
                yield len(batch)

    def _seal_anew(
        self, connection: Connection, table: Table, batch: Sequence[Row[Any]], sealer: Sealer
    ) -> Place | None:
        """Seal rows under the newest key; the place of the last one, None if there is none."""
        names, new, place = PLACES[table], [], None
        for row in batch:
            place = tuple(getattr(row, name) for name in names)
            try:
                sealed = sealer.seal(sealer.open(row.vector, table.name, *place), table.name, *place)
            except ValueError as error:
                raise StoreUnavailable(self._database.name, self._database.damaged) from error
            new.append({f"its_{name}": value for name, value in zip(names, place, strict=True)} | {"sealed": sealed})
        if new:
            these = (table.c[name] == bindparam(f"its_{name}") for name in names)
            connection.execute(update(table).where(*these).values(vector=bindparam("sealed")), new)
        return place


# --- rows, in a transaction


def _batch(connection: Connection, table: Table, prefix: bytes, last: Place | None) -> Sequence[Any]:
    """Rows to be sealed under the key of `prefix`, after `last`, held until the transaction ends.

    Rows that others hold are left out: waiting for them, one could be waited for.
    """
    place = [table.c[name] for name in PLACES[table]]
    wanted = select(*place, table.c.vector).where(_other_than(table, prefix)).order_by(*place).limit(CHUNK)
    if last is not None:
        wanted = wanted.where(tuple_(*place) > last)
    return connection.execute(wanted.with_for_update(skip_locked=True)).all()


def _outstanding(connection: Connection, prefix: bytes) -> int:
    """How many templates are not sealed under the key of `prefix`."""
    counted = (select(func.count()).select_from(table).where(_other_than(table, prefix)) for table in PLACES)
    return sum(connection.execute(one).scalar_one() for one in counted)


def _counts(connection: Connection) -> dict[bytes, int]:
    """How many templates are sealed under which key, by its id; the plain ones by none."""
    counts = Counter[bytes]()
    for table in PLACES:
        start = _start(table)
        by_key = select(start, func.count()).where(_sealed(table)).group_by(start)
        counts.update({found[PREFIX - ID_BYTES :]: count for found, count in connection.execute(by_key)})
        plain = select(func.count()).select_from(table).where(_length(table) > 0, ~_sealed(table))
        counts[b""] += connection.execute(plain).scalar_one()
    return counts


def _other_than(table: Table, prefix: bytes) -> ColumnElement[bool]:
    return (_length(table) > 0) & (_start(table) != prefix)


def _sealed(table: Table) -> ColumnElement[bool]:
    """Whether a template is sealed, as `sealing.is_sealed` has it."""
    return (_length(table) > OVERHEAD) & (_length(table) % NUMBER == OVERHEAD % NUMBER)


def _start(table: Table) -> ColumnElement[bytes]:
    return func.substr(table.c.vector, 1, PREFIX, type_=LargeBinary)


def _length(table: Table) -> ColumnElement[int]:
    return func.length(table.c.vector, type_=Integer)
