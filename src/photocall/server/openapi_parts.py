"""What the descriptions of several routes share, in the words of OpenAPI 3.0."""

from typing import Any

from photocall.server.api_keys import HEADER

Json = dict[str, Any]

KEY = "apiKey"
"""Name of the security scheme."""

COOKIE_TOKEN, TOKEN = "signIn", "token"
"""Names of the security schemes of the school."""

SECURITY: Json = {
    KEY: {"type": "apiKey", "in": "header", "name": HEADER, "description": "photocall keys create NAME"},
    COOKIE_TOKEN: {
        "type": "apiKey",
        "in": "cookie",
        "name": "photocall-session",
        "description": "POST /v1/school/sign-in sets it; changes need the header X-CSRF-Token, too",
    },
    TOKEN: {"type": "http", "scheme": "bearer", "description": "The token that POST /v1/school/sign-in answers"},
}

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
"""The smallest of pictures, one white pixel in PNG, for examples that can be sent as they stand."""

WHY = {
    400: "The request is wrong; the answer says how",
    401: "A key is needed, and there is none",
    403: "The key is unknown, revoked, or not for this",
    404: "There is nothing of this name",
    406: "The image is damaged, too large, or shows no face that is good enough",
    409: "The photo was replaced before it was looked at",
    413: "Too many bytes",
    415: "No image, neither raw nor in base64",
    429: "More requests than the usage plan allows",
    500: "The server failed; its log says how, by the request's x-request-id",
    501: "Only with PHOTOCALL_ENGINE=local",
    503: "The server has too much to do, or a store of it cannot be reached",
    504: "No worker has had time for it yet; the result will be there later",
    507: "The server's disk is full",
}
"""What a status means, whichever route gives it."""

WAITING: Json = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 0}}}
"""Headers of an answer that says when to try again."""


def thing(required: str, **properties: Json) -> Json:
    """An object; `required` has the names of the members that are always there."""
    return {"type": "object", "properties": properties, "required": required.split()}


def listing(items: Json, **limits: Any) -> Json:
    """An array."""
    return {"type": "array", "items": items, **limits}


def number(least: float | None = None, most: float | None = None) -> Json:
    """A number within limits."""
    limits = {"minimum": least, "maximum": most}
    return {"type": "number", **{name: value for name, value in limits.items() if value is not None}}


def text(description: str = "", **more: Any) -> Json:
    """A string."""
    return {"type": "string", **({"description": description} if description else {}), **more}


def answered(schema: Json, examples: dict[str, Json], description: str = "The answer") -> Json:
    """A response of JSON."""
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"description": description, "content": {"application/json": {"schema": schema, "examples": shown}}}


def refused(schema: Json, examples: dict[int, Json]) -> dict[int | str, Json]:
    """The responses of statuses that are errors, each with an example."""
    responses: dict[int | str, Json] = {}
    for status, example in examples.items():
        responses[status] = answered(schema, {"error": example}, WHY[status])
        if status in (429, 503):
            responses[status]["headers"] = WAITING
    return responses


def sent(schema: Json, examples: dict[str, Json], kind: str = "application/json") -> Json:
    """A body that must be sent."""
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"required": True, "content": {kind: {"schema": schema, "examples": shown}}}
