"""A school without a server: a database, stores and accounts, for tests of its verbs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photocall.app import SCHOOL_COLLECTION, open_places, open_queue, open_store
from photocall.engine.face_engine import FaceEngine
from photocall.gallery import Gallery
from photocall.ports import JobQueue
from photocall.roster import Student
from photocall.school.consents import give
from photocall.school.places import Places
from photocall.school.portraits import Enrolment
from photocall.school.records import Account, Course, Member, Role, Staff
from photocall.settings import Settings

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)

ADMINISTRATOR = Account("admin", "admin", "Ms Admin", Role.ADMINISTRATOR, "", NOW)
TEACHER = Account("teacher", "teacher", "Mr Teacher", Role.TEACHER, "", NOW)
VIEWER = Account("viewer", "viewer", "Mx Viewer", Role.VIEWER, "", NOW)
STRANGER = Account("stranger", "stranger", "Another Teacher", Role.TEACHER, "", NOW)

ADA = Student("Ada Lovelace", {"year": "2"}, "s-1")
BOB = Student("Bob Babbage", {}, "s-2")


@dataclass(frozen=True, slots=True)
class School:
    """A school with the class 7b, which has Ada and Bob, and which teacher and viewer may see."""

    places: Places
    queue: JobQueue
    data: Path

    def enrolment(self, engine: FaceEngine) -> Enrolment:
        """What photos are looked at with."""
        store = self.places.store
        model, metric = engine.model, engine.metric
        return Enrolment(self.places, engine, lambda: Gallery(store, SCHOOL_COLLECTION, model, metric))

    def agree(self, *students: Student) -> None:
        """Record that these agreed."""
        for student in students:
            give(self.places.store, ADMINISTRATOR, student.student_id, "a parent", "calling the roll", NOW)

    def files(self) -> list[Path]:
        """Every file in the data directory."""
        return sorted(path for path in self.data.rglob("*") if path.is_file())


@contextmanager
def school(data: Path, **settings: Any) -> Iterator[School]:
    """A school in a directory, closed at the end."""
    chosen = Settings(data=data, threads=1, **settings)
    with open_store(chosen) as store, closing(open_queue(chosen)) as queue:
        store.put(ADMINISTRATOR, TEACHER, VIEWER, STRANGER, ADA, BOB)
        store.put(Course("7b", "Class 7b"), Course("8a", "Class 8a"))
        store.put(Member("7b", "s-1"), Member("7b", "s-2"))
        store.put(Staff("7b", "teacher"), Staff("7b", "viewer"), Staff("8a", "stranger"))
        yield School(open_places(chosen, store), queue, data)
