"""Every exception photocall raises on purpose.

    PhotocallError
    ├── InputError                 what the caller gave is wrong; the message says what would be right
    │   ├── FileUnreadable         a file cannot be read, or is neither a photo nor a video
    │   ├── ImageUnreadable        not an image, or a damaged one
    │   ├── ImageTooLarge          more pixels than allowed, refused before anything is allocated
    │   ├── VideoUnreadable        no video in it, or none that can be decoded
    │   ├── EncodingsUnreadable    not a file of known faces
    │   ├── RosterInvalid          a students file or enrolment folder contradicts itself
    │   ├── LabelsInvalid          a file of labels for an evaluation is not what it must be
    │   ├── CalibrationImpossible  too few photos or people to say what distances mean
    │   ├── ObjectKeyInvalid       no object can have this name
    │   ├── ObjectTooLarge         an object has more bytes than allowed, refused before it is fetched
    │   ├── RequestInvalid         a request for face work is not of the form that it must have
    │   ├── ImageTooHeavy          an image in a request has more bytes than allowed
    │   ├── JobInvalid             a message in a queue is no job
    │   ├── ObjectReplaced         an object has other content than the job was for
    │   ├── SettingInvalid         a setting or option has a value that it cannot have
    │   ├── NoFace                 a photo that must show a face shows none
    │   ├── SeveralFaces           a photo that must show one face shows more
    │   └── PoorFace               a photo to enrol shows a face too small, dark, blurred or turned
    ├── CollectionNotFound
    ├── CollectionExists           a new collection has the name of one that is there
    ├── FaceNotFound
    ├── UserNotFound
    ├── UserExists                 a new user has the id of one that is there
    ├── UserFull                   a user would have more faces than allowed
    ├── TooManyTags                a collection would have more tags than allowed
    ├── ObjectNotFound
    ├── BucketNotFound
    ├── KeyNotFound                there is no key of this id
    ├── KeyMissing                 a request came without the key that it needs
    ├── KeyRefused                 a key is unknown, revoked, or not for this
    ├── TooManyRequests            a key was used more often than its plan allows
    ├── ServiceFailed              a photocall server was asked and did not do it
    ├── NobodyEnrolled             there is no class to call
    ├── ModelMismatch              two embedding spaces would be mixed
    ├── WeightsInvalid             a model file is missing, or is not the one its checksum names
    ├── NotCalibrated              nobody has measured what a pack's distances mean
    ├── DownloadFailed             a model file could not be fetched
    ├── StoreUnavailable           the database cannot be opened, read or written
    ├── AmazonRefused              Amazon's own service gave an error
    ├── JobUnfinished              a job failed, and whoever gave it tries again
    ├── ExtraMissing               an optional package is not installed
    └── OutputUnwritable           a result file cannot be written

An exception carries the things it speaks of as attributes; its docstring is its message. No HTTP code lives here: each
surface maps these to its own words.
"""

from dataclasses import dataclass


class PhotocallError(Exception):
    """Something in photocall failed."""

    def __str__(self) -> str:
        """The class's docstring, filled with the exception's own attributes."""
        return (type(self).__doc__ or type(self).__name__).format(**vars(self))

    def __reduce__(self) -> tuple[type["PhotocallError"], tuple[object, ...]]:
        """Pickled by its attributes, however it was made; errors cross process boundaries."""
        return type(self), tuple(vars(self).values())


class InputError(PhotocallError):
    """The input is wrong."""


@dataclass(eq=False)
class FileUnreadable(InputError):
    """{path}: not sent: {reason}"""

    path: str
    reason: str


@dataclass(eq=False)
class ImageUnreadable(InputError):
    """{source}: not a readable image: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class ImageTooLarge(InputError):
    """{source}: {width}x{height} pixels are more than the {limit} allowed; make the image smaller"""

    source: str
    width: int
    height: int
    limit: int


@dataclass(eq=False)
class VideoUnreadable(InputError):
    """{source}: not a readable video: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class EncodingsUnreadable(InputError):
    """{source}: not a file of face encodings: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class RosterInvalid(InputError):
    """{source}: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class LabelsInvalid(InputError):
    """{source}: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class CalibrationImpossible(InputError):
    """{source}: no calibration can come of it: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class NoFace(InputError):
    """{source}: no face found; use a photo that shows the face from the front, at least 64 pixels wide"""

    source: str


@dataclass(eq=False)
class SeveralFaces(InputError):
    """{source}: {count} faces found; use a photo that shows one person alone"""

    source: str
    count: int


@dataclass(eq=False)
class PoorFace(InputError):
    """{source}: the face is too poor to be enrolled ({reasons}): {advice}"""

    source: str
    reasons: str
    advice: str


@dataclass(eq=False)
class CollectionNotFound(PhotocallError):
    """There is no collection {collection_id!r}"""

    collection_id: str


@dataclass(eq=False)
class CollectionExists(PhotocallError):
    """There is a collection {collection_id!r} already"""

    collection_id: str


@dataclass(eq=False)
class FaceNotFound(PhotocallError):
    """There is no face {face_id!r} in collection {collection_id!r}"""

    collection_id: str
    face_id: str


@dataclass(eq=False)
class UserNotFound(PhotocallError):
    """There is no user {user_id!r} in collection {collection_id!r}"""

    collection_id: str
    user_id: str


@dataclass(eq=False)
class UserExists(PhotocallError):
    """There is a user {user_id!r} in collection {collection_id!r} already"""

    collection_id: str
    user_id: str


@dataclass(eq=False)
class UserFull(PhotocallError):
    """User {user_id!r} would have more than {limit} faces; disassociate some first"""

    user_id: str
    limit: int


@dataclass(eq=False)
class TooManyTags(PhotocallError):
    """Collection {collection_id!r} would have more than {limit} tags; remove some first"""

    collection_id: str
    limit: int


@dataclass(eq=False)
class ObjectNotFound(PhotocallError):
    """There is no object {key!r}"""

    key: str


@dataclass(eq=False)
class KeyNotFound(PhotocallError):
    """There is no key {key_id!r}; photocall keys list shows them"""

    key_id: str


@dataclass(eq=False)
class KeyMissing(PhotocallError):
    """An API key is needed, in the header x-api-key; photocall keys create NAME makes one"""


@dataclass(eq=False)
class KeyRefused(PhotocallError):
    """The key was refused: {reason}"""

    reason: str


@dataclass(eq=False)
class TooManyRequests(PhotocallError):
    """The usage plan of the key allows {plan}; try again in {seconds} s"""

    plan: str
    seconds: int


@dataclass(eq=False)
class ServiceFailed(PhotocallError):
    """{address}: {reason}"""

    address: str
    reason: str


@dataclass(eq=False)
class BucketNotFound(PhotocallError):
    """There is no bucket {bucket!r}"""

    bucket: str


@dataclass(eq=False)
class ObjectKeyInvalid(InputError):
    """{key!r} is not the key of an object: parts with slashes between them, such as a/b.jpg"""

    key: str


@dataclass(eq=False)
class ObjectTooLarge(InputError):
    """{key!r}: {size} bytes are more than the {limit} allowed; make it smaller"""

    key: str
    size: int
    limit: int


@dataclass(eq=False)
class RequestInvalid(InputError):
    """{reason}"""

    reason: str


@dataclass(eq=False)
class ImageTooHeavy(InputError):
    """the image has more than {mib} MiB; make it smaller"""

    mib: int


@dataclass(eq=False)
class JobInvalid(InputError):
    """The message is no job: {reason}"""

    reason: str


@dataclass(eq=False)
class ObjectReplaced(InputError):
    """{key!r} was replaced by other content before it was read; put each under a key of its own"""

    key: str


@dataclass(eq=False)
class ModelMismatch(PhotocallError):
    """Faces embedded by {found!r} cannot be compared with faces embedded by {expected!r}; give --pack with a pack of \
model {expected!r}, or move the enrolled faces to the other: photocall models migrate"""

    expected: str
    found: str


@dataclass(eq=False)
class WeightsInvalid(PhotocallError):
    """{source}: {reason}"""

    source: str
    reason: str


@dataclass(eq=False)
class NotCalibrated(PhotocallError):
    """Nobody has measured what distances of model pack {pack!r} mean; photocall evaluate pairs PAIRS.csv --images DIR \
--pack {pack} --calibrate does"""

    pack: str


@dataclass(eq=False)
class DownloadFailed(PhotocallError):
    """{url}: not fetched: {reason}"""

    url: str
    reason: str


@dataclass(eq=False)
class AmazonRefused(PhotocallError):
    """Amazon Rekognition answered {code}: {reason}"""

    code: str
    reason: str
    status: int


@dataclass(eq=False)
class JobUnfinished(PhotocallError):
    """Not done: {reason}"""

    reason: str


@dataclass(eq=False)
class ExtraMissing(PhotocallError):
    """{what}: a package for it is missing; pip install 'photocall[{extra}]'"""

    what: str
    extra: str


@dataclass(eq=False)
class StoreUnavailable(PhotocallError):
    """{store}: {reason}"""

    store: str
    reason: str


@dataclass(eq=False)
class OutputUnwritable(PhotocallError):
    """{path}: cannot be written: {reason}"""

    path: str
    reason: str


@dataclass(eq=False)
class SettingInvalid(InputError):
    """{name}: {reason}"""

    name: str
    reason: str


@dataclass(eq=False)
class NobodyEnrolled(PhotocallError):
    """{data}: nobody is enrolled; start with: photocall enroll FOLDER"""

    data: str
