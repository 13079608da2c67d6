"""Users in an SQL database, and the faces that are theirs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update

from photocall.errors import UserExists, UserFull, UserNotFound
from photocall.faces import User
from photocall.stores import tables
from photocall.stores.collection_store import CHUNK, live, next_version, of
from photocall.stores.database import Transactions


class UserStore(Transactions):
    """The part of a FaceStore that deals with users."""

    def add_user(self, collection_id: str, user_id: str) -> None:
        """A new user without faces. Raises `CollectionNotFound`, `UserExists`."""
        with self._writing() as connection:
            live(connection, collection_id, lock=True)
            if _find(connection, collection_id, user_id) is not None:
                raise UserExists(collection_id, user_id)
            connection.execute(insert(tables.users), {"collection_id": collection_id, "user_id": user_id})

    def delete_user(self, collection_id: str, user_id: str) -> None:
        """Remove a user; the faces stay, with nobody. Raises `CollectionNotFound`, `UserNotFound`."""
        with self._writing(erasing=True) as connection:
            row = live(connection, collection_id, lock=True)
            user_row(connection, collection_id, user_id)
            theirs = select(tables.faces.c.face_id).where(_theirs(collection_id, user_id))
            _associate(connection, row, list(connection.scalars(theirs)), None)
            this_one = tables.users.c.user_id == user_id
            connection.execute(delete(tables.users).where(of(tables.users, collection_id), this_one))

    def user(self, collection_id: str, user_id: str) -> User:
        """The user. Raises `CollectionNotFound`, `UserNotFound`."""
        with self._reading() as connection:
            live(connection, collection_id)
            user_row(connection, collection_id, user_id)
            return User(collection_id, user_id, _faces_of(connection, collection_id, user_id))

    def users(self, collection_id: str, *, after: str = "", limit: int) -> list[User]:
        """At most `limit` users whose id is greater than `after`, by id. Raises `CollectionNotFound`."""
        users, faces = tables.users, tables.faces
        theirs = (faces.c.collection_id == users.c.collection_id) & (faces.c.user_id == users.c.user_id)
        count = select(func.count()).select_from(faces).where(theirs).scalar_subquery().label("faces")
        wanted = select(users.c.user_id, count).where(of(users, collection_id), users.c.user_id > after)
        with self._reading() as connection:
            live(connection, collection_id)
            found = connection.execute(wanted.order_by(users.c.user_id).limit(limit)).all()
        return [User(collection_id, row.user_id, row.faces) for row in found]

    def associate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str], limit: int) -> list[str]:
        """Associate faces with a user, those that are there and have no other user; doing it again changes nothing.

        Returns:
            The ids that are associated with the user now, in the order given.

        Raises:
            CollectionNotFound, UserNotFound: one of them is not there.
            UserFull: the user would have more than `limit` faces; nothing was done.
        """
        with self._writing() as connection:
            row = live(connection, collection_id, lock=True)
            user_row(connection, collection_id, user_id)
            owners = _owners(connection, collection_id, face_ids)
            new = [face_id for face_id, owner in owners.items() if owner is None]
            if new and _faces_of(connection, collection_id, user_id) + len(new) > limit:
                raise UserFull(user_id, limit)
            _associate(connection, row, new, user_id)
        return [face_id for face_id, owner in owners.items() if owner in (None, user_id)]

    def disassociate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str]) -> list[str]:
        """Take faces from a user; the ids that were the user's. Raises `CollectionNotFound`, `UserNotFound`."""
        with self._writing() as connection:
            row = live(connection, collection_id, lock=True)
            user_row(connection, collection_id, user_id)
            owners = _owners(connection, collection_id, face_ids)
            theirs = [face_id for face_id, owner in owners.items() if owner == user_id]
            _associate(connection, row, theirs, None)
        return theirs


# --- rows, in a transaction


def user_row(connection: Connection, collection_id: str, user_id: str) -> Row[Any]:
    """The row of a user. Raises `UserNotFound`."""
    row = _find(connection, collection_id, user_id)
    if row is None:
        raise UserNotFound(collection_id, user_id)
    return row


def _find(connection: Connection, collection_id: str, user_id: str) -> Row[Any] | None:
    this_one = tables.users.c.user_id == user_id
    return connection.execute(select(tables.users).where(of(tables.users, collection_id), this_one)).one_or_none()


def _theirs(collection_id: str, user_id: str) -> ColumnElement[bool]:
    return of(tables.faces, collection_id) & (tables.faces.c.user_id == user_id)


def _faces_of(connection: Connection, collection_id: str, user_id: str) -> int:
    count = select(func.count()).select_from(tables.faces).where(_theirs(collection_id, user_id))
    number: int = connection.execute(count).scalar_one()
    return number


def _owners(connection: Connection, collection_id: str, face_ids: Sequence[str]) -> dict[str, str | None]:
    """The users of the faces that are there, by face id, in the order given."""
    wanted, found = list(dict.fromkeys(face_ids)), dict[str, str | None]()
    owners = select(tables.faces.c.face_id, tables.faces.c.user_id).where(of(tables.faces, collection_id))
    for start in range(0, len(wanted), CHUNK):
        these = tables.faces.c.face_id.in_(wanted[start : start + CHUNK])
        found |= {row.face_id: row.user_id for row in connection.execute(owners.where(these))}
    return {face_id: found[face_id] for face_id in wanted if face_id in found}


def _associate(connection: Connection, collection: Row[Any], face_ids: Sequence[str], user_id: str | None) -> None:
    """Let faces be a user's, or nobody's, as of a new version, so that whoever follows the changes learns of it."""
    if not face_ids:
        return
    version = next_version(connection, collection)
    for start in range(0, len(face_ids), CHUNK):
        these = of(tables.faces, collection.collection_id) & tables.faces.c.face_id.in_(face_ids[start : start + CHUNK])
        connection.execute(update(tables.faces).where(these).values(user_id=user_id, version=version))
