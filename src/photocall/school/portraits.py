"""Portraits: the photos that a student is known by, each of one person, good enough, and only with consent."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

from photocall.engine.face_engine import FaceEngine
from photocall.erasure import erase_faces
from photocall.errors import BucketNotFound, CollectionNotFound, InputError, ObjectNotFound, PoorFace
from photocall.faces import FaceRecord
from photocall.gallery import Gallery
from photocall.media.images import encode_jpeg, read_image
from photocall.quality_gate import QualityFilter
from photocall.recognition import derive_image_id, index_face
from photocall.school import audit
from photocall.school.consents import check_consent
from photocall.school.errors import NotThere
from photocall.school.places import Places, SchoolStore, portrait_key, student_lock
from photocall.school.records import Account, Portrait
from photocall.school.register import Records, SchoolRegister
from photocall.school.students import student

MAX_BYTES = 20 * 2**20
"""Of one photo, as the application that photocall replaces takes them."""

MAX_PIXELS = 50_000_000
"""Width times height; phones have cameras of 12 to 48 million."""

JPEG_QUALITY = 92
"""Of kept photos: they are written anew, so that nothing of a file but its picture is kept."""

CLAIMED = timedelta(minutes=10)
"""So long a key is claimed before its photo is recorded: far longer than a store of objects may take."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What photos are looked at with.

    Attributes:
        places: where photos and faces go.
        engine: what finds and embeds.
        gallery: gives the students' faces as of now, once there is their collection.
        quality_filter: how good a face must be.
        keeps_photos: whether of each photo the part is kept that another model needs.
    """

    places: Places
    engine: FaceEngine
    gallery: Callable[[], Gallery]
    quality_filter: QualityFilter = QualityFilter.AUTO
    keeps_photos: bool = True


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a file.

    Attributes:
        file: its name.
        portrait: what was kept, or was there already; None where it could not be.
        problem: why not, and what would be right; empty if it was.
        reasons: why the face is too poor, in Rekognition's words.
        student_id: whose photo it is taken for; empty where that is not known.
    """

    file: str
    portrait: Portrait | None = None
    problem: str = ""
    reasons: tuple[str, ...] = ()
    student_id: str = ""


def add_portrait(
    enrolment: Enrolment, account: Account, student_id: str, data: bytes, name: str, now: datetime
) -> Portrait:
    """Let a student be known by a photo; the same photo again changes nothing.

    Args:
        enrolment: what with.
        account: who adds it.
        student_id: whom it shows.
        data: the file.
        name: what errors call it.
        now: when.

    Returns:
        The portrait, which says whom else it resembles as much as one person's photos do.

    Raises:
        NotAllowed, NotThere: the account may not, or there is no such student.
        ConsentMissing: nobody agreed, or not any more; nothing is kept.
        ImageUnreadable, ImageTooLarge: it is no usable photo.
        NoFace, SeveralFaces, PoorFace: it does not show exactly one person well enough.
    """
    places, image_id = enrolment.places, derive_image_id(data)
    portrait_id = derive_image_id(f"{student_id}\0{image_id}".encode())
    check_may_add(places.store, account, student_id)
    there = places.store.get(Portrait, portrait_id)
    if there is not None:
        return there
    image = read_image(data, name=name, max_pixels=MAX_PIXELS)
    places.store.create_collection(places.collection_id, enrolment.engine.model)
    face = index_face(
        enrolment.engine,
        places.store,
        places.collection_id,
        image,
        name=student_id,
        image_id=image_id,
        source=name,
        objects=places.objects if enrolment.keeps_photos else None,
        quality_filter=enrolment.quality_filter,
    )
    try:
        other = _resembled(enrolment, face, student_id)
        new = Portrait(portrait_id, student_id, face.face_id, "", now, account.account_id, other)
        return _kept(places, account, new, encode_jpeg(image, JPEG_QUALITY), now)
    except BaseException:  # no face without its portrait: consent may be withdrawn, or a store be gone by now
        if places.store.get(Portrait, portrait_id) is None:
            erase_faces(places.store, places.objects, places.collection_id, [face.face_id])
        raise


def try_portrait(
    enrolment: Enrolment, account: Account, student_id: str, data: bytes, name: str, now: datetime
) -> Added:
    """Add a portrait, or say what is wrong with the file: one bad file never stops the others.

    Raises:
        NotAllowed, NotThere, ConsentMissing: no photo of this student could be added.
    """
    try:
        portrait = add_portrait(enrolment, account, student_id, data, name, now)
        return Added(name, portrait, student_id=student_id)
    except PoorFace as error:
        return Added(name, problem=str(error), reasons=tuple(error.reasons.split(", ")), student_id=student_id)
    except InputError as error:
        return Added(name, problem=str(error), student_id=student_id)


def check_may_add(records: Records, account: Account, student_id: str) -> None:
    """Raises `NotAllowed`, `NotThere`, `ConsentMissing`."""
    student(records, account, student_id, change=True)
    check_consent(records, student_id)


def portraits_of(records: Records, account: Account, student_id: str) -> list[Portrait]:
    """The photos that a student is known by, oldest first. Raises `NotAllowed`, `NotThere`."""
    student(records, account, student_id)
    return sorted(records.find(Portrait, student_id=student_id), key=lambda each: (each.added, each.portrait_id))


def portrait_photo(places: Places, account: Account, portrait_id: str, now: datetime) -> bytes:
    """The photo of a portrait, JPEG; the audit log knows who saw it.

    Raises:
        NotAllowed, NotThere: the account may not, or there is no such portrait.
        ObjectNotFound: its photo was deleted, and its template stays.
    """
    found = _portrait(places.store, account, portrait_id)
    if not found.key:
        raise ObjectNotFound(portrait_id)
    audit.noted(places.store, account.account_id, "portrait.seen", found.student_id, now, portrait=portrait_id)
    return places.bucket.get(found.key)


def remove_portrait(places: Places, account: Account, portrait_id: str, now: datetime) -> None:
    """Erase a photo with its face. Raises `NotAllowed`, `NotThere`."""
    found = _portrait(places.store, account, portrait_id, change=True)
    if found.key:
        with suppress(BucketNotFound):
            places.bucket.delete(found.key)
    with suppress(CollectionNotFound):
        erase_faces(places.store, places.objects, places.collection_id, [found.face_id])
    with places.store.changing(audit.LOCK, student_lock(found.student_id)) as records:
        if records.remove(Portrait, portrait_id=portrait_id):
            audit.note(records, account.account_id, "portrait.removed", found.student_id, now, portrait=portrait_id)


def _portrait(records: Records, account: Account, portrait_id: str, *, change: bool = False) -> Portrait:
    found = records.get(Portrait, portrait_id)
    if found is None:
        raise NotThere("photo", portrait_id)
    student(records, account, found.student_id, change=change)
    return found


def _kept(places: Places, account: Account, new: Portrait, photo: bytes, now: datetime) -> Portrait:
    """Keep the photo and its record, if consent is still in force; what is there already stays as it is.

    The photo is put first, since nobody else can write while a transaction waits for the store of objects.
    """
    new = replace(new, key=_claimed_key(places.store, new.student_id, now))
    kept = None
    try:
        places.bucket.put(new.key, photo)
        kept = _recorded(places.store, account, new, now)
    finally:
        if kept != new:
            with suppress(BucketNotFound):
                places.bucket.delete(new.key)
    return kept


def _recorded(register: SchoolRegister, account: Account, new: Portrait, now: datetime) -> Portrait:
    with register.changing(audit.LOCK, student_lock(new.student_id)) as records:
        check_may_add(records, account, new.student_id)
        there = records.get(Portrait, new.portrait_id)
        if there is not None:
            return there
        records.put(new)
        audit.note(records, account.account_id, "portrait.added", new.student_id, now, portrait=new.portrait_id)
    return new


def _claimed_key(store: SchoolStore, student_id: str, now: datetime) -> str:
    """A key that no photo has, and that nobody else who adds one at the same time takes."""
    taken = {each.key for each in store.find(Portrait, student_id=student_id)}
    claim = str(uuid4())
    keys = (portrait_key(student_id, now, number) for number in count(1))
    return next(key for key in keys if key not in taken and _is_claimed(store, key, claim, now))


def _is_claimed(store: SchoolStore, key: str, claim: str, now: datetime) -> bool:
    token = derive_image_id(key.encode())  # which does not name the student
    return store.claim_token(token, claim, now, now - CLAIMED) == claim


def _resembled(enrolment: Enrolment, face: FaceRecord, student_id: str) -> str:
    """The nearest other student, if as near as two photos of one person customarily are; else empty."""
    people, distances = enrolment.gallery().compared_with_people(face.embedding.vector[None])
    others = [
        (float(distance), name) for name, distance in zip(people, distances[0], strict=True) if name != student_id
    ]
    distance, name = min(others, default=(float("inf"), ""))
    return name if distance <= enrolment.engine.calibration.customary_threshold else ""
