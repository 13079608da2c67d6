"""Does the promise hold that at most one stranger in a hundred gets a name? Identification on LFW, at several sizes.

Galleries are drawn at random: one photo a person, other photos of the same people as probes, and people with a single
photo as strangers.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from benchmarks.lfw import Faces
from benchmarks.material import FALSE_POSITIVE_TARGET
from benchmarks.tables import Table, percent
from benchmarks.timing import Result
from photocall.calibration import Calibration
from photocall.faces import FloatArray
from photocall.gallery import euclidean

SIZES = (10, 40, 200)
DRAWS = 200


def measure(faces: Faces, calibration: Calibration) -> Result:
    """Error rates at the operating point of each gallery size, and at the customary threshold."""
    mates, strangers = _people(faces)
    gallery = np.stack([pair[0] for pair in mates])
    probes = np.stack([_or_nowhere(pair[1]) for pair in mates])
    to_mates, to_strangers = euclidean(probes, gallery), euclidean(strangers, gallery)
    rows = []
    for size in (size for size in SIZES if size <= len(mates)):
        point = calibration.operating_point(size, FALSE_POSITIVE_TARGET)
        promised = _rates(to_mates, to_strangers, size, point)
        customary = _rates(to_mates, to_strangers, size, calibration.customary_threshold)
        rows.append({"size": size, "threshold": round(point, 4), **promised, "at_customary": customary})
    return {"target": FALSE_POSITIVE_TARGET, "draws": DRAWS, "strangers": len(strangers), "sizes": rows}


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


def _people(faces: Faces) -> tuple[list[tuple[FloatArray, FloatArray | None]], FloatArray]:
    """Photos one and two of people with several, the first one usable, and the photos of all others."""
    photos: dict[str, list[FloatArray | None]] = defaultdict(list)
    for name, vector in sorted(faces.vectors.items()):
        photos[name.split("/")[0]].append(vector)
    mates = [(first, more[0]) for first, *more in photos.values() if more and first is not None]
    singles = [_or_nowhere(only[0]) for only in photos.values() if len(only) == 1]
    return mates, np.stack(singles)


def _or_nowhere(vector: FloatArray | None) -> FloatArray:
    """A face that was not found is far from everybody, so it gets no name."""
    return np.full(128, 100, np.float32) if vector is None else vector


def _rates(to_mates: FloatArray, to_strangers: FloatArray, size: int, threshold: float) -> dict[str, float]:
    """Mean rates over random galleries.

    Returns:
        `fpir`: strangers named. `fnir`: enrolled people who are not the nearest within the threshold. `misnamed`:
        enrolled people given another's name.
    """
    random = np.random.default_rng(7)
    totals = np.zeros(3)
    for _ in range(DRAWS):
        drawn = random.choice(len(to_mates), size, replace=False)
        totals += _one_gallery(to_mates[np.ix_(drawn, drawn)], to_strangers[:, drawn], threshold)
    return dict(zip(("fpir", "fnir", "misnamed"), np.round(totals / DRAWS, 4).tolist(), strict=True))


def _one_gallery(mates: FloatArray, strangers: FloatArray, threshold: float) -> NDArray[np.float64]:
    named = mates.min(axis=1) <= threshold
    right = mates.argmin(axis=1) == np.arange(len(mates))
    return np.array([(strangers.min(axis=1) <= threshold).mean(), 1 - (named & right).mean(), (named & ~right).mean()])
