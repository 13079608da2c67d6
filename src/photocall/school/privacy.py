"""What a school needs to describe its processing of faces: what is stored, where, how long, how many, and who saw it.

Article 35 of the GDPR asks for such an assessment before faces of pupils are processed at all; this is its summary of
facts, in plain words, and no legal advice.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from photocall.errors import CollectionNotFound
from photocall.roster import Student
from photocall.school.choices import choices
from photocall.school.consents import consents
from photocall.school.erasing import ERASED, FACES_ERASED, unfinished
from photocall.school.lesson_records import Evidence, Remembered
from photocall.school.places import CLASSROOM_PHOTOS, CROPS, STUDENT_PHOTOS, Places
from photocall.school.records import Account, AuditEntry, Portrait
from photocall.school.register import Between
from photocall.school.retention import is_known, leavers_due, sightings

Json = dict[str, Any]

LEGAL_BASIS = (
    "Faces are biometric data (GDPR, Article 9). They are stored and recognised only of students for whom consent is "
    "recorded, given by themselves or a parent; it can be withdrawn at any time, and then they are erased at once. "
    "Who does not agree has no disadvantage: the roll is called by hand in the same register."
)

PURPOSE = "To call the roll of a class from a photo or video, which a teacher looks at and corrects."

NOWHERE = "Nothing leaves this server and its stores: photos, templates and names are sent to nobody."

RECENT = timedelta(days=30)
"""For which accesses are counted."""

SLACK = timedelta(days=2)
"""So much later than it is due the clock may delete something, where no server runs for a while."""

LAST = 20
"""Erasures and runs of the retention clock that are shown."""

YEAR = timedelta(days=365)
"""For which these are looked for; the audit log has those before."""

NO_FACES = ("account", "course", "school", "staff", "member", "roster", "retention", "templates")
"""What actions begin with that show or change nobody's face."""


def summary(places: Places, now: datetime) -> Json:
    """The facts, as JSON.

    Args:
        places: everywhere that something of a student may be.
        now: when.
    """
    store, chosen = places.store, choices(places.store)
    return {
        "school": chosen.name,
        "written": now.isoformat(timespec="seconds"),
        "purpose": PURPOSE,
        "legal_basis": LEGAL_BASIS,
        "leaves_the_server": NOWHERE,
        "choices": {
            "photo_days": chosen.photo_days,
            "crop_days": chosen.crop_days,
            "leaver_days": chosen.leaver_days,
            "unknown_days": chosen.unknown_days,
        },
        "stored": _stored(places, now),
        "sealing": _sealing(places),
        "consents": _consents(places),
        "accesses": _accesses(places, now),
        "leavers": [{"student_id": one, "erased": day.isoformat()} for one, day in leavers_due(store).items()],
        "unfinished_erasures": len(unfinished(store)),
        "last_erasures": [_told(each) for each in _last(places, now, ERASED, FACES_ERASED)],
        "last_runs": [_told(each) for each in _last(places, now, "retention.run")],
    }


def _stored(places: Places, now: datetime) -> list[Json]:
    """A line for each kind of thing: what it is, where, how many there are, and when it goes."""
    store, chosen = places.store, choices(places.store)
    since = now - timedelta(days=chosen.crop_days) - SLACK  # of older ones the clock has left nothing
    seen, bucket = list(sightings(store, since, now)), f"bucket {places.bucket_name}"
    with_student = "with the student or the consent"
    return [
        _line(
            "names and fields of students",
            "database",
            len(store.find(Student)),
            _after(chosen.leaver_days, "leaving every class"),
        ),
        _line("photos that students are known by", f"{bucket}, {STUDENT_PHOTOS}", _photos(places), with_student),
        _line("parts of these photos, for another model", "object store, faces", _faces(places), with_student),
        _line("templates of students", "database", _faces(places), with_student),
        _line(
            "photos and videos of lessons",
            f"{bucket}, {CLASSROOM_PHOTOS}",
            _count(e.key for e in store.find(Evidence)),
            _after(chosen.photo_days),
        ),
        _line(
            "pictures of single faces in lessons",
            f"{bucket}, {CROPS}",
            _count(e.crop for e in seen),
            _after(chosen.crop_days),
        ),
        _line(
            "templates of students' faces in lessons",
            "database",
            _count(e.vector for e in seen if is_known(e)),
            _after(chosen.crop_days),
        ),
        _line(
            "templates of strangers' faces in lessons",
            "database",
            _count(e.vector for e in seen if not is_known(e)),
            _after(chosen.unknown_days),
        ),
        _line("templates of corrected faces", "database", len(store.find(Remembered)), with_student),
    ]


def _line(what: str, where: str, count: int, until: str) -> Json:
    return {"what": what, "where": where, "count": count, "until": until}


def _after(days: int, event: str = "it came") -> str:
    return f"{days} days after {event}" if days else "at once"


def _count(values: Iterable[object]) -> int:
    return sum(map(bool, values))


def _photos(places: Places) -> int:
    return _count(each.key for each in places.store.find(Portrait))


def _faces(places: Places) -> int:
    try:
        return places.store.counts(places.collection_id)[0]
    except CollectionNotFound:
        return 0


def _sealing(places: Places) -> Json:
    """How many templates in the database are encrypted, and under how many keys."""
    uses = places.store.template_keys()
    sealed = sum(use.templates for use in uses if use.key_id)
    plain = sum(use.templates for use in uses if not use.key_id)
    return {"sealed": sealed, "not_sealed": plain, "keys": sum(bool(use.key_id) for use in uses)}


def _consents(places: Places) -> Json:
    given = consents(places.store)
    withdrawn = sum(each.withdrawn is not None for each in given)
    students = len(places.store.find(Student))
    in_force = len(given) - withdrawn
    return {"in_force": in_force, "withdrawn": withdrawn, "none": max(0, students - len(given))}


def _accesses(places: Places, now: datetime) -> list[Json]:
    """Who saw or changed something about faces lately, and how often; those who did most come first."""
    recent = places.store.find(AuditEntry, time=Between(now - RECENT, now + timedelta(days=1)))
    about = [each for each in recent if each.action.partition(".")[0] not in NO_FACES]
    names = {each.account_id: each.name for each in places.store.find(Account)}
    counts = Counter((each.account_id, each.action) for each in about)
    return [
        {"account_id": who, "name": names.get(who, ""), "action": action, "times": times}
        for (who, action), times in counts.most_common()
    ]


def _last(places: Places, now: datetime, *actions: str) -> list[AuditEntry]:
    """The newest entries of some actions, newest first."""
    lately = Between(now - YEAR, now + timedelta(days=1))
    return places.store.find(AuditEntry, action=list(actions), time=lately)[::-1][:LAST]


def _told(entry: AuditEntry) -> Json:
    time = entry.time.isoformat(timespec="seconds")
    return {"time": time, "action": entry.action, "subject": entry.subject, "details": dict(entry.details)}
