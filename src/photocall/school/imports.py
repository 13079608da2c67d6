"""Verbs that bring classes and students in from files: first what would change is shown, then somebody confirms it.

What was sent waits in the register for an hour. It is confirmed by whoever sent it, in one transaction, and only if it
still changes what was shown; once it was, asking again changes nothing. Rows that are bad are left out, as was shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from photocall.school import audit
from photocall.school.entries import ROSTER
from photocall.school.errors import ChangedMeanwhile, EntryInvalid, NotThere
from photocall.school.oneroster import is_oneroster, read_roster
from photocall.school.permissions import check_may_change
from photocall.school.places import LONG_AGO
from photocall.school.records import Account, Member, RosterPreview
from photocall.school.register import Between, Records, SchoolRegister
from photocall.school.roster_files import read_sheets
from photocall.school.roster_plan import Plan, plan_of
from photocall.school.roster_rows import Roster, content_of, roster_of, students_in
from photocall.school.settling import settle_open

LIFETIME = timedelta(hours=1)
"""So long after it was shown, an import can be confirmed."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What files would change.

    Attributes:
        import_id: confirms it.
        kind: "students" or "oneroster".
        plan: what would be done.
        ignored: rows about others than students.
    """

    import_id: str
    kind: str
    plan: Plan
    ignored: int


def preview(register: SchoolRegister, account: Account, files: Sequence[tuple[str, bytes]], now: datetime) -> Preview:
    """What some files would change; nothing is changed.

    Args:
        register: what is known.
        account: who asks.
        files: each one's name and content: CSVs of students, or OneRoster 1.1 as a ZIP or as its tables.
        now: with a time zone.

    Raises:
        NotAllowed: a viewer asks.
        EntryInvalid: a file as a whole cannot be read; what is wrong with single rows is in the preview.
    """
    check_may_change(account)
    roster = _read(files)
    import_id = str(uuid4())
    with register.changing(ROSTER) as records:
        remove_expired(records, now)
        plan = plan_of(records, account, roster, import_id)
        records.put(RosterPreview(import_id, account.account_id, now, content_of(roster), plan.digest()))
    return Preview(import_id, roster.kind, plan, roster.ignored)


def confirm(register: SchoolRegister, account: Account, import_id: str, now: datetime) -> Mapping[str, object]:
    """Do what a preview has shown; done before, nothing happens.

    Returns:
        How many students and classes are new and changed, and how many rows are left out: new, changed, unchanged, bad.

    Raises:
        NotThere: there is no such preview of this account, or it is older than an hour.
        ChangedMeanwhile: it would change something else now.
        NotAllowed: the account may change nothing any more.
    """
    check_may_change(account)
    with register.changing(audit.LOCK, ROSTER) as records:
        found = records.get(RosterPreview, import_id)
        if found is None or found.account_id != account.account_id or found.created <= now - LIFETIME:
            raise NotThere("import", import_id)
        if not found.content:
            return found.counts
        plan = plan_of(records, account, roster_of(found.content), import_id)
        if plan.digest() != found.digest:
            raise ChangedMeanwhile("This import")
        counts = _carry_out(records, account, plan, import_id, now)
        records.put(RosterPreview(import_id, account.account_id, found.created, "", found.digest, counts))
    settle_open(register, {each.course_id for each in plan.put if isinstance(each, Member)}, now)
    return counts


def remove_expired(records: Records, now: datetime) -> int:
    """Remove what nobody can confirm any more; how many there were."""
    return records.remove(RosterPreview, created=Between(LONG_AGO, now - LIFETIME))


def preview_json(found: Preview) -> dict[str, Any]:
    """What an import would change."""
    plan = found.plan
    told = {"new": plan.new, "changed": plan.changed, "unchanged": plan.unchanged, "bad": [*map(asdict, plan.bad)]}
    return {"import_id": found.import_id, "kind": found.kind, **told, "ignored": found.ignored}


def _read(files: Sequence[tuple[str, bytes]]) -> Roster:
    sheets = read_sheets(files)
    roster = read_roster(sheets) if is_oneroster(sheets) else students_in(sheets)
    if not (roster.students or roster.courses or roster.members or roster.bad):
        raise EntryInvalid(files[0][0] if files else "file", "there is no student in it")
    return roster


def _carry_out(records: Records, account: Account, plan: Plan, import_id: str, now: datetime) -> dict[str, object]:
    records.put(*plan.put)
    for member in plan.remove:
        records.remove(Member, course_id=member.course_id, student_id=member.student_id)
        course = member.course_id
        audit.note(records, account.account_id, "member.removed", member.student_id, now, course=course)
    counts = {"new": len(plan.new), "changed": len(plan.changed), "unchanged": plan.unchanged, "bad": len(plan.bad)}
    audit.note(records, account.account_id, "roster.imported", import_id, now, **counts)
    return dict(counts)
