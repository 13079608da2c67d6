"""The same figures for groups of photos, people or faces: where an engine is worse, and for whom.

Thresholds are those of the whole set, as in operation; a threshold for each group would hide the difference. Groups
are too small below 30, and so is what a figure is counted on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from photocall.calibration import Calibration
from photocall.errors import LabelsInvalid
from photocall.evaluation.album import Album, Numbers
from photocall.evaluation.bootstrap import Figures, with_intervals
from photocall.evaluation.detection import SIZES, Detected, detection_figures, match_all
from photocall.evaluation.identification import (
    FALSE_POSITIVE_RATES,
    assign_roles,
    identification_figures,
    search,
)
from photocall.evaluation.impostors import Impostors
from photocall.evaluation.rates import Flags, Floats, cross_validated, share, threshold_at
from photocall.evaluation.tables import GroupTable
from photocall.evaluation.verification import FALSE_MATCH_RATES, Comparisons
from photocall.evaluation.wider import Marked
from photocall.faces import Quality

LEAST = 30
"""Pairs, searches or faces below which a rate says nothing (the rule of 30 is for errors, so even this is generous)."""

MEASURED = ("size", "blur", "light")
"""What photos are grouped by without a table."""

_SIZES = (24, 32, 48, 64, 96, 128)  # limits of the bins of face sizes, pixels
_NOT_FOUND, _MIXED, _NOT_LISTED, _BLANK = "no face found", "mixed", "not in the table", "blank in the table"
_THIRDS = {
    "blur": ("most blurred third", "middle third", "sharpest third"),
    "light": ("darkest third", "middle third", "brightest third"),
}
_WIDER = {"blur": ("clear", "normal blur", "heavy blur"), "light": ("normal light", "extreme light")}


@dataclass(frozen=True, slots=True)
class Groups:
    """The group of each photo.

    Attributes:
        names: of the groups; where they are ordered, from the worst to the best.
        of: the group of each photo, shape (photos,).
        ordered: whether a pair belongs to the worse of its photos' groups; else it must have both in one group.
    """

    names: tuple[str, ...]
    of: Numbers
    ordered: bool

    def of_pairs(self, a: Numbers, b: Numbers) -> Numbers:
        """The group of pairs of photos; -1 for those that are in none."""
        first, second = self.of[a], self.of[b]
        return np.minimum(first, second) if self.ordered else np.where(first == second, first, -1)


def measured_groups(album: Album, by: str) -> Groups:
    """Photos by size of the face (pixels of its shorter side), or by thirds of its sharpness or brightness."""
    qualities = [None if photo.face is None else photo.face.quality for photo in album.photos]
    value: Callable[[Quality], float] = {
        "size": lambda quality: quality.size,
        "blur": lambda quality: quality.sharpness,
        "light": lambda quality: quality.brightness,
    }[by]
    values = np.array([np.nan if quality is None else value(quality) for quality in qualities])
    limits: Sequence[float] = _SIZES
    if by != "size":
        known = values[np.isfinite(values)]
        limits = np.quantile(known, (1 / 3, 2 / 3)).tolist() if len(known) else (0, 0)
    of = np.where(np.isfinite(values), np.searchsorted(limits, values, "right") + 1, 0)
    return Groups((_NOT_FOUND, *(_THIRDS[by] if by in _THIRDS else size_names())), of.astype(np.intp), True)


def size_names() -> list[str]:
    """Names of the bins of face sizes."""
    between = [f"{low} to {high} px" for low, high in pairwise(_SIZES)]
    return [f"below {_SIZES[0]} px", *between, f"from {_SIZES[-1]} px"]


def table_groups(album: Album, table: GroupTable) -> Groups:
    """Photos by a column of a table, which is keyed by photo or by person."""
    keys = [
        album.people[owner] if table.key == "person" else photo.name
        for photo, owner in zip(album.photos, album.owners, strict=True)
    ]
    groups = [_group(table, key) for key in keys]
    names = tuple(sorted(set(groups)))
    return Groups(names, np.array([names.index(group) for group in groups], np.intp), False)


def pairs_by_group(comparisons: Comparisons, impostors: Impostors, groups: Groups) -> list[dict[str, Any]]:
    """The figures of pairs for every group, and how many pairs are mixed, of two groups.

    `fmr_at_fmr` is the false match rate among the group's own pairs of different people, at the threshold at which
    the whole set has the rate that it is named by.
    """
    of = groups.of_pairs(comparisons.a, comparisons.b)
    right, _ = cross_validated(comparisons.distances, comparisons.same, comparisons.folds)
    points = {name: impostors.threshold(rate) for name, rate in FALSE_MATCH_RATES.items()}
    nearest = impostors.nearest(2 * max(FALSE_MATCH_RATES.values()))
    nearest_of = groups.of_pairs(nearest.a, nearest.b)

    def row(group: int) -> dict[str, Any]:
        here = of == group
        genuine = here & comparisons.same
        near = nearest.only(nearest_of == group)

        def figures(people: Floats) -> Figures:
            weights, total = comparisons.weights(people), float(_pair_totals(near, groups, people)[group])
            found = {"accuracy": share(right[here], weights[here])}
            for name, point in points.items():
                missed = comparisons.distances > point
                found[f"fnmr_at_fmr/{name}"] = _rate(missed, weights, genuine)
                found[f"fmr_at_fmr/{name}"] = near.weight_within(point, people) / total if total >= LEAST else np.nan
            return found

        counts = {
            "pairs": int(here.sum()),
            "same": int(genuine.sum()),
            "impostor_pairs": round(float(_pair_totals(impostors, groups, np.ones(impostors.people))[group])),
            "failures_to_acquire": _failures(comparisons.album, groups, group),
        }
        return _row(groups.names[group], counts, counts["pairs"], figures, impostors.people)

    rows = [row(group) for group in np.unique(groups.of).tolist()]
    mixed = {"pairs": int((of < 0).sum()), "same": int(((of < 0) & comparisons.same).sum())}
    return rows if groups.ordered else [*rows, {"group": _MIXED, **mixed}]


def searches_by_group(
    album: Album, calibration: Calibration | None, target: float, groups: Groups
) -> list[dict[str, Any]]:
    """The figures of identification for every group of probes; everybody is searched in the whole gallery.

    `fpir_at_fpir` is the share of the group's own strangers who are named, at the threshold at which the whole set has
    the rate that it is named by.
    """
    roles = assign_roles(album)
    searches = search(album, roles)
    point = None if calibration is None else calibration.operating_point(len(roles.enrolled), target)
    ones, nearest = np.ones(len(roles.strangers)), np.sort(searches.of_strangers)
    points = {
        name: threshold_at(nearest, ones, float(len(nearest)), rate) for name, rate in FALSE_POSITIVE_RATES.items()
    }

    def row(group: int) -> dict[str, Any]:
        mated, strangers = groups.of[roles.probes] == group, groups.of[roles.strangers] == group
        mates_known, strangers_known = mated.sum() >= LEAST, strangers.sum() >= LEAST

        def figures(people: Floats) -> Figures:
            mates = people[album.owners[roles.probes]] * mated * mates_known
            others = people[album.owners[roles.strangers]] * strangers * strangers_known
            named = {f"fpir_at_fpir/{name}": share(searches.of_strangers <= at, others) for name, at in points.items()}
            return identification_figures(searches, mates, others, point, points) | named

        counts = {
            "mated": int(mated.sum()),
            "non_mated": int(strangers.sum()),
            "failures_to_acquire": _failures(album, groups, group),
        }
        return _row(groups.names[group], counts, counts["mated"] + counts["non_mated"], figures, len(album.people))

    return [row(group) for group in np.unique(groups.of).tolist()]


def faces_by_group(found: Sequence[Detected], marked: Mapping[str, Sequence[Marked]], by: str) -> list[dict[str, Any]]:
    """The recall of marked faces by their size, or by the blur or light that the set's makers saw.

    False boxes belong to no group of faces, so there is no precision.
    """

    def size_of(face: Marked) -> int:
        return int(np.searchsorted(SIZES, face.size, "right"))

    names = [f"below {SIZES[0]} px", *(f"{a} to {b} px" for a, b in pairwise(SIZES)), f"from {SIZES[-1]} px"]
    group_of: Callable[[Marked], int] = {
        "size": size_of,
        "blur": lambda face: face.blur,
        "light": lambda face: face.illumination,
    }[by]

    def row(group: int, name: str) -> dict[str, Any]:
        matches = {size: match_all(found, marked, size, lambda face: group_of(face) == group) for size in SIZES}

        def figures(photos: Floats) -> Figures:
            return {
                f"recall/{size}": detection_figures(match, photos)["recall"] if match.faces.sum() >= LEAST else np.nan
                for size, match in matches.items()
            }

        faces = {f"{size}": int(match.faces.sum()) for size, match in matches.items()}
        return _row(name, {"faces": faces}, max(faces.values()), figures, len(found))

    shown = list(enumerate(names))[1:] if by == "size" else list(enumerate(_WIDER[by]))
    return [row(group, name) for group, name in shown]


def photos_by_group(
    found: Sequence[Detected], marked: Mapping[str, Sequence[Marked]], table: GroupTable, source: str
) -> list[dict[str, Any]]:
    """The figures of detection for groups of photos. Raises `LabelsInvalid` for a table keyed by person."""
    if table.key != "photo":
        raise LabelsInvalid(source, "it must have a column photo: for detection nobody says who is in a photo")
    of = [_group(table, photo.name) for photo in found]

    def row(name: str) -> dict[str, Any]:
        here = [photo for photo, group in zip(found, of, strict=True) if group == name]
        matches = {f"{size}": match_all(here, marked, size) for size in SIZES}

        def figures(photos: Floats) -> Figures:
            return {
                f"{key}/{size}": value if match.faces.sum() >= LEAST else np.nan
                for size, match in matches.items()
                for key, value in detection_figures(match, photos).items()
            }

        faces = {size: int(match.faces.sum()) for size, match in matches.items()}
        return _row(name, {"photos": len(here), "faces": faces}, max(faces.values()), figures, len(here))

    return [row(name) for name in sorted(set(of))]


def _group(table: GroupTable, key: str) -> str:
    return table.groups.get(key, _NOT_LISTED) or _BLANK


def _row(
    name: str, counts: dict[str, Any], size: int, figures: Callable[[Floats], Figures], units: int
) -> dict[str, Any]:
    if size < LEAST:
        return {"group": name, **counts, "too_small": True}
    return {"group": name, **counts, "too_small": False, **with_intervals(figures, units)}


def _rate(missed: Flags, weights: Floats, here: Flags) -> float:
    """The weighted share of those here that are missed; NaN where they are too few."""
    return share(missed[here], weights[here]) if here.sum() >= LEAST else np.nan


def _failures(album: Album, groups: Groups, group: int) -> int:
    missing = np.ones(len(album.photos), np.bool_)
    missing[album.acquired] = False
    return int((missing & (groups.of == group)).sum())


def _pair_totals(impostors: Impostors, groups: Groups, people: Floats) -> Floats:
    """The weight of all pairs of different people in each group, shape (groups,)."""
    count = len(groups.names)
    photos = np.zeros((impostors.people, count))
    np.add.at(photos, (impostors.owners[impostors.photos], groups.of[impostors.photos]), 1)
    photos *= people[:, None]
    sums = photos.sum(axis=0)
    between = np.outer(sums, sums) - photos.T @ photos
    between[np.diag_indices(count)] /= 2
    totals = np.zeros(count)
    for one in range(count):
        for other in range(one, count):
            if groups.ordered or one == other:
                totals[one] += between[one, other]  # one is the smaller, so the worse
    return totals
