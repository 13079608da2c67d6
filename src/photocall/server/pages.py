"""The page of jobs at /jobs: files go in, and whoever sent them sees how far they are and what was found.

It is a few static files, which use the routes that everybody uses. It loads nothing from elsewhere, and runs no script
but those served here, so that no name of a file or a person can become one. The page itself needs no key.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import FileResponse

FOLDER = Path(__file__).with_name("pages")

FILES = {
    "colours.css": "text/css",
    "jobs.css": "text/css",
    "jobs.js": "text/javascript",
    "asking.js": "text/javascript",
    "showing.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""What the page consists of beside its HTML."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # a picture that needs a key is fetched by the script
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",  # so that the files are always those of one version
    }
)

router = APIRouter(include_in_schema=False)


@router.get("/jobs")
def page() -> FileResponse:
    """The page."""
    return FileResponse(FOLDER / "jobs.html", media_type="text/html", headers=HEADERS)


@router.get("/pages/{file}")
def part(file: str) -> FileResponse:
    """A file of the page."""
    if file not in FILES:
        raise HTTPException(404)
    return FileResponse(FOLDER / file, media_type=FILES[file], headers=HEADERS)


def add_to(http: FastAPI) -> None:
    """Add the page."""
    http.include_router(router)
