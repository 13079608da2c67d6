"""The image of a request: its bytes, or an object that has them, within Rekognition's limits."""

from dataclasses import dataclass
from typing import Any

from photocall.errors import ImageUnreadable
from photocall.faces import ByteArray, ImageSource
from photocall.handlers import MAX_IMAGE_BYTES
from photocall.media import signatures
from photocall.media.images import read_image
from photocall.recognition import derive_image_id
from photocall.sent_images import MAX_PIXELS
from photocall.server.service import Service
from photocall.server.wire_errors import INVALID, WireError

MAX_OBJECT_BYTES = MAX_IMAGE_BYTES
"""Of an image that is an object; that of bytes in a request stands in the service model."""

LEAST_SIDE = 80
"""Pixels. Limits: https://docs.aws.amazon.com/rekognition/latest/dg/limits.html"""


@dataclass(frozen=True, slots=True)
class RequestImage:
    """An image of a request.

    Attributes:
        pixels: uint8 RGB, shape (h, w, 3), upright.
        image_id: of its bytes.
        source: the object it is, if it is one.
    """

    pixels: ByteArray
    image_id: str
    source: ImageSource | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_request_image(service: Service, image: dict[str, Any], name: str = "image") -> RequestImage:
    """The image that a request's Image names.

    Args:
        service: whose settings say which formats are taken.
        image: Bytes, or S3Object with Bucket and Name.
        name: what errors call it.

    Raises:
        WireError: it has neither or both, is too small, or is an object of a version.
        ImageUnreadable, ImageTooLarge: it is no image of a format that is taken, or has too many pixels.
        BucketNotFound, ObjectNotFound, ObjectKeyInvalid, ObjectTooLarge: there is no such object, or it is too large.
    """
    data, source = _content(service, image, name)
    kind, formats = signatures.kind(data), service.settings.image_formats.split(",")
    if kind not in formats:
        raise ImageUnreadable(name, f"it is not in the format {' or '.join(formats)}")
    pixels = read_image(data, name=name, max_pixels=MAX_PIXELS)
    height, width, _ = pixels.shape
    if min(width, height) < LEAST_SIDE:
        raise WireError(INVALID, f"The {name} has {width}x{height} pixels; each side must have at least {LEAST_SIDE}")
    return RequestImage(pixels, derive_image_id(data), source)


def _content(service: Service, image: dict[str, Any], name: str) -> tuple[bytes, ImageSource | None]:
    place = image.get("S3Object")
    if ("Bytes" in image) == (place is not None):
        raise WireError(INVALID, f"The {name} must have either Bytes or S3Object")
    if place is None:
        return image["Bytes"], None
    if not {"Bucket", "Name"} <= place.keys():
        raise WireError(INVALID, f"The S3Object of the {name} must have Bucket and Name")
    if "Version" in place:
        raise WireError("InvalidS3ObjectException", f"The {name} names a version; objects have none here")
    data = service.callers_bucket(place["Bucket"]).get(place["Name"], MAX_OBJECT_BYTES)
    return data, ImageSource(place["Bucket"], place["Name"], place.get("Metadata", {}))  # the archive's, not the wire's
