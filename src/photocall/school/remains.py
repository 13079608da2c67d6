"""Remains: what processes that died left, and what came while it was being erased."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from photocall.erasure import erase_faces, erase_remains
from photocall.errors import BucketNotFound, CollectionNotFound
from photocall.kept_photos import photo_key, photo_prefix
from photocall.ports import JobQueue, ObjectStore, StoredObject
from photocall.roster import Student
from photocall.school.consents import consents
from photocall.school.erasing import ERASED, delete_results_naming, erase_faces_of
from photocall.school.lesson_records import Evidence, Seen
from photocall.school.places import CLASSROOM_PHOTOS, CROPS, STUDENT_PHOTOS, Places
from photocall.school.records import AuditEntry, Portrait

UNCLAIMED = timedelta(days=2)
"""So long after an object was written, its writer has written the record, or has died: a job takes a day at most."""


def finish_withdrawals(places: Places, queue: JobQueue, account_id: str, now: datetime) -> int:
    """Erase again what is left of whoever withdrew consent or was erased; how many students had something left."""
    store = places.store
    gone = {each.student_id for each in consents(store) if each.withdrawn is not None}
    erased = {each.subject for each in store.find(AuditEntry, action=ERASED)}
    gone |= erased - {each.student_id for each in store.find(Student)}
    if not gone:
        return 0
    left = gone & {face.external_image_id for face in places.faces()}
    left |= gone & {each.student_id for each in store.find(Portrait)}
    left |= gone & {each.student_id for each in _named(places, gone)}
    delete_results_naming(places, sorted(left))
    for student_id in sorted(left):
        erase_faces_of(places, queue, account_id, student_id, now, in_results=False)
    return len(left)


def delete_remains(places: Places, now: datetime) -> int:
    """Delete objects and enrolled faces that no record knows of; how many there were.

    Objects count that were in the school's bucket.
    """
    old = now - UNCLAIMED
    deleted = 0
    for folder in (STUDENT_PHOTOS, CLASSROOM_PHOTOS, CROPS):
        keys = {each.key for each in _listed(places.bucket, folder) if each.written < old}
        for key in sorted(keys - _claimed(places, folder, keys)):
            places.bucket.delete(key)
            deleted += 1
    with suppress(CollectionNotFound):  # nobody was ever enrolled
        deleted += _erase_unrecorded(places, old)
        erase_remains(places.store, places.objects, places.collection_id)
    return deleted


def _erase_unrecorded(places: Places, old: datetime) -> int:
    """Erase faces whose enroller died before the photo was recorded; how many there were.

    A face is as old as what was kept of its photo. Where nothing is kept, such a face stays until its student withdraws
    or is erased.
    """
    collection_id = places.collection_id
    recorded = {photo_key(collection_id, each.face_id) for each in places.store.find(Portrait)}
    kept = {each.key for each in _listed(places.objects, photo_prefix(collection_id)) if each.written < old}
    left = kept - recorded
    faces = places.faces() if left else []
    unrecorded = [each.face_id for each in faces if photo_key(collection_id, each.face_id) in left]
    return len(erase_faces(places.store, places.objects, collection_id, unrecorded)) if unrecorded else 0


def _named(places: Places, student_ids: Iterable[str]) -> list[Seen]:
    ids = sorted(student_ids)
    return [each for at in range(0, len(ids), 1000) for each in places.store.find(Seen, student_id=ids[at : at + 1000])]


def _claimed(places: Places, folder: str, keys: Collection[str]) -> set[str]:
    """The keys in a folder that records know of; those of crops name their lesson."""
    if folder == STUDENT_PHOTOS:
        return {each.key for each in places.store.find(Portrait)}
    if folder == CLASSROOM_PHOTOS:
        return {each.key for each in places.store.find(Evidence)}
    lessons = {key.split("/")[1] for key in keys}
    return {each.crop for lesson_id in lessons for each in places.store.find(Seen, lesson_id=lesson_id)}


def _listed(objects: ObjectStore, folder: str) -> list[StoredObject]:
    try:
        return list(objects.list(folder))
    except BucketNotFound:
        return []
