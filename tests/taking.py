"""Attendance taken without server or queue: what a worker does, done by the test, so that it can be cut short."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from photocall.app import App
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.fleet import Progress
from photocall.handlers import Json, Tools, run
from photocall.jobs import Job
from photocall.media.images import encode_jpeg
from photocall.school.evidence import Sent, add_evidence, job_of
from photocall.school.lesson_records import Evidence, RegisterLine, Seen
from photocall.school.lessons import create_lesson
from photocall.school.places import SchoolStore
from photocall.school.portraits import add_portrait
from photocall.school.records import Staff
from photocall.school.settling import PHOTO
from photocall.settings import Settings
from photocall.stores.sql import SqlStore
from schooling import ADA, BOB, NOW, TEACHER, School, school

FACE_HEIGHT = 320
"""Pixels of each portrait in a picture of several."""


@dataclass(frozen=True, slots=True)
class Taking:
    """The class 7b, in which Ada looks like Obama and Bob like Biden, and who agreed.

    Attributes:
        school: of the class.
        tools: a worker's.
        asked: jobs that were asked for.
    """

    school: School
    tools: Tools
    asked: list[Job] = field(default_factory=list)

    @property
    def store(self) -> SchoolStore:
        return self.tools.app.school

    def lesson(self, course_id: str = "7b", starts: datetime = NOW) -> str:
        return create_lesson(self.store, TEACHER, course_id, starts).lesson_id

    def send(
        self, lesson_id: str, data: bytes, *, name: str = "a.jpg", kind: str = PHOTO, taken: datetime = NOW
    ) -> Evidence:
        digest = hashlib.sha256(data).hexdigest()
        sent = Sent(name, kind, BytesIO(data), digest, taken)
        return add_evidence(self.school.places, self.asked.append, TEACHER, lesson_id, sent, NOW)

    def look(self, evidence: Evidence, tools: Tools | None = None) -> Json:
        return run(tools or self.tools, job_of(self.school.places.bucket_name, evidence), ignore)

    def taken(self, data: bytes, course_id: str = "7b") -> tuple[str, Evidence]:
        """A new lesson whose one photo was looked at."""
        lesson_id = self.lesson(course_id)
        evidence = self.send(lesson_id, data)
        self.look(evidence)
        return lesson_id, evidence

    def seen(self, lesson_id: str) -> list[Seen]:
        return self.store.find(Seen, lesson_id=lesson_id)

    def names(self, lesson_id: str) -> list[str]:
        """Whom the engine took the faces for, from left to right."""
        in_order = sorted(self.seen(lesson_id), key=lambda face: float(face.box.split(",")[0]))
        return [face.student_id for face in in_order]

    def statuses(self, lesson_id: str) -> dict[str, str]:
        return {line.student_id: str(line.status) for line in self.store.find(RegisterLine, lesson_id=lesson_id)}

    def crops(self, lesson_id: str) -> set[str]:
        return {each.key for each in self.school.places.bucket.list(f"crops/{lesson_id}")}


@contextmanager
def taking(data: Path, engine: FaceEngine, portraits: dict[str, ByteArray]) -> Iterator[Taking]:
    """That class in a directory, closed at the end."""
    with school(data) as opened:
        store = opened.places.store
        assert isinstance(store, SqlStore)
        opened.agree(ADA, BOB)
        store.put(Staff("8a", "teacher"))
        for student, name in ((ADA, "obama"), (BOB, "biden")):
            photo = encode_jpeg(smaller(portraits[name], 2 * FACE_HEIGHT), 92)
            add_portrait(opened.enrolment(engine), TEACHER, student.student_id, photo, "p.jpg", NOW)
        yield Taking(opened, Tools(App(Settings(data=data, threads=1), engine, store)))


def side_by_side(images: Sequence[ByteArray]) -> bytes:
    """A photo of several portraits."""
    return encode_jpeg(np.hstack([smaller(image, FACE_HEIGHT) for image in images]), 92)


def smaller(image: ByteArray, height: int) -> ByteArray:
    picture = Image.fromarray(image)
    width = round(image.shape[1] * height / image.shape[0])
    return np.array(picture.resize((width, height), Image.Resampling.LANCZOS))


def ignore(progress: Progress) -> None:
    """Nobody watches."""
