"""The nouns of face recognition: what is found in a picture, and what is kept of it.

Plain frozen data, no behaviour beyond geometry. Boxes and points are in pixels of the upright picture they were found
in, x to the right and y down, origin at the top left corner. Words follow Amazon Rekognition's API where it has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

LANDMARK_NAMES = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
"""Order of `Face.landmarks`; left and right as seen in the picture (Rekognition's names and sides)."""


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """An axis-aligned rectangle in pixels; it may reach beyond the picture."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """x of the right edge, in pixels."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """y of the bottom edge, in pixels."""
        return self.top + self.height

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def iou(self, other: "BoundingBox") -> float:
        """Intersection over union with `other`, 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return 0.0
        overlap = width * height
        return overlap / (self.area + other.area - overlap)


@dataclass(frozen=True, slots=True)
class Quality:
    """What can be said of a face's picture before it is compared with anything.

    Attributes:
        size: shorter side of the box, pixels. The best single predictor of errors where sizes vary.
        sharpness: variance of the Laplacian of the inner face at a fixed scale, by its grey variance; 0 is flat.
        brightness: mean grey of the inner face, 0..255.
        contrast: standard deviation of grey of the inner face, 0..127.5.
        yaw: degrees, positive where the face looks to the picture's right; estimated from five points, so rough.
        pitch: degrees, positive where the face looks up; rough.
        roll: degrees, positive where the head leans clockwise in the picture.
        misfit: how far the five points are from those of a mean frontal face after the best similarity transform,
            root mean square in units of the eye distance. High for profiles, grimaces and false detections.
    """

    size: float
    sharpness: float
    brightness: float
    contrast: float
    yaw: float
    pitch: float
    roll: float
    misfit: float


@dataclass(frozen=True, slots=True)
class Embedding:
    """A face as a point: vectors of the same model are compared by Euclidean distance.

    Attributes:
        vector: float32, shape (d,); d is 128 for dlib's network.
        model: name of the embedding space; spaces never mix (`ModelMismatch`).
    """

    vector: FloatArray
    model: str


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one picture.

    Attributes:
        box: where it is.
        score: the detector's confidence, 0..1.
        landmarks: float32, shape (5, 2), x and y in pixels, in the order of `LANDMARK_NAMES`.
        quality: what the picture is worth.
        embedding: what it is compared by; None until it has been computed.
    """

    box: BoundingBox
    score: float
    landmarks: FloatArray
    quality: Quality
    embedding: Embedding | None = None


def largest_first(faces: Sequence[Face]) -> list[Face]:
    """The faces by the area of their boxes."""
    return sorted(faces, key=lambda face: face.box.area, reverse=True)


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of faces that are searched together; it remembers the model its faces were embedded with.

    Attributes:
        collection_id: its name.
        model: name of the embedding space of its faces.
        created: with a time zone.
        threshold_shift: added to the distances up to which its people are named (`local_calibration`).
    """

    collection_id: str
    model: str
    created: datetime
    threshold_shift: float = 0.0


@dataclass(frozen=True, slots=True)
class User:
    """A person of a collection, known by several of its faces.

    Attributes:
        user_id: the caller's name for the person, unique in the collection.
        faces: how many faces are associated with the person.
    """

    collection_id: str
    user_id: str
    faces: int = 0


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where an image came from that is kept as an object.

    Attributes:
        bucket: name of the object store's bucket.
        key: of the object.
        metadata: what its sender said of it.
    """

    bucket: str
    key: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaceRecord:
    """One enrolled face of a collection.

    Attributes:
        face_id: derived from collection, image, external id and box (`derive_face_id`), so that indexing the same face
            twice keeps one record.
        image_id: derived from the image's bytes.
        external_image_id: the caller's own name for what the image shows, in a class the student's; empty for none.
        box: in pixels of the image, whose size is `image_width` x `image_height`; None if it came without one.
        score: the detector's confidence, 0..1.
        embedding: the vector and its model.
        user_id: of the user it is associated with.
        source: the object that its image is kept as, if it is.
    """

    face_id: str
    collection_id: str
    image_id: str
    external_image_id: str
    box: BoundingBox | None
    image_width: int
    image_height: int
    score: float
    embedding: Embedding
    user_id: str | None = None
    source: ImageSource | None = None


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """An enrolled face that a probe may be.

    Attributes:
        face: as it is in its collection.
        distance: to the probe, by the model's metric.
        similarity: calibrated, 0..100.
    """

    face: FaceRecord
    distance: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Identification:
    """Who a face in a picture is taken for.

    Attributes:
        face: with its embedding.
        name: of the enrolled person; None for a stranger.
        similarity: calibrated, 0..100, to that person; None for a stranger.
        certain: False where the name should be looked at before it counts.
        reasons: why the face is too poor to be named for certain, in Rekognition's words (`quality_gate.Reason`).
    """

    face: Face
    name: str | None = None
    similarity: float | None = None
    certain: bool = True
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FaceChanges:
    """What happened to a collection after a given version.

    Attributes:
        version: pass it to the next call.
        put: records added or replaced.
        deleted: ids of records removed.
    """

    version: int
    put: list[FaceRecord] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VectorChanges:
    """What happened to a collection after a given version, as far as searching needs it.

    Attributes:
        version: pass it to the next call.
        face_ids: n faces that were added or replaced.
        owners: their external_image_id, n.
        user_ids: the users they are associated with, n.
        vectors: float32, shape (n, d), in the same order; (0, 0) for none.
        deleted: ids of faces removed.
    """

    version: int
    face_ids: list[str]
    owners: list[str]
    user_ids: list[str | None]
    vectors: FloatArray
    deleted: list[str]
