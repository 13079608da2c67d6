"""The nouns of a class: who belongs to it, and who was seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from photocall.faces import BoundingBox, ByteArray


@dataclass(frozen=True, slots=True)
class Student:
    """A member of the class.

    Attributes:
        name: the student's; unique where students have no id of their own.
        fields: everything else that is known, in the order given, values as text: id, major, year, ...
        student_id: unique, and the `external_image_id` of the student's faces; the name where none is given.
    """

    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    student_id: str = ""

    def __post_init__(self) -> None:
        """A student without an id is known by name."""
        if not self.student_id:
            object.__setattr__(self, "student_id", self.name)


class Status(StrEnum):
    """What the register says of a student; only people say "late" and "excused", or the time of a photo does."""

    PRESENT = "present"
    LATE = "late"
    EXCUSED = "excused"
    UNCERTAIN = "uncertain"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Attendance:
    """One line of the register: a student and the best evidence for the status.

    Attributes:
        student: who.
        status: present; uncertain where the evidence should be looked at before it counts; absent where there is none.
        similarity: calibrated, 0..100, of the best face; None without a face.
        photo: name of the picture that shows it; None without a face.
        box: where in that picture; None without a face.
        reasons: why that face is too poor to count, in Rekognition's words; empty for one that is good enough.
    """

    student: Student
    status: Status
    similarity: float | None = None
    photo: str | None = None
    box: BoundingBox | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RollCall:
    """The register of one occasion.

    Attributes:
        lines: one for every student, by name.
        strangers: how many people were seen who are not enrolled, each counted once over all photos.
    """

    lines: tuple[Attendance, ...]
    strangers: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """One person in one video, known or not.

    Attributes:
        name: of the student, by `student_id`; None for a stranger.
        first_seen: seconds from the start of the video.
        last_seen: seconds; not before `first_seen`.
        spans: (from, to) in seconds for every uninterrupted appearance, in order.
        similarity: calibrated, 0..100; None for a stranger.
        crop: uint8 RGB, shape (h, w, 3): the best picture of the face.
    """

    name: str | None
    first_seen: float
    last_seen: float
    spans: tuple[tuple[float, float], ...]
    similarity: float | None
    crop: ByteArray
