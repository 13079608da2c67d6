"""Faces and students in an SQL database: both ports in one file on disk, with no server to run.

Every method is one transaction. Writers of a collection follow one another (they hold its row), so its version grows in
the order of the commits, and a reader that asks for the changes since a version misses none.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from photocall.errors import CollectionNotFound, ModelMismatch, StoreUnavailable
from photocall.faces import Collection, FaceChanges, FaceRecord
from photocall.roster import Student
from photocall.stores import tables
from photocall.stores.sqlite import DAMAGED, WRITES, open_engine, reason_for, upsert

Noun = TypeVar("Noun")

CHUNK = 500
"""Ids in one statement; SQLite before 3.32 takes 999 values."""


class SqlStore:
    """A FaceStore and a Register in one database; safe from many threads and many processes at once.

    Open it anew in a process made by `os.fork`: a connection does not survive one.
    """

    def __init__(self, url: str) -> None:
        """Open the database, made on first use with its parent directory.

        Args:
            url: `sqlite:////absolute/path/photocall.db`; `sqlite_url` makes one from a path.

        Raises:
            StoreUnavailable: it cannot be opened, is no database of photocall's, or was made by a newer photocall.
        """
        self._path, engine = open_engine(url)
        self._reader = engine
        self._writer = engine.execution_options(**{WRITES: True})
        try:
            self._open()
        except StoreUnavailable:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._reader.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- FaceStore

    def create_collection(self, collection_id: str, model: str) -> Collection:
        """The collection, made if it is not there yet. Raises `ModelMismatch` if it is there with another model."""
        with self._transaction(self._writer) as connection:
            row = _find(connection, collection_id, lock=True)
            if row is None or row.deleted:
                _make_collection(connection, collection_id, model, version=row.version if row else 0)
                row = _live(connection, collection_id)
        if row.model != model:
            raise ModelMismatch(expected=row.model, found=model)
        return self._decoded(tables.collection_of, [row])[0]

    def collections(self) -> list[Collection]:
        """Every collection, by its id."""
        table = tables.collections
        with self._transaction(self._reader) as connection:
            rows = connection.execute(select(table).where(~table.c.deleted).order_by(table.c.collection_id)).all()
        return self._decoded(tables.collection_of, rows)

    def collection(self, collection_id: str) -> Collection:
        """The collection. Raises `CollectionNotFound`."""
        with self._transaction(self._reader) as connection:
            row = _live(connection, collection_id)
        return self._decoded(tables.collection_of, [row])[0]

    def delete_collection(self, collection_id: str) -> None:
        """Remove it with all its faces. Raises `CollectionNotFound`."""
        with self._transaction(self._writer) as connection:
            row = _live(connection, collection_id, lock=True)
            version = _next_version(connection, row, dimension=None, deleted=True)
            _remove_every_face(connection, collection_id, version)

    def put_faces(self, collection_id: str, faces: Sequence[FaceRecord]) -> None:
        """Add or replace by face_id, all or none. Raises `CollectionNotFound`, `ModelMismatch`.

        ValueError if a face bears another collection's id, or a vector is not finite or not as long as all others.
        """
        with self._transaction(self._writer) as connection:
            row = _live(connection, collection_id, lock=True)
            dimension = tables.vector_length(row, faces)
            if faces:
                _put_faces(connection, faces, _next_version(connection, row, dimension=dimension))

    def delete_faces(self, collection_id: str, face_ids: Iterable[str]) -> list[str]:
        """Remove faces; the ids that were there, in the order given. Raises `CollectionNotFound`."""
        wanted = list(dict.fromkeys(face_ids))
        with self._transaction(self._writer) as connection:
            row = _live(connection, collection_id, lock=True)
            removed = _remove_faces(connection, collection_id, wanted)
            if removed:
                _remember_removed(connection, collection_id, removed, _next_version(connection, row))
        return [face_id for face_id in wanted if face_id in removed]

    def faces(self, collection_id: str) -> list[FaceRecord]:
        """Every face, in the order of enrolment. Raises `CollectionNotFound`."""
        return self.changes(collection_id, 0).put

    def changes(self, collection_id: str, since: int) -> FaceChanges:
        """What changed after version `since`; 0 for everything. Raises `CollectionNotFound`."""
        with self._transaction(self._reader) as connection:
            row = _live(connection, collection_id)
            if row.version == since:
                return FaceChanges(since)
            put = connection.execute(_changed(tables.faces, row, since).order_by(tables.faces.c.number)).all()
            removed = connection.execute(_changed(tables.removed_faces, row, since)).all()
        records = self._decoded(lambda face: tables.face_of(face, row), put)
        return FaceChanges(row.version, records, [face.face_id for face in removed])

    def shift_threshold(self, collection_id: str, shift: float) -> None:
        """Set the collection's `threshold_shift`. Raises `CollectionNotFound`."""
        with self._transaction(self._writer) as connection:
            _live(connection, collection_id, lock=True)
            this_one = _of(tables.collections, collection_id)
            connection.execute(update(tables.collections).where(this_one).values(threshold_shift=float(shift)))

    def adopt_faces(self, collection_id: str, other: str, version: int) -> bool:
        """Let a collection have the model and the faces of another one instead of its own, in one step.

        The other collection is gone afterwards. False, and nothing is done, if the collection has changed since
        `version`. Raises `CollectionNotFound`; ValueError if both are the same.
        """
        if collection_id == other:
            raise ValueError(f"a collection cannot adopt its own faces: {collection_id!r}")
        with self._transaction(self._writer) as connection:
            row, source = (_live(connection, each, lock=True) for each in (collection_id, other))
            if row.version != version:
                return False
            new = _next_version(connection, row, model=source.model, dimension=source.dimension, threshold_shift=0.0)
            _remove_every_face(connection, collection_id, new)
            gone = _next_version(connection, source, dimension=None, deleted=True)
            _take_every_face(connection, collection_id, other, (new, gone))
        return True

    # --- Register

    def put_students(self, students: Sequence[Student]) -> None:
        """Add or replace by name, all or none."""
        rows = [tables.row_of_student(student) for student in students]
        if rows:
            with self._transaction(self._writer) as connection:
                connection.execute(upsert(tables.students, "name"), rows)

    def students(self) -> list[Student]:
        """Every student, by name, capitals and small letters alike."""
        with self._transaction(self._reader) as connection:
            rows = connection.execute(select(tables.students)).all()
        return sorted(self._decoded(tables.student_of, rows), key=lambda each: (each.name.casefold(), each.name))

    def delete_student(self, name: str) -> bool:
        """Remove a student; False if there was none. The faces are the FaceStore's."""
        with self._transaction(self._writer) as connection:
            return connection.execute(delete(tables.students).where(tables.students.c.name == name)).rowcount > 0

    # --- opening, transactions, rows

    def _open(self) -> None:
        with self._transaction(self._reader) as connection:
            version = self._schema_version(connection)
        if version is None:
            with self._transaction(self._writer) as connection:
                # Another process may have been first while this one waited for the lock.
                version = self._schema_version(connection) or _create_schema(connection)
        if version < tables.SCHEMA_VERSION:
            with self._transaction(self._writer) as connection:
                version = _upgrade_schema(connection, self._schema_version(connection) or version)
        if version > tables.SCHEMA_VERSION:
            reason = (
                f"it was made by a newer photocall (schema {version}, this one knows {tables.SCHEMA_VERSION}); update"
            )
            raise StoreUnavailable(self._path, reason)

    def _schema_version(self, connection: Connection) -> int | None:
        names = inspect(connection).get_table_names()
        if not names:
            return None
        version = connection.scalar(select(tables.schema.c.version)) if tables.schema.name in names else None
        if not isinstance(version, int):
            raise StoreUnavailable(self._path, DAMAGED)
        return version

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        # The driver's own errors come through bare while a connection is being made.
        except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
            raise StoreUnavailable(self._path, reason_for(error)) from error

    def _decoded(self, decode: Callable[[Row[Any]], Noun], rows: Sequence[Row[Any]]) -> list[Noun]:
        try:
            return [decode(row) for row in rows]
        except (ValueError, TypeError) as error:
            raise StoreUnavailable(self._path, DAMAGED) from error


def _create_schema(connection: Connection) -> int:
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.schema).values(version=tables.SCHEMA_VERSION))
    return tables.SCHEMA_VERSION


def _upgrade_schema(connection: Connection, version: int) -> int:
    """Bring the tables of an older photocall up to date; another process may have been quicker."""
    if version < 2:
        connection.execute(
            text("ALTER TABLE collections ADD COLUMN threshold_shift DOUBLE PRECISION NOT NULL DEFAULT 0")
        )
        connection.execute(update(tables.schema).values(version=2))
    return max(version, tables.SCHEMA_VERSION)


def _of(table: Table, collection_id: str) -> ColumnElement[bool]:
    column: ColumnElement[str] = table.c.collection_id
    return column == collection_id


def _find(connection: Connection, collection_id: str, *, lock: bool = False) -> Row[Any] | None:
    wanted = select(tables.collections).where(_of(tables.collections, collection_id))
    # FOR UPDATE makes the writers of a collection follow one another. SQLite, whose writers all do, leaves it out.
    return connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()


def _live(connection: Connection, collection_id: str, *, lock: bool = False) -> Row[Any]:
    row = _find(connection, collection_id, lock=lock)
    if row is None or row.deleted:
        raise CollectionNotFound(collection_id)
    return row


def _make_collection(connection: Connection, collection_id: str, model: str, version: int) -> None:
    row = {
        "collection_id": collection_id,
        "model": model,
        "created": datetime.now(UTC).isoformat(),
        "dimension": None,
        "version": version,
        "deleted": False,
        "threshold_shift": 0.0,
    }
    connection.execute(upsert(tables.collections, "collection_id"), row)


def _next_version(connection: Connection, collection: Row[Any], **also: object) -> int:
    """Count the collection on by one, and set the columns in `also`; its new version."""
    version: int = collection.version + 1
    this_one = _of(tables.collections, collection.collection_id)
    connection.execute(update(tables.collections).where(this_one).values(version=version, **also))
    return version


def _put_faces(connection: Connection, faces: Sequence[FaceRecord], version: int) -> None:
    removed = tables.removed_faces
    rows = [tables.row_of_face(face, version) for face in faces]
    connection.execute(upsert(tables.faces, "collection_id", "face_id"), rows)
    this_one = (removed.c.collection_id == bindparam("collection")) & (removed.c.face_id == bindparam("face"))
    keys = [{"collection": face.collection_id, "face": face.face_id} for face in faces]
    connection.execute(delete(removed).where(this_one), keys)


def _remove_faces(connection: Connection, collection_id: str, face_ids: Sequence[str]) -> set[str]:
    """Remove faces; the ids that were there."""
    table, removed = tables.faces, set[str]()
    for start in range(0, len(face_ids), CHUNK):
        these = table.c.face_id.in_(face_ids[start : start + CHUNK])
        gone = delete(table).where(_of(table, collection_id), these).returning(table.c.face_id)
        removed.update(connection.scalars(gone))
    return removed


def _remember_removed(connection: Connection, collection_id: str, face_ids: Iterable[str], version: int) -> None:
    rows = [{"collection_id": collection_id, "face_id": face_id, "version": version} for face_id in face_ids]
    connection.execute(insert(tables.removed_faces), rows)


def _remove_every_face(connection: Connection, collection_id: str, version: int) -> None:
    _remember_every_face(connection, collection_id, version)
    connection.execute(delete(tables.faces).where(_of(tables.faces, collection_id)))


def _remember_every_face(connection: Connection, collection_id: str, version: int) -> None:
    """Note every face of a collection as removed at `version`."""
    table = tables.faces
    ids = select(table.c.collection_id, table.c.face_id, literal(version)).where(_of(table, collection_id))
    connection.execute(insert(tables.removed_faces).from_select(["collection_id", "face_id", "version"], ids))


def _take_every_face(connection: Connection, taker: str, giver: str, versions: tuple[int, int]) -> None:
    """Let the faces of `giver` be those of `taker`, as of the new versions of (taker, giver)."""
    table, removed = tables.faces, tables.removed_faces
    theirs = select(table.c.face_id).where(_of(table, giver))
    connection.execute(delete(removed).where(_of(removed, taker), removed.c.face_id.in_(theirs)))
    _remember_every_face(connection, giver, versions[1])
    connection.execute(update(table).where(_of(table, giver)).values(collection_id=taker, version=versions[0]))


def _changed(table: Table, collection: Row[Any], since: int) -> Select[Any]:
    """Rows of `table` after version `since`, up to the version that the collection's row was read at."""
    version = table.c.version
    return select(table).where(_of(table, collection.collection_id), version > since, version <= collection.version)
