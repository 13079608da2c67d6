"""A lesson as people look at it: its evidence, who was seen, what to review, and a line for every student."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from photocall.roster import Status, Student
from photocall.school import audit, permissions
from photocall.school.consents import in_force
from photocall.school.errors import NotThere
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Seen
from photocall.school.records import Account, AuditEntry, Course
from photocall.school.register import Between, Records, SchoolRegister
from photocall.school.settling import State, Understood, belonging, is_taken, review, understood

Json = dict[str, Any]

SHOWN = "lesson.shown"
"""What the audit log calls it that somebody looked at the faces of a lesson."""

SHOWN_AGAIN = timedelta(minutes=10)
"""For so long after it was written down, looking again is the same look: a page asks every second."""


@dataclass(frozen=True, slots=True)
class LessonView:
    """All of a lesson as of one moment.

    Attributes:
        lesson, course: which.
        evidence: photos and videos, in the order in which they came.
        faces: everybody seen, and what that counts as.
        lines: of the register, by name.
        marks: by student_id.
        students: of the lines and faces, by student_id.
        consenting: student_id of those whose consent is in force.
        is_taken: whether the roll was called; before, every line says absent.
    """

    lesson: Lesson
    course: Course
    evidence: list[Evidence]
    faces: list[Understood]
    lines: list[RegisterLine]
    marks: Mapping[str, Mark]
    students: Mapping[str, Student]
    consenting: set[str]
    is_taken: bool

    def name_of(self, student_id: str) -> str:
        """The name of a student; the id of one who was erased."""
        student = self.students.get(student_id)
        return student.name if student else student_id


def view(records: Records, account: Account, lesson_id: str, now: datetime) -> LessonView:
    """A lesson that the account may see. Raises `NotAllowed`, `NotThere`."""
    lesson = permissions.lesson(records, account, lesson_id)
    course = records.get(Course, lesson.course_id)
    if course is None:
        raise NotThere("class", lesson.course_id)
    evidence = sorted(records.find(Evidence, lesson_id=lesson_id), key=lambda each: (each.added, each.evidence_id))
    marks = records.find(Mark, lesson_id=lesson_id)
    faces = understood(lesson, records.find(Seen, lesson_id=lesson_id), evidence)
    kept = {each.student_id: each for each in records.find(RegisterLine, lesson_id=lesson_id)}
    lines = [
        kept.get(student_id) or RegisterLine(lesson_id, student_id, Status.ABSENT, None, "", False, now)
        for student_id in belonging(records, lesson, kept, now) | set(kept)
    ]
    ids = ({line.student_id for line in lines} | {each.student_id for each in faces}) - {""}
    students = {each.student_id: each for each in records.find(Student, student_id=sorted(ids))} if ids else {}
    found = LessonView(
        lesson,
        course,
        evidence,
        faces,
        lines,
        {each.student_id: each for each in marks},
        students,
        in_force(records, ids),
        is_taken(evidence, marks) or bool(kept),
    )
    lines.sort(key=lambda line: (found.name_of(line.student_id).casefold(), line.student_id))
    return found


def note_shown(register: SchoolRegister, account: Account, lesson_id: str, now: datetime) -> None:
    """Write down that somebody looks at the faces of a lesson, before they are shown; once for every look."""
    lately = Between(now - SHOWN_AGAIN, now + SHOWN_AGAIN)
    same = {"subject": lesson_id, "account_id": account.account_id, "action": SHOWN, "time": lately}
    if not register.find(AuditEntry, **same):
        audit.noted(register, account.account_id, SHOWN, lesson_id, now)


def lesson_json(lesson: Lesson) -> Json:
    """A lesson as it is answered."""
    return {
        "lesson_id": lesson.lesson_id,
        "course_id": lesson.course_id,
        "title": lesson.title,
        "starts": lesson.starts.isoformat(),
        "minutes": lesson.minutes,
        "grace": lesson.grace,
    }


def evidence_json(evidence: Evidence) -> Json:
    """A photo or video as it is answered; width, height and boxes are null until they are known."""
    found = {name: evidence.found.get(name) for name in ("width", "height", "boxes")}
    return {
        "evidence_id": evidence.evidence_id,
        "kind": evidence.kind,
        "name": evidence.name,
        "state": str(evidence.state),
        "reason": evidence.reason,
        "late": evidence.late,
        "taken": evidence.taken.isoformat(),
        "is_kept": bool(evidence.key),
        **found,
    }


def register_json(found: LessonView, more: Mapping[str, Json] | None = None) -> Json:
    """The whole lesson as it is answered.

    Args:
        found: the lesson.
        more: what else is known of evidence, by evidence_id.
    """
    evidence = [evidence_json(each) | (more or {}).get(each.evidence_id, {}) for each in found.evidence]
    told = {
        "lesson": lesson_json(found.lesson) | {"taken": found.is_taken},
        "course": {"course_id": found.course.course_id, "name": found.course.name},
        "evidence": evidence,
        "seen": [_seen_json(found, each) for each in found.faces],
        "review": [each.seen.seen_id for each in review(found.faces)],
        "lines": [_line_json(found, line) for line in found.lines],
        "counts": _counts(found),
    }
    changed = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
    return {**told, "changed": changed}


def _seen_json(found: LessonView, each: Understood) -> Json:
    seen, box = each.seen, [float(edge) for edge in each.seen.box.split(",")] if each.seen.box else None
    return {
        "seen_id": seen.seen_id,
        "evidence_id": seen.evidence_id,
        "box": box,
        "at": seen.at,
        "student_id": each.student_id or None,
        "name": found.name_of(each.student_id) if each.student_id else None,
        "similarity": None if each.similarity is None else round(each.similarity, 1),
        "certain": each.is_certain,
        "reasons": [reason for reason in seen.reasons.split(",") if reason],
        "verdict": seen.verdict,
        "is_student": seen.is_student or None,
        "late": each.late,
        "is_kept": bool(seen.crop),
        "state": str(each.state),
    }


def _line_json(found: LessonView, line: RegisterLine) -> Json:
    mark = found.marks.get(line.student_id)
    return {
        "student_id": line.student_id,
        "name": found.name_of(line.student_id),
        "status": str(line.status),
        "similarity": None if line.similarity is None else round(line.similarity, 1),
        "seen_id": line.seen_id or None,
        "by_hand": line.by_hand,
        "note": mark.note if mark else "",
        "has_consent": line.student_id in found.consenting,
    }


def _counts(found: LessonView) -> dict[str, int]:
    counted = Counter(line.status for line in found.lines)
    strangers = sum(each.state is State.STRANGER for each in found.faces)
    return {**{str(status): counted[status] for status in Status}, "strangers": strangers}
