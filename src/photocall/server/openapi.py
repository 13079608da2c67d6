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
- **Faces**: `/encode`, `/detect` and `/compare` give and compare vectors, from any web page.

A server that listens beyond its own machine needs a key in `x-api-key`.
"""

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
    """Show whoever opens the address in a browser what can be asked."""
    return RedirectResponse("/docs")


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
        found["paths"]["/"] = ROOT
        found.setdefault("components", {})["securitySchemes"] = SECURITY
        return found

    http.openapi = described  # type: ignore[method-assign]  # as FastAPI's manual has it


def _in_3_0(value: Any) -> Any:
    """A part of a description in the words of OpenAPI 3.0, which knows no constants but lists of one."""
    if isinstance(value, list):
        return [_in_3_0(each) for each in value]
    if not isinstance(value, dict):
        return value
    told = {name: _in_3_0(each) for name, each in value.items() if name != "const"}
    return told | ({"enum": [value["const"]]} if "const" in value else {})


def _guarded() -> dict[str, str]:
    return {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def _swagger() -> Path:
    """The folder of Swagger UI. Raises `ExtraMissing`."""
    try:
        from swagger_ui_bundle import swagger_ui_path
    except ImportError as error:
        raise ExtraMissing("/docs", "server") from error
    return Path(str(swagger_ui_path))
