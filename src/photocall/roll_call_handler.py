"""Looking at a photo or video of a lesson: what a worker does. It may be killed anywhere, and done again.

Ids follow from the evidence and the place in it, so that looking again writes the same. What people said of a face
meanwhile stays.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from photocall.app import SCHOOL_COLLECTION, App
from photocall.errors import BucketNotFound
from photocall.faces import BoundingBox, ByteArray, Face, FloatArray
from photocall.jobs import Job
from photocall.media.images import encode_jpeg, read_image
from photocall.ports import ObjectStore
from photocall.recognition import embedding_of, identify_faces
from photocall.school import audit
from photocall.school.choices import choices
from photocall.school.class_gallery import ClassGallery, class_gallery
from photocall.school.consents import in_force
from photocall.school.erasing import keys_below
from photocall.school.evidence import EVIDENCE, LESSON, MAX_PIXELS
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Seen
from photocall.school.places import CROPS, lesson_lock
from photocall.school.register import Records, SchoolRegister
from photocall.school.settling import VIDEO, settle
from photocall.video import Person, named_people
from photocall.video_handlers import Told, opened, telling

Json = dict[str, Any]

MARGIN = 0.4
"""Of a face's width and height, kept around it on each side of its picture."""

MOST_SIDE = 512
"""Pixels of a side of such a picture, about; larger ones are thinned out."""

CROP_QUALITY = 88

_WRITERS = 4  # crops written at a time: most of the time of one is waiting for the store

_SEEN = UUID("a51f7d1c-6a0c-43e3-8c1b-5b5a86e3a2f9")
"""Namespace of seen ids: a random UUID, never to be changed."""


@dataclass(frozen=True, slots=True)
class Find:
    """A face that was found.

    Attributes:
        place: in the evidence, the same whenever it is looked at again.
        box: as `Seen` has it.
        at: seconds from the start of a video.
        crop: its picture, uint8 RGB, shape (h, w, 3).
    """

    place: str
    box: str
    at: float
    crop: ByteArray


@dataclass(frozen=True, slots=True)
class Guess:
    """Whom a face is taken for; the fields are those of `Seen`.

    Attributes:
        vector: its template, float32, shape (d,).
    """

    student_id: str
    similarity: float
    certain: bool
    reasons: str
    vector: FloatArray


def look_at(
    app: App, bucket: ObjectStore, job: Job, fetched: Callable[[], AbstractContextManager[Path]], told: Told
) -> Json:
    """Find and name the faces of a job's evidence, and bring the register of its lesson up to that.

    Args:
        app: engine, settings and store.
        bucket: the school's.
        job: to be done.
        fetched: gives the file of the evidence.
        told: is told how far a video is.

    Returns:
        What the result is to say: counts, nobody's name.

    Raises:
        ImageUnreadable, ImageTooLarge, VideoUnreadable, ObjectNotFound: it cannot be looked at.
        ModelMismatch: the students' faces were embedded by another model.
    """
    evidence = app.school.get(Evidence, job.options.get(EVIDENCE, ""))
    lesson = app.school.get(Lesson, evidence.lesson_id) if evidence else None
    if evidence is None or lesson is None:
        return _too_late(app.school, bucket, job)
    look = _video if evidence.kind == VIDEO else _photo
    with fetched() as path, ThreadPoolExecutor(_WRITERS, thread_name_prefix="photocall-crops") as writers:
        looking = _Looking(app, bucket, writers, lesson, evidence, job, told)
        finds, guesses = look(looking, path)
        looking.wait()
    known = _finish(app, bucket, evidence, finds, guesses)
    if known is None:
        for each in finds:
            bucket.delete(_crop_key(evidence, each))
        return _too_late(app.school, bucket, job)
    return {"faces": len(finds), "known": known}


@dataclass(frozen=True, slots=True)
class _Looking:
    """What looking at one evidence needs."""

    app: App
    bucket: ObjectStore
    writers: ThreadPoolExecutor
    lesson: Lesson
    evidence: Evidence
    job: Job
    told: Told
    writing: list[Future[None]] = field(default_factory=list)

    def gallery(self) -> ClassGallery:
        store = self.app.school
        return class_gallery(store, store, self.app.engine, SCHOOL_COLLECTION, self.lesson.course_id)

    def keep_crops(self, finds: Sequence[Find]) -> None:
        """Write the pictures of faces, while something else is done."""
        for find in finds:
            key = _crop_key(self.evidence, find)
            self.writing.append(self.writers.submit(_write_crop, self.bucket, key, find.crop))

    def wait(self) -> None:
        """Until all pictures are written. Raises `StoreUnavailable`."""
        for each in self.writing:
            each.result()


def _photo(looking: _Looking, path: Path) -> tuple[list[Find], list[Guess]]:
    engine, settings = looking.app.engine, looking.app.settings
    image = read_image(path.read_bytes(), name=looking.evidence.name, max_pixels=MAX_PIXELS)
    faces = engine.detect(image)
    _tell_boxes(looking.app.school, looking.evidence, image, faces)
    finds = [_find(image, face.box) for face in faces]
    looking.keep_crops(finds)
    faces = engine.embed(image, faces)
    named = identify_faces(
        faces, looking.gallery(), engine.calibration, settings.false_positive_target, settings.quality_filter
    )
    return finds, [
        Guess(
            one.name or "",
            one.similarity or 0,
            one.certain and one.name is not None,
            ",".join(one.reasons),
            embedding_of(one.face).vector,
        )
        for one in named
    ]


def _video(looking: _Looking, path: Path) -> tuple[list[Find], list[Guess]]:
    engine, settings = looking.app.engine, looking.app.settings
    with opened(replace(looking.job, key=looking.evidence.name), path) as video:
        frames, told = video.frames(settings.video_fps), telling(video, looking.told)
        people = named_people(engine, looking.gallery(), frames, settings.false_positive_target, told)
    finds = []
    for number, person in enumerate(people):
        first = min(person.times)
        finds.append(Find(f"{first:.3f}/{number}", "", first, person.crop))
    looking.keep_crops(finds)
    return finds, [
        Guess(person.name or "", person.similarity or 0, person.name is not None, "", _typical(person))
        for person in people
    ]


def _typical(person: Person) -> FloatArray:
    """The template of the picture that is most like all pictures of a person."""
    away = np.square(person.vectors - person.vectors.mean(axis=0)).sum(axis=1)
    typical: FloatArray = person.vectors[int(away.argmin())]
    return typical


def _tell_boxes(store: SchoolRegister, evidence: Evidence, image: ByteArray, faces: Sequence[Face]) -> None:
    """Let the page show where faces are before anybody knows whose."""
    height, width, _ = image.shape
    boxes = [[round(edge, 1) for edge in _edges(face.box)] for face in faces]
    with store.changing(lesson_lock(evidence.lesson_id)) as records:
        now_known = records.get(Evidence, evidence.evidence_id)
        if now_known is not None:
            state = EvidenceState.DONE if now_known.state is EvidenceState.DONE else EvidenceState.FOUND
            found = {"width": width, "height": height, "boxes": boxes}
            records.put(replace(now_known, state=state, reason="", found=found))


def _finish(
    app: App, bucket: ObjectStore, evidence: Evidence, finds: Sequence[Find], guesses: Sequence[Guess]
) -> int | None:
    """Write who was seen, and what follows; how many are known for certain, or None if the evidence was deleted."""
    now = datetime.now(UTC)
    with app.school.changing(audit.LOCK, lesson_lock(evidence.lesson_id)) as records:
        found = records.get(Evidence, evidence.evidence_id)
        if found is None:
            return None
        before = records.find(Seen, lesson_id=found.lesson_id, evidence_id=found.evidence_id)
        seen = _rows(records, found, finds, guesses, app.engine.model, now)
        _replace(records, {each.seen_id: each for each in before}, seen)
        records.put(replace(found, state=EvidenceState.DONE, reason=""))
        known = sum(each.certain for each in seen)
        told = {"lesson": found.lesson_id, "faces": len(seen), "known": known}
        audit.note(records, "", "photo.recognised", found.evidence_id, now, **told)
        settle(records, found.lesson_id, now)
    for find, each in zip(finds, seen, strict=True):
        if not each.crop:
            bucket.delete(_crop_key(evidence, find))
    return known


def _rows(
    records: Records, evidence: Evidence, finds: Sequence[Find], guesses: Sequence[Guess], model: str, now: datetime
) -> list[Seen]:
    """What was seen: of strangers their templates if the school keeps them, nothing of whom withdrew meanwhile."""
    agreed = in_force(records, {guess.student_id for guess in guesses})
    keeps_strangers = choices(records).unknown_days > 0
    rows = []
    for find, guess in zip(finds, guesses, strict=True):
        if guess.student_id not in {"", *agreed}:
            gone = Guess("", 0, False, "", guess.vector)
            rows.append(replace(_seen(evidence, find, gone, "", now), crop=""))
            continue
        keeps = bool(guess.student_id) or keeps_strangers
        rows.append(_seen(evidence, find, guess, model if keeps else "", now))
    return rows


def _replace(records: Records, before: dict[str, Seen], seen: Sequence[Seen]) -> None:
    """Put what was seen in place of what was seen before, but for what people said of it."""
    gone = before.keys() - {each.seen_id for each in seen}
    stale = [seen_id for seen_id in gone if not before[seen_id].verdict]
    if stale:
        records.remove(Seen, seen_id=sorted(stale))
    if seen:
        records.put(*(_with_what_was_said(each, before.get(each.seen_id)) for each in seen))


def _with_what_was_said(seen: Seen, old: Seen | None) -> Seen:
    if old is None:
        return seen
    said = {"verdict": old.verdict, "is_student": old.is_student, "judged_by": old.judged_by, "judged": old.judged}
    return replace(seen, seen=old.seen, **said)  # type: ignore[arg-type]  # each is a field of it


def _seen(evidence: Evidence, find: Find, guess: Guess, model: str, now: datetime) -> Seen:
    """A row of what was seen; without `model`, the template is not kept."""
    return Seen(
        seen_id=_seen_id(evidence, find),
        lesson_id=evidence.lesson_id,
        evidence_id=evidence.evidence_id,
        box=find.box,
        at=find.at,
        student_id=guess.student_id,
        similarity=guess.similarity,
        certain=guess.certain,
        reasons=guess.reasons,
        crop=_crop_key(evidence, find),
        model=model,
        vector=guess.vector.astype("<f4").tobytes() if model else b"",
        seen=now,
    )


def _too_late(records: Records, bucket: ObjectStore, job: Job) -> Json:
    """What is left of evidence that was deleted before, or while, it was looked at."""
    with suppress(BucketNotFound):
        bucket.delete(job.key)
    lesson_id = job.options.get(LESSON, "")
    if lesson_id and records.get(Lesson, lesson_id) is None:
        for key in keys_below(bucket, f"{CROPS}/{lesson_id}"):
            bucket.delete(key)
    return {"faces": 0, "known": 0, "deleted": True}


def _find(image: ByteArray, box: BoundingBox) -> Find:
    place = ",".join(str(round(edge)) for edge in _edges(box))
    return Find(place, ",".join(f"{edge:.1f}" for edge in _edges(box)), 0, _crop(image, box))


def _edges(box: BoundingBox) -> tuple[float, float, float, float]:
    return box.left, box.top, box.width, box.height


def _crop(image: ByteArray, box: BoundingBox) -> ByteArray:
    """A face with what is around it."""
    across, down = MARGIN * box.width, MARGIN * box.height
    left, top = max(0, round(box.left - across)), max(0, round(box.top - down))
    right, bottom = max(left + 1, round(box.right + across)), max(top + 1, round(box.bottom + down))
    found = image[top:bottom, left:right]
    step = -(-max(found.shape[:2]) // MOST_SIDE)
    return np.ascontiguousarray(found[:: max(1, step), :: max(1, step)])


def _write_crop(bucket: ObjectStore, key: str, crop: ByteArray) -> None:
    bucket.put(key, encode_jpeg(crop, CROP_QUALITY))


def _crop_key(evidence: Evidence, find: Find) -> str:
    return f"{CROPS}/{evidence.lesson_id}/{_seen_id(evidence, find)}.jpg"


def _seen_id(evidence: Evidence, find: Find) -> str:
    return str(uuid5(_SEEN, f"{evidence.evidence_id}/{find.place}"))
