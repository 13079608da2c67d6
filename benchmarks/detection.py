"""Which faces are found: recall and precision on photos of WIDER FACE, by size.

A face counts from a size on if it is valid and its shorter side reaches it. Detections on other faces, and unmatched
ones below that size, count neither way. WIDER leaves some faces unmarked, so precision is a lower bound.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.material import Material
from benchmarks.tables import Table, percent
from benchmarks.timing import Result, told
from photocall.engine.face_engine import FaceEngine
from photocall.faces import BoundingBox
from photocall.media.images import read_image

SIZES = (24, 40, 80)
LEAST_OVERLAP = 0.5
_MIN_FACES = (40, 20)  # the default, and the smallest


@dataclass(frozen=True, slots=True)
class Marked:
    """A face that somebody marked, and whether it is fit to be found."""

    box: BoundingBox
    valid: bool


def measure(material: Material) -> Result:
    """Rates by the size of faces, for the default and for the smallest setting of the smallest face."""
    assert material.evaluation is not None
    photos = list(_marked(material.evaluation / "wider-dev"))[: 20 if material.quick else None]
    rows = []
    for min_face in _MIN_FACES:
        with FaceEngine(min_face=min_face) as engine:
            doing = f"accuracy: WIDER FACE photos, faces from {min_face} pixels"
            found = [[face.box for face in engine.detect(read_image(path))] for path, _ in told(photos, doing)]
        for size in SIZES:
            counts = [count(boxes, marked, size) for boxes, (_, marked) in zip(found, photos, strict=True)]
            rows.append({"min_face": min_face, "size": size, **_rates(np.sum(counts, axis=0).tolist())})
    return {"photos": len(photos), "rows": rows}


def table(result: Result) -> Table:
    """One row a setting and size."""
    rows = [
        (
            f"{row['min_face']} px{' (default)' if row['min_face'] == _MIN_FACES[0] else ''}",
            f"{row['size']} px",
            f"{row['faces']:,}",
            percent(row["recall"]),
            percent(row["precision"]),
        )
        for row in result["rows"]
    ]
    return Table(
        "Faces found: WIDER FACE",
        ("smallest face looked for", "faces from", "faces", "recall", "precision"),
        rows,
        f"{result['photos']} photos of crowds, schools, meetings and families; IoU {LEAST_OVERLAP} and more.",
    )


def count(boxes: Sequence[BoundingBox], marked: Sequence[Marked], size: float) -> tuple[int, int, int]:
    """Faces of one photo, how many of them were found, and how many boxes are false; boxes best first."""
    wanted = [face.box for face in marked if face.valid and min(face.box.width, face.box.height) >= size]
    others = [face.box for face in marked if face.box not in wanted]
    open_faces, false = list(wanted), 0
    for box in boxes:
        best = max(open_faces, key=box.iou, default=None)
        if best is not None and box.iou(best) >= LEAST_OVERLAP:
            open_faces.remove(best)
        elif min(box.width, box.height) >= size and not any(box.iou(other) >= LEAST_OVERLAP for other in others):
            false += 1
    return len(wanted), len(wanted) - len(open_faces), false


def _rates(totals: Sequence[int]) -> Result:
    faces, found, false = totals
    return {
        "faces": faces,
        "recall": round(found / max(faces, 1), 4),
        "precision": round(found / max(found + false, 1), 4),
    }


def _marked(folder: Path) -> Iterator[tuple[Path, list[Marked]]]:
    """Photos with their faces, out of WIDER's own list: name, number of faces, a line for each (one even for none)."""
    lines = iter((folder / "wider_face_bbx_gt.txt").read_text("utf-8").splitlines())
    for name in lines:
        number = int(next(lines))
        faces = [_face(next(lines)) for _ in range(max(number, 1))]
        yield folder / "images" / name.strip(), faces[:number]


def _face(line: str) -> Marked:
    left, top, width, height, _blur, _expression, _illumination, invalid, *_ = map(int, line.split())
    return Marked(BoundingBox(left, top, width, height), invalid == 0)
