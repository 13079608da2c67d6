"""How close strangers are among the operator's own people: the operating point, fitted on enrolled photos.

A pack's false match rates were measured on press photos of people from everywhere. A class may be more alike, or less.
A few dozen people are too few to see one wrong match in a thousand, but they show whether all distances between
different people are shorter than the pack's curve says; by that much its thresholds are moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photocall.calibration import Calibration
from photocall.errors import CalibrationImpossible
from photocall.faces import FaceRecord
from photocall.metric import Metric

FEWEST_PEOPLE = 20
"""With fewer, the nearest twentieth of all pairs is under ten pairs."""

MOST_FACES = 2_000
"""Of more, those of people drawn at random are compared: 2 million pairs say enough."""

_COMMONEST, _FEWEST_PAIRS = (
    0.1,
    10,
)  # the part of the curve that is compared: false match rates from 10 pairs to a tenth
_STEPS, _DRAWS, _SEED = 20, 200, 7

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resemblance:
    """Two people whose photos are close enough to be taken for one person."""

    a: str
    b: str
    distance: float


@dataclass(frozen=True, slots=True)
class LocalCalibration:
    """What the operator's own photos say of a pack's distances.

    Attributes:
        threshold: the model's operating point for everybody enrolled.
        people: that it was fitted on: everybody, unless they are very many.
        faces: theirs.
        pairs: of faces of different people.
        shift: how much farther apart strangers are than the pack says; negative where they are closer.
        interval: 95 % interval of `shift`, when people are drawn anew.
        sure: the part of the shift that thresholds may follow: all of a negative one whose interval leaves out 0, of a
            positive one the lower end of its interval, otherwise 0.
        same_pairs: pairs of faces of one person.
        not_named: the share of those that are farther apart than the operating point; None without any.
        resemblances: the closest pairs of people within the operating point, closest first, each once.
    """

    threshold: float
    people: int
    faces: int
    pairs: int
    shift: float
    interval: tuple[float, float]
    sure: float
    same_pairs: int
    not_named: float | None
    resemblances: tuple[Resemblance, ...]


def fit_locally(
    faces: Sequence[FaceRecord], metric: Metric, calibration: Calibration, false_positive_target: float
) -> LocalCalibration:
    """Compare the distances between enrolled people with those that the pack's calibration expects.

    Args:
        faces: all enrolled faces of one collection.
        metric: of their model.
        calibration: of their model, without a shift of its own.
        false_positive_target: the share of strangers that may be named, 0..1.

    Raises:
        CalibrationImpossible: there are fewer than `FEWEST_PEOPLE` people.
    """
    enrolled = len({face.external_image_id for face in faces})
    names, owners, faces = _people(faces)
    if len(names) < FEWEST_PEOPLE:
        reason = f"{len(names)} people are enrolled, and {FEWEST_PEOPLE} are needed; enrol more"
        raise CalibrationImpossible("the enrolled faces", reason)
    vectors = np.stack([face.embedding.vector for face in faces])
    rows, columns = np.triu_indices(len(faces), 1)
    distances = metric.distances(vectors, vectors)[rows, columns].astype(np.float64)
    same = owners[rows] == owners[columns]
    strangers = _strangers(distances[~same], owners[rows][~same], owners[columns][~same])
    shift, (low, high) = _shift(strangers, len(names), calibration)
    sure = shift if high < 0 else max(low, 0.0)
    threshold = calibration.operating_point(enrolled, false_positive_target)
    point = threshold + sure
    return LocalCalibration(
        threshold=threshold,
        people=len(names),
        faces=len(faces),
        pairs=len(strangers.distances),
        shift=shift,
        interval=(low, high),
        sure=sure,
        same_pairs=int(same.sum()),
        not_named=float((distances[same] > point).mean()) if same.any() else None,
        resemblances=_resemblances(strangers, names, point),
    )


@dataclass(frozen=True, slots=True)
class _Strangers:
    """Pairs of faces of different people, nearest first: distances, and the numbers of the two people."""

    distances: Floats
    a: NDArray[np.intp]
    b: NDArray[np.intp]


def _strangers(distances: Floats, a: NDArray[np.intp], b: NDArray[np.intp]) -> _Strangers:
    order = np.argsort(distances, kind="stable")
    return _Strangers(distances[order], a[order], b[order])


def _people(faces: Sequence[FaceRecord]) -> tuple[list[str], NDArray[np.intp], list[FaceRecord]]:
    """Names, whose every face is, and the faces; of very many, those of people drawn at random."""
    of: dict[str, list[FaceRecord]] = {}
    for face in faces:
        of.setdefault(face.external_image_id, []).append(face)
    names = list(of)
    np.random.default_rng(_SEED).shuffle(names)
    totals = np.cumsum([len(of[name]) for name in names])
    names = sorted(names[: max(1, int(np.searchsorted(totals, MOST_FACES, "right")))])
    owners = np.repeat(np.arange(len(names)), [len(of[name]) for name in names])
    return names, owners, [face for name in names for face in of[name]]


def _shift(strangers: _Strangers, people: int, calibration: Calibration) -> tuple[float, tuple[float, float]]:
    """How much farther apart strangers are than expected, and the 95 % interval of that."""
    rates = np.geomspace(max(1e-3, _FEWEST_PAIRS / len(strangers.distances)), _COMMONEST, _STEPS)
    expected = np.array([calibration.distance_at(rate) for rate in rates])

    def apart(weights: Floats) -> float:
        of_pairs = weights[strangers.a] * weights[strangers.b]
        reached = np.cumsum(of_pairs)
        found = np.interp(rates * reached[-1], reached - of_pairs / 2, strangers.distances)
        return float((found - expected).mean())

    random, shares = np.random.default_rng(_SEED), np.full(people, 1 / people)
    draws = [apart(random.multinomial(people, shares).astype(np.float64)) for _ in range(_DRAWS)]
    low, high = np.percentile(draws, (2.5, 97.5))
    return apart(np.ones(people)), (float(low), float(high))


def _resemblances(strangers: _Strangers, names: Sequence[str], point: float) -> tuple[Resemblance, ...]:
    found: dict[tuple[str, str], float] = {}
    for index in range(int(np.searchsorted(strangers.distances, point, "right"))):
        pair = names[strangers.a[index]], names[strangers.b[index]]
        found.setdefault(pair, float(strangers.distances[index]))
    return tuple(Resemblance(a, b, distance) for (a, b), distance in found.items())
