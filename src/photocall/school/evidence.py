"""Verbs about photos and videos of a lesson: kept, looked at once by a worker, deleted with all that they showed.

The same file sent again is the same evidence, so whoever was interrupted just sends it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import BinaryIO
from uuid import UUID, uuid5

from photocall import results
from photocall.errors import StoreUnavailable
from photocall.jobs import Job, Kind
from photocall.kept_photos import key_part
from photocall.media.images import encode_jpeg, read_image
from photocall.media.taken import photo_time
from photocall.ports import ObjectStore
from photocall.school import audit, permissions
from photocall.school.choices import choices
from photocall.school.errors import EntryInvalid, NotThere
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Seen
from photocall.school.lessons import checked_time, forget, remove_objects
from photocall.school.places import CLASSROOM_PHOTOS, Places, lesson_lock
from photocall.school.records import Account
from photocall.school.register import Records, SchoolRegister
from photocall.school.settling import PHOTO, VIDEO, is_late, settle

MAX_PIXELS = 50_000_000
"""Of a photo, width times height; decoding one such takes about half a gigabyte."""

MOST_EVIDENCE = 500
"""Photos and videos of one lesson."""

JPEG_QUALITY = 95
"""Of kept photos: faces are found and compared in them as in the photo that was sent."""

VIDEO_ENDINGS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".3gp", ".wmv", ".flv")
"""Endings that kept videos may have; others are kept as .mp4, whatever is in them."""

LESSON, EVIDENCE = "lesson", "evidence"
"""Options of a job: what it looks at."""

GRACE_SECONDS = 60.0
"""So long after a file came, its job must have been asked for; if it was not, the server died in between."""

INTERRUPTED = "It did not arrive as a whole; send it again"

_EVIDENCE = UUID("1d0f6d0a-5e2f-4f0e-9d57-6d8b7a1c9b42")
"""Namespace of evidence ids: a random UUID, never to be changed."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that somebody sent.

    Attributes:
        name: of the file.
        kind: photo or video.
        file: its content, read from its beginning.
        digest: SHA-256 of the content, hexadecimal.
        taken: when it was taken, or began, if the sender says; without a time zone it is the school's.
        modified: when the file was made, or a video began; counts where neither `taken` nor the photo itself says more.
    """

    name: str
    kind: str
    file: BinaryIO
    digest: str
    taken: datetime | None = None
    modified: datetime | None = None


def add_evidence(
    places: Places,
    submit: Callable[[Job], None],
    account: Account,
    lesson_id: str,
    sent: Sent,
    now: datetime,
) -> Evidence:
    """Keep a photo or video of a lesson, and have it looked at.

    Photos are decoded and kept as JPEG of ours, so nothing but a picture is ever kept, and no place where it was taken.

    Args:
        places: where it is kept.
        submit: asks for a job, whose object is in its bucket by then.
        account: who sends it.
        lesson_id: of which lesson.
        sent: the file.
        now: with a time zone.

    Raises:
        NotAllowed, NotThere: the lesson is somebody else's, or nobody's.
        ImageUnreadable, ImageTooLarge: a photo is damaged or too large.
        EntryInvalid: the lesson has too many already, or the time makes no sense.
        StoreUnavailable, ExtraMissing: it cannot be kept or looked at.
    """
    permissions.lesson(places.store, account, lesson_id, change=True)
    evidence_id = str(uuid5(_EVIDENCE, f"{lesson_id}/{sent.digest}"))
    known = places.store.get(Evidence, evidence_id)
    if known is not None and known.state is EvidenceState.DONE:
        return known
    photo, taken = _read(places, sent, now)
    if known is not None and known.state is EvidenceState.FAILED:  # it begins anew, as another job
        places.objects.delete(results.result_key(known.job_id))
    evidence = _recorded(places, account, lesson_id, _new(evidence_id, lesson_id, sent, account, taken, now))
    if evidence.state is EvidenceState.DONE:
        return evidence
    _keep(places.bucket, evidence, sent, photo)
    if places.store.get(Evidence, evidence_id) is None:  # somebody deleted the lesson meanwhile
        places.bucket.delete(evidence.key)
        raise NotThere("lesson", lesson_id)
    job = job_of(places.bucket_name, evidence)
    submit(job)
    await_again(places.store, job)  # while it was kept, somebody may have thought that it never would be
    return evidence


def change_evidence(
    register: SchoolRegister, account: Account, evidence_id: str, now: datetime, *, late: bool
) -> Evidence:
    """Say whether who is seen only here came late. Raises `NotAllowed`, `NotThere`."""
    lesson_id = evidence_of(register, account, evidence_id).lesson_id
    with register.changing(lesson_lock(lesson_id)) as records:
        changed = replace(evidence_of(records, account, evidence_id, change=True), late=late)
        records.put(changed)
        settle(records, lesson_id, now)
    return changed


def delete_evidence(places: Places, account: Account, evidence_id: str, now: datetime) -> None:
    """Delete a photo or video with all that it showed; objects first, so that it can be done again.

    Raises `NotAllowed`, `NotThere`.
    """
    evidence = evidence_of(places.store, account, evidence_id, change=True)
    remove_objects(places, [evidence])
    for seen in places.store.find(Seen, lesson_id=evidence.lesson_id, evidence_id=evidence_id):
        if seen.crop:
            places.bucket.delete(seen.crop)
    with places.store.changing(audit.LOCK, lesson_lock(evidence.lesson_id)) as records:
        evidence_of(records, account, evidence_id, change=True)
        mine = records.find(Seen, lesson_id=evidence.lesson_id, evidence_id=evidence_id)
        forget(records, [each.seen_id for each in mine])
        records.remove(Seen, lesson_id=evidence.lesson_id, evidence_id=evidence_id)
        records.remove(Evidence, evidence_id=evidence_id)
        audit.note(records, account.account_id, "photo.deleted", evidence_id, now, lesson=evidence.lesson_id)
        settle(records, evidence.lesson_id, now)


def evidence_of(records: Records, account: Account, evidence_id: str, *, change: bool = False) -> Evidence:
    """A photo or video that the account may see, or change. Raises `NotAllowed`, `NotThere`."""
    found = records.get(Evidence, evidence_id)
    if found is None:
        raise NotThere("photo or video", evidence_id)
    permissions.lesson(records, account, found.lesson_id, change=change)
    return found


def learn_failures(register: SchoolRegister, objects: ObjectStore, lesson_id: str, now: datetime) -> bool:
    """Write down of what waits that it failed, where its job was given up, or was never asked for; whether any did.

    Args:
        register: that is changed.
        objects: where the results of jobs are.
        lesson_id: of which lesson.
        now: with a time zone.
    """
    waiting = [EvidenceState.WAITING, EvidenceState.FOUND]
    failed = False
    for each in register.find(Evidence, lesson_id=lesson_id, state=waiting):
        reason = _failure(objects, each, now)
        if reason:
            failed = True
            with register.changing(lesson_lock(lesson_id)) as records:
                found = records.get(Evidence, each.evidence_id)
                if found is not None and found.state in waiting and found.job_id == each.job_id:
                    records.put(replace(found, state=EvidenceState.FAILED, reason=reason))
    return failed


def await_again(register: SchoolRegister, job: Job) -> None:
    """Write down that a job which was given up is to be done once more."""
    evidence_id = job.options.get(EVIDENCE, "")
    with register.changing(lesson_lock(job.options.get(LESSON, ""))) as records:
        found = records.get(Evidence, evidence_id)
        if found is not None and found.state is EvidenceState.FAILED and found.job_id == job.job_id:
            records.put(replace(found, state=EvidenceState.WAITING, reason=""))


def job_of(bucket: str, evidence: Evidence) -> Job:
    """What looks at a photo or video; sent anew after it was deleted, or could not be looked at, it is another job."""
    options = {LESSON: evidence.lesson_id, EVIDENCE: evidence.evidence_id}
    return Job(Kind.ROLL_CALL, bucket, evidence.key, evidence.added.isoformat(), options=options)


def _read(places: Places, sent: Sent, now: datetime) -> tuple[bytes, datetime]:
    """What is to be kept of a photo, nothing of a video; and when it was taken."""
    zone, photo, taken = choices(places.store).zone, b"", sent.taken
    if sent.kind == PHOTO:
        sent.file.seek(0)
        data = sent.file.read()
        photo = encode_jpeg(read_image(data, name=sent.name, max_pixels=MAX_PIXELS), JPEG_QUALITY)
        taken = taken or photo_time(data, zone)
    taken = taken or sent.modified or now
    return photo, checked_time("taken", taken if taken.tzinfo else taken.replace(tzinfo=zone))


def _new(evidence_id: str, lesson_id: str, sent: Sent, account: Account, taken: datetime, now: datetime) -> Evidence:
    return Evidence(evidence_id, lesson_id, sent.kind, sent.name, "", "", now, account.account_id, taken)


def _recorded(places: Places, account: Account, lesson_id: str, new: Evidence) -> Evidence:
    """The evidence in the register: as it was if it was sent before, else with a key and a job.

    What could not be looked at, or whose photo was deleted before anybody did, begins anew as another job.
    """
    with places.store.changing(audit.LOCK, lesson_lock(lesson_id)) as records:
        lesson = permissions.lesson(records, account, lesson_id, change=True)
        known = records.get(Evidence, new.evidence_id)
        if known is not None and _is_under_way(known):
            return known
        others = records.find(Evidence, lesson_id=lesson_id)
        if known is None and len(others) >= MOST_EVIDENCE:
            raise EntryInvalid("file", f"a lesson may have {MOST_EVIDENCE} photos and videos; delete some first")
        key = (known and known.key) or _key(lesson, new, {each.key for each in others})
        again = known and replace(known, state=EvidenceState.WAITING, reason="", added=new.added)
        new = replace(again or replace(new, late=is_late(lesson, new.taken)), key=key)
        new = replace(new, job_id=job_of(places.bucket_name, new).job_id)
        records.put(new)
        told = {"lesson": lesson_id, "kind": new.kind}
        audit.note(records, account.account_id, "photo.added", new.evidence_id, new.added, **told)
    return new


def _is_under_way(known: Evidence) -> bool:
    """Whether somebody has looked, or will look, at what was sent before."""
    return known.state is EvidenceState.DONE or (known.state is not EvidenceState.FAILED and bool(known.key))


def _keep(bucket: ObjectStore, evidence: Evidence, sent: Sent, photo: bytes) -> None:
    if sent.kind == PHOTO:
        bucket.put(evidence.key, photo)
    else:
        sent.file.seek(0)
        bucket.upload(evidence.key, sent.file)


def _key(lesson: Lesson, evidence: Evidence, taken: set[str]) -> str:
    """`classroom_photos/<lesson_id>_class_<course_id>_<YYYYmmddHHMMSS>.jpg`, in UTC; further ones with `_2`, `_3`."""
    ending = ".jpg" if evidence.kind == PHOTO else PurePath(evidence.name).suffix.lower()
    if evidence.kind == VIDEO and ending not in VIDEO_ENDINGS:
        ending = ".mp4"
    course = key_part(lesson.course_id)
    stem = f"{CLASSROOM_PHOTOS}/{lesson.lesson_id}_class_{course}_{evidence.added.astimezone(UTC):%Y%m%d%H%M%S}"
    number, key = 1, stem + ending
    while key in taken:
        number += 1
        key = f"{stem}_{number}{ending}"
    return key


def _failure(objects: ObjectStore, evidence: Evidence, now: datetime) -> str:
    """Why nobody will look at a photo or video; empty if somebody will."""
    found = results.read_result(objects, evidence.job_id)
    if found is None:
        return INTERRUPTED if (now - evidence.added).total_seconds() > GRACE_SECONDS else ""
    if found["status"] != results.FAILED:
        return ""
    if found.get("error") == StoreUnavailable.__name__:  # whose text names the server's insides
        return "A store of the server could not be reached; send it again"
    return str(found["reason"])
