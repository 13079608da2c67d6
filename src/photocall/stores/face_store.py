"""Faces in an SQL database: put, found, followed and removed."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, Table, delete, func, insert, select

from photocall.errors import StoreUnavailable
from photocall.faces import FaceChanges, FaceRecord, VectorChanges
from photocall.stores import rows, tables
from photocall.stores.collection_store import CHUNK, live, next_version, of
from photocall.stores.database import Transactions, upsert
from photocall.stores.sealing import Sealer
from photocall.stores.user_store import user_row
from photocall.stores.vectors import vector_length, vectors_of

BLOCK = 500
"""Vectors read at a time: few enough to stay in a processor's cache, which is a third faster than 10,000."""


class FacesOfCollections(Transactions):
    """The part of a FaceStore that deals with faces."""

    def put_faces(self, collection_id: str, faces: Sequence[FaceRecord]) -> None:
        """Add or replace by face_id, all or none. Raises `CollectionNotFound`, `ModelMismatch`.

        A face that is replaced keeps its user, whatever `user_id` says: only `associate_faces` associates. ValueError
        if a face bears another collection's id, or a vector is not finite or not as long as all others.
        """
        with self._writing() as connection:
            row = live(connection, collection_id, lock=True)
            dimension = vector_length(collection_id, row.model, row.dimension, faces)
            if faces:
                version = next_version(connection, row, dimension=dimension)
                _put_faces(connection, faces, version, self._sealing(connection))

    def delete_faces(self, collection_id: str, face_ids: Iterable[str]) -> list[str]:
        """Remove faces; the ids that were there, in the order given. Raises `CollectionNotFound`."""
        wanted = list(dict.fromkeys(face_ids))
        with self._writing(erasing=True) as connection:
            row = live(connection, collection_id, lock=True)
            removed = _remove_faces(connection, collection_id, wanted)
            if removed:
                _remember_removed(connection, collection_id, removed, next_version(connection, row))
        return [face_id for face_id in wanted if face_id in removed]

    def faces(self, collection_id: str) -> list[FaceRecord]:
        """Every face, in the order of enrolment. Raises `CollectionNotFound`."""
        return self.changes(collection_id, 0).put

    def changes(self, collection_id: str, since: int) -> FaceChanges:
        """What changed after version `since`; 0 for everything. Raises `CollectionNotFound`."""
        with self._reading() as connection:
            row = live(connection, collection_id)
            if row.version == since:
                return FaceChanges(since)
            put = connection.execute(_changed(tables.faces, collection_id, since)).all()
            removed = connection.execute(_changed(tables.removed_faces, collection_id, since)).all()
        # Sorted here: asked to do it, a database may walk through all faces in that order to find the few that changed.
        records = self._faces(sorted(put, key=lambda face: face.number), row)
        return FaceChanges(row.version, records, [face.face_id for face in removed])

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        """What changed after version `since`, as far as searching needs it. Raises `CollectionNotFound`."""
        with self._reading() as connection:
            row = live(connection, collection_id)
            if row.version == since:
                return VectorChanges(since, [], [], [], np.empty((0, 0), np.float32), [])
            removed = connection.execute(_changed(tables.removed_faces, collection_id, since)).all()
            try:
                return self._vectors(connection, row, since, removed)
            except (ValueError, TypeError) as error:
                raise StoreUnavailable(self._database.name, self._database.damaged) from error

    def faces_by_id(self, collection_id: str, face_ids: Sequence[str]) -> list[FaceRecord]:
        """The faces of these ids that are there, in the order given. Raises `CollectionNotFound`."""
        wanted, found = list(dict.fromkeys(face_ids)), list[Row[Any]]()
        with self._reading() as connection:
            row = live(connection, collection_id)
            for start in range(0, len(wanted), CHUNK):
                these = tables.faces.c.face_id.in_(wanted[start : start + CHUNK])
                found += connection.execute(select(tables.faces).where(of(tables.faces, collection_id), these))
        by_id = {record.face_id: record for record in self._faces(found, row)}
        return [by_id[face_id] for face_id in wanted if face_id in by_id]

    def face_page(
        self, collection_id: str, *, after: int = 0, limit: int, user_id: str | None = None
    ) -> tuple[list[FaceRecord], int | None]:
        """At most `limit` faces in the order of enrolment, and where the next page begins; None for the last one.

        Raises `CollectionNotFound`; `UserNotFound` if `user_id` names nobody.
        """
        table = tables.faces
        page = select(table).where(of(table, collection_id), table.c.number > after).order_by(table.c.number)
        with self._reading() as connection:
            row = live(connection, collection_id)
            if user_id is not None:
                user_row(connection, collection_id, user_id)
                page = page.where(table.c.user_id == user_id)
            found = connection.execute(page.limit(limit + 1)).all()
        return self._faces(found[:limit], row), found[limit - 1].number if len(found) > limit else None

    def faces_of_object(self, collection_id: str, bucket: str, key: str) -> list[FaceRecord]:
        """The faces whose image is kept as this object, oldest first. Raises `CollectionNotFound`."""
        table = tables.faces
        its = (table.c.bucket == bucket) & (table.c.object_key == key)
        with self._reading() as connection:
            row = live(connection, collection_id)
            found = connection.execute(select(table).where(of(table, collection_id), its).order_by(table.c.number))
            return self._faces(found.all(), row)

    def counts(self, collection_id: str) -> tuple[int, int]:
        """How many faces and how many users a collection has. Raises `CollectionNotFound`."""
        with self._reading() as connection:
            live(connection, collection_id)
            return _count(connection, tables.faces, collection_id), _count(connection, tables.users, collection_id)

    def _faces(self, found: Sequence[Row[Any]], collection: Row[Any]) -> list[FaceRecord]:
        return self._decoded(lambda face: rows.face_of(face, collection, self._sealer), found)

    def _vectors(
        self, connection: Connection, collection: Row[Any], since: int, removed: Sequence[Row[Any]]
    ) -> VectorChanges:
        """Read block by block into one array, so that nothing is in memory twice."""
        columns = tables.faces.c
        changed = _changed(tables.faces, collection.collection_id, since)
        count = connection.execute(changed.with_only_columns(func.count())).scalar_one()
        vectors = np.empty((count, collection.dimension or 0), np.float32)
        ids, owners, users, start = list[str](), list[str](), list[str | None](), 0
        wanted = changed.with_only_columns(columns.face_id, columns.external_image_id, columns.user_id, columns.vector)
        if since == 0:
            wanted = wanted.order_by(columns.number)
        with connection.execute(wanted, execution_options=self._database.streaming) as found:
            for block in found.partitions(BLOCK):
                some_ids, some_owners, some_users, blobs = zip(*block, strict=True)
                plain = self._sealer.open_all(blobs, rows.FACES, collection.collection_id, some_ids)
                vectors[start : start + len(blobs)] = vectors_of(plain, collection.dimension)
                start += len(blobs)
                ids += some_ids
                owners += some_owners
                users += some_users
        return VectorChanges(collection.version, ids, owners, users, vectors, [face.face_id for face in removed])


# --- rows, in a transaction


def _put_faces(connection: Connection, faces: Sequence[FaceRecord], version: int, sealer: Sealer) -> None:
    removed = tables.removed_faces
    new = [rows.row_of_face(face, version, sealer) for face in faces]
    connection.execute(upsert(connection, tables.faces, "collection_id", "face_id", keep=("user_id",)), new)
    collection_id, table = faces[0].collection_id, tables.faces
    back = select(table.c.face_id).where(of(table, collection_id), table.c.version == version)
    connection.execute(delete(removed).where(of(removed, collection_id), removed.c.face_id.in_(back)))


def _remove_faces(connection: Connection, collection_id: str, face_ids: Sequence[str]) -> set[str]:
    """Remove faces; the ids that were there."""
    table, removed = tables.faces, set[str]()
    for start in range(0, len(face_ids), CHUNK):
        these = table.c.face_id.in_(face_ids[start : start + CHUNK])
        gone = delete(table).where(of(table, collection_id), these).returning(table.c.face_id)
        removed.update(connection.scalars(gone))
    return removed


def _remember_removed(connection: Connection, collection_id: str, face_ids: Iterable[str], version: int) -> None:
    new = [{"collection_id": collection_id, "face_id": face_id, "version": version} for face_id in face_ids]
    connection.execute(insert(tables.removed_faces), new)


def _changed(table: Table, collection_id: str, since: int) -> Select[Any]:
    """Rows of `table` after version `since`: all of them for 0, which is no version of a face."""
    wanted = select(table).where(of(table, collection_id))
    return wanted.where(table.c.version > since) if since > 0 else wanted


def _count(connection: Connection, table: Table, collection_id: str) -> int:
    counted = select(func.count()).select_from(table).where(of(table, collection_id))
    count: int = connection.execute(counted).scalar_one()
    return count
