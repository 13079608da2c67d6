"""How right photocall is, on labelled photos; information, no target. Needs the evaluation data."""

from benchmarks import classroom, detection, lfw, strangers, verification
from benchmarks.material import Material
from benchmarks.tables import Table
from benchmarks.timing import Result


def measure(material: Material) -> Result | None:
    """Everything that can be counted; None without evaluation data."""
    if material.evaluation is None:
        return None
    faces = lfw.read(material)
    return {
        "verification": verification.measure(faces),
        "strangers": strangers.measure(faces, material.engine.calibration),
        "detection": detection.measure(material),
        "classroom": classroom.measure(material),
    }


def tables(result: Result) -> list[Table]:
    """One table each."""
    parts = {"verification": verification, "strangers": strangers, "detection": detection, "classroom": classroom}
    return [part.table(result[name]) for name, part in parts.items()]
