"""The audit log: who saw or changed something about somebody's face, and when; nothing of it can be changed unseen.

Each entry holds the digest of the one before. Whoever changes or removes one must change all that follow; the digest
of the newest entry, kept elsewhere, shows even that.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from photocall.school.errors import AuditBroken
from photocall.school.records import AuditEntry
from photocall.school.register import Between, Records, SchoolRegister

LOCK = "audit"
"""What whoever writes an entry must have locked."""

COMMAND_LINE = "cli"
"""The account of whoever works on the server itself."""

START = "0" * 64
"""What the first entry has in place of the digest of one before."""

_PAGE = 1000


def note(records: Records, account_id: str, action: str, subject: str, now: datetime, **details: object) -> AuditEntry:
    """Write an entry.

    Args:
        records: of a transaction that has locked `LOCK`, so that the entry is there if, and only if, the change is.
        account_id: who.
        action: what, such as "student.erased".
        subject: to what: an id.
        now: with a time zone.
        details: what else is to be known, as JSON has it; no names of people.
    """
    last = _last(records)
    number, previous = (last.number + 1, last.digest) if last else (1, START)
    entry = AuditEntry(number, now.astimezone(UTC), account_id, action, subject, details, previous, "")
    entry = replace(entry, digest=digest(entry))
    records.put(entry)
    return entry


def noted(
    register: SchoolRegister, account_id: str, action: str, subject: str, now: datetime, **details: object
) -> AuditEntry:
    """Write an entry in a transaction of its own: before something is shown, or was asked for."""
    with register.changing(LOCK) as records:
        return note(records, account_id, action, subject, now, **details)


def verify(register: SchoolRegister) -> int:
    """How many entries there are, all of them as they were written. Raises `AuditBroken`."""
    number, previous = 0, START
    while register.last_audit_number() > number:  # asked before each page: entries may come meanwhile
        page = register.find(AuditEntry, number=Between(number + 1, number + 1 + _PAGE))
        if not page:
            raise AuditBroken(number + 1, "it is missing")
        for entry in page:
            if entry.number != number + 1:
                raise AuditBroken(number + 1, "it is missing")
            if entry.previous != previous or entry.digest != digest(entry):
                raise AuditBroken(entry.number, "it is not what was written")
            number, previous = entry.number, entry.digest
    return number


def verified(register: SchoolRegister) -> dict[str, Any]:
    """How many entries are as they were written, whether that is all, and the digest of the newest, as JSON."""
    last = _last(register)
    told = {"digest": last.digest if last else START}
    try:
        return {"entries": verify(register), "whole": True, **told}
    except AuditBroken as broken:
        return {
            "entries": broken.number - 1,
            "whole": False,
            "broken_at": broken.number,
            "reason": broken.reason,
            **told,
        }


def entries(
    records: Records, subject: str | None, after: int | None, limit: int, before: int | None = None
) -> list[AuditEntry]:
    """At most so many entries, about a subject if one is named.

    They are in the order of their numbers, those above `after`; or, where that is None, the newest come first, of those
    below `before` if that is given.
    """
    end = records.last_audit_number() + 1 if before is None else before
    if subject is not None:
        found = records.find(AuditEntry, subject=subject, number=Between((after or 0) + 1, end))
        return found[:limit] if after is not None else found[::-1][:limit]
    if after is not None:
        return records.find(AuditEntry, number=Between(after + 1, after + 1 + limit))
    return records.find(AuditEntry, number=Between(end - limit, end))[::-1]


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry as it is shown."""
    return {
        "number": entry.number,
        "time": entry.time.isoformat(timespec="microseconds"),
        "account_id": entry.account_id,
        "action": entry.action,
        "subject": entry.subject,
        "details": dict(entry.details),
        "previous": entry.previous,
        "digest": entry.digest,
    }


def digest(entry: AuditEntry) -> str:
    """SHA-256 over all of an entry but its digest, hexadecimal."""
    told = [entry.number, entry.time.astimezone(UTC).isoformat(timespec="microseconds"), entry.account_id]
    told += [entry.action, entry.subject, _plain(entry.details), entry.previous]
    return sha256(json.dumps(told, separators=(",", ":"), ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def _plain(details: Mapping[str, object]) -> object:
    return json.loads(json.dumps(dict(details)))


def _last(records: Records) -> AuditEntry | None:
    number = records.last_audit_number()
    return records.get(AuditEntry, number) if number else None
