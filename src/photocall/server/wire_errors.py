"""What goes wrong, in Rekognition's words: the one table from photocall's errors to the protocol's.

Every client error is HTTP 400, not-found and throttling included; so it is at Amazon. Codes are those of the service
model; the few that it does not list (SerializationException, UnknownOperationException and those of signatures) are the
protocol's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from photocall import errors

INVALID = "InvalidParameterException"

NO_FACE = "There are no faces in the image. Should be at least 1."


@dataclass(eq=False)
class WireError(Exception):
    """An answer that is an error.

    Attributes:
        code: the protocol's name for it.
        message: for people.
        status: of HTTP.
    """

    code: str
    message: str
    status: int = 400


CODES: Mapping[type[errors.PhotocallError], str] = MappingProxyType(
    {
        errors.CollectionNotFound: "ResourceNotFoundException",
        errors.CollectionExists: "ResourceAlreadyExistsException",
        errors.FaceNotFound: INVALID,
        errors.UserNotFound: "ResourceNotFoundException",
        errors.UserExists: "ConflictException",
        errors.UserFull: "ServiceQuotaExceededException",
        errors.TooManyTags: "ServiceQuotaExceededException",
        errors.ImageUnreadable: "InvalidImageFormatException",
        errors.ImageTooLarge: "ImageTooLargeException",
        errors.ObjectNotFound: "InvalidS3ObjectException",
        errors.ObjectKeyInvalid: "InvalidS3ObjectException",
        errors.BucketNotFound: "InvalidS3ObjectException",
        errors.ObjectTooLarge: "ImageTooLargeException",
        errors.KeyRefused: "AccessDeniedException",
        errors.TooManyRequests: "ThrottlingException",
        errors.ModelMismatch: INVALID,
        errors.NoFace: INVALID,
    }
)
"""Which code stands for which error; what is not here is the server's own fault."""


def wire_error(error: errors.PhotocallError) -> WireError:
    """The protocol's form of an error."""
    if isinstance(error, errors.AmazonRefused):
        return WireError(error.code, error.reason, error.status)
    for kind in type(error).__mro__:
        if kind in CODES:
            return WireError(CODES[kind], NO_FACE if isinstance(error, errors.NoFace) else str(error))
    return WireError("InternalServerError", "The service failed; try again", status=500)
