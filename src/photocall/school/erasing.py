"""Erasure of a student: of everything that shows or measures the face, or of all that is known of the student.

Objects go first, and records last: until everything is gone it can still be found, so erasing again finishes what was
broken off at any step. Class photos stay, with others in them; the boxes of the student's face in them have no name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime

from photocall.erasure import erase_faces
from photocall.errors import BucketNotFound
from photocall.kept_photos import photo_key, photo_prefix
from photocall.ports import JobQueue, ObjectStore
from photocall.roster import Student
from photocall.school import audit
from photocall.school.entries import ROSTER
from photocall.school.errors import NotThere
from photocall.school.job_results import delete_results
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Remembered, Seen, Verdict
from photocall.school.messages import drop_messages
from photocall.school.permissions import check_administrator
from photocall.school.places import STUDENT_PHOTOS, Places, is_portrait_of, lesson_lock, student_lock
from photocall.school.records import Account, AuditEntry, Consent, Member, Portrait, RosterPreview
from photocall.school.register import Records
from photocall.school.settling import by_faces

ERASING, ERASED = "student.erasing", "student.erased"
"""Entries of the audit log at the beginning and at the end of an erasure."""

FACES_ERASED = "faces.erased"
"""The entry where the student stays."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed, and where it was.

    Attributes:
        portraits: records of photos that the student was known by.
        templates: enrolled faces, each with its vector.
        crops: pictures of the face in lessons.
        sightings: faces in lessons that lost name and vector.
        corrections: remembered corrections, each with a vector.
        lines: lines of registers, with what was marked by hand; or those that lost the face which they rested on.
        memberships: in classes.
        queue_messages: that were about the student alone.
        records: of the student and the consent.
        objects: keys of all objects that went: photos, kept parts of them, crops, results.
    """

    portraits: int = 0
    templates: int = 0
    crops: int = 0
    sightings: int = 0
    corrections: int = 0
    lines: int = 0
    memberships: int = 0
    queue_messages: int = 0
    records: int = 0
    objects: list[str] = field(default_factory=list)

    def __add__(self, other: "Removed") -> "Removed":
        """Both together."""
        return Removed(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Removed)))

    @property
    def counts(self) -> dict[str, int]:
        """How many of each, objects too; nothing that names the student."""
        return {name: value if isinstance(value, int) else len(value) for name, value in asdict(self).items()}


def erase_student(
    places: Places,
    queue: JobQueue,
    account: Account,
    student_id: str,
    now: datetime,
    *,
    only_leaver: bool = False,
    in_results: bool = True,
) -> Removed:
    """Erase a student with all that is known; only the id stays, in the audit log, which says that this was done.

    Args:
        places: everywhere that something may be.
        queue: of jobs.
        account: who wants it.
        student_id: whose.
        now: when.
        only_leaver: that nothing is done if the student is in a class by then.
        in_results: whether results of jobs are looked through, too; see `delete_results_naming`.

    Returns:
        What went; nothing where nothing was done.

    Raises:
        NotAllowed: only an administrator may.
        NotThere: nothing is known of such a student.
        StoreUnavailable: something could not be erased; doing it again finishes it.
    """
    check_administrator(account)
    with places.store.changing(audit.LOCK, ROSTER, student_lock(student_id)) as records:
        if only_leaver and records.find(Member, student_id=student_id):
            return Removed()
        if not (is_known(records, student_id) or places.faces_of(student_id)):
            raise NotThere("student", student_id)
        given = records.get(Consent, student_id)
        if given is not None and given.withdrawn is None:  # from now on nothing new of the student is stored
            records.put(withdrawn(given, now))
        audit.note(records, account.account_id, ERASING, student_id, now)
    removed = erase_faces_of(places, queue, account.account_id, student_id, now, in_results=in_results)
    locks = [lesson_lock(lesson_id) for lesson_id in _lessons(places.store, student_id)]
    with places.store.changing(audit.LOCK, ROSTER, student_lock(student_id), *locks) as records:
        removed += _remove_records(records, student_id)
        audit.note(records, account.account_id, ERASED, student_id, now, removed=removed.counts)
    return removed


def erase_faces_of(
    places: Places, queue: JobQueue, account_id: str, student_id: str, now: datetime, *, in_results: bool = True
) -> Removed:
    """Erase whatever shows or measures a student's face; the student, marks, and statuses in registers stay.

    Consent must have been withdrawn, so that nothing new of the face comes meanwhile. If it is given anew, photos that
    are added from then on stay.

    Raises:
        StoreUnavailable: something could not be erased; doing it again finishes it.
    """
    face_ids, removed = _erase_portraits(places, student_id)
    for lesson_id in _lessons(places.store, student_id):
        removed += _erase_sightings(places, student_id, lesson_id)
    messages, results = drop_messages(queue, places.objects, places.bucket_name, student_id)
    results += delete_results_naming(places, [student_id]) if in_results else []
    removed += Removed(queue_messages=messages, objects=results)
    with places.store.changing(audit.LOCK, student_lock(student_id)) as records:
        corrections = records.remove(Remembered, student_id=student_id)
        portraits = records.remove(Portrait, student_id=student_id, face_id=face_ids)
        records.put(*(replace(each, resembles="") for each in records.find(Portrait, resembles=student_id)))
        removed += Removed(portraits=portraits, corrections=corrections)
        if any(removed.counts.values()):
            audit.note(records, account_id, FACES_ERASED, student_id, now, removed=removed.counts)
    return removed


def delete_results_naming(places: Places, student_ids: Sequence[str]) -> list[str]:
    """Delete the results of jobs that name one of some students; their keys. Every result is read once for all."""
    names = {each.name for each in places.store.find(Student, student_id=student_ids)}
    return delete_results(places.objects, names.union(student_ids)) if student_ids else []


def withdrawn(consent: Consent, now: datetime) -> Consent:
    """The consent, no longer in force."""
    return replace(consent, withdrawn=now)


def is_known(records: Records, student_id: str) -> bool:
    """Whether any record is about a student."""
    kinds = (Student, Consent, Portrait, Member, Mark, RegisterLine, Seen, Remembered)
    return any(records.find(kind, student_id=student_id) for kind in kinds)


def unfinished(records: Records) -> list[str]:
    """The students whose erasure was begun and never ended."""
    last: dict[str, AuditEntry] = {}
    for entry in records.find(AuditEntry, action=[ERASING, ERASED]):
        last[entry.subject] = entry
    return [student_id for student_id, entry in last.items() if entry.action == ERASING]


def keys_below(objects: ObjectStore, prefix: str) -> list[str]:
    """The keys below a prefix; none where nothing was ever put."""
    try:
        return [each.key for each in objects.list(prefix)]
    except BucketNotFound:
        return []


def _erase_portraits(places: Places, student_id: str) -> tuple[list[str], Removed]:
    """Photos by which a student is known, enrolled faces, what was kept of their photos; the face_ids, and how much."""
    portraits = places.store.find(Portrait, student_id=student_id)
    found = [key for key in keys_below(places.bucket, STUDENT_PHOTOS) if is_portrait_of(key, student_id)]
    photos = dict.fromkeys([*found, *(each.key for each in portraits if each.key)])
    for key in photos:
        places.bucket.delete(key)
    enrolled = [face.face_id for face in places.faces_of(student_id)]
    face_ids = list(dict.fromkeys([*enrolled, *(each.face_id for each in portraits)]))
    if not face_ids:
        return [], Removed(objects=list(photos))
    wanted = {photo_key(places.collection_id, face_id) for face_id in face_ids}
    kept = [key for key in keys_below(places.objects, photo_prefix(places.collection_id)) if key in wanted]
    erased = erase_faces(places.store, places.objects, places.collection_id, face_ids)
    return face_ids, Removed(templates=len(erased), objects=[*photos, *kept])


def _erase_sightings(places: Places, student_id: str, lesson_id: str) -> Removed:
    """The student's faces in a lesson; what its register says stays, without the face that it rested on."""
    crops = [each.crop for each in _sightings(places.store, student_id, lesson_id) if _is_theirs(each, student_id)]
    for key in filter(None, crops):
        places.bucket.delete(key)
    with places.store.changing(lesson_lock(lesson_id), student_lock(student_id)) as records:
        seen = _sightings(records, student_id, lesson_id)
        ours = [each.seen_id for each in seen if _is_theirs(each, student_id)]
        for each in seen:  # a crop that came meanwhile
            if each.seen_id in ours and each.crop and each.crop not in crops:
                places.bucket.delete(each.crop)
                crops.append(each.crop)
        corrections = records.remove(Remembered, seen_id=ours) if ours else 0
        lines = _without_faces(records, lesson_id, student_id)
        records.put(*lines, *(_unnamed(each, student_id) for each in seen))
    keys = [key for key in crops if key]
    return Removed(crops=len(keys), sightings=len(seen), corrections=corrections, lines=len(lines), objects=keys)


def _without_faces(records: Records, lesson_id: str, student_id: str) -> list[RegisterLine]:
    """The line of a register that rests on a face, if there is one, as it is to be once that face is erased.

    Where it was marked by hand, it keeps what the face said, for when the mark is taken back.
    """
    lesson, line = records.get(Lesson, lesson_id), records.get(RegisterLine, lesson_id, student_id)
    if lesson is None or line is None or not line.seen_id:
        return []
    seen, evidence = records.find(Seen, lesson_id=lesson_id), records.find(Evidence, lesson_id=lesson_id)
    said = by_faces(lesson, seen, evidence, student_id) if line.by_hand else ""
    return [replace(line, similarity=None, seen_id="", otherwise=said or line.otherwise)]


def _sightings(records: Records, student_id: str, lesson_id: str) -> list[Seen]:
    """The faces in a lesson that were taken for the student, or that somebody said something of about the student."""
    found = records.find(Seen, lesson_id=lesson_id, student_id=student_id)
    return [*found, *(e for e in records.find(Seen, lesson_id=lesson_id, is_student=student_id) if e not in found)]


def _is_theirs(seen: Seen, student_id: str) -> bool:
    """Whether a face may be the student's: nobody said that it is somebody else's."""
    return not (seen.verdict == Verdict.IS and seen.is_student != student_id)


def _unnamed(seen: Seen, student_id: str) -> Seen:
    """The face without the student, and without its picture and vector if it may be the student's."""
    taken = "" if seen.student_id == student_id else seen.student_id
    if not _is_theirs(seen, student_id):  # another student's, who keeps it
        return replace(seen, student_id=taken, similarity=0.0 if not taken else seen.similarity)
    plain = replace(seen, student_id="", similarity=0.0, certain=False, reasons="", crop="", model="", vector=b"")
    return replace(plain, verdict="", is_student="", judged_by="", judged=None)


def _lessons(records: Records, student_id: str) -> list[str]:
    """Every lesson that may have something of a student."""
    courses = [each.course_id for each in records.find(Member, student_id=student_id)]
    found = {each.lesson_id for each in records.find(Lesson, course_id=courses)}
    found |= {each.lesson_id for each in records.find(Seen, student_id=student_id)}
    found |= {each.lesson_id for each in records.find(Seen, is_student=student_id)}
    found |= {each.lesson_id for each in records.find(Mark, student_id=student_id)}
    return sorted(found | {each.lesson_id for each in records.find(RegisterLine, student_id=student_id)})


def _remove_records(records: Records, student_id: str) -> Removed:
    lines = {each.lesson_id for each in records.find(RegisterLine, student_id=student_id)}
    lines |= {each.lesson_id for each in records.find(Mark, student_id=student_id)}
    for kind in (RegisterLine, Mark):
        records.remove(kind, student_id=student_id)
    memberships = records.remove(Member, student_id=student_id)
    records.remove(RosterPreview)  # they hold names, and confirming one would bring the student back
    known = records.remove(Consent, student_id=student_id) + records.remove(Student, student_id=student_id)
    return Removed(lines=len(lines), memberships=memberships, records=known)


def removed_json(student_id: str, removed: Removed) -> Mapping[str, object]:
    """The report of an erasure, for machines."""
    return {"student_id": student_id, "removed": asdict(removed)}
