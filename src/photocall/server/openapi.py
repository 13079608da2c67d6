"""The description of every route, as OpenAPI at /openapi.json, and a page to try them at /docs.

OpenAPI 3.0, since the page's program, Swagger UI 4, knows no newer one. The page loads nothing from elsewhere and runs
no script but the two files served here, so that it works without the internet and under a strict content policy.
"""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from photocall.errors import ExtraMissing
from photocall.server.openapi_parts import SECURITY, Json
from photocall.server.openapi_wire import ROOT

VERSION = "3.0.3"

FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
"""What the page needs of Swagger UI, and nothing else of its folder."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI draws with style attributes
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

DESCRIPTION = """
Faces in, names out. These groups of routes:

- **Rekognition**: `POST /` speaks Amazon Rekognition's own protocol, for unchanged Amazon clients.
- **Web tier**: `POST /` with a photo as a form answers who is in it.
- **Jobs**: `/v1/jobs` takes photos and videos, and tells how far they are.
- **Archive**: `/v1` keeps images and finds the people in them.
- **School**: `/v1/school` is the attendance application: accounts, classes, lessons, registers.
- **Faces**: `/encode`, `/detect` and `/compare` give and compare vectors, from any web page.

A server that listens beyond its own machine needs a key in `x-api-key`; the school always needs somebody to sign in.
"""

_NEWER = ("const", "contentMediaType", "propertyNames")
"""What FastAPI says in schemas, and OpenAPI 3.0 has other words for, or none."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>photocall: try the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

_START = """SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
def document(request: Request) -> JSONResponse:
    """The description of every route."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def page() -> HTMLResponse:
    """The page that shows the description and sends requests."""
    return HTMLResponse(_PAGE, headers=_guarded())


@router.get("/docs/start.js")
def start() -> Response:
    """What starts the page."""
    return Response(_START, media_type="text/javascript", headers=_guarded())


@router.get("/docs/{file}")
def part(file: str) -> FileResponse:
    """A file of Swagger UI."""
    if file not in FILES:
        raise HTTPException(404)
    return FileResponse(_swagger() / file, media_type=FILES[file], headers=_guarded())


@router.get("/")
def front_door() -> RedirectResponse:
    """Show whoever opens the address in a browser the attendance application."""
    return RedirectResponse("/school")


def add_to(http: FastAPI) -> None:
    """Add the description and the page; after every other route."""
    http.include_router(router)

    @cache
    def described() -> Json:
        found: Json = get_openapi(
            title=http.title,
            version=http.version,
            openapi_version=VERSION,
            description=DESCRIPTION,
            routes=http.routes,
        )
        found = _in_3_0(found)
        _forget_422(found)
        _show_nulls(found)
        found["paths"]["/"] = ROOT
        found.setdefault("components", {})["securitySchemes"] = SECURITY
        return found

    http.openapi = described  # type: ignore[method-assign]  # as FastAPI's manual has it


def _forget_422(found: Json) -> None:
    """The routes of the school say 400 where FastAPI thinks that they say 422."""
    for path, operations in found["paths"].items():
        for operation in operations.values():
            if path.startswith("/v1/school"):
                operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        found.get("components", {}).get("schemas", {}).pop(name, None)


def _show_nulls(value: Any) -> None:
    """Put back into examples the members that are null, which FastAPI leaves out."""
    if isinstance(value, list):
        for each in value:
            _show_nulls(each)
    elif isinstance(value, dict):
        if isinstance(value.get("schema"), dict) and isinstance(value.get("examples"), dict):
            for example in value["examples"].values():
                example["value"] = _with_nulls(value["schema"], example["value"])
        for each in value.values():
            _show_nulls(each)


def _with_nulls(schema: Json, example: Any) -> Any:
    if isinstance(example, list):
        return [_with_nulls(schema.get("items", {}), each) for each in example]
    if not isinstance(example, dict):
        return example
    members = schema.get("properties", {})
    nothing = {name: None for name in schema.get("required", ()) if members.get(name, {}).get("nullable")}
    return {**nothing, **{name: _with_nulls(members.get(name, {}), each) for name, each in example.items()}}


def _in_3_0(value: Any) -> Any:
    """A part of a description in the words of OpenAPI 3.0, which knows neither constants nor nothing as a type."""
    if isinstance(value, list):
        return [_in_3_0(each) for each in value]
    if not isinstance(value, dict):
        return value
    told = {name: _in_3_0(each) for name, each in value.items() if name not in _NEWER}
    if "const" in value:
        told["enum"] = [value["const"]]
    if "contentMediaType" in value:  # a file of a form
        told["format"] = "binary"
    return _nullable(told)


def _nullable(told: Json) -> Json:
    """A schema that allows nothing, in 3.0's way to say so."""
    kinds = told.get("anyOf")
    if not isinstance(kinds, list) or {"type": "null"} not in kinds:
        return told
    others = [kind for kind in kinds if kind != {"type": "null"}]
    rest = {name: each for name, each in told.items() if name != "anyOf"}
    if len(others) == 1 and "$ref" not in others[0]:
        return {**others[0], **rest, "nullable": True}
    return {**rest, "anyOf": others, "nullable": True}


def _guarded() -> dict[str, str]:
    return {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _swagger() -> Path:
    """The folder of Swagger UI. Raises `ExtraMissing`."""
    try:
        from swagger_ui_bundle import swagger_ui_path
    except ImportError as error:
        raise ExtraMissing("/docs", "server") from error
    return Path(str(swagger_ui_path))
