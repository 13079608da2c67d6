"""Which faces are too poor to be enrolled, or to be named for certain, and what would be better.

Reasons carry Rekognition's seven words. Only what was measured to predict errors refuses a face (docs/accuracy.md); a
detector's score and the length of the vector do not, so nothing here looks at them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from photocall.faces import Face


class Reason(StrEnum):
    """Why a face does not count: Rekognition's words for `UnindexedFace.Reasons`."""

    EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"
    """There are larger faces, and no more were asked for; given by whoever asks, never by `reasons`."""

    EXTREME_POSE = "EXTREME_POSE"
    """The head is turned too far to the side."""

    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    """Too little light to see a face by."""

    LOW_SHARPNESS = "LOW_SHARPNESS"
    """Blurred."""

    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    """Perhaps no face. Never given: detectors drop those, and among the rest their score predicts no error."""

    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    """Too few pixels."""

    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"
    """Overexposed, or the five points do not lie as those of a face do: half covered, a grimace, or no face at all."""


class Use(StrEnum):
    """What a face is to be used for."""

    ENROLMENT = "enrolment"
    IDENTIFICATION = "identification"


class QualityFilter(StrEnum):
    """How high the bar is: Rekognition's values. AUTO is MEDIUM; NONE lets every face pass."""

    NONE = "NONE"
    AUTO = "AUTO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a face must reach; the fields are those of `Quality`.

    Attributes:
        size: least shorter side of the box, pixels.
        sharpness: least.
        dark: least mean grey, 0..255.
        bright: most mean grey, 0..255.
        yaw: most to either side, degrees.
        misfit: most, in eye distances.
    """

    size: float
    sharpness: float
    dark: float
    bright: float
    yaw: float
    misfit: float


# Where each size comes from, and what was measured, is in docs/accuracy.md#which-photos-fail: on 1,500 pairs of LFW
# photos, and on 750 of them blurred, darkened or overexposed, about so many pairs of one person fail at similarity 80
# around these values, where 10 % of all do. Roll and pitch refuse nothing: with them pairs fail hardly more often.
_HALF_FAIL = {"sharpness": 0.006, "dark": 0, "bright": 240, "yaw": 55, "misfit": math.inf}
_THIRD_FAIL = {"sharpness": 0.012, "dark": 15, "bright": 220, "yaw": 50, "misfit": 0.20}
_FIFTH_FAIL = {"sharpness": 0.030, "dark": 30, "bright": 200, "yaw": 44, "misfit": 0.165}

BARS: Mapping[tuple[Use, QualityFilter], Bar] = MappingProxyType(
    {
        (Use.ENROLMENT, QualityFilter.LOW): Bar(size=32, **_HALF_FAIL),
        (Use.ENROLMENT, QualityFilter.MEDIUM): Bar(size=64, **_THIRD_FAIL),
        (Use.ENROLMENT, QualityFilter.HIGH): Bar(size=64, **_FIFTH_FAIL),
        (Use.IDENTIFICATION, QualityFilter.LOW): Bar(size=24, **_HALF_FAIL),
        (Use.IDENTIFICATION, QualityFilter.MEDIUM): Bar(size=32, **_HALF_FAIL),
        (Use.IDENTIFICATION, QualityFilter.HIGH): Bar(size=50, **_THIRD_FAIL),
    }
)
"""The bars by use and level; AUTO is MEDIUM."""


def reasons(face: Face, use: Use, quality_filter: QualityFilter = QualityFilter.AUTO) -> tuple[Reason, ...]:
    """Why a face is too poor for a use, the most telling reason first; empty for one that passes."""
    if quality_filter is QualityFilter.NONE:
        return ()
    bar, quality = bar_for(use, quality_filter), face.quality
    found = {
        Reason.SMALL_BOUNDING_BOX: quality.size < bar.size,
        Reason.LOW_SHARPNESS: quality.sharpness < bar.sharpness,
        Reason.LOW_BRIGHTNESS: quality.brightness < bar.dark,
        Reason.EXTREME_POSE: abs(quality.yaw) > bar.yaw,
        Reason.LOW_FACE_QUALITY: quality.brightness > bar.bright or quality.misfit > bar.misfit,
    }
    return tuple(reason for reason, fails in found.items() if fails)


def bar_for(use: Use, quality_filter: QualityFilter = QualityFilter.AUTO) -> Bar:
    """The bar of a use at a level; KeyError for NONE, which has none."""
    return BARS[use, QualityFilter.MEDIUM if quality_filter is QualityFilter.AUTO else quality_filter]


def advice(face: Face, use: Use, why: Sequence[Reason]) -> str:
    """What is wrong with a face and what would be right, in plain words; for the reasons that `reasons` gave."""
    return "; ".join(_advice(face, bar_for(use), reason) for reason in why)


def _advice(face: Face, bar: Bar, reason: Reason) -> str:
    match reason:
        case Reason.SMALL_BOUNDING_BOX:
            return f"it is {face.quality.size:.0f} pixels wide; use a photo that shows it at least {bar.size:.0f} wide"
        case Reason.LOW_BRIGHTNESS:
            return "it is too dark; use a photo with light on the face"
        case Reason.LOW_SHARPNESS:
            return "it is blurred; use a sharp photo"
        case Reason.EXTREME_POSE:
            return "the head is turned too far; use a photo that shows the face from the front"
        case Reason.LOW_FACE_QUALITY if face.quality.brightness > bar.bright:
            return "it is overexposed; use a photo with less light on the face"
    return "eyes, nose and mouth are not where they should be; use a photo that shows the whole face from the front"
