"""The register of a lesson, as it follows from what was seen, what people said of that, and what they wrote by hand.

Everything but `settle` is a pure function, so that the same evidence always gives the same register.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from photocall.roster import Status
from photocall.school.lesson_records import (
    Evidence,
    EvidenceState,
    Lesson,
    Mark,
    RegisterLine,
    Seen,
    Verdict,
)
from photocall.school.places import lesson_lock
from photocall.school.records import Member
from photocall.school.register import Between, Records, SchoolRegister

PHOTO, VIDEO = "photo", "video"
"""Kinds of evidence."""

OPEN = timedelta(days=1)
"""For so long after a lesson whoever comes into its class comes into its register, too."""

MOST_LESSON = timedelta(days=1)
"""No lesson takes longer."""

NEVER = datetime(3000, 1, 1, tzinfo=UTC)
"""After every lesson."""


class State(StrEnum):
    """What a face that was seen counts as."""

    NAMED = "named"
    UNCERTAIN = "uncertain"
    STRANGER = "stranger"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Understood:
    """A face that was seen, and what it counts as.

    Attributes:
        seen: the face.
        student_id: whom it counts for; empty for nobody.
        similarity: to that student, 0..100; None if the engine took it for somebody else, or nobody.
        state: and why.
        late: whether it shows somebody who came late.
    """

    seen: Seen
    student_id: str
    similarity: float | None
    state: State
    late: bool

    @property
    def is_certain(self) -> bool:
        """Whether it counts without review."""
        return bool(self.student_id) and self.state is not State.UNCERTAIN


def is_late(lesson: Lesson, time: datetime) -> bool:
    """Whether who is first seen at this time came late; nobody is who is seen outside of the lesson's time.

    Photos are also sent in the evening, and then the time says nothing.
    """
    grace_ends = lesson.starts + timedelta(minutes=lesson.grace)
    return grace_ends <= time < lesson.starts + timedelta(minutes=lesson.minutes)


def understood(lesson: Lesson, seen: Sequence[Seen], evidence: Iterable[Evidence]) -> list[Understood]:
    """What every face counts as, in order; of a photo no two faces count for one student."""
    by_id = {each.evidence_id: each for each in evidence}
    said = _said(seen, by_id)
    found = []
    for face in seen:
        shown = by_id.get(face.evidence_id)
        if shown is None:
            continue
        student_id, state = _meant(face)
        taken_by = said.get((face.evidence_id, student_id), face.seen_id)
        if taken_by != face.seen_id:  # somebody said that another face of the photo is this student
            student_id, state = "", State.STRANGER
        similarity = face.similarity if student_id and student_id == face.student_id else None
        found.append(Understood(face, student_id, similarity, state, _came_late(lesson, shown, face)))
    return found


def review(faces: Iterable[Understood]) -> list[Understood]:
    """What somebody should look at, the most similar first."""
    uncertain = [each for each in faces if each.state is State.UNCERTAIN]
    return sorted(uncertain, key=lambda each: (-(each.similarity or 0), each.seen.seen_id))


def by_faces(lesson: Lesson, seen: Sequence[Seen], evidence: Iterable[Evidence], student_id: str) -> str:
    """What the faces of a lesson say of a student, whatever was marked by hand; empty if none counts for the student.

    Args:
        lesson: which.
        seen: all its faces.
        evidence: all its photos and videos.
        student_id: whose.
    """
    faces = [each for each in understood(lesson, seen, evidence) if each.student_id == student_id]
    return _status(max(faces, key=_worth)) if faces else ""


def is_taken(evidence: Iterable[Evidence], marks: Collection[Mark]) -> bool:
    """Whether the roll was called: one photo was looked at, or somebody was marked."""
    return bool(marks) or any(each.state is EvidenceState.DONE for each in evidence)


def lines(
    lesson: Lesson,
    students: Collection[str],
    seen: Sequence[Seen],
    evidence: Sequence[Evidence],
    marks: Collection[Mark],
    now: datetime,
    before: Mapping[str, RegisterLine] | None = None,
) -> list[RegisterLine]:
    """The register, a line for each student, by id; nothing while the roll was not called.

    What was marked by hand counts most, then faces that are certain, then those that are not.

    Args:
        lesson: whose register it is.
        students: student_id of everybody who belongs in it.
        seen: all faces of the lesson.
        evidence: all photos and videos of the lesson.
        marks: all marks of the lesson.
        now: when a line that is not as before becomes what it is.
        before: the register as it was, by student_id. A line of a face that was erased since stays as it was, and
            who is there only by a face or a mark goes with it.
    """
    if not is_taken(evidence, marks):
        return []
    before, by_student = before or {}, {mark.student_id: mark for mark in marks}
    faces: dict[str, list[Understood]] = {}
    for each in understood(lesson, seen, evidence):
        faces.setdefault(each.student_id, []).append(each)
    found = []
    for student_id in sorted({*students, *by_student, *faces} - {""}):
        old = before.get(student_id)
        otherwise = (_otherwise(old) if old else "") or (Status.ABSENT if student_id in students else "")
        mark, its_faces = by_student.get(student_id), faces.get(student_id, ())
        line = _line(lesson.lesson_id, student_id, mark, its_faces, otherwise, now)
        is_same = old is not None and replace(line, changed=old.changed, otherwise=old.otherwise) == old
        found.append(replace(line, changed=old.changed) if old is not None and is_same else line)
    return found


def settle(records: Records, lesson_id: str, now: datetime) -> list[RegisterLine]:
    """Bring the register of a lesson up to what is known.

    Args:
        records: of a transaction that has locked `lesson_lock(lesson_id)`.
        lesson_id: of which lesson; nothing happens if it is gone.
        now: with a time zone.
    """
    lesson = records.get(Lesson, lesson_id)
    if lesson is None:
        return []
    before = {each.student_id: each for each in records.find(RegisterLine, lesson_id=lesson_id)}
    evidence, marks = records.find(Evidence, lesson_id=lesson_id), records.find(Mark, lesson_id=lesson_id)
    students = belonging(records, lesson, before, now)
    found = lines(lesson, students, records.find(Seen, lesson_id=lesson_id), evidence, marks, now, before)
    gone = before.keys() - {line.student_id for line in found}
    if gone:
        records.remove(RegisterLine, lesson_id=lesson_id, student_id=sorted(gone))
    changed = [line for line in found if before.get(line.student_id) != line]
    if changed:
        records.put(*changed)
    return found


def settle_open(register: SchoolRegister, course_ids: Collection[str], now: datetime) -> None:
    """Bring the registers up to who is in some classes, of lessons that were taken and are new enough for that."""
    since = now - MOST_LESSON - OPEN
    for course_id in sorted(course_ids):
        recent = register.find(Lesson, course_id=course_id, starts=Between(since, NEVER))
        ids = [each.lesson_id for each in recent]
        taken = {each.lesson_id for each in register.find(Evidence, lesson_id=ids)}
        taken |= {each.lesson_id for each in register.find(Mark, lesson_id=ids)}
        for lesson_id in sorted(taken):
            with register.changing(lesson_lock(lesson_id)) as records:
                settle(records, lesson_id, now)


def belonging(records: Records, lesson: Lesson, before: Mapping[str, RegisterLine], now: datetime) -> set[str]:
    """Who belongs in the register of a lesson: who was in it, and while it is new, whoever is in the class.

    Who is there only by a face or a mark does not.
    """
    is_open = not before or now < lesson.starts + timedelta(minutes=lesson.minutes) + OPEN
    members = {each.student_id for each in records.find(Member, course_id=lesson.course_id)} if is_open else set()
    return members | {student_id for student_id, line in before.items() if _otherwise(line)}


def _otherwise(line: RegisterLine) -> str:
    """What a line says without face and mark; empty for nothing. Of a face that was erased it says the same."""
    return line.otherwise if line.by_hand or line.seen_id else line.status


def _meant(face: Seen) -> tuple[str, State]:
    """Whom a face counts for, other faces of its photo aside."""
    if face.verdict == Verdict.IS:
        return face.is_student, State.CORRECTED
    if face.verdict == Verdict.NOBODY or (face.verdict == Verdict.IS_NOT and face.is_student == face.student_id):
        return "", State.CORRECTED
    if not face.student_id:
        return "", State.STRANGER
    return face.student_id, State.NAMED if face.certain else State.UNCERTAIN


def _said(seen: Iterable[Seen], evidence: Mapping[str, Evidence]) -> dict[tuple[str, str], str]:
    """Of each photo and student the face that somebody said is the student; the last one who spoke is right."""
    spoken = [
        face
        for face in seen
        if face.verdict == Verdict.IS and face.evidence_id in evidence and evidence[face.evidence_id].kind == PHOTO
    ]
    spoken.sort(key=lambda face: (face.judged is not None and face.judged.timestamp(), face.seen_id))
    return {(face.evidence_id, face.is_student): face.seen_id for face in spoken}


def _came_late(lesson: Lesson, shown: Evidence, face: Seen) -> bool:
    """Of a video that begins in time, who is first seen after the grace period."""
    if shown.late or shown.kind != VIDEO or is_late(lesson, shown.taken):
        return shown.late
    return is_late(lesson, shown.taken + timedelta(seconds=face.at))


def _line(
    lesson_id: str,
    student_id: str,
    mark: Mark | None,
    faces: Sequence[Understood],
    otherwise: str,
    now: datetime,
) -> RegisterLine:
    best = max(faces, key=_worth, default=None)
    shown = (best.similarity, best.seen.seen_id) if best else (None, "")
    if mark is not None:
        return RegisterLine(lesson_id, student_id, mark.status, *shown, True, now, otherwise)
    if best is None:
        return RegisterLine(lesson_id, student_id, Status(otherwise), *shown, False, now, otherwise)
    return RegisterLine(lesson_id, student_id, _status(best), *shown, False, now, otherwise)


def _status(face: Understood) -> Status:
    """What a register says that rests on this face alone."""
    if not face.is_certain:
        return Status.UNCERTAIN
    return Status.LATE if face.late else Status.PRESENT


def _worth(face: Understood) -> tuple[bool, bool, bool, float, str]:
    """What of a student's faces the register rests on: a certain one, in time, best one that somebody confirmed."""
    return (
        face.is_certain,
        not face.late,
        face.state is State.CORRECTED,
        face.similarity or 0,
        face.seen.seen_id,
    )
