"""Files that requests carry as multipart/form-data. They go to the disk as they come, so their size costs no memory."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from photocall.media import signatures
from photocall.server.problems import BadRequest
from photocall.server.uploads import is_filename

MAX_NAME_BYTES = 250
"""Of a file's name in UTF-8: file systems take 255, and append to a name while they write. However many bytes it has in
JSON, a job's message stays below the 1,024 bytes that clients of the web tier count on."""

_MOST_FIELDS = 20
_MOST_FIELD_BYTES = 16 * 2**10
"""Of a field that is no file; it is kept in memory, and nobody looks at it."""


class Upload:
    """A file of a request, until the request's form is closed.

    Attributes:
        name: can be the key of an object, and has no folder in it.
        size: bytes.
        file: its content; whoever reads it goes to its beginning first.
    """

    def __init__(self, name: str, size: int, file: BinaryIO) -> None:
        self.name, self.size, self.file = name, size, file

    def kind(self) -> str | None:
        """What its first bytes say it is: see `signatures.kind`."""
        self.file.seek(0)
        return signatures.kind(self.file.read(signatures.HEAD))

    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").hexdigest()  # type: ignore[arg-type]  # it is as digestible as any


@asynccontextmanager
async def received(
    request: Request, field: str, most: int, *, with_folders: bool = False
) -> AsyncIterator[list[Upload]]:
    """The files of a request, one or more; they are gone afterwards.

    Args:
        request: its body has not been read.
        field: of the form, that has the files.
        most: how many there may be.
        with_folders: take them by any name, folders or not, and empty ones too; whoever asks for it looks at each.

    Raises:
        BadRequest: 400 if there is none, one too many, an empty one, or one with a name that it cannot have; 507 if
            the disk is full.
    """
    form = await _form(request, most)
    try:
        yield [_upload(each, with_folders) for each in _files(form, field)]
    finally:
        await form.close()


async def _form(request: Request, most: int) -> FormData:
    try:
        return await request.form(max_files=most, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES)
    except HTTPException as error:  # Starlette's, for a body that is no form
        raise BadRequest(400, "InvalidForm", f"the form cannot be taken: {error.detail}") from None
    except OSError:
        raise BadRequest(507, "InsufficientStorage", "there is no room for the files; try again later") from None


def _files(form: FormData, field: str) -> list[UploadFile]:
    """The files of a form, all of them in one field."""
    values = form.multi_items()
    others = {name for name, value in values if isinstance(value, UploadFile) and name != field}
    if others:
        other = min(others)[:100]
        raise BadRequest(400, "FieldUnknown", f"files must be in the field {field!r}, not in {other!r}")
    files = [value for name, value in values if name == field and isinstance(value, UploadFile)]
    if len(files) < sum(name == field for name, _ in values):
        raise BadRequest(400, "FieldInvalid", f"the field {field!r} must be a file with its name, not a text")
    if not files:
        raise BadRequest(400, "FieldMissing", f"the form must have a file in the field {field!r}")
    return files


def _upload(given: UploadFile, with_folders: bool) -> Upload:
    name, size = given.filename or "", given.size or 0
    if with_folders:
        return Upload(name, size, given.file)
    if not is_filename(name) or len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        told = (
            f"a file needs a name without folders, printable, of at most {MAX_NAME_BYTES} bytes, such as test_000.jpg"
        )
        raise BadRequest(400, "InvalidFilename", told)
    if not size:
        raise BadRequest(400, "EmptyFile", f"{name!r} is empty")
    return Upload(name, size, given.file)
