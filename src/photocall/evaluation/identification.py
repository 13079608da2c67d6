"""Who is this, and is it anybody: people found again, and strangers named, by the product's own search (1:N).

People with two photos or more are enrolled with the first and searched with the second; people with one photo are the
strangers. Photos follow one another by name. Distances and thresholds come from `Gallery` and `Calibration`, as they
do when a register is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np

from photocall.calibration import Calibration
from photocall.evaluation.album import Album, Numbers
from photocall.evaluation.bootstrap import Figures, told, with_intervals
from photocall.evaluation.rates import Floats, share, threshold_at
from photocall.faces import Collection, Embedding, VectorChanges
from photocall.gallery import Gallery
from photocall.metric import Metric
from photocall.ports import FaceStore

FALSE_POSITIVE_RATES = {"0.01": 0.01, "0.05": 0.05}
"""Where false negatives are told, by the name in JSON."""

GALLERY_SIZES = (10, 40, 200)
"""Small galleries, as classes are: so many people drawn at random."""

DRAWS = 200
"""Galleries drawn of each size."""

SEED = 7


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is enrolled with which photo, and who is searched; numbers of photos in the album.

    Attributes:
        enrolled: one photo of each person in the gallery, shape (people,).
        probes: another photo of the same people, in the same order; a face may be missing.
        strangers: the photos of people who are not enrolled; a face may be missing.
        not_enrolled: people who could not be enrolled for want of a face in their first photo.
    """

    enrolled: Numbers
    probes: Numbers
    strangers: Numbers
    not_enrolled: int


@dataclass(frozen=True, slots=True)
class Searches:
    """What the searches of a gallery gave.

    Attributes:
        to_mates: distance of each enrolled person's probe to the person, if nobody else is as near; else infinite.
        to_others: distance of each such probe to the nearest other person.
        of_strangers: distance of each stranger to the nearest person.
    """

    to_mates: Floats
    to_others: Floats
    of_strangers: Floats


def assign_roles(album: Album) -> Roles:
    """Who is enrolled, and who is a stranger."""
    acquired = set(album.acquired.tolist())
    enrolled, probes, strangers, not_enrolled = [], [], [], 0
    photos: list[list[int]] = [[] for _ in album.people]
    for number, owner in enumerate(album.owners):
        photos[owner].append(number)
    for first, *more in photos:
        if not more:
            strangers.append(first)
        elif first in acquired:
            enrolled.append(first)
            probes.append(more[0])
        else:
            not_enrolled += 1
    return Roles(_numbers(enrolled), _numbers(probes), _numbers(strangers), not_enrolled)


def search(album: Album, roles: Roles, drawn: Numbers | None = None) -> Searches:
    """Search a gallery of all enrolled people, or of those drawn, for their probes and for all strangers.

    Args:
        album: the photos.
        roles: who is enrolled.
        drawn: places in `roles.enrolled`.
    """
    enrolled, probes = (roles.enrolled, roles.probes) if drawn is None else (roles.enrolled[drawn], roles.probes[drawn])
    people = [album.people[album.owners[number]] for number in enrolled]
    gallery = _gallery(dict(zip(people, (_embedding(album, number) for number in enrolled), strict=True)), album.metric)
    column = {person: index for index, person in enumerate(gallery.people)}
    to_people = _distances(gallery, album, probes)
    mates = np.array([column[person] for person in people], np.intp)
    rows = np.arange(len(mates))
    to_mates = to_people[rows, mates]
    to_people[rows, mates] = np.inf
    to_others = to_people.min(axis=1, initial=np.inf)
    return Searches(
        to_mates=np.where(to_mates < to_others, to_mates, np.inf),
        to_others=to_others,
        of_strangers=_distances(gallery, album, roles.strangers).min(axis=1, initial=np.inf),
    )


def evaluate_identify(album: Album, calibration: Calibration | None, target: float) -> tuple[dict[str, Any], Searches]:
    """Everything that `photocall evaluate identify` tells; docs/evaluate.md says what each key means.

    Args:
        album: the photos.
        calibration: of the engine's model; None where it has none.
        target: the share of strangers that may be named, 0..1.

    Returns:
        The figures, and the searches that they were counted on.
    """
    roles = assign_roles(album)
    searches = search(album, roles)
    size = len(roles.enrolled)
    point = None if calibration is None else calibration.operating_point(size, target)

    def figures(people: Floats) -> Figures:
        mated, strangers = people[album.owners[roles.probes]], people[album.owners[roles.strangers]]
        return identification_figures(searches, mated, strangers, point)

    counts = {
        "gallery": size,
        "mated": len(roles.probes),
        "non_mated": len(roles.strangers),
        "failures_to_acquire": album.failures,
        "failures_to_enrol": roles.not_enrolled,
        "target": target,
        "threshold": None if point is None else told(point),
    }
    result = counts | with_intervals(figures, len(album.people))
    small = [] if calibration is None else small_galleries(album, roles, calibration, target)
    return result | {"small_galleries": small}, searches


def identification_figures(
    searches: Searches,
    mated: Floats,
    strangers: Floats,
    point: float | None,
    thresholds: Mapping[str, float] | None = None,
) -> Figures:
    """Rates of searches.

    Args:
        searches: what they gave.
        mated: the weight of each enrolled person's probe.
        strangers: the weight of each stranger.
        point: the operating point; None without one.
        thresholds: where false negatives are told; by default where so many of these strangers are named.
    """
    order = np.argsort(searches.of_strangers, kind="stable")
    sorted_strangers, sorted_weights = searches.of_strangers[order], strangers[order]
    figures = {"rank1": share(np.isfinite(searches.to_mates), mated)}
    for name, rate in FALSE_POSITIVE_RATES.items():
        own = threshold_at(sorted_strangers, sorted_weights, float(strangers.sum()), rate)
        threshold = own if thresholds is None else thresholds[name]
        figures[f"fnir_at_fpir/{name}"] = share(searches.to_mates > threshold, mated)
    named, missed = (
        (np.nan, np.nan)
        if point is None
        else (share(searches.of_strangers <= point, strangers), share(searches.to_mates > point, mated))
    )
    return figures | {"strangers_named_at_target": named, "fnir_at_target": missed}


def small_galleries(
    album: Album,
    roles: Roles,
    calibration: Calibration,
    target: float,
    sizes: Sequence[int] = GALLERY_SIZES,
    draws: int = DRAWS,
) -> list[dict[str, Any]]:
    """Mean rates of random galleries at their operating point, and at the customary 1:1 threshold.

    Returns:
        One entry a size that there are enough people for: `size`, `threshold`, and `fpir` (strangers named), `fnir`
        (enrolled people not named), `misnamed` (enrolled people given another's name), there and `at_customary`.
    """
    rows = []
    for size in (size for size in sizes if size <= len(roles.enrolled) and len(roles.strangers)):
        random = np.random.default_rng(SEED)
        points = calibration.operating_point(size, target), calibration.customary_threshold
        totals = np.zeros((2, 3))
        for _ in range(draws):
            drawn = random.choice(len(roles.enrolled), size, replace=False)
            found = search(album, roles, drawn)
            totals += [_rates(found, point) for point in points]
        here, customary = (
            dict(zip(("fpir", "fnir", "misnamed"), map(told, row), strict=True)) for row in totals / draws
        )
        rows.append({"size": size, "threshold": told(points[0]), **here, "at_customary": customary})
    return rows


def _numbers(values: Sequence[int]) -> Numbers:
    return np.array(values, np.intp)


def _rates(searches: Searches, point: float) -> tuple[float, float, float]:
    named = searches.to_mates <= point
    misnamed = ~np.isfinite(searches.to_mates) & (searches.to_others <= point)
    return float((searches.of_strangers <= point).mean()), float(1 - named.mean()), float(misnamed.mean())


def _distances(gallery: Gallery, album: Album, photos: Numbers) -> Floats:
    """Of photos to everybody in the gallery, shape (photos, people); infinite where a face is missing."""
    vectors = {row: vector for row, number in enumerate(photos) if (vector := album.photos[number].vector) is not None}
    distances = np.full((len(photos), len(gallery.people)), np.inf)
    if vectors and gallery.people:
        distances[list(vectors)] = gallery.distances_to_people(np.stack(list(vectors.values())))
    return distances


def _embedding(album: Album, number: int) -> Embedding:
    face = album.photos[number].face
    if face is None or face.embedding is None:
        raise ValueError("a photo without a face cannot be enrolled")
    return face.embedding


def _gallery(faces: Mapping[str, Embedding], metric: Metric) -> Gallery:
    model = next((face.model for face in faces.values()), "")
    return Gallery(cast(FaceStore, _Enrolled(faces, model)), "evaluation", model, metric)


class _Enrolled:
    """One face a person, in memory: the two verbs of a `FaceStore` that a gallery reads by."""

    def __init__(self, faces: Mapping[str, Embedding], model: str) -> None:
        self._faces, self._model = faces, model

    def collection(self, collection_id: str) -> Collection:
        return Collection(collection_id, self._model, datetime.now(UTC))

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        names = list(self._faces) if since < 1 else []
        vectors = np.stack([self._faces[name].vector for name in names]) if names else np.empty((0, 0), np.float32)
        return VectorChanges(1, names, names, [None] * len(names), vectors, [])
