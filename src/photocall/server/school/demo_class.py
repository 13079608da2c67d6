"""The routes of the demo class, which comes with photos: to try everything out before there are students."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from photocall.demo import make_class_photo
from photocall.school import demo_class
from photocall.school.courses import course_json
from photocall.server.school import described
from photocall.server.school.courses import COURSE, SHOWN
from photocall.server.school.entries import Entry
from photocall.server.school.pictures import SANDBOXED
from photocall.server.school.portraits import enrolment_of
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Administrator, Asker, now, of

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])


class Nothing(Entry):
    """There is nothing to say."""


@router.post("/demo-class", summary="Load the demo class", **described.answering(COURSE, SHOWN, status=201))
def load(request: Request, nothing: Nothing, administrator: Administrator) -> JSONResponse:
    """A class of three with photos of two, where the server has them; what is there of it already stays."""
    service = of(request)
    archives = demo_class.checked(service.settings.demo_archives)  # before waiting for the engine
    made = demo_class.load_demo_class(enrolment_of(service), administrator, archives, now())
    return JSONResponse(course_json(made), 201)


@router.get(
    "/demo-class/photo",
    summary="A photo of the demo class, to take attendance from",
    response_class=Response,
    **described.sending("image/jpeg"),
)
def photo(request: Request, account: Asker) -> Response:
    """Two of its students, and a stranger."""
    data = make_class_photo(demo_class.checked(of(request).settings.demo_archives))
    named = {"Content-Disposition": 'attachment; filename="demo-class.jpg"'}
    return Response(data, media_type="image/jpeg", headers={**SANDBOXED, **named})
