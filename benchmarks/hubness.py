"""Where the metric of the pack `standard` comes from: `python -m benchmarks.hubness PAIRS.csv --images DIR`.

Fits hubness and calibration on labelled photos, prints them as packs.toml has them, and shows what they are worth:
with each half of the people corrected by what was learned on the other, and with all that is fitted on one half used
on the other.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.limits import toml
from benchmarks.tables import Table, markdown, percent
from benchmarks.timing import told
from photocall.calibration import Calibration
from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import load_pack
from photocall.evaluation.album import Album, Photo, central, in_threads, make_album, owners_of
from photocall.evaluation.identification import Searches, assign_roles, search, small_galleries
from photocall.evaluation.impostors import Impostors, compare_all
from photocall.evaluation.rates import Flags, threshold_at
from photocall.evaluation.tables import Pair, read_pairs
from photocall.evaluation.verification import compare
from photocall.faces import ByteArray, Embedding, Face, FloatArray
from photocall.media.images import read_image
from photocall.metric import EUCLIDEAN, Metric

PLAIN, STANDARD = "dlib-mtcnn", "standard"
"""The packs that are compared; both find and align faces alike."""

NEIGHBOURS = 5
"""The people whose mean distance says how much room there is around a face."""

RIDGE = 12.8
"""Weight of the penalty, for components of unit variance: a tenth for each of the 128."""

FITTED_RATES = (1e-5, 1e-1)
"""The false match rates between which the curve is fitted."""

TARGET = 0.01
"""The share of strangers who may be named."""

_SEED = 3
_POINTS, _DRAWS = 60, 200
_HALVINGS, _HELD_OUT_DRAWS = 5, 60
_SIZES = (20, 40, 100, 200)
_NOTHING = 1e-4  # what a number that is carried along with a vector is multiplied by; it adds 1e-11 to squares


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is learned from an album.

    Attributes:
        hubness: as `Metric` has it, shape (d + 1,).
        calibration: what corrected distances mean.
        valid: (from, to): the distances of `FITTED_RATES`.
    """

    hubness: FloatArray
    calibration: Calibration
    valid: tuple[float, float]


def fitted(album: Album, customary_threshold: float) -> Fitted:
    """Hubness of all people of an album; its curve with the hubness of each half learned on the other."""
    impostors = compare_all(cross_fitted(album))
    steps = np.linspace(np.log10(FITTED_RATES[0]), np.log10(FITTED_RATES[1]), _POINTS)
    distances = impostors.thresholds((10**steps).tolist())
    a, b, c = (float(value) for value in np.polyfit(distances, steps, 2))
    d80, d99 = (Calibration((a, b, c), 1, 0, 0).distance_at(rate) for rate in (1e-3, 1e-5))
    calibration = Calibration((a, b, c), d80, d99, customary_threshold)
    return Fitted(fit_hubness(album), calibration, (distances[0], distances[-1]))


def fit_hubness(album: Album) -> FloatArray:
    """A ridge regression of how much farther than the average face a face lies from its nearest strangers.

    Returns:
        float32, shape (d + 1,): weights and an offset.
    """
    vectors, owners = _vectors(album), album.owners[album.acquired]
    people, firsts = np.unique(owners, return_index=True)
    distances = EUCLIDEAN.distances(vectors, vectors[firsts])
    distances[owners[:, None] == people] = np.inf
    room = np.sort(distances, axis=1)[:, :NEIGHBOURS].mean(axis=1).astype(np.float64)
    mean, deviation = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    scaled = (vectors - mean) / deviation
    penalised = scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1])
    weights = np.linalg.solve(penalised, scaled.T @ (room - room.mean())) / deviation
    hubness: FloatArray = np.append(weights, -mean @ weights).astype(np.float32)
    return hubness


def cross_fitted(album: Album) -> Album:
    """The album with each half of its people corrected by the hubness of the other.

    A photo's correction travels with its vector, as one number more that is next to nothing, and is the metric's only
    weight: so galleries, pairs and means of photos treat it as they would treat hubness.
    """
    half = halves(len(album.people), _SEED)
    learned = [fit_hubness(_part(album, side)) for side in (half, ~half)]
    photos = [
        _with_room(photo, learned[int(half[owner])]) for photo, owner in zip(album.photos, album.owners, strict=True)
    ]
    weights = np.zeros(len(learned[0]) + 1, np.float32)
    weights[-2] = 1 / _NOTHING
    return replace(album, photos=tuple(photos), metric=Metric(weights))


def halves(people: int, seed: int) -> Flags:
    """Half of the people, drawn at random."""
    half = np.zeros(people, np.bool_)
    half[np.random.default_rng(seed).permutation(people)[: people // 2]] = True
    return half


def _with_room(photo: Photo, hubness: FloatArray) -> Photo:
    if photo.face is None or photo.vector is None:
        return photo
    room = np.float32(_NOTHING * (photo.vector @ hubness[:-1] + hubness[-1]))
    return replace(photo, face=replace(photo.face, embedding=Embedding(np.append(photo.vector, room), "cross-fitted")))


def _part(album: Album, people: Flags) -> Album:
    """The photos of some people."""
    photos = [
        (photo, album.people[owner]) for photo, owner in zip(album.photos, album.owners, strict=True) if people[owner]
    ]
    return make_album((photo for photo, _ in photos), {photo.name: owner for photo, owner in photos}, album.metric)


def _vectors(album: Album) -> FloatArray:
    return np.stack([vector for photo in album.photos if (vector := photo.vector) is not None])


def embedded(folder: Path, pairs: Sequence[Pair], owners: Mapping[str, str]) -> dict[str, Album]:
    """All photos of the pairs as both packs see them; the face nearest to the centre, found once."""
    with (
        TemporaryDirectory() as cache,  # a new one, in which nobody has chosen 8-bit integers
        FaceEngine(pack=PLAIN, cache_dir=Path(cache)) as plain,
        FaceEngine(pack=STANDARD, cache_dir=Path(cache)) as standard,
    ):

        def one(name: str) -> tuple[str, Face | None, ByteArray | None]:
            image = read_image(folder / name)
            face = central(plain.detect(image), image.shape[1], image.shape[0])
            return name, face, None if face is None else plain.chips(image, [face])

        seen = list(told(in_threads(one, sorted(owners)), "hubness: photos"))
        albums = {}
        for engine in (plain, standard):
            photos = [_photo(engine, *found) for found in told(seen, f"hubness: faces, {engine.pack}")]
            albums[engine.pack] = make_album(photos, owners)
    return albums


def _photo(engine: FaceEngine, name: str, face: Face | None, chip: ByteArray | None) -> Photo:
    if face is None or chip is None:
        return Photo(name, None)
    return Photo(name, replace(face, embedding=Embedding(engine.embed_chips(chip)[0], engine.model)))


def _verification(variants: Mapping[str, Album], pairs: Sequence[Pair]) -> Table:
    rates = (1e-2, 1e-3, 1e-4)
    rows = []
    for name, album in variants.items():
        impostors, compared = compare_all(album), compare(pairs, album)
        distances = compared.distances[compared.same]
        missed = [percent(float((distances > impostors.threshold(rate)).mean())) for rate in rates]
        rows.append((name, *missed))
    return Table(
        f"Same person or not: {len(distances):,} pairs of one person, {impostors.pairs:,} of two",
        ("", *(f"FNMR at FMR {rate:g}" for rate in rates)),
        rows,
    )


def _identification(variants: Mapping[str, Album]) -> Table:
    everybody = len(assign_roles(next(iter(variants.values()))).enrolled)
    sizes = (*(size for size in _SIZES if size < everybody), everybody)
    rows = [(name, *(percent(_missed(album, size)) for size in sizes)) for name, album in variants.items()]
    return Table(
        f"Who is it: FNIR at FPIR {percent(TARGET)}, one photo each, by the number of people enrolled",
        ("", *map(str, sizes)),
        rows,
        f"{_DRAWS} random galleries together have one threshold.",
    )


def _missed(album: Album, size: int) -> float:
    """Enrolled people not named, where the threshold lets so many strangers of all galleries of a size through."""
    found = list(_draws(album, size))
    strangers = np.sort(np.concatenate([one.of_strangers for one in found]))
    threshold = threshold_at(strangers, np.ones(len(strangers)), len(strangers), TARGET)
    return float((np.concatenate([one.to_mates for one in found]) > threshold).mean())


def _draws(album: Album, size: int) -> Iterator[Searches]:
    roles, random = assign_roles(album), np.random.default_rng(_SEED)
    for _ in range(_DRAWS if size < len(roles.enrolled) else 1):
        yield search(album, roles, random.choice(len(roles.enrolled), size, replace=False))


def _held_out(album: Album, customary_threshold: float) -> Table:
    """Strangers named where everything was learned on other people."""
    rows: dict[int, list[dict[str, float]]] = {}
    for seed in told(range(_HALVINGS), "hubness: halves of the people"):
        half = halves(len(album.people), seed)
        for side in (half, ~half):
            made = fitted(_part(album, side), customary_threshold)
            others = replace(_part(album, ~side), metric=Metric(made.hubness))
            for row in small_galleries(others, assign_roles(others), made.calibration, TARGET, draws=_HELD_OUT_DRAWS):
                rows.setdefault(row["size"], []).append(row)
    return Table(
        f"At the target of {percent(TARGET)}: hubness and curve of one half of the people, used on the other",
        ("people enrolled", "threshold", "strangers named", "in single halves", "enrolled not named"),
        [(str(size), *_summed_up(found)) for size, found in rows.items()],
        f"{2 * _HALVINGS} halves, {_HELD_OUT_DRAWS} random galleries each; without margin and quality gate.",
    )


def _summed_up(found: Sequence[Mapping[str, float]]) -> tuple[str, str, str, str]:
    threshold, named, missed = (np.array([row[key] for row in found]) for key in ("threshold", "fpir", "fnir"))
    spread = f"{percent(named.min())} to {percent(named.max())}"
    return f"{threshold.mean():.3f}", percent(named.mean()), spread, percent(missed.mean())


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the entries of packs.toml, and the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hubness", description="The metric of pack standard.")
    parser.add_argument("pairs", type=Path, metavar="PAIRS.csv", help="columns fold, a, b, same")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="the photos lie below it")
    options = parser.parse_args(arguments)
    pairs = read_pairs(options.pairs)
    albums = embedded(options.images, pairs, owners_of(pairs, str(options.pairs)))
    shipped = load_pack(STANDARD)
    customary = shipped.calibration.customary_threshold
    album, found = albums[STANDARD], fitted(albums[STANDARD], customary)
    _print_entries(found, compare_all(cross_fitted(album)), shipped.metric.hubness)
    variants = {
        "dlib's own": albums[PLAIN],
        "limits, mirror images": album,
        "and hubness of the other half": cross_fitted(album),
        "and hubness of these very people": replace(album, metric=Metric(found.hubness)),
    }
    for table in (
        partial(_verification, variants, pairs),
        partial(_identification, variants),
        partial(_held_out, album, customary),
    ):
        print(f"\n{markdown(table())}", flush=True)


def _print_entries(found: Fitted, impostors: Impostors, shipped: FloatArray | None) -> None:
    calibration = found.calibration
    print(toml("hubness", found.hubness.tolist(), 4))
    print(f"fmr_curve = [{', '.join(f'{value:.3f}' for value in calibration.fmr_curve)}]")
    print(f"valid = [{found.valid[0]:.2f}, {found.valid[1]:.2f}]")
    print(f"d80 = {calibration.d80:.4f}\nd99 = {calibration.d99:.4f}")
    measured = ", ".join(f"{rate:g} at {impostors.threshold(rate):.4f}" for rate in (1e-2, 1e-3, 1e-4, 1e-5))
    print(f"# measured false match rates: {measured}")
    if shipped is not None and shipped.shape == found.hubness.shape:
        print(f"# largest difference from the weights in packs.toml: {np.abs(found.hubness - shipped).max():.4f}")


if __name__ == "__main__":
    main()
