"""What the operator of a school sees: how much was looked at lately, and how many faces were known."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from photocall.school.lesson_records import Seen
from photocall.school.records import AuditEntry
from photocall.school.register import Between, Records
from photocall.school.retention import is_known

RECOGNISED = "photo.recognised"
"""What the audit log calls it that a photo or video was looked at."""

RATE_MINUTES = 5
"""Over which throughput is averaged."""

HOURS = 24
"""For how many hours faces are counted."""

_MOST_ENTRIES = 1000
"""Of the audit log, the newest, that are looked through for what was done."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Faces that were seen in one hour.

    Attributes:
        hour: its start, UTC.
        known: faces that count for a student.
        unknown: all others.
    """

    hour: datetime
    known: int
    unknown: int


def hour_json(hour: Hour) -> dict[str, Any]:
    """An hour as it is answered."""
    return {"hour": hour.hour.isoformat(), "known": hour.known, "unknown": hour.unknown}


def done_per_minute(records: Records, now: datetime) -> float:
    """Photos and videos that were looked at, a minute, lately."""
    newest = records.last_audit_number()
    last = records.find(AuditEntry, number=Between(newest - _MOST_ENTRIES, newest + 1), action=RECOGNISED)
    since = now - timedelta(minutes=RATE_MINUTES)
    return sum(each.time >= since for each in last) / RATE_MINUTES


def recognised(records: Records, now: datetime) -> list[Hour]:
    """Known and unknown faces of every hour of the last `HOURS`, the earliest first."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    known, unknown = Counter[datetime](), Counter[datetime]()
    for each in records.find(Seen, seen=Between(hours[0], last + timedelta(hours=1))):
        hour = each.seen.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        (known if is_known(each) else unknown)[hour] += 1
    return [Hour(hour, known[hour], unknown[hour]) for hour in hours]
