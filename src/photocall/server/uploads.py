"""Images as the callers of the REST routes send them: raw, in base64, in a data URL, or as an object's key."""

import base64
import binascii
import re

from fastapi import Request

from photocall.faces import ByteArray
from photocall.media import signatures
from photocall.media.images import read_image
from photocall.server.images import MAX_PIXELS
from photocall.server.problems import INVALID_REQUEST, BadRequest
from photocall.server.service import Service

MAX_IMAGE_BYTES = 20 * 2**20
"""Of one image, decoded from base64: what the original application lets its users upload."""

BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
"""What a bucket may be called."""

_WHITE = re.compile(rb"\s+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


async def read_body(request: Request) -> bytes:
    """The body of a request; how large it may be is the concern of `limits`."""
    return await request.body()


def from_base64(text: bytes) -> bytes | None:
    """What base64 stands for, of either alphabet, with or without line breaks and padding; None if it is no base64."""
    plain = _WHITE.sub(b"", text).translate(_URL_SAFE).rstrip(b"=")
    if not _BASE64.fullmatch(plain):
        return None
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:  # one letter too many
        return None


def image_in_body(body: bytes) -> bytes:
    """The image that a body is: raw if it begins as an image does, else base64 or a data URL of one.

    Raises:
        BadRequest: 400 for an empty body, 413 for too many bytes, 415 for what is no image in either form.
    """
    if not body:
        raise BadRequest(400, "EmptyBody", "the body must be an image, raw or in base64")
    data = body
    if signatures.kind(body[: signatures.HEAD]) not in signatures.IMAGES:
        data = from_base64(_without_scheme(body)) or b""
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_large()
    found = signatures.kind(data[: signatures.HEAD])
    if found in signatures.IMAGES:
        return data
    what = f"it is {'text' if found == 'text' else f'of the kind {found}'}" if found else "it is neither"
    raise BadRequest(415, "UnsupportedMediaType", f"the body must be an image, raw or in base64; {what}")


def image_in_json(service: Service, image_data: str, bucket: str | None) -> ByteArray:
    """The picture that the `image_data` of a request names.

    Args:
        service: whose buckets are meant.
        image_data: a data URL, base64, or with a bucket the key of an object.
        bucket: its name.

    Returns:
        uint8 RGB, shape (h, w, 3), upright.

    Raises:
        BadRequest: 400 for what is none of these, 413 for too many bytes.
        ImageUnreadable, ImageTooLarge: it is no image, or has too many pixels.
        BucketNotFound, ObjectNotFound, ObjectTooLarge, StoreUnavailable: the object cannot be had.
    """
    if image_data.startswith("data:"):
        data = from_base64(_without_scheme(image_data.encode()))
        wanted = "image_data must be data:image/jpeg;base64, and then base64"
    elif bucket is not None:
        data, wanted = service.callers_bucket(bucket).get(image_data, MAX_IMAGE_BYTES), ""
    else:
        data = from_base64(image_data.encode())
        wanted = "image_data must be a data URL, base64, or with a bucket the key of an object"
    if data is None:
        raise BadRequest(400, INVALID_REQUEST, wanted)
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_large()
    return read_image(data, name="image_data", max_pixels=MAX_PIXELS)


def _without_scheme(text: bytes) -> bytes:
    """The base64 in a data URL; anything else as it is. A data URL that is not in base64 is not base64."""
    head, comma, rest = text.partition(b",")
    if not (comma and head.startswith(b"data:")):
        return text
    return rest if head.endswith(b";base64") else b"?"


def _too_large() -> BadRequest:
    return BadRequest(413, "ImageTooLarge", f"the image has more than {MAX_IMAGE_BYTES // 2**20} MiB; make it smaller")


def is_filename(name: str) -> bool:
    """Whether an image may be kept by this name: one part of a path, printable, and no way to another folder."""
    return bool(name) and name.isprintable() and not set(name) & set("/\\") and name not in (".", "..")
