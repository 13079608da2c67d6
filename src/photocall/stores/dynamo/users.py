"""Users in DynamoDB, and the faces that are theirs: a user's item has the ids of its faces, and each the user's."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from photocall.errors import UserExists, UserFull
from photocall.faces import User
from photocall.stores.dynamo.changing import Answer, Change, live
from photocall.stores.dynamo.faces import OWN_PARTS, FacesInDynamo
from photocall.stores.dynamo.rows import CollectionRow, user_key, users_of
from photocall.stores.dynamo.tables import PARTS, Part
from photocall.stores.dynamo.values import Item

BLOCK = PARTS - OWN_PARTS - 1
"""Faces of one transaction, beside the user."""


class UsersInDynamo(FacesInDynamo):
    """The part of a FaceStore that deals with users."""

    def add_user(self, collection_id: str, user_id: str) -> None:
        """A new user without faces. Raises `CollectionNotFound`, `UserExists`."""

        def add(row: CollectionRow) -> Change[None]:
            live(row)
            key = user_key(row.generation, user_id)
            if self._table.get(key) is not None:
                raise UserExists(collection_id, user_id)
            new = self._table.putting({**key, "version": row.revision + 1}, {"version": None})
            return Change(None, replace(row, users=row.users + 1), [new])

        self._change(collection_id, add)

    def delete_user(self, collection_id: str, user_id: str) -> None:
        """Remove a user; the faces stay, with nobody. Raises `CollectionNotFound`, `UserNotFound`."""

        def delete(row: CollectionRow) -> Change[bool]:
            user = self._user_item(live(row), user_id)
            theirs = sorted(user.get("faces", ()))
            if len(theirs) > BLOCK:
                return self._associating(row, user, self._items(row, theirs[:BLOCK]), None, answer=False)
            gone = self._table.deleting(user_key(row.generation, user_id), {"version": user["version"]})
            left = replace(row, users=row.users - 1)
            if not theirs:
                return Change(True, left, [gone])
            faces = self._items(row, theirs)
            ids, parts = [face["sk"] for face in faces], [self._owned(row, face, None) for face in faces]
            return self._logged(left, ids, [*parts, gone], answer=True)

        while not self._change(collection_id, delete):
            pass

    def user(self, collection_id: str, user_id: str) -> User:
        """The user. Raises `CollectionNotFound`, `UserNotFound`."""
        return _user(collection_id, self._user_item(self._live(collection_id), user_id))

    def users(self, collection_id: str, *, after: str = "", limit: int) -> list[User]:
        """At most `limit` users whose id is greater than `after`, by id. Raises `CollectionNotFound`."""
        row = self._live(collection_id)
        found = self._table.query(users_of(row.generation), after=after, limit=limit)
        return [_user(collection_id, item) for item in islice(found, limit)]

    def associate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str], limit: int) -> list[str]:
        """Associate faces with a user, those that are there and have no other user; doing it again changes nothing.

        Returns:
            The ids that are associated with the user now, in the order given.

        Raises:
            CollectionNotFound, UserNotFound: one of them is not there.
            UserFull: the user would have more than `limit` faces; nothing was done.
        """

        def associate(row: CollectionRow) -> Change[bool]:
            user = self._user_item(live(row), user_id)
            free = [face for face in self._given(row, face_ids) if not face.get("user_id")]
            if free and len(user.get("faces", ())) + len(free) > limit:
                raise UserFull(user_id, limit)
            return self._associating(row, user, free[:BLOCK], user_id, answer=len(free) <= BLOCK)

        while not self._change(collection_id, associate):
            pass
        return self._theirs(collection_id, user_id, face_ids)

    def disassociate_faces(self, collection_id: str, user_id: str, face_ids: Sequence[str]) -> list[str]:
        """Take faces from a user; the ids that were the user's. Raises `CollectionNotFound`, `UserNotFound`."""
        taken = list[str]()

        def take(row: CollectionRow) -> Change[list[str]]:
            user = self._user_item(live(row), user_id)
            theirs = [face for face in self._given(row, face_ids) if face.get("user_id") == user_id][:BLOCK]
            return self._associating(row, user, theirs, None, answer=[face["sk"] for face in theirs])

        while some := self._change(collection_id, take):
            taken += some
        return taken

    def _associating(
        self, row: CollectionRow, user: Item, faces: Sequence[Item], user_id: str | None, answer: Answer
    ) -> Change[Answer]:
        """Lets faces be a user's, or nobody's, as of a new version, so that who follows the changes learns of it."""
        if not faces:
            return Change(answer)
        ids, theirs = [face["sk"] for face in faces], user.get("faces", frozenset())
        parts = [self._owned(row, face, user_id) for face in faces]
        parts.append(self._user(row, user, theirs | set(ids) if user_id else theirs - set(ids)))
        return self._logged(row, ids, parts, answer)

    def _owned(self, row: CollectionRow, face: Item, user_id: str | None) -> Part:
        """What lets a face be a user's, or nobody's."""
        return self._table.putting(
            {**face, "user_id": user_id, "version": row.version + 1}, {"version": face["version"]}
        )

    def _given(self, row: CollectionRow, face_ids: Sequence[str]) -> list[Item]:
        """The faces of these ids that are there, in the order given."""
        wanted = list(dict.fromkeys(face_ids))
        found = {face["sk"]: face for face in self._items(row, wanted)}
        return [found[face_id] for face_id in wanted if face_id in found]

    def _theirs(self, collection_id: str, user_id: str, face_ids: Sequence[str]) -> list[str]:
        return [
            face["sk"] for face in self._given(self._live(collection_id), face_ids) if face.get("user_id") == user_id
        ]


def _user(collection_id: str, item: Item) -> User:
    return User(collection_id, item["sk"], len(item.get("faces", ())))
