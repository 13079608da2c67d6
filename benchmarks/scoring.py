"""What was seen in a photo against what is in it. Detectors draw boxes differently, so a face is a point here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photocall.assignment import assign
from photocall.faces import BoundingBox


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is in a photo.

    Attributes:
        name: None for a stranger.
        x: of a point in the middle of the face, in pixels.
        y: of the same point.
    """

    name: str | None
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A face that was found.

    Attributes:
        box: in pixels.
        name: that it was given; None for none.
        certain: False where the name was only put up for review.
    """

    box: BoundingBox
    name: str | None
    certain: bool = True


def pair(people: Sequence[Person], seen: Sequence[Seen]) -> list[tuple[Person, Seen | None]]:
    """Every person with the face found there, one to one, the best centred first."""
    benefit = np.array([[_centred(person, face.box) for face in seen] for person in people])
    partner = dict(assign(benefit.reshape(len(people), len(seen))))
    return [(person, seen[partner[row]] if row in partner else None) for row, person in enumerate(people)]


def _centred(person: Person, box: BoundingBox) -> float:
    """1 for a point in the middle of the box, 0 on its edge and beyond."""
    across = abs(person.x - box.left - box.width / 2) / max(box.width, 1)
    down = abs(person.y - box.top - box.height / 2) / max(box.height, 1)
    return max(0.0, 1 - 2 * max(across, down))


def tally(photos: Sequence[tuple[Sequence[Person], Sequence[Seen]]]) -> dict[str, int]:
    """Counts over photos.

    Returns:
        `faces` in the photos and `found` of them; `extra` boxes elsewhere; `people` with a name, counted once a photo,
        and `right` of them: given their name for certain. Of single faces: `wrong` for certain, `uncertain`, `missed`
        (not found, or no name), `strangers` in the photos and `accepted` of them: given a name for certain.
    """
    pairs = [pair(*photo) for photo in photos]
    flat = [both for photo in pairs for both in photo]
    known = [(person.name, face) for person, face in flat if person.name]
    found = sum(face is not None for _, face in flat)
    return {
        "faces": len(flat),
        "found": found,
        "extra": sum(len(seen) for _, seen in photos) - found,
        "people": sum(len({person.name for person, _ in photo if person.name}) for photo in pairs),
        "right": sum(len({person.name for person, face in photo if _right(person, face)}) for photo in pairs),
        "wrong": sum(1 for name, face in known if face and face.certain and face.name not in (None, name)),
        "uncertain": sum(1 for _, face in known if face and face.name and not face.certain),
        "missed": sum(1 for _, face in known if not face or not face.name),
        "strangers": len(flat) - len(known),
        "accepted": sum(1 for p, face in flat if not p.name and face and face.name and face.certain),
    }


def _right(person: Person, face: Seen | None) -> bool:
    return person.name is not None and face is not None and face.certain and face.name == person.name
