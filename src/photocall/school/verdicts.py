"""Verbs of correction: what somebody says of a face that was seen. It counts at once, and later lessons know of it."""

from dataclasses import replace
from datetime import datetime

from photocall.roster import Student
from photocall.school import audit, permissions
from photocall.school.consents import in_force
from photocall.school.errors import ConsentMissing, EntryInvalid, NotThere
from photocall.school.lesson_records import Evidence, Lesson, RegisterLine, Remembered, Seen, Verdict
from photocall.school.lessons import forget
from photocall.school.places import lesson_lock
from photocall.school.records import Account, Member
from photocall.school.register import Records, SchoolRegister
from photocall.school.settling import PHOTO, settle

NOTHING = ""
"""The verdict that takes back another one."""


def judge(
    register: SchoolRegister, account: Account, seen_id: str, verdict: str, student_id: str, now: datetime
) -> Seen:
    """Say of a face that it is, or is not, a student, or is nobody; or take back what was said.

    Where the face's template is kept, what was said is remembered: later lessons take it into account.

    Args:
        register: that is changed.
        account: who says it.
        seen_id: of which face.
        verdict: one of `Verdict`, or `NOTHING`.
        student_id: of whom it speaks; for "is-not" it may be left out, and means whom the face was taken for.
        now: with a time zone.

    Raises:
        NotAllowed, NotThere: the face is somebody else's, or nobody's; or the student is not in the class
            or the register.
        EntryInvalid: the verdict makes no sense.
        ConsentMissing: the student's face may not be known.
    """
    lesson_id = seen_in(register, seen_id).lesson_id
    with register.changing(audit.LOCK, lesson_lock(lesson_id)) as records:
        lesson = permissions.lesson(records, account, lesson_id, change=True)
        seen = seen_in(records, seen_id)
        about = _about(records, lesson, seen, verdict, student_id)
        _take_back(records, [seen, *_rivals(records, seen, verdict, about)])
        judged = replace(seen, verdict="", is_student="", judged_by="", judged=None)
        if verdict:
            judged = replace(seen, verdict=verdict, is_student=about, judged_by=account.account_id, judged=now)
            _remember(records, judged)
        records.put(judged)
        told = {"verdict": verdict, "student": about, "lesson": lesson_id}
        audit.note(records, account.account_id, "face.judged", seen_id, now, **told)
        settle(records, lesson_id, now)
    return judged


def seen_in(records: Records, seen_id: str) -> Seen:
    """The face of this id. Raises `NotThere`."""
    seen = records.get(Seen, seen_id)
    if seen is None:
        raise NotThere("face", seen_id)
    return seen


def _about(records: Records, lesson: Lesson, seen: Seen, verdict: str, student_id: str) -> str:
    """Of whom a verdict speaks; empty for nobody."""
    if verdict in (NOTHING, Verdict.NOBODY):
        return ""
    if verdict not in list(Verdict):
        raise EntryInvalid("verdict", f'it must be {", ".join(Verdict)}, or "" to take one back')
    about = student_id or (seen.student_id if verdict == Verdict.IS_NOT else "")
    if not about:
        raise EntryInvalid("student_id", "it must say of whom the verdict speaks")
    known = (seen.student_id, seen.is_student) if verdict == Verdict.IS_NOT else ()
    if about not in known and not _is_of(records, lesson, about):  # it would count in classes of others
        raise NotThere("student in this class", about)
    if verdict == Verdict.IS:
        _check_may_be_known(records, about)
    return about


def _is_of(records: Records, lesson: Lesson, student_id: str) -> bool:
    """Whether a student is in the class, or was when the lesson's register was made."""
    is_member = records.get(Member, lesson.course_id, student_id) is not None
    return is_member or records.get(RegisterLine, lesson.lesson_id, student_id) is not None


def _check_may_be_known(records: Records, student_id: str) -> None:
    """Raises `ConsentMissing` if the student's face may not be known."""
    if not in_force(records, [student_id]):
        student = records.get(Student, student_id)
        raise ConsentMissing(student.name if student else student_id)


def _rivals(records: Records, seen: Seen, verdict: str, student_id: str) -> list[Seen]:
    """Other faces of the same photo of which somebody said that they are this student."""
    evidence = records.get(Evidence, seen.evidence_id)
    if verdict != Verdict.IS or evidence is None or evidence.kind != PHOTO:
        return []
    same = records.find(Seen, lesson_id=seen.lesson_id, verdict=str(Verdict.IS), is_student=student_id)
    return [each for each in same if each.evidence_id == seen.evidence_id and each.seen_id != seen.seen_id]


def _take_back(records: Records, faces: list[Seen]) -> None:
    forget(records, [face.seen_id for face in faces])
    records.put(*(replace(face, verdict="", is_student="", judged_by="", judged=None) for face in faces))


def _remember(records: Records, seen: Seen) -> None:
    """Keep what a verdict says of the face's template: whom it shows, and whom it does not although it looked so."""
    said = {seen.is_student: seen.verdict == Verdict.IS} if seen.is_student else {}
    if seen.student_id and seen.student_id not in said and seen.verdict != Verdict.IS_NOT:
        said[seen.student_id] = False
    known = in_force(records, said)
    if seen.vector and seen.judged is not None:
        records.put(
            *(
                Remembered(seen.seen_id, student_id, is_it, seen.model, seen.vector, seen.judged_by, seen.judged)
                for student_id, is_it in said.items()
                if student_id in known
            )
        )
