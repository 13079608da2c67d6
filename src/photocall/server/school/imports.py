"""The routes that bring classes and students in from files, and give them out as such."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from photocall.school import exports, imports
from photocall.school.imports import preview_json
from photocall.school.roster_files import MAX_BYTES
from photocall.server.multipart import Upload, received
from photocall.server.openapi_parts import Json, listing, text, thing
from photocall.server.problems import BadRequest
from photocall.server.school import described
from photocall.server.school.entries import Id
from photocall.server.school.problems import SchoolRoute
from photocall.server.school.sign_ins import Asker, Changer, now, of

FIELD = "file"
"""Of the form, that has the files."""

MOST_FILES = 20
"""OneRoster has fourteen tables."""

router = APIRouter(prefix="/v1/school", route_class=SchoolRoute, tags=["School"])

_CHANGED = thing(
    "what id name",
    what=text(enum=["student", "class"]),
    id=text(),
    name=text(),
    joins=listing(text(), description="Names of classes"),
    leaves=listing(text(), description="Names of classes"),
    changes={"type": "object", "additionalProperties": listing(text()), "description": "Before and after, by field"},
)
_BAD = thing("file row reason", file=text(), row={"type": "integer", "description": "The header is 1"}, reason=text())
_PREVIEW = thing(
    "import_id kind new changed unchanged bad ignored",
    import_id=text(format="uuid"),
    kind=text(enum=["students", "oneroster"]),
    new=listing(_CHANGED),
    changed=listing(_CHANGED),
    unchanged={"type": "integer", "description": "Students about whom the files say what is known"},
    bad=listing(_BAD, description="Rows that would be left out"),
    ignored={"type": "integer", "description": "Rows about others than students"},
)
_IMPORT_ID = "0a4f52a3-26c7-4b0c-9a5c-6d1f64c7c1de"
_SHOWN: Json = {
    "import_id": _IMPORT_ID,
    "kind": "students",
    "new": [{"what": "student", "id": "s-1042", "name": "Ada Lovelace", "joins": ["Maths 7b"]}],
    "changed": [
        {
            "what": "student",
            "id": "s-1043",
            "name": "Alan Turing",
            "changes": {"year": ["1", "2"]},
            "joins": [],
            "leaves": [],
        }
    ],
    "unchanged": 22,
    "bad": [{"file": "students.csv", "row": 7, "reason": "name: the name is missing"}],
    "ignored": 0,
}
_COUNTS = thing(
    "import_id new changed unchanged bad",
    import_id=text(format="uuid"),
    **{name: {"type": "integer"} for name in ("new", "changed", "unchanged", "bad")},
)
_FORM: Json = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": thing(
                "file", file=listing(text("A CSV, or a ZIP of such", format="binary"), minItems=1, maxItems=MOST_FILES)
            ),
            "example": {"file": ["the bytes of students.csv"]},
        }
    },
}

_POST = described.answering(_PREVIEW, _SHOWN, 413)
_POST["openapi_extra"] = {**_POST["openapi_extra"], "requestBody": _FORM}


@router.post("/imports", summary="See what files of students would change", **_POST)
async def preview(request: Request, account: Changer) -> JSONResponse:
    """Nothing is changed. A CSV of students, or OneRoster 1.1 as a ZIP or as its tables; confirm it within an hour."""
    async with received(request, FIELD, MOST_FILES) as uploads:
        files = await anyio.to_thread.run_sync(_contents, uploads)
    found = await anyio.to_thread.run_sync(imports.preview, of(request).school, account, files, now())
    return JSONResponse(preview_json(found))


@router.post(
    "/imports/{import_id}/confirm",
    summary="Do what was shown",
    **described.answering(
        _COUNTS, {"import_id": _IMPORT_ID, "new": 1, "changed": 1, "unchanged": 22, "bad": 1}, 404, 409
    ),
)
def confirm(request: Request, import_id: Id, account: Changer) -> JSONResponse:
    """All of it or nothing, and once: asked again, it answers the same. Bad rows are left out."""
    counts = imports.confirm(of(request).school, account, import_id, now())
    return JSONResponse({"import_id": import_id, **counts})


@router.get(
    "/exports/students.csv",
    summary="Students as a table",
    response_class=Response,
    **described.sending("text/csv", errors=(404,)),
)
def students_csv(
    request: Request, account: Asker, course: Annotated[Id | None, Query(description="Only those of this class")] = None
) -> Response:
    """A CSV that can be imported again: student_id, name, class, and a column for each field."""
    made = exports.students_csv(of(request).school, account, course, now())
    return attached(made.encode(), "students.csv", "text/csv; charset=utf-8")


@router.get(
    "/exports/oneroster.zip",
    summary="Classes and students as OneRoster 1.1",
    response_class=Response,
    **described.sending("application/zip"),
)
def oneroster_zip(request: Request, account: Asker) -> Response:
    """Those that you may see and are not archived."""
    return attached(exports.oneroster_zip(of(request).school, account, now()), "oneroster.zip", "application/zip")


def attached(content: bytes, name: str, media_type: str) -> Response:
    """A file to be saved, which no browser shows as a page."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": "sandbox"}
    return Response(content, media_type=media_type, headers=headers)


def _contents(uploads: list[Upload]) -> list[tuple[str, bytes]]:
    """Raises `BadRequest` before more is read than is taken."""
    if sum(upload.size for upload in uploads) > MAX_BYTES:
        raise BadRequest(413, "PayloadTooLarge", f"there are more than {MAX_BYTES // 2**20} MiB; send fewer at once")
    found = []
    for upload in uploads:
        upload.file.seek(0)
        found.append((upload.name, upload.file.read()))
    return found
