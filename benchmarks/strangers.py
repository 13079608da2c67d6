"""Does the promise hold that at most one stranger in a hundred gets a name? Identification on LFW, at several sizes.

Galleries are drawn at random: one photo a person, other photos of the same people as probes, and people with a single
photo as strangers.
"""

from benchmarks.lfw import Faces
from benchmarks.material import FALSE_POSITIVE_TARGET
from benchmarks.tables import Table, percent
from benchmarks.timing import Result
from photocall.calibration import Calibration
from photocall.evaluation.identification import DRAWS, assign_roles, small_galleries


def measure(faces: Faces, calibration: Calibration) -> Result:
    """Error rates at the operating point of each gallery size, and at the customary threshold."""
    roles = assign_roles(faces.album)
    rows = small_galleries(faces.album, roles, calibration, FALSE_POSITIVE_TARGET)
    return {"target": FALSE_POSITIVE_TARGET, "draws": DRAWS, "strangers": len(roles.strangers), "sizes": rows}


def table(result: Result) -> Table:
    """One row a gallery size."""
    rows = [
        (
            f"{row['size']:,}",
            f"{row['threshold']:.3f}",
            f"{percent(row['fpir'])} (promised {percent(result['target'])})",
            percent(row["fnir"]),
            percent(row["misnamed"]),
            f"{percent(row['at_customary']['fpir'])} / {percent(row['at_customary']['fnir'])}",
        )
        for row in result["sizes"]
    ]
    return Table(
        "Strangers: identification on LFW",
        ("people enrolled", "threshold", "strangers named", "enrolled not named", "named as another", "at 0.6"),
        rows,
        f"One photo a person; {result['draws']} random galleries each, {result['strangers']:,} strangers. The last "
        "column is what the customary threshold does: strangers named / enrolled not named. The calibration comes from "
        "the same collection of photos.",
    )
