"""The demo class as a class of the school, to try everything out with: two students with photos, and one without."""

from datetime import datetime
from pathlib import Path

from photocall.demo import STUDENTS, read_enrolled
from photocall.roster import Student
from photocall.school.consents import give
from photocall.school.courses import create_course
from photocall.school.errors import EntryInvalid
from photocall.school.permissions import check_administrator
from photocall.school.portraits import Enrolment, add_portrait
from photocall.school.records import Account, Course
from photocall.school.students import create_student

COURSE_ID = "demo"

NAME = "Demo class"

GIVEN_BY, PURPOSE = "demo", "Trying photocall out"
"""What stands for a consent: those shown are public figures, in photographs that their office published."""


def load_demo_class(enrolment: Enrolment, account: Account, archives: Path, now: datetime) -> Course:
    """Make the demo class; what is there of it already stays, so that an attempt that failed can be repeated.

    Args:
        enrolment: what photos are looked at with.
        account: an administrator.
        archives: folder that `make setup` filled.
        now: when.

    Raises:
        NotAllowed: the account is no administrator's.
        EntryInvalid: the photos are not on this server.
        ImageUnreadable: an archive is not the one expected.
    """
    check_administrator(account)
    photos = read_enrolled(checked(archives))
    store = enrolment.places.store
    found = store.get(Course, COURSE_ID)
    course = found or create_course(store, account, NAME, {}, now, COURSE_ID)
    for each in STUDENTS:
        student = _student(enrolment, account, each, now)
        if student.name in photos:
            give(store, account, student.student_id, GIVEN_BY, PURPOSE, now)
            add_portrait(enrolment, account, student.student_id, photos[student.name], f"{student.name}.jpg", now)
    return course


def checked(archives: Path) -> Path:
    """The folder of the archives. Raises `EntryInvalid` if it is not there, or empty."""
    if not archives.is_dir() or not any(archives.iterdir()):
        missing = (
            "its photos are not on this server; `make setup` fetches them, PHOTOCALL_DEMO_ARCHIVES says where from"
        )
        raise EntryInvalid("the demo class", missing)
    return archives


def _student(enrolment: Enrolment, account: Account, told: dict[str, object], now: datetime) -> Student:
    store, student_id = enrolment.places.store, f"{COURSE_ID}-{told['id']}"
    found = store.get(Student, student_id)
    fields = {name: str(value) for name, value in told.items() if name not in ("id", "name")}
    return found or create_student(store, account, str(told["name"]), fields, [COURSE_ID], now, student_id)
