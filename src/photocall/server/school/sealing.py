"""The route that says under which keys templates are sealed, for administrators."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.school import described
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Administrator, of
from photocall.templates import use_json

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_KEY = thing(
    "key_id created newest templates",
    key_id=text("8 hexadecimal digits; empty for templates that are not sealed"),
    created=text("null if it is missing in the file", format="date-time") | {"nullable": True},
    newest={"type": "boolean", "description": "Whether it seals what is new"},
    templates={"type": "integer", "minimum": 0, "description": "Sealed under it"},
)
_SHOWN: Json = {"key_id": "90897612", "created": "2026-09-01T08:00:00+00:00", "newest": True, "templates": 120}


@router.get(
    "/templates",
    summary="The keys that templates are sealed under",
    **described.answering(thing("keys", keys=listing(_KEY)), {"keys": [_SHOWN]}),
)
def list_keys(request: Request, administrator: Administrator) -> JSONResponse:
    """The newest one first; not the keys themselves. `photocall templates rotate` makes a new one."""
    return JSONResponse({"keys": [use_json(use) for use in of(request).school.template_keys()]})
