"""Which faces are found: recall, precision and average precision on marked photos, by the size of faces.

A face counts from a size on if it is valid and its shorter side reaches it. Detections on other marked faces, and
unmatched ones below that size, count neither way. Sets such as WIDER FACE leave some faces unmarked, so precision is a
lower bound.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photocall.engine.face_engine import FaceEngine
from photocall.errors import InputError
from photocall.evaluation.album import Numbers, in_threads
from photocall.evaluation.bootstrap import Figures, with_intervals
from photocall.evaluation.rates import Floats
from photocall.evaluation.wider import Marked
from photocall.faces import BoundingBox
from photocall.media.images import read_image

SIZES = (16, 24, 40, 80)
"""Shorter sides from which on faces count, pixels."""

LEAST_OVERLAP = 0.5
"""Intersection over union of a box with a face that it has found."""

Wanted = Callable[[Marked], bool]


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found in one photo.

    Attributes:
        name: its path below the folder of photos.
        boxes: with their scores, the best first.
        problem: why the photo could not be read; None where it could.
    """

    name: str
    boxes: tuple[tuple[BoundingBox, float], ...]
    problem: InputError | None = None


@dataclass(frozen=True, slots=True)
class Matches:
    """Boxes against marked faces.

    Attributes:
        faces: how many faces there are to be found in each photo, shape (photos,).
        photos: the photo of each box that counts, best scores first, shape (n,).
        hits: whether the box has found a face that no better one had; False is a false box.
    """

    faces: Floats
    photos: Numbers
    hits: Floats


def detect_all(engine: FaceEngine, folder: Path, names: Sequence[str], threads: int = 0) -> Iterator[Detected]:
    """The faces of photos, in the order of their names; several photos are in work at once."""

    def one(name: str) -> Detected:
        try:
            image = read_image(folder / name)
        except InputError as error:
            return Detected(name, (), error)
        faces = sorted(engine.detect(image), key=lambda face: -face.score)
        return Detected(name, tuple((face.box, face.score) for face in faces))

    return in_threads(one, names, threads)


def match_all(
    found: Sequence[Detected], marked: Mapping[str, Sequence[Marked]], size: float, wanted: Wanted = lambda face: True
) -> Matches:
    """All photos' boxes against their marked faces.

    Args:
        found: what was found in each photo.
        marked: the faces by the photo's name.
        size: the shorter side from which on a face counts, pixels.
        wanted: which faces count, further than by size; boxes on others count neither way.
    """
    scores, photos, hits, faces = [], [], [], []
    for number, photo in enumerate(found):
        count, outcomes = match(photo.boxes, marked[photo.name], size, wanted)
        faces.append(count)
        for score, hit in outcomes:
            scores.append(score)
            photos.append(number)
            hits.append(hit)
    order = np.argsort(-np.array(scores, np.float64), kind="stable")
    return Matches(np.array(faces, np.float64), np.array(photos, np.intp)[order], np.array(hits, np.float64)[order])


def match(
    boxes: Sequence[tuple[BoundingBox, float]],
    marked: Sequence[Marked],
    size: float,
    wanted: Wanted = lambda face: True,
) -> tuple[int, list[tuple[float, bool]]]:
    """One photo's boxes, the best first, against its marked faces.

    Returns:
        How many faces there are to be found, and of each box that counts its score and whether it has found one.
    """
    open_faces = [face.box for face in marked if face.valid and face.size >= size and wanted(face)]
    others = [face.box for face in marked if face.box not in open_faces]
    count, outcomes = len(open_faces), []
    for box, score in boxes:
        best = max(open_faces, key=box.iou, default=None)
        if best is not None and box.iou(best) >= LEAST_OVERLAP:
            open_faces.remove(best)
            outcomes.append((score, True))
        elif min(box.width, box.height) >= size and not any(box.iou(other) >= LEAST_OVERLAP for other in others):
            outcomes.append((score, False))
    return count, outcomes


def evaluate_detection(found: Sequence[Detected], marked: Mapping[str, Sequence[Marked]]) -> dict[str, Any]:
    """Everything that `photocall evaluate detection` tells; docs/evaluate.md says what each key means."""
    matches = {f"{size}": match_all(found, marked, size) for size in SIZES}
    counts = {
        "photos": len(found),
        "unreadable": sum(photo.problem is not None for photo in found),
        "faces": {name: int(match.faces.sum()) for name, match in matches.items()},
    }

    def figures(photos: Floats) -> Figures:
        return {
            f"{key}/{name}": value
            for name, match in matches.items()
            for key, value in detection_figures(match, photos).items()
        }

    return counts | with_intervals(figures, len(found))


def detection_figures(matches: Matches, photos: Floats) -> Figures:
    """Recall, precision and average precision, from the weight of each photo.

    Average precision is the area below the curve of precision by recall, each precision replaced by the best one at
    that recall or a higher one (all points). The curve ends where the detector's own threshold ends it.
    """
    faces = float((matches.faces * photos).sum())
    weights = photos[matches.photos]
    hits, boxes = np.cumsum(weights * matches.hits), np.cumsum(weights)
    if faces <= 0:
        return {"recall": np.nan, "precision": np.nan, "ap": np.nan}
    if not len(boxes) or boxes[-1] <= 0:
        return {"recall": 0.0, "precision": np.nan, "ap": 0.0}
    precision = np.divide(hits, boxes, out=np.zeros_like(hits), where=boxes > 0)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    area = float((np.diff(hits, prepend=0) * best_from_here).sum() / faces)
    return {"recall": float(hits[-1]) / faces, "precision": float(precision[-1]), "ap": area}
