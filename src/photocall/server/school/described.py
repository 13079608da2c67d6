"""How the routes of the school are described: what every one of them shares, in the words of OpenAPI 3.0.

    @router.get("/courses", summary="The classes that you may see", **answering(_COURSES, {"courses": [_COURSE]}))

A route's parameters and its body describe themselves by their types (`entries`).
"""

from photocall.server.openapi_parts import COOKIE_TOKEN, TOKEN, WAITING, Json, answered, text, thing
from photocall.server.openapi_v1 import ERROR

BY_SIGN_IN: list[Json] = [{COOKIE_TOKEN: []}, {TOKEN: []}]
"""How who asks is known."""

OPEN: list[Json] = [*BY_SIGN_IN, {}]
"""The same, where nobody needs to be."""

_WHY: dict[int, tuple[str, Json]] = {
    400: ("What was sent is wrong", {"error": "EntryInvalid", "description": "name: it must be 1 to 200 characters"}),
    401: ("Nobody is signed in", {"error": "NotSignedIn", "description": "Nobody is signed in; sign in first"}),
    403: ("The account may not do this", {"error": "NotAllowed", "description": "This class is another teacher's"}),
    404: ("There is nothing of this id", {"error": "NotThere", "description": "There is no class 'maths-7b'"}),
    409: (
        "It goes against what is there",
        {"error": "AlreadyThere", "description": "There is a class 'maths-7b' already"},
    ),
    413: ("Too many bytes", {"error": "ImageTooLarge", "description": "the image has more than 20 MiB"}),
    415: ("Neither a photo nor a video", {"error": "UnsupportedMediaType", "description": "'a.svg' is no photo"}),
    429: (
        "Too many tries",
        {"error": "TooManyTries", "description": "Too many wrong passwords; try again in 60 s"},
    ),
    500: (
        "The server failed; its log says how",
        {"error": "InternalServerError", "description": "The service failed; try again"},
    ),
    503: (
        "A store cannot be reached",
        {"error": "StoreUnavailable", "description": "A store of the server cannot be reached; try again"},
    ),
}
_ALWAYS = (400, 401, 403, 429, 500, 503)


def errors_of(*statuses: int) -> dict[int | str, Json]:
    """The responses of these errors, and of those that every route has."""
    told: dict[int | str, Json] = {}
    for status in sorted({*statuses, *_ALWAYS}):
        why, example = _WHY[status]
        told[status] = answered(ERROR, {"error": example}, why)
        if status in (429, 503):
            told[status]["headers"] = WAITING
    return told


def answering(schema: Json, example: Json, *errors: int, status: int = 200, security: list[Json] = BY_SIGN_IN) -> Json:
    """The arguments of a route that answers JSON.

    Args:
        schema: of the answer, made with `openapi_parts.thing` and the like.
        example: of it.
        errors: further statuses that it may have; those of `_ALWAYS` are always there.
        status: if all went well.
        security: who may ask.
    """
    right = {status: answered(schema, {"one": example})}
    return {"status_code": status, "responses": right | errors_of(*errors), "openapi_extra": {"security": security}}


def sending(*kinds: str, errors: tuple[int, ...] = ()) -> Json:
    """The arguments of a route that answers a file of one of these media types."""
    content = {kind: {"schema": text(format="binary")} for kind in kinds}
    right: dict[int | str, Json] = {200: {"description": "The file", "content": content}}
    return {"responses": right | errors_of(*errors), "openapi_extra": {"security": BY_SIGN_IN}}


def emptily(*errors: int, security: list[Json] = BY_SIGN_IN) -> Json:
    """The arguments of a route that answers nothing but 204."""
    right: dict[int | str, Json] = {204: {"description": "Done; there is nothing to say"}}
    return {"status_code": 204, "responses": right | errors_of(*errors), "openapi_extra": {"security": security}}


ACCOUNT = thing(
    "account_id login name role created disabled must_change courses",
    account_id=text(),
    login=text(),
    name=text(),
    role=text(enum=["administrator", "teacher", "viewer"]),
    created=text(format="date-time"),
    disabled={"type": "boolean", "description": "It may sign in no more"},
    must_change={"type": "boolean", "description": "Its password is good for setting another one only"},
    locked_until=text("After wrong passwords", format="date-time") | {"nullable": True},
    courses={"type": "array", "items": text(), "description": "Ids of the classes that it was given"},
)
"""An account, as it is answered."""

SHOWN_ACCOUNT: Json = {
    "account_id": "5f0c7a4e-2d1b-4c3a-9e8f-1a2b3c4d5e6f",
    "login": "ada",
    "name": "Ada Lovelace",
    "role": "teacher",
    "created": "2026-09-01T08:00:00+00:00",
    "disabled": False,
    "must_change": False,
    "locked_until": None,
    "courses": ["maths-7b"],
}
