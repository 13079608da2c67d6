"""The retention clock: what shows or measures a face goes after so many days; what registers say stays.

Running it again changes nothing more. What a killed process left half done, it finishes: erasures that were begun,
photos that no record knows of.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta

from photocall.ports import JobQueue
from photocall.school import audit
from photocall.school.choices import Choices, choices
from photocall.school.erasing import ERASED, Removed, delete_results_naming, erase_student, unfinished
from photocall.school.errors import NotThere
from photocall.school.imports import LIFETIME, remove_expired
from photocall.school.leavers import leavers
from photocall.school.lesson_records import Evidence, Remembered, Seen, Verdict
from photocall.school.lessons import remove_objects
from photocall.school.messages import drop_letters
from photocall.school.places import LONG_AGO, Places, lesson_lock
from photocall.school.records import Account, AuditEntry, Role, RosterPreview, SignIn
from photocall.school.register import Between, Records
from photocall.school.remains import delete_remains, finish_withdrawals

_WINDOW = timedelta(days=7)

SERVER = ""
"""The account of the server itself, which acts when nobody does."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is due to be deleted.

    Attributes:
        photos: photos and videos of lessons.
        sightings: faces in lessons whose picture or template is too old, or is a stranger's.
        corrections: remembered "is not" verdicts, which hold the template of nobody knows whom.
        leavers: student_ids of those who have been in no class for too long.
        broken_off: student_ids whose erasure was begun and did not end.
        sign_ins: that have expired.
        previews: of imports that nobody confirmed.
    """

    photos: Sequence[Evidence]
    sightings: Sequence[Seen]
    corrections: Sequence[Remembered]
    leavers: Sequence[str]
    broken_off: Sequence[str]
    sign_ins: int
    previews: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """How much was deleted, or would be.

    Attributes:
        photos: photos and videos of lessons.
        crops: pictures of single faces.
        templates: of faces in lessons, and of corrections.
        leavers: students who were in no class any more, erased wholly.
        finished: erasures that had been broken off.
        remains: objects and enrolled faces that no record knows of, and messages about them.
        sign_ins: that had expired.
        previews: of imports.
    """

    photos: int = 0
    crops: int = 0
    templates: int = 0
    leavers: int = 0
    finished: int = 0
    remains: int = 0
    sign_ins: int = 0
    previews: int = 0

    def __add__(self, other: "Deleted") -> "Deleted":
        """Both together."""
        return Deleted(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Deleted)))


def due(records: Records, now: datetime) -> Due:
    """What is due; nothing is changed."""
    chosen = choices(records)
    old = records.find(Evidence, added=Between(LONG_AGO, now - timedelta(days=chosen.photo_days)))
    ages = _Ages.of(chosen, now)
    broken_off = unfinished(records)
    return Due(
        photos=[each for each in old if each.key],
        sightings=[each for each in sightings(records, LONG_AGO, ages.strangers_until) if ages.aged(each) != each],
        corrections=_outdated(records, ages.crops_until),
        leavers=[one for one, day in leavers_due(records).items() if day <= now and one not in broken_off],
        broken_off=broken_off,
        sign_ins=len(records.find(SignIn, expires=Between(LONG_AGO, now))),
        previews=len(records.find(RosterPreview, created=Between(LONG_AGO, now - LIFETIME))),
    )


def leavers_due(records: Records) -> dict[str, datetime]:
    """When everybody who is in no class any more is to be erased, by student_id, the next one first."""
    kept = timedelta(days=choices(records).leaver_days)
    return {one: since + kept for one, since in sorted(leavers(records).items(), key=lambda each: (each[1], each[0]))}


def sightings(records: Records, first: datetime, end: datetime) -> Iterator[Seen]:
    """The faces that were seen between two times, a few days' at a time: those of years would fill the memory."""
    oldest = records.get(AuditEntry, 1)  # whatever is done in a school is noted
    start = max(first, oldest.time) if oldest else end
    if first < start:
        yield from records.find(Seen, seen=Between(first, min(start, end)))
    while start < end:
        yield from records.find(Seen, seen=Between(start, min(start + _WINDOW, end)))
        start += _WINDOW


def planned(found: Due) -> Deleted:
    """How much would be deleted, as far as records tell."""
    return Deleted(
        photos=len(found.photos),
        crops=sum(bool(each.crop) for each in found.sightings),
        templates=sum(bool(each.vector) for each in found.sightings) + len(found.corrections),
        leavers=len(found.leavers),
        finished=len(found.broken_off),
        sign_ins=found.sign_ins,
        previews=found.previews,
    )


def run(places: Places, queue: JobQueue, now: datetime, account_id: str = SERVER) -> Deleted:
    """Delete what is due.

    Args:
        places: everywhere that it may be.
        queue: of jobs.
        now: when.
        account_id: who asked; nobody when the clock did.

    Returns:
        How much went; the audit log has it, too, unless nothing was due and nobody asked.

    Raises:
        StoreUnavailable: something could not be deleted; the next run goes on.
    """
    store = places.store
    found = due(store, now)
    deleted = _delete_photos(places, found.photos) + _delete_sightings(places, found.sightings, now)
    deleted += Deleted(templates=sum(_forget(store, each) for each in found.corrections))
    deleted += _erase(places, queue, found, account_id, now)
    deleted += Deleted(finished=finish_withdrawals(places, queue, account_id, now))
    deleted += Deleted(remains=delete_remains(places, now) + drop_letters(queue, places.bucket_name))
    deleted += Deleted(
        sign_ins=store.remove(SignIn, expires=Between(LONG_AGO, now)),
        previews=remove_expired(store, now),
    )
    if deleted == Deleted() and account_id == SERVER:
        return deleted  # once an hour, that would be most of the log
    audit.noted(store, account_id, "retention.run", "", now, deleted=asdict(deleted))
    return deleted


def _erase(places: Places, queue: JobQueue, found: Due, account_id: str, now: datetime) -> Deleted:
    """Erase students who left and have not come back by now, and those whose erasure was broken off."""
    server, left = Account(account_id, "", "", Role.ADMINISTRATOR, "", now), 0
    delete_results_naming(places, [*found.leavers, *found.broken_off])
    for student_id in found.leavers:
        with suppress(NotThere):  # somebody else erased the student meanwhile
            removed = erase_student(places, queue, server, student_id, now, only_leaver=True, in_results=False)
            left += removed != Removed()
    for student_id in found.broken_off:
        try:
            erase_student(places, queue, server, student_id, now, in_results=False)
        except NotThere:  # all but the last entry of the audit log had been done
            audit.noted(places.store, account_id, ERASED, student_id, now)
    return Deleted(leavers=left, finished=len(found.broken_off))


# --- lessons


@dataclass(frozen=True, slots=True)
class _Ages:
    """Until when a face must have been seen for its picture, or a stranger's template, to go."""

    crops_until: datetime
    strangers_until: datetime

    @classmethod
    def of(cls, chosen: Choices, now: datetime) -> "_Ages":
        strangers = min(chosen.unknown_days, chosen.crop_days)
        return cls(now - timedelta(days=chosen.crop_days), now - timedelta(days=strangers))

    def aged(self, seen: Seen) -> Seen:
        """The face with as much of it as may still be kept."""
        crop = "" if seen.seen < self.crops_until else seen.crop
        is_kept = seen.seen >= (self.crops_until if is_known(seen) else self.strangers_until)
        return replace(seen, crop=crop, model=seen.model if is_kept else "", vector=seen.vector if is_kept else b"")


def is_known(seen: Seen) -> bool:
    """Whether it is a student's, by the engine as long as nobody said otherwise."""
    return seen.verdict == Verdict.IS or (bool(seen.student_id) and not seen.verdict)


def _delete_photos(places: Places, photos: Iterable[Evidence]) -> Deleted:
    count = 0
    for each in photos:
        remove_objects(places, [each])
        with places.store.changing(lesson_lock(each.lesson_id)) as records:
            there = records.get(Evidence, each.evidence_id)
            if there is not None and there.key == each.key:
                records.put(replace(there, key=""))
                count += 1
    return Deleted(photos=count)


def _delete_sightings(places: Places, sightings: Iterable[Seen], now: datetime) -> Deleted:
    deleted, ages = Deleted(), _Ages.of(choices(places.store), now)
    by_lesson: dict[str, list[Seen]] = {}
    for each in sightings:
        by_lesson.setdefault(each.lesson_id, []).append(each)
    for lesson_id, seen in by_lesson.items():
        for each in seen:
            if each.crop and not ages.aged(each).crop:
                places.bucket.delete(each.crop)
        with places.store.changing(lesson_lock(lesson_id)) as records:  # what was judged meanwhile stays judged
            there = records.find(Seen, seen_id=[each.seen_id for each in seen])
            aged = list(map(ages.aged, there))
            records.put(*aged)
        crops = sum(before.crop != after.crop for before, after in zip(there, aged, strict=True))
        templates = sum(before.vector != after.vector for before, after in zip(there, aged, strict=True))
        deleted += Deleted(crops=crops, templates=templates)
    return deleted


def _outdated(records: Records, until: datetime) -> list[Remembered]:
    """Old "is not" verdicts of faces that nobody said to be a student's: whose templates they hold is not known."""
    found = records.find(Remembered)
    owned = {each.seen_id for each in found if each.is_student}
    return [each for each in found if not each.is_student and each.seen_id not in owned and each.judged < until]


def _forget(records: Records, correction: Remembered) -> int:
    return records.remove(Remembered, seen_id=correction.seen_id, student_id=correction.student_id)
