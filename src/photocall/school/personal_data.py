"""Everything that is known of one student, as a ZIP: what a law on personal data lets people ask for."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Any

import numpy as np

from photocall.errors import BucketNotFound, ObjectNotFound
from photocall.faces import FaceRecord
from photocall.kept_photos import photo_key
from photocall.ports import ObjectStore
from photocall.school import audit
from photocall.school.lesson_records import Lesson, Mark, RegisterLine, Remembered, Seen, Verdict
from photocall.school.permissions import check_administrator
from photocall.school.places import Places
from photocall.school.records import Account, AuditEntry, Consent, Course, Member, Portrait
from photocall.school.register import Records
from photocall.school.students import student

Json = dict[str, Any]

ABOUT = """Everything that this server knows of one student.

data.json     what is written down: student, classes, consent, photos, templates, lessons, register, audit log
photos/       the photos that the student is known by
enrolled/     the parts of them that are kept for another model
crops/        pictures of the face in photos and videos of lessons

Photos and videos of whole lessons show others, too, and are not in here; data.json says where in them the face is.
"""


def export(places: Places, account: Account, student_id: str, now: datetime) -> bytes:
    """Everything that is known of a student, as a ZIP.

    Raises:
        NotAllowed: only an administrator may, since lessons of every class are in it.
        NotThere: there is no such student.
    """
    check_administrator(account)
    student(places.store, account, student_id)
    audit.noted(places.store, account.account_id, "student.exported", student_id, now)
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", ABOUT)
        archive.writestr("data.json", json.dumps(data(places, account, student_id), indent=1, ensure_ascii=False))
        for name, content in _pictures(places, student_id):
            archive.writestr(name, content)
    return file.getvalue()


def data(places: Places, account: Account, student_id: str) -> Json:
    """What is written down of a student, as JSON."""
    store = places.store
    lines = store.find(RegisterLine, student_id=student_id)
    seen = _seen(store, student_id)
    lesson_ids = sorted({each.lesson_id for each in lines} | {each.lesson_id for each in seen})
    courses = [each.course_id for each in store.find(Member, student_id=student_id)]
    given = store.get(Consent, student_id)
    return {
        "student": _plain(student(store, account, student_id)),
        "classes": [_plain(each) for each in store.find(Course, course_id=courses)],
        "consent": _plain(given) if given else None,
        "portraits": [_plain(each) for each in store.find(Portrait, student_id=student_id)],
        "templates": [_template(each) for each in places.faces_of(student_id)],
        "lessons": [_plain(each) for each in store.find(Lesson, lesson_id=lesson_ids)],
        "register": [_plain(each) for each in lines],
        "marks": [_plain(each) for each in store.find(Mark, student_id=student_id)],
        "seen": [_plain(each) for each in seen],
        "corrections": [_correction(each) for each in store.find(Remembered, student_id=student_id)],
        "audit": [audit.entry_json(each) for each in store.find(AuditEntry, subject=student_id)],
    }


def _seen(records: Records, student_id: str) -> list[Seen]:
    """The faces in lessons that are the student's: by the engine as long as nobody said otherwise."""
    taken = [each for each in records.find(Seen, student_id=student_id) if not each.verdict]
    return [*taken, *records.find(Seen, is_student=student_id, verdict=Verdict.IS)]


def _pictures(places: Places, student_id: str) -> Iterator[tuple[str, bytes]]:
    for portrait in places.store.find(Portrait, student_id=student_id):
        if portrait.key:
            yield from _picture(places.bucket, portrait.key, f"photos/{portrait.portrait_id}.jpg")
    for face in places.faces_of(student_id):
        yield from _picture(
            places.objects, photo_key(places.collection_id, face.face_id), f"enrolled/{face.face_id}.jpg"
        )
    for seen in _seen(places.store, student_id):
        if seen.crop:
            yield from _picture(places.bucket, seen.crop, f"crops/{seen.seen_id}.jpg")


def _picture(objects: ObjectStore, key: str, name: str) -> Iterator[tuple[str, bytes]]:
    """A picture that may have been deleted in this moment, or was never kept."""
    try:
        yield name, objects.get(key)
    except (ObjectNotFound, BucketNotFound):
        return


def _template(face: FaceRecord) -> Json:
    return {"face_id": face.face_id, "model": face.embedding.model, "vector": face.embedding.vector.tolist()}


def _correction(said: Remembered) -> Json:
    """What somebody said of a face; the vector of one that is not the student's is somebody else's."""
    return _plain(said if said.is_student else replace(said, vector=b""))


def _plain(record: Any) -> Json:
    """A record as JSON: times as text, templates as numbers."""
    found = asdict(record) if is_dataclass(record) and not isinstance(record, type) else {}
    return {each.name: _value(found[each.name]) for each in fields(record)}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return np.frombuffer(value, "<f4").tolist() if isinstance(value, bytes) else value
