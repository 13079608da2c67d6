"""Images as the callers of /v1 send them: the body, raw or in base64."""

from fastapi import Request

from photocall.media import signatures
from photocall.sent_images import MAX_IMAGE_BYTES as MAX_IMAGE_BYTES
from photocall.sent_images import from_base64, without_scheme
from photocall.server.problems import BadRequest


async def read_body(request: Request) -> bytes:
    """The body of a request; how large it may be is the concern of `limits`."""
    return await request.body()


def image_in_body(body: bytes) -> bytes:
    """The image that a body is: raw if it begins as an image does, else base64 or a data URL of one.

    Raises:
        BadRequest: 400 for an empty body, 413 for too many bytes, 415 for what is no image in either form.
    """
    if not body:
        raise BadRequest(400, "EmptyBody", "the body must be an image, raw or in base64")
    data = body
    if signatures.kind(body[: signatures.HEAD]) not in signatures.IMAGES:
        data = from_base64(without_scheme(body)) or b""
    if len(data) > MAX_IMAGE_BYTES:
        too_large = f"the image has more than {MAX_IMAGE_BYTES // 2**20} MiB; make it smaller"
        raise BadRequest(413, "ImageTooLarge", too_large)
    found = signatures.kind(data[: signatures.HEAD])
    if found in signatures.IMAGES:
        return data
    what = f"it is {'text' if found == 'text' else f'of the kind {found}'}" if found else "it is neither"
    raise BadRequest(415, "UnsupportedMediaType", f"the body must be an image, raw or in base64; {what}")


def is_filename(name: str) -> bool:
    """Whether an image may be kept by this name: one part of a path, printable, and no way to another folder."""
    return bool(name) and name.isprintable() and not set(name) & set("/\\") and name not in (".", "..")
