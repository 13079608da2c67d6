"""Verbs about lessons: make them, list them, change them, delete them with all that they showed."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from photocall.errors import BucketNotFound
from photocall.results import result_key
from photocall.school import audit, permissions
from photocall.school.entries import name_of
from photocall.school.erasing import keys_below
from photocall.school.errors import EntryInvalid
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Remembered, Seen
from photocall.school.places import CROPS, Places, lesson_lock
from photocall.school.records import Account
from photocall.school.register import Records, SchoolRegister
from photocall.school.reports import FIRST_DAY, LAST_DAY
from photocall.school.settling import MOST_LESSON, is_late, settle

MOST_MINUTES = MOST_LESSON // timedelta(minutes=1)
"""Minutes that a lesson may take."""


def create_lesson(
    register: SchoolRegister,
    account: Account,
    course_id: str,
    now: datetime,
    *,
    title: str = "",
    starts: datetime | None = None,
    minutes: int = 45,
    grace: int = 10,
) -> Lesson:
    """Make a lesson; without a time it starts now. Raises `NotAllowed`, `NotThere`, `EntryInvalid`."""
    lesson = Lesson(str(uuid4()), course_id, title, starts or now, minutes, grace, account.account_id)
    lesson = _checked(lesson)
    with register.changing(lesson_lock(lesson.lesson_id)) as records:
        permissions.course(records, account, course_id, change=True)
        records.put(lesson)
    return lesson


def lessons_of(records: Records, account: Account, course_id: str) -> list[Lesson]:
    """The lessons of a class, the newest first. Raises `NotAllowed`, `NotThere`."""
    permissions.course(records, account, course_id)
    found = records.find(Lesson, course_id=course_id)
    return sorted(found, key=lambda lesson: (lesson.starts, lesson.lesson_id), reverse=True)


def change_lesson(
    register: SchoolRegister,
    account: Account,
    lesson_id: str,
    now: datetime,
    *,
    title: str | None = None,
    starts: datetime | None = None,
    minutes: int | None = None,
    grace: int | None = None,
) -> Lesson:
    """Change what is given. Who was late by the old times, and not by somebody's word, is judged by the new ones.

    Raises `NotAllowed`, `NotThere`, `EntryInvalid`.
    """
    given = {"title": title, "starts": starts, "minutes": minutes, "grace": grace}
    changes = {name: value for name, value in given.items() if value is not None}
    with register.changing(lesson_lock(lesson_id)) as records:
        before = permissions.lesson(records, account, lesson_id, change=True)
        after = _checked(replace(before, **changes))  # type: ignore[arg-type]  # each is a field of it
        records.put(after)
        for each in records.find(Evidence, lesson_id=lesson_id):
            if each.late == is_late(before, each.taken):
                records.put(replace(each, late=is_late(after, each.taken)))
        settle(records, lesson_id, now)
    return after


def delete_lesson(places: Places, account: Account, lesson_id: str, now: datetime) -> None:
    """Delete a lesson with its register, photos, crops and what was learned from them; again does nothing new.

    Objects go first: whatever interrupts it, it can be done again until nothing is left.

    Raises:
        NotAllowed, NotThere: it is somebody else's, or nobody's.
    """
    permissions.lesson(places.store, account, lesson_id, change=True)
    remove_objects(places, places.store.find(Evidence, lesson_id=lesson_id))
    remove_crops(places, lesson_id)
    with places.store.changing(audit.LOCK, lesson_lock(lesson_id)) as records:
        permissions.lesson(records, account, lesson_id, change=True)
        forget(records, [each.seen_id for each in records.find(Seen, lesson_id=lesson_id)])
        for kind in (Mark, RegisterLine, Seen, Evidence, Lesson):
            records.remove(kind, lesson_id=lesson_id)
        audit.note(records, account.account_id, "lesson.deleted", lesson_id, now)


def remove_objects(places: Places, evidence: list[Evidence]) -> None:
    """Delete photos and videos, and the results of the jobs that looked at them."""
    for each in evidence:
        if each.key:
            with suppress(BucketNotFound):  # the first photo of all never arrived
                places.bucket.delete(each.key)
        places.objects.delete(result_key(each.job_id))


def remove_crops(places: Places, lesson_id: str) -> None:
    """Delete every picture of a single face of a lesson."""
    for key in keys_below(places.bucket, f"{CROPS}/{lesson_id}"):
        places.bucket.delete(key)


def forget(records: Records, seen_ids: list[str]) -> None:
    """Forget what corrections of these faces taught."""
    if seen_ids:
        records.remove(Remembered, seen_id=seen_ids)


def checked_time(field: str, time: datetime) -> datetime:
    """A time in UTC, of a day that registers and reports may have. Raises `EntryInvalid`, which names the field."""
    with suppress(OverflowError):
        found = time.astimezone(UTC)
        if FIRST_DAY <= found.date() <= LAST_DAY:
            return found
    raise EntryInvalid(field, f"it must be a time from {FIRST_DAY} to {LAST_DAY}")


def _checked(lesson: Lesson) -> Lesson:
    if lesson.starts.tzinfo is None:
        raise EntryInvalid("starts", "it needs a time zone, such as 2026-11-23T08:00:00+01:00")
    if not 1 <= lesson.minutes <= MOST_MINUTES:
        raise EntryInvalid("minutes", f"it must be 1 to {MOST_MINUTES}")
    if not 0 <= lesson.grace <= MOST_MINUTES:
        raise EntryInvalid("grace", f"it must be 0 to {MOST_MINUTES} minutes")
    title = name_of("title", lesson.title) if lesson.title.strip() else ""
    return replace(lesson, title=title, starts=checked_time("starts", lesson.starts))
