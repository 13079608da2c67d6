"""Students and keys in an SQL database."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import delete, select

from photocall.keys import Key
from photocall.roster import Student
from photocall.stores import rows, tables
from photocall.stores.database import Transactions, insert_into, upsert

MIDNIGHT = timedelta(days=1)
"""For how long after a day its uses are kept: clocks differ, and somebody's midnight comes later."""


class SqlRegister(Transactions):
    """A Register."""

    def put_students(self, students: Sequence[Student]) -> None:
        """Add or replace by `student_id`, all or none."""
        # In an order that is everybody's, so that nobody waits for a waiter; the last one of an id still wins.
        new = sorted((rows.row_of_student(student) for student in students), key=lambda row: str(row["student_id"]))
        if new:
            with self._writing() as connection:
                connection.execute(upsert(connection, tables.students, "student_id"), new)

    def students(self) -> list[Student]:
        """Every student, by name, capitals and small letters alike."""
        with self._reading() as connection:
            found = connection.execute(select(tables.students)).all()
        return sorted(self._decoded(rows.student_of, found), key=lambda each: (each.name.casefold(), each.name))

    def delete_student(self, student_id: str) -> bool:
        """Remove a student; False if there was none. The faces are the FaceStore's."""
        with self._writing(erasing=True) as connection:
            return (
                connection.execute(delete(tables.students).where(tables.students.c.student_id == student_id)).rowcount
                > 0
            )

    def put_key(self, key: Key) -> None:
        """Add a key, or replace the one with its `key_id`."""
        with self._writing() as connection:
            connection.execute(upsert(connection, tables.access_keys, "key_id"), rows.row_of_key(key))

    def key(self, key_id: str) -> Key | None:
        """The key of this id, revoked or not."""
        table = tables.access_keys
        with self._reading() as connection:
            found = connection.execute(select(table).where(table.c.key_id == key_id)).all()
        return next(iter(self._decoded(rows.key_of, found)), None)

    def keys(self) -> list[Key]:
        """Every key, oldest first."""
        with self._reading() as connection:
            found = connection.execute(select(tables.access_keys)).all()
        return sorted(self._decoded(rows.key_of, found), key=lambda each: (each.created, each.key_id))

    def count_use(self, key_id: str, day: date) -> int:
        """Count one use of a key on a day; how many that makes, over every process that uses the register."""
        table = tables.key_uses
        with self._writing() as connection:
            first = insert_into(connection, table).values(key_id=key_id, day=day.isoformat(), uses=1)
            again = first.on_conflict_do_update(index_elements=("key_id", "day"), set_={"uses": table.c.uses + 1})
            uses: int = connection.execute(again.returning(table.c.uses)).scalar_one()
            if uses == 1:
                old = (table.c.key_id == key_id) & (table.c.day < (day - MIDNIGHT).isoformat())
                connection.execute(delete(table).where(old))
        return uses

    def claim_token(self, token: str, fingerprint: str, now: datetime, expired: datetime) -> str:
        """Claim a request token for a request; the fingerprint of the request that has it, the first one's.

        Tokens claimed before `expired` are forgotten.
        """
        table = tables.request_tokens
        new = {"token": token, "fingerprint": fingerprint, "claimed": now.timestamp()}
        with self._writing() as connection:
            connection.execute(delete(table).where(table.c.claimed < expired.timestamp()))
            connection.execute(insert_into(connection, table).on_conflict_do_nothing(), new)
            claimed = select(table.c.fingerprint).where(table.c.token == token)
            first: str = connection.execute(claimed).scalar_one()
        return first

    def release_token(self, token: str) -> None:
        """Forget a request token; nothing happens if there is none."""
        table = tables.request_tokens
        with self._writing() as connection:
            connection.execute(delete(table).where(table.c.token == token))
