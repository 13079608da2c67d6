"""A school with a server and, while a test wants it, a worker: lessons are taken as a page takes them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photocall.app import SCHOOL_COLLECTION
from photocall.engine.face_engine import FaceEngine
from photocall.errors import InputError
from photocall.gallery import Gallery
from photocall.roster import Student
from photocall.school.consents import give
from photocall.school.places import Places
from photocall.school.portraits import Enrolment, add_portrait
from photocall.school.records import Account, Course, Member, Staff
from photocall.school.sign_ins import open_sign_in
from photocall.server.school.lessons import places_of
from schooling import ADMINISTRATOR, NOW, STRANGER, TEACHER, VIEWER
from servers import Asked, asked

PATIENCE = 60
"""Seconds for which a test waits for a worker."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LessonSchool:
    """A server whose school has the class 7b of a teacher and a viewer.

    Attributes:
        asked: the server.
        tokens: of accounts, by account_id.
    """

    asked: Asked
    tokens: dict[str, str]

    @property
    def places(self) -> Places:
        return places_of(self.asked.service)

    def ask(
        self, method: str, path: str, body: Any = None, *, by: str = "teacher", status: int = 0, **more: Any
    ) -> Any:
        """What a route answers; `status` is what is expected, else that it went well."""
        headers = {"Authorization": f"Bearer {self.tokens[by]}"}
        answer = self.asked.client.request(method, f"/v1/school{path}", json=body, headers=headers, **more)
        assert answer.status_code == status if status else answer.is_success, answer.text
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        return answer.json() if is_json and answer.content else answer.content

    def lesson(self, course_id: str = "7b", **given: Any) -> str:
        """A new lesson, which starts now if nothing else is said."""
        return str(self.ask("POST", f"/courses/{course_id}/lessons", given)["lesson"]["lesson_id"])

    def send(self, lesson_id: str, *files: tuple[str, bytes], taken: str = "", **more: Any) -> list[Json]:
        """Photos or videos of a lesson."""
        form = [("file", file) for file in files]
        data = {"taken": taken} if taken else None
        answer = self.ask("POST", f"/lessons/{lesson_id}/evidence", files=form, data=data, **more)
        found: list[Json] = answer.get("evidence", [answer])  # why not, where that was expected
        return found

    def register(self, lesson_id: str, **more: Any) -> Json:
        found: Json = self.ask("GET", f"/lessons/{lesson_id}/register", **more)
        return found

    def settled(self, lesson_id: str) -> Json:
        """The register once everything has been looked at."""
        return self.when(
            lesson_id, lambda found: all(each["state"] in ("done", "failed") for each in found["evidence"])
        )

    def when(self, lesson_id: str, is_so: Callable[[Json], bool]) -> Json:
        """The register once it is so."""
        deadline = time.monotonic() + PATIENCE
        while not is_so(found := self.register(lesson_id)):
            assert time.monotonic() < deadline, found["evidence"]
            time.sleep(0.02)
        return found

    def agree(self, *student_ids: str) -> None:
        """Record that these students agreed."""
        for student_id in student_ids:
            give(self.places.store, ADMINISTRATOR, student_id, "a parent", "calling the roll", NOW)

    def enrol(self, engine: FaceEngine, photos: Sequence[tuple[str, bytes]]) -> int:
        """Let students be known by photos; how many were refused."""
        store, refused = self.places.store, 0
        model, metric = engine.model, engine.metric
        enrolment = Enrolment(self.places, engine, lambda: Gallery(store, SCHOOL_COLLECTION, model, metric))
        for student_id, data in photos:
            try:
                add_portrait(enrolment, ADMINISTRATOR, student_id, data, "photo.jpg", NOW)
            except InputError:
                refused += 1
        return refused


def statuses(found: Json) -> dict[str, str]:
    """What a register says, by student_id."""
    return {line["student_id"]: line["status"] for line in found["lines"]}


def seen_of(found: Json, student_id: str | None) -> list[Json]:
    """Whom faces of a register count for."""
    return [each for each in found["seen"] if each["student_id"] == student_id]


@contextmanager
def lesson_school(data: Path, students: Sequence[Student], **settings: Any) -> Iterator[LessonSchool]:
    """A school whose class 7b has these students, closed at the end."""
    with asked(data, **{"threads": 2, **settings}) as server:
        store = server.service.school
        accounts: tuple[Account, ...] = (ADMINISTRATOR, TEACHER, VIEWER, STRANGER)
        store.put(*accounts, *students, Course("7b", "Class 7b"), Course("8a", "Class 8a"))
        store.put(*(Member("7b", each.student_id) for each in students))
        store.put(Staff("7b", "teacher"), Staff("7b", "viewer"), Staff("8a", "stranger"))
        tokens = {each.account_id: open_sign_in(store, each, "", datetime.now(UTC))[1] for each in accounts}
        yield LessonSchool(server, tokens)
