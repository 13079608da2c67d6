"""Faces, students and keys in DynamoDB: a FaceStore and a PeopleRegister without a server, as Lambda functions need it.

One table has everything but the students, who have one that courses know, and the faces of archived images, which
others query. `rows` says what stands where, docs/decisions/0023-dynamodb.md why.
"""

import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from photocall.errors import StoreUnavailable
from photocall.ports import ObjectStore
from photocall.roster import Student
from photocall.stores.dynamo.adoption import AdoptionInDynamo
from photocall.stores.dynamo.archive import Archive
from photocall.stores.dynamo.connection import Connection
from photocall.stores.dynamo.garbage import Garbage
from photocall.stores.dynamo.register import RegisterInDynamo
from photocall.stores.dynamo.snapshots import Snapshots
from photocall.stores.dynamo.students import StudentTable
from photocall.stores.dynamo.tables import Table

EXPECTED = "the address of a table is dynamodb://NAME, with 3 to 255 letters, digits, dots, - and _"

STUDENTS = "-students"
"""What the name of the table of students ends in, unless it is named."""

_ADDRESS = re.compile(r"dynamodb://([A-Za-z0-9_.-]{3,255})")
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"""


class DynamoStore(AdoptionInDynamo, RegisterInDynamo):
    """Safe from many threads and many processes at once. It has no records of the attendance application."""

    def __init__(
        self, url: str, archived: str, *, objects: ObjectStore | None = None, students: str = "", archive: str = ""
    ) -> None:
        """Nothing is asked before it is used; the tables must be there.

        Args:
            url: dynamodb://NAME.
            archived: the collection whose faces `archive` shows.
            objects: where snapshots of large collections are; without it there are none.
            students: the table of students; the name and `STUDENTS` if it is empty.
            archive: the table that shows the faces of archived images; none if it is empty.

        Raises:
            StoreUnavailable: it is no such address, or nobody said which region.
        """
        match = _ADDRESS.fullmatch(url)
        if match is None:
            raise StoreUnavailable(url, EXPECTED)
        self._connection = Connection(match[1])
        table = Table(self._connection, match[1])
        shown = Archive(archived, Table(self._connection, archive) if archive else None)
        super().__init__(table, shown, Garbage(table, shown, objects), Snapshots(objects))
        self._students = StudentTable(Table(self._connection, students or match[1] + STUDENTS))

    def put_students(self, students: Sequence[Student]) -> None:
        """Add or replace by `student_id`; up to a hundred, all or none. Raises `RosterInvalid`, see `StudentTable`."""
        self._students.put(students)

    def students(self) -> list[Student]:
        """Every student, by name, capitals and small letters alike."""
        return self._students.all()

    def delete_student(self, student_id: str) -> bool:
        """Remove a student; False if there was none. The faces are the FaceStore's."""
        return self._students.delete(student_id)

    def close(self) -> None:
        """Let go of connections and threads."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
