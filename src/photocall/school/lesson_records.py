"""The nouns of a lesson: what it showed, what people said of that, and the register that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from photocall.roster import Status


@dataclass(frozen=True, slots=True)
class Lesson:
    """One meeting of a course.

    Attributes:
        lesson_id: a random UUID.
        course_id: of which course.
        title: what it is called; may be empty.
        starts: when.
        minutes: how long it takes.
        grace: minutes after its start from which who comes is late.
        created_by: account.
    """

    lesson_id: str
    course_id: str
    title: str
    starts: datetime
    minutes: int = 45
    grace: int = 10
    created_by: str = ""


class EvidenceState(StrEnum):
    """How far a photo or video of a lesson is."""

    WAITING = "waiting"
    FOUND = "found"
    """Its faces are found, and not named yet."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A photo or video of a lesson.

    Attributes:
        evidence_id: derived from lesson and content, a UUID: the same photo again is the same evidence.
        lesson_id: of which lesson.
        kind: photo or video.
        name: of the file, as it was sent.
        key: in the school's bucket; empty once it was deleted and the register stays.
        job_id: what looks at it.
        added: when it was sent.
        added_by: account.
        taken: when it shows the class.
        late: whether whoever is seen only here came late.
        state: how far it is.
        reason: why it failed; empty if it did not.
        found: of a photo {"width", "height", "boxes": [[left, top, width, height], ...]} as soon as that is known.
    """

    evidence_id: str
    lesson_id: str
    kind: str
    name: str
    key: str
    job_id: str
    added: datetime
    added_by: str
    taken: datetime
    late: bool = False
    state: EvidenceState = EvidenceState.WAITING
    reason: str = ""
    found: Mapping[str, object] = field(default_factory=dict)


class Verdict(StrEnum):
    """What somebody said of a face that was seen."""

    IS = "is"
    IS_NOT = "is-not"
    """It is not the student that it was taken for."""
    NOBODY = "nobody"
    """It is no student, or no face."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A face in a photo, or a person in a video, of a lesson.

    Attributes:
        seen_id: derived from evidence and place in it, a UUID.
        lesson_id: of which lesson.
        evidence_id: where.
        box: left, top, width, height in pixels of the photo, as "12.5,30,64,80"; empty in a video.
        at: seconds from the start of a video; 0 in a photo.
        student_id: whom the engine takes it for; empty for a stranger.
        similarity: calibrated, 0..100, to that student; 0 for a stranger.
        certain: whether that counts without review.
        reasons: why the face is too poor to count, in Rekognition's words, separated by commas.
        crop: key of its picture in the school's bucket; empty once it was deleted.
        model: of `vector`; empty once that was deleted.
        vector: its template, little-endian float32; empty once it was deleted.
        seen: when.
        verdict: what somebody said of it; empty for nothing.
        is_student: student_id that the verdict speaks of; empty for nobody.
        judged_by: account.
        judged: when; None where there is no verdict.
    """

    seen_id: str
    lesson_id: str
    evidence_id: str
    box: str
    at: float
    student_id: str
    similarity: float
    certain: bool
    reasons: str
    crop: str
    model: str
    vector: bytes
    seen: datetime
    verdict: str = ""
    is_student: str = ""
    judged_by: str = ""
    judged: datetime | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """A correction that later lessons know of.

    Attributes:
        seen_id: of the face that was judged.
        student_id: whom the verdict speaks of.
        is_student: True for "is", False for "is not".
        model: of `vector`.
        vector: the face's template, little-endian float32.
        judged_by: account.
        judged: when.
    """

    seen_id: str
    student_id: str
    is_student: bool
    model: str
    vector: bytes
    judged_by: str
    judged: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody wrote into the register by hand; it counts more than any face.

    Attributes:
        lesson_id: of which lesson.
        student_id: of whom.
        status: present, late, excused or absent.
        note: why; may be empty.
        marked_by: account.
        marked: when.
    """

    lesson_id: str
    student_id: str
    status: Status
    note: str
    marked_by: str
    marked: datetime


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """What the register of a lesson says of a student; it follows from evidence, verdicts and marks.

    Attributes:
        lesson_id: of which lesson.
        student_id: of whom.
        status: what it says.
        similarity: of the face that it rests on, 0..100; None without one.
        seen_id: of that face; empty without one.
        by_hand: whether somebody marked it.
        changed: when it last became what it is.
        otherwise: the status where neither face nor mark is left; empty if the student is not in the register then.
    """

    lesson_id: str
    student_id: str
    status: Status
    similarity: float | None
    seen_id: str
    by_hand: bool
    changed: datetime
    otherwise: str = Status.ABSENT
