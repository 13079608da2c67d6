"""Which faces are found: recall and precision on photos of WIDER FACE, by size (`photocall.evaluation.detection`)."""

import numpy as np

from benchmarks.material import Material, cores
from benchmarks.tables import Table, percent
from benchmarks.timing import Result, told
from photocall.engine.face_engine import FaceEngine
from photocall.evaluation.detection import LEAST_OVERLAP, detect_all, detection_figures, match_all
from photocall.evaluation.wider import read_marked

SIZES = (24, 40, 80)
_MIN_FACES = (40, 20)  # the default, and the smallest


def measure(material: Material) -> Result:
    """Rates by the size of faces, for the default and for the smallest setting of the smallest face."""
    assert material.evaluation is not None
    folder = material.evaluation / "wider-dev"
    marked = read_marked(folder / "wider_face_bbx_gt.txt")
    names = list(marked)[: 20 if material.quick else None]
    rows = []
    for min_face in _MIN_FACES:
        with FaceEngine(min_face=min_face) as engine:
            doing = f"accuracy: WIDER FACE photos, faces from {min_face} pixels"
            found = list(told(detect_all(engine, folder / "images", names, cores()), doing))
        for size in SIZES:
            matches = match_all(found, marked, size)
            rates = detection_figures(matches, np.ones(len(found)))
            shown = {name: round(rates[name], 4) for name in ("recall", "precision")}
            rows.append({"min_face": min_face, "size": size, "faces": int(matches.faces.sum()), **shown})
    return {"photos": len(names), "rows": rows}


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
