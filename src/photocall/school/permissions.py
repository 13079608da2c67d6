"""Who may see and change what: an administrator everything, others the courses they are given."""

from photocall.school.errors import NotAllowed, NotThere
from photocall.school.lesson_records import Lesson
from photocall.school.records import Account, Course, Member, Role, Staff
from photocall.school.register import Records


def check_administrator(account: Account) -> None:
    """Raises `NotAllowed`."""
    if account.role is not Role.ADMINISTRATOR:
        raise NotAllowed("Only an administrator may do this")


def check_may_change(account: Account) -> None:
    """Raises `NotAllowed` for a viewer."""
    if account.role is Role.VIEWER:
        raise NotAllowed("A viewer may change nothing")


def courses_of(records: Records, account: Account) -> list[Course]:
    """The courses that an account may see, archived ones too, by name."""
    if account.role is Role.ADMINISTRATOR:
        found = records.find(Course)
    else:
        ids = [each.course_id for each in records.find(Staff, account_id=account.account_id)]
        found = records.find(Course, course_id=ids)
    return sorted(found, key=lambda course: (course.name.casefold(), course.course_id))


def course(records: Records, account: Account, course_id: str, *, change: bool = False) -> Course:
    """A course that the account may see, or change. Raises `NotThere`, `NotAllowed`."""
    found = records.get(Course, course_id)
    if found is None:
        raise NotThere("class", course_id)
    if account.role is not Role.ADMINISTRATOR and records.get(Staff, course_id, account.account_id) is None:
        raise NotAllowed("This class is another teacher's")
    if change:
        check_may_change(account)
    return found


def lesson(records: Records, account: Account, lesson_id: str, *, change: bool = False) -> Lesson:
    """A lesson of a course that the account may see, or change. Raises `NotThere`, `NotAllowed`."""
    found = records.get(Lesson, lesson_id)
    if found is None:
        raise NotThere("lesson", lesson_id)
    course(records, account, found.course_id, change=change)
    return found


def check_student(records: Records, account: Account, student_id: str, *, change: bool = False) -> None:
    """Raises `NotAllowed` unless the student is in a course that the account may see, or change."""
    if account.role is not Role.ADMINISTRATOR:
        theirs = {each.course_id for each in records.find(Member, student_id=student_id)}
        if not theirs & {each.course_id for each in records.find(Staff, account_id=account.account_id)}:
            raise NotAllowed("This student is in none of your classes")
    if change:
        check_may_change(account)
