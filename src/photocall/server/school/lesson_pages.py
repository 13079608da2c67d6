"""The pages of a lesson and of the operator: attendance is taken in one, and the other shows the work behind it.

Both are filled by their modules in static/, which ask the routes.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from photocall.school import permissions
from photocall.school.records import Consent, Member, Role
from photocall.school.register import Records
from photocall.server.school.shell import PageRoute, register_of, shown
from photocall.server.school.sign_ins import Asker

router = APIRouter(prefix="/school", route_class=PageRoute, include_in_schema=False)


@router.get("/lessons/{lesson_id}")
def show_lesson(request: Request, account: Asker, lesson_id: str) -> HTMLResponse:
    """A lesson: its photos, its register, and the roll by hand."""
    register = register_of(request)
    lesson = permissions.lesson(register, account, lesson_id)
    course = permissions.course(register, account, lesson.course_id)
    return shown(
        request,
        account,
        "lesson.html",
        lesson=lesson,
        course=course,
        may_change=account.role is not Role.VIEWER,
        by_hand=not has_consent(register, course.course_id),
    )


@router.get("/live")
def live(request: Request, account: Asker) -> HTMLResponse:
    """What the operator sees."""
    permissions.check_administrator(account)
    return shown(request, account, "live.html")


def has_consent(records: Records, course_id: str) -> bool:
    """Whether somebody of a class may be recognised at all; where nobody may, the roll is called by hand first."""
    ids = [member.student_id for member in records.find(Member, course_id=course_id)]
    return any(consent.withdrawn is None for consent in records.find(Consent, student_id=ids))
