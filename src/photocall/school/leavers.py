"""Leavers: students who are in no class any more, and since when.

When somebody left is in the audit log; where it is not, the time counts from when it was first noticed. A class that is
archived still is a class. Who was enrolled without the school ever knowing, on the command line, does not count.
"""

from datetime import datetime

from photocall.roster import Student
from photocall.school.erasing import leaver_setting
from photocall.school.lesson_records import RegisterLine
from photocall.school.records import AuditEntry, Consent, Member, Portrait, SchoolSetting
from photocall.school.register import Records, SchoolRegister
from photocall.school.students import batches

_LEFT = "member.removed"
_SETTINGS = leaver_setting("")


def leavers(records: Records, until: datetime) -> list[str]:
    """The student_ids of those who have been in no class since then or longer, as far as `note_leavers` noticed."""
    out, since = _out(records), _noticed(records)
    return sorted(one for one in out if one in since and since[one] <= until)


def note_leavers(register: SchoolRegister, now: datetime) -> None:
    """Write down since when whoever is in no class is in none, and forget it of those who are in one again."""
    out, since = _out(register), _noticed(register)
    new, back = sorted(out - since.keys()), sorted(since.keys() - out)
    left: dict[str, datetime] = {}
    for batch in batches(new):
        left |= {entry.subject: entry.time for entry in register.find(AuditEntry, subject=batch, action=_LEFT)}
    register.put(*(SchoolSetting(leaver_setting(one), left.get(one, now).isoformat()) for one in new))
    for batch in batches(back):
        register.remove(SchoolSetting, name=[leaver_setting(one) for one in batch])


def _out(records: Records) -> set[str]:
    """Who is in no class, and is known to the school by more than a face."""
    members = {each.student_id for each in records.find(Member)}
    out = sorted({each.student_id for each in records.find(Student)} - members)
    return {one for batch in batches(out) for one in _known(records, batch)}


def _known(records: Records, student_ids: list[str]) -> set[str]:
    known = {each.student_id for each in records.find(Consent, student_id=student_ids)}
    known |= {each.student_id for each in records.find(Portrait, student_id=student_ids)}
    known |= {each.student_id for each in records.find(RegisterLine, student_id=student_ids)}
    return known | {each.subject for each in records.find(AuditEntry, subject=student_ids)}


def _noticed(records: Records) -> dict[str, datetime]:
    found = [each for each in records.find(SchoolSetting) if each.name.startswith(_SETTINGS)]
    return {each.name.removeprefix(_SETTINGS): datetime.fromisoformat(each.value) for each in found}
