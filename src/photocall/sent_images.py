"""Images as programs send them in text: base64 of either alphabet, a data URL, or the key of an object.

What the HTTP service and the functions on AWS Lambda take alike; no web framework is imported.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photocall.errors import ImageTooHeavy, RequestInvalid

if TYPE_CHECKING:
    from photocall.ports import ObjectStore

MAX_IMAGE_BYTES = 20 * 2**20
"""Of one image, decoded from base64: what the original application lets its users upload."""

MAX_PIXELS = 50_000_000
"""Width times height; decoding and searching one such image takes about half a gigabyte."""

_WHITE = b" \t\n\r\f\v"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class SentImage:
    """The image of a request.

    Attributes:
        image_data: a data URL, base64, or with a bucket the key of an object.
        bucket: its name, if there is one.
    """

    image_data: str
    bucket: str | None = None

    @property
    def is_object(self) -> bool:
        """Whether it is not in the request itself."""
        return self.bucket is not None and not self.image_data.startswith("data:")

    def read(self, bucket: "Callable[[str], ObjectStore]") -> bytes:
        """The image's bytes, whatever they are.

        Args:
            bucket: gives the bucket of a name.

        Raises:
            RequestInvalid: it is neither a data URL nor base64.
            ImageTooHeavy: it has more than `MAX_IMAGE_BYTES`.
            BucketNotFound, ObjectNotFound, ObjectTooLarge, ObjectKeyInvalid, StoreUnavailable: the object cannot be
                had.
        """
        if self.bucket is not None and self.is_object:
            return bucket(self.bucket).get(self.image_data, MAX_IMAGE_BYTES)
        return checked(self._decoded())

    def _decoded(self) -> bytes:
        try:
            text = self.image_data.encode()
        except UnicodeEncodeError:  # half of a character, which JSON can write
            text = b""
        data = from_base64(without_scheme(text))
        if data is not None:
            return data
        if self.image_data.startswith("data:"):
            raise RequestInvalid("image_data must be data:image/jpeg;base64, and then base64")
        raise RequestInvalid("image_data must be a data URL, base64, or with a bucket the key of an object")


def from_base64(text: bytes) -> bytes | None:
    """What base64 stands for, of either alphabet, with or without line breaks and padding; None if it is no base64."""
    plain = text.translate(_URL_SAFE, _WHITE).rstrip(b"=")
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True) if plain else None
    except binascii.Error:  # another character, or one letter too many
        return None


def without_scheme(text: bytes) -> bytes:
    """The base64 in a data URL; anything else as it is. A data URL that is not in base64 is not base64."""
    head, comma, rest = text.partition(b",")
    if not (comma and head.startswith(b"data:")):
        return text
    return rest if head.endswith(b";base64") else b"?"


def checked(data: bytes) -> bytes:
    """The image, if it is not too large. Raises `ImageTooHeavy`."""
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooHeavy(MAX_IMAGE_BYTES // 2**20)
    return data
