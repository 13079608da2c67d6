"""Collections in an SQL database: their models, tags and versions.

Writers of a collection follow one another (they hold its row), so its version grows in the order of the commits, and a
reader that asks for the changes since a version misses none.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, bindparam, delete, func, insert, literal, select, update

from photocall.errors import CollectionExists, CollectionNotFound, ModelMismatch, TooManyTags
from photocall.faces import Collection
from photocall.stores import rows, tables
from photocall.stores.database import Transactions, insert_into, upsert

CHUNK = 500
"""Ids in one statement; some builds of SQLite take 999 values."""


class CollectionStore(Transactions):
    """The part of a FaceStore that deals with collections as a whole."""

    def collections(self) -> list[Collection]:
        """Every collection, by its id."""
        table = tables.collections
        with self._reading() as connection:
            found = connection.execute(select(table).where(~table.c.deleted)).all()
        return sorted(self._decoded(rows.collection_of, found), key=lambda each: each.collection_id)

    def create_collection(self, collection_id: str, model: str) -> Collection:
        """The collection, made if it is not there yet. Raises `ModelMismatch` if it is there with another model."""
        with self._writing() as connection:
            row = _claimed(connection, collection_id)
            if row.deleted:
                row = _revived(connection, collection_id, model)
        if row.model != model:
            raise ModelMismatch(expected=row.model, found=model)
        return self._decoded(rows.collection_of, [row])[0]

    def add_collection(self, collection_id: str, model: str, tags: Mapping[str, str]) -> Collection:
        """A new collection with its tags. Raises `CollectionExists` if there is one of that name."""
        with self._writing() as connection:
            if not _claimed(connection, collection_id).deleted:
                raise CollectionExists(collection_id)
            row = _revived(connection, collection_id, model)
            _put_tags(connection, collection_id, tags)
        return self._decoded(rows.collection_of, [row])[0]

    def collection(self, collection_id: str) -> Collection:
        """The collection. Raises `CollectionNotFound`."""
        with self._reading() as connection:
            row = live(connection, collection_id)
        return self._decoded(rows.collection_of, [row])[0]

    def delete_collection(self, collection_id: str) -> None:
        """Remove it with all its faces, users and tags. Raises `CollectionNotFound`."""
        with self._writing(erasing=True) as connection:
            row = live(connection, collection_id, lock=True)
            version = next_version(connection, row, dimension=None, deleted=True)
            _remove_every_face(connection, collection_id, version)
            _remove_users_and_tags(connection, collection_id)

    def shift_threshold(self, collection_id: str, shift: float) -> None:
        """Set the collection's `threshold_shift`. Raises `CollectionNotFound`."""
        with self._writing() as connection:
            live(connection, collection_id, lock=True)
            this_one = of(tables.collections, collection_id)
            connection.execute(update(tables.collections).where(this_one).values(threshold_shift=float(shift)))

    def adopt_faces(self, collection_id: str, other: str, version: int) -> bool:
        """Let a collection have the model and the faces of another one instead of its own, in one step.

        A face that was in both keeps the user and the source that it had in the collection. The other collection is
        gone afterwards. False, and nothing is done, if the collection has changed since `version`.

        Raises `CollectionNotFound`; ValueError if both are the same.
        """
        if collection_id == other:
            raise ValueError(f"a collection cannot adopt its own faces: {collection_id!r}")
        with self._writing(erasing=True) as connection:
            row, source = _both(connection, collection_id, other)
            if row.version != version:
                return False
            new = next_version(connection, row, model=source.model, dimension=source.dimension, threshold_shift=0.0)
            gone = next_version(connection, source, dimension=None, deleted=True)
            _remove_users_and_tags(connection, other)
            _hand_over(connection, collection_id, other)
            _remove_every_face(connection, collection_id, new)
            self._seal_for(connection, collection_id, other)
            _take_every_face(connection, collection_id, other, (new, gone))
        return True

    def _seal_for(self, connection: Connection, taker: str, giver: str) -> None:
        """Seal the vectors of `giver` anew for the places that they will have in `taker`."""
        sealer, table, last = self._sealing(connection), tables.faces, 0
        theirs = select(table.c.number, table.c.face_id, table.c.vector).where(of(table, giver))
        change = update(table).where(table.c.number == bindparam("of_face")).values(vector=bindparam("sealed"))
        while block := connection.execute(theirs.where(table.c.number > last).order_by("number").limit(CHUNK)).all():
            plain = sealer.open_all([row.vector for row in block], rows.FACES, giver, [row.face_id for row in block])
            pairs = zip(block, plain, strict=True)
            new = [
                {"of_face": row.number, "sealed": sealer.seal(each, rows.FACES, taker, row.face_id)}
                for row, each in pairs
            ]
            if sealer.seals:
                connection.execute(change, new)
            last = block[-1].number

    # --- tags

    def tags(self, collection_id: str) -> dict[str, str]:
        """The tags of a collection, by key. Raises `CollectionNotFound`."""
        table = tables.tags
        with self._reading() as connection:
            live(connection, collection_id)
            found = connection.execute(select(table).where(of(table, collection_id)).order_by(table.c.key)).all()
        return {row.key: row.value for row in found}

    def put_tags(self, collection_id: str, tags: Mapping[str, str], limit: int) -> None:
        """Add or replace tags, all or none. Raises `CollectionNotFound`, `TooManyTags` above `limit` of them."""
        with self._writing() as connection:
            live(connection, collection_id, lock=True)
            _put_tags(connection, collection_id, tags)
            count = select(func.count()).select_from(tables.tags).where(of(tables.tags, collection_id))
            if tags and connection.execute(count).scalar_one() > limit:
                raise TooManyTags(collection_id, limit)

    def delete_tags(self, collection_id: str, keys: Iterable[str]) -> None:
        """Remove tags, those that are there. Raises `CollectionNotFound`."""
        with self._writing() as connection:
            live(connection, collection_id, lock=True)
            these = tables.tags.c.key.in_(list(keys))
            connection.execute(delete(tables.tags).where(of(tables.tags, collection_id), these))


# --- rows, in a transaction


def of(table: Table, collection_id: str) -> ColumnElement[bool]:
    """The rows of a table that belong to a collection."""
    column: ColumnElement[str] = table.c.collection_id
    return column == collection_id


def live(connection: Connection, collection_id: str, *, lock: bool = False) -> Row[Any]:
    """The row of a collection, held until the transaction ends if it writes. Raises `CollectionNotFound`."""
    row = _find(connection, collection_id, lock=lock)
    if row is None or row.deleted:
        raise CollectionNotFound(collection_id)
    return row


def next_version(connection: Connection, collection: Row[Any], **also: object) -> int:
    """Count the collection on by one, and set the columns in `also`; its new version."""
    version: int = collection.version + 1
    this_one = of(tables.collections, collection.collection_id)
    connection.execute(update(tables.collections).where(this_one).values(version=version, **also))
    return version


def _find(connection: Connection, collection_id: str, *, lock: bool) -> Row[Any] | None:
    wanted = select(tables.collections).where(of(tables.collections, collection_id))
    # FOR UPDATE makes the writers of a collection follow one another. SQLite, whose writers all do, leaves it out.
    return connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()


def _claimed(connection: Connection, collection_id: str) -> Row[Any]:
    """The row of a collection, locked; one that says that it is deleted if there was none."""
    row = _find(connection, collection_id, lock=True)
    if row is not None:
        return row
    new = {"collection_id": collection_id, "model": "", "created": "", "version": 0, "deleted": True}
    # Another transaction may be doing the same: this one waits for it, and then finds its row.
    connection.execute(insert_into(connection, tables.collections).on_conflict_do_nothing(), new)
    wanted = select(tables.collections).where(of(tables.collections, collection_id))
    return connection.execute(wanted.with_for_update()).one()


def _revived(connection: Connection, collection_id: str, model: str) -> Row[Any]:
    created = datetime.now(UTC).isoformat()
    new = {"model": model, "created": created, "dimension": None, "deleted": False, "threshold_shift": 0.0}
    connection.execute(update(tables.collections).where(of(tables.collections, collection_id)).values(**new))
    return live(connection, collection_id)


def _both(connection: Connection, collection_id: str, other: str) -> tuple[Row[Any], Row[Any]]:
    """Two collections, locked in an order that is everybody's, so that nobody waits for a waiter."""
    held = {each: live(connection, each, lock=True) for each in sorted((collection_id, other))}
    return held[collection_id], held[other]


def _put_tags(connection: Connection, collection_id: str, tags: Mapping[str, str]) -> None:
    new = [{"collection_id": collection_id, "key": key, "value": value} for key, value in tags.items()]
    if new:
        connection.execute(upsert(connection, tables.tags, "collection_id", "key"), new)


def _remove_users_and_tags(connection: Connection, collection_id: str) -> None:
    for table in (tables.users, tables.tags):
        connection.execute(delete(table).where(of(table, collection_id)))


def _remove_every_face(connection: Connection, collection_id: str, version: int) -> None:
    _remember_every_face(connection, collection_id, version)
    connection.execute(delete(tables.faces).where(of(tables.faces, collection_id)))


def _remember_every_face(connection: Connection, collection_id: str, version: int) -> None:
    """Note every face of a collection as removed at `version`."""
    table = tables.faces
    ids = select(table.c.collection_id, table.c.face_id, literal(version)).where(of(table, collection_id))
    connection.execute(insert(tables.removed_faces).from_select(["collection_id", "face_id", "version"], ids))


def _hand_over(connection: Connection, taker: str, giver: str) -> None:
    """Let the faces of `giver` have the users and sources of those of `taker` with the same ids, and no others."""
    table, mine = tables.faces, tables.faces.alias()
    columns = ("user_id", "bucket", "object_key", "metadata")
    connection.execute(update(table).where(of(table, giver), table.c.user_id.is_not(None)).values(user_id=None))
    same = (mine.c.collection_id == taker) & (mine.c.face_id == table.c.face_id)
    theirs = {name: mine.c[name] for name in columns}
    connection.execute(update(table).where(of(table, giver), same).values(theirs))


def _take_every_face(connection: Connection, taker: str, giver: str, versions: tuple[int, int]) -> None:
    """Let the faces of `giver` be those of `taker`, as of the new versions of (taker, giver)."""
    table, removed = tables.faces, tables.removed_faces
    theirs = select(table.c.face_id).where(of(table, giver))
    connection.execute(delete(removed).where(of(removed, taker), removed.c.face_id.in_(theirs)))
    _remember_every_face(connection, giver, versions[1])
    connection.execute(update(table).where(of(table, giver)).values(collection_id=taker, version=versions[0]))
