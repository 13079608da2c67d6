"""A look at a picture of a webcam: whether it would do as a portrait, and what to change. Nothing of it is kept."""

from dataclasses import dataclass

from photocall.engine.face_engine import FaceEngine
from photocall.faces import BoundingBox, ByteArray
from photocall.quality_gate import QualityFilter, Use, advice, reasons
from photocall.recognition import BYSTANDER

GOOD = "Good: hold still"
NOBODY = "No face is seen; look into the camera, with light from the front"
SEVERAL = "{count} people are seen; only the student should be in the picture"


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture shows.

    Attributes:
        faces: how many people, those in the background aside.
        good: whether it would do.
        advice: what to change, in plain words.
        reasons: why it would not do, in Rekognition's words.
        box: of the largest face; None without one.
        width, height: of the picture, pixels.
    """

    faces: int
    good: bool
    advice: str
    reasons: tuple[str, ...]
    box: BoundingBox | None
    width: int
    height: int


def look(engine: FaceEngine, image: ByteArray, quality_filter: QualityFilter = QualityFilter.AUTO) -> Look:
    """Whether a picture would do as a portrait.

    Args:
        engine: what finds.
        image: uint8 RGB, shape (h, w, 3).
        quality_filter: how good the face must be.
    """
    height, width, _ = image.shape
    found = sorted(engine.detect(image), key=lambda face: face.box.width, reverse=True)
    people = [face for face in found if face.box.width >= BYSTANDER * found[0].box.width]
    if not people:
        return Look(0, False, NOBODY, (), None, width, height)
    if len(people) > 1:
        return Look(len(people), False, SEVERAL.format(count=len(people)), (), people[0].box, width, height)
    why = reasons(people[0], Use.ENROLMENT, quality_filter)
    told = _told(advice(people[0], Use.ENROLMENT, why)) if why else GOOD
    return Look(1, not why, told, tuple(why), people[0].box, width, height)


def _told(text: str) -> str:
    """Advice about "it", as one about a face in front of a camera."""
    return f"The face: {text}"
