"""Leavers: students who left their last class, and when, as the audit log has it.

A class that is archived still is a class. Who never was in a class left none: a student who is made before the classes
are, or who was enrolled on the command line, stays.
"""

from collections.abc import Mapping
from datetime import datetime

from photocall.roster import Student
from photocall.school.erasing import ERASED
from photocall.school.records import AuditEntry, Member
from photocall.school.register import Records
from photocall.school.students import batches

_LEFT = "member.removed"


def leavers(records: Records) -> Mapping[str, datetime]:
    """Who is in no class any more, and since when, by student_id."""
    members = {each.student_id for each in records.find(Member)}
    out = sorted({each.student_id for each in records.find(Student)} - members)
    last: dict[str, AuditEntry] = {}
    for batch in batches(out):  # somebody who was erased and came again is somebody new
        last |= {each.subject: each for each in records.find(AuditEntry, subject=batch, action=[_LEFT, ERASED])}
    return {student_id: entry.time for student_id, entry in last.items() if entry.action == _LEFT}
