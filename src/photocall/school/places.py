"""Where a school keeps what shows faces: the database, kept photos of enrolled faces, a bucket of photos and crops."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Protocol, runtime_checkable

from photocall.errors import CollectionNotFound
from photocall.faces import FaceRecord
from photocall.kept_photos import key_part
from photocall.ports import FaceStore, ObjectStore, Register
from photocall.templates import KeyUse

STUDENT_PHOTOS = "student_photos"
"""Folder of the bucket that has the photos which students are known by."""

CLASSROOM_PHOTOS = "classroom_photos"
"""Folder of the bucket that has the photos and videos of lessons."""

CROPS = "crops"
"""Folder of the bucket that has the pictures of single faces in lessons."""

MOST_DIGITS = 10
"""Of the number of a photo that came in the same second as another; a time has more."""

MOST_PART = 180
"""Characters of an id in a key; file systems take 255 for all of a name. For a longer one its SHA-256 stands."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was kept."""


@runtime_checkable
class SchoolStore(FaceStore, Register, Protocol):
    """Both ports in one database, which says whether its templates are sealed."""

    def template_keys(self) -> list[KeyUse]:
        """How many templates are sealed under which key, or not at all."""
        ...


@dataclass(frozen=True, slots=True)
class Places:
    """Everywhere that something of a student may be, queues aside.

    Attributes:
        store: the database: register and faces.
        objects: where of every enrolled face the part of its photo is kept that another model needs.
        bucket: the school's: photos of students and lessons, crops.
        bucket_name: what it is called.
        collection_id: of the students' faces.
    """

    store: SchoolStore
    objects: ObjectStore
    bucket: ObjectStore
    bucket_name: str
    collection_id: str

    def faces_of(self, student_id: str) -> list[FaceRecord]:
        """The enrolled faces of a student, oldest first; none before anybody was enrolled."""
        return [face for face in self.faces() if face.external_image_id == student_id]

    def faces(self) -> list[FaceRecord]:
        """Every enrolled face; none before anybody was enrolled."""
        try:
            return self.store.faces(self.collection_id)
        except CollectionNotFound:
            return []


def student_lock(student_id: str) -> str:
    """What whoever changes consent or faces of a student must have locked."""
    return f"student/{student_id}"


def lesson_lock(lesson_id: str) -> str:
    """What whoever changes a register must have locked."""
    return f"lesson/{lesson_id}"


def portrait_prefix(student_id: str) -> str:
    """What the keys of a student's photos begin with, up to the time."""
    part = key_part(student_id)
    return f"{STUDENT_PHOTOS}/{part if len(part) <= MOST_PART else sha256(student_id.encode()).hexdigest()}_"


def portrait_key(student_id: str, added: datetime, number: int = 1) -> str:
    """The key of a photo: `student_photos/<student_id>_<YYYYmmddHHMMSS>.jpg`, in UTC; further ones with `_2`, `_3`."""
    more = "" if number == 1 else f"_{number}"
    return f"{portrait_prefix(student_id)}{added.astimezone(UTC):%Y%m%d%H%M%S}{more}.jpg"


def is_portrait_of(key: str, student_id: str) -> bool:
    """Whether a key is that of a photo of this student, and not of another one whose id begins alike."""
    rest = key.removeprefix(portrait_prefix(student_id))
    stamp, _, number = rest.removesuffix(".jpg").partition("_")
    is_numbered = not number or (number.isdecimal() and len(number) < MOST_DIGITS)
    return key != rest and rest.endswith(".jpg") and len(stamp) == 14 and stamp.isdecimal() and is_numbered


def is_portrait(key: str) -> bool:
    """Whether a key is that of a photo of any student."""
    return key.startswith(f"{STUDENT_PHOTOS}/")
