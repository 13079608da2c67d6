"""Consent: before it is recorded no face of a student is stored, and once it is withdrawn none is left.

Withdrawal keeps the student, what people marked by hand, and what the registers say.
"""

from collections.abc import Iterable
from datetime import datetime

from photocall.ports import JobQueue
from photocall.school import audit, erasing
from photocall.school.erasing import Removed
from photocall.school.errors import ConsentMissing, EntryInvalid, NotThere
from photocall.school.places import Places, student_lock
from photocall.school.records import Account, Consent
from photocall.school.register import Records, SchoolRegister
from photocall.school.students import student

MOST_TEXT = 200
"""Characters of who agreed, and of what to."""


def consent_of(records: Records, account: Account, student_id: str) -> Consent | None:
    """What was agreed to for a student, also if it was withdrawn. Raises `NotAllowed`, `NotThere`."""
    student(records, account, student_id)
    return records.get(Consent, student_id)


def consents(records: Records) -> list[Consent]:
    """Everything that was agreed to, withdrawn or not, by student."""
    return records.find(Consent)


def in_force(records: Records, student_ids: Iterable[str]) -> set[str]:
    """Those of the students whose faces may be stored and recognised."""
    found = records.find(Consent, student_id=list(student_ids))
    return {each.student_id for each in found if each.withdrawn is None}


def check_consent(records: Records, student_id: str) -> None:
    """Raises `ConsentMissing` unless consent is recorded and was not withdrawn."""
    if not in_force(records, [student_id]):
        raise ConsentMissing(student_id)


def give(
    register: SchoolRegister, account: Account, student_id: str, given_by: str, purpose: str, now: datetime
) -> Consent:
    """Record that somebody agreed; in place of what was recorded before.

    Args:
        register: of the school.
        account: who records it.
        student_id: whose face.
        given_by: who agreed: the student, or a parent, by name.
        purpose: what to.
        now: when.

    Raises:
        EntryInvalid: a text is empty or too long.
        NotAllowed, NotThere: the account may not, or there is no such student.
    """
    given = Consent(student_id, _text("given_by", given_by), _text("purpose", purpose), now, account.account_id)
    with register.changing(audit.LOCK, student_lock(student_id)) as records:
        student(records, account, student_id, change=True)
        records.put(given)
        audit.note(records, account.account_id, "consent.given", student_id, now)
    return given


def withdraw(places: Places, queue: JobQueue, account: Account, student_id: str, now: datetime) -> Removed:
    """Withdraw consent and erase every face of a student; doing it again finishes what was broken off.

    Raises:
        NotAllowed, NotThere: the account may not, or there is no such student, or nothing was agreed to.
        StoreUnavailable: something could not be erased; doing it again finishes it.
    """
    with places.store.changing(audit.LOCK, student_lock(student_id)) as records:
        student(records, account, student_id, change=True)
        given = records.get(Consent, student_id)
        if given is None:
            raise NotThere("consent", student_id)
        if given.withdrawn is None:  # from now on nothing new of the student is stored
            records.put(erasing.withdrawn(given, now))
            audit.note(records, account.account_id, "consent.withdrawn", student_id, now)
    return erasing.erase_faces_of(places, queue, account.account_id, student_id, now)


def _text(what: str, given: str) -> str:
    text = given.strip()
    if not text or len(text) > MOST_TEXT or not text.isprintable():
        raise EntryInvalid(what, f"it must be 1 to {MOST_TEXT} printable characters")
    return text
