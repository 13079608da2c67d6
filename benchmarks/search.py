"""Claim: exact search is not slower than faiss on the same vectors, and at a million as fast as memory can be read.

The rival is `IndexFlatL2` of faiss-cpu, which is exact as well; with its defaults and with matrix products instead
(`distance_compute_blas_threshold`), and the faster counts. Vectors are random, spread as widely
as those of dlib's network; a search that is exact takes the same time for any. Both sides use all cores.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from types import ModuleType
from typing import Any, cast

import numpy as np

from benchmarks.material import Material, cores
from benchmarks.tables import Table, milliseconds, percent, target, times
from benchmarks.timing import Result, Sample, interleaved, ratio, summary, timed
from photocall.faces import Collection, FloatArray, VectorChanges
from photocall.gallery import Gallery
from photocall.ports import FaceStore

SIZES = (10_000, 100_000, 1_000_000)
"""Faces indexed."""

PROBES = (1, 32)
"""Searched at once."""

TARGET = 1.0
"""Times as long as photocall that faiss takes, at least."""

READING_TARGET = 1.5
"""Times as long as reading the matrix that one search among a million takes, at most."""

_DIMENSION, _LIMIT, _MODEL = 128, 10, "random"
_REST = 0.15  # seconds; the threads of a BLAS spin on for some 0.1 s after a product


def measure(material: Material) -> Result:
    """Searches of every size by both, and reading the matrix, in turns."""
    sizes = SIZES[:1] if material.quick else SIZES
    return {
        "faiss": _faiss().__version__,
        "limit": _LIMIT,
        "threads": cores(),
        "sizes": [_measured(size, 3 if material.quick else 25) for size in sizes],
    }


def tables(result: Result) -> list[Table]:
    """A row a size and number of probes."""
    rows = [_row(entry, probes) for entry in result["sizes"] for probes in PROBES]
    table = Table(
        f"Exact search on {result['threads']} threads",
        (
            "faces",
            "probes at once",
            "photocall",
            f"faiss {result['faiss']}",
            "ratio",
            "times reading the matrix",
            "the same faces",
        ),
        rows,
        f"The {result['limit']} nearest of random vectors of {_DIMENSION} floats. Reading is each core looking for the "
        "greatest number of its share of the matrix; below a million faces the matrix stays in the cache in part.",
    )
    return [table]


def _row(entry: Result, probes: int) -> tuple[str, ...]:
    ahead, reading = entry["faster_than_faiss"][str(probes)], ""
    if probes == 1:
        reading = f"{entry['times_reading']:.2f}x of {milliseconds(entry['reading'])}"
        if entry["faces"] == max(SIZES):
            reading += f"; {target(entry['times_reading'] <= READING_TARGET, f'{READING_TARGET:g}x')}"
    return (
        f"{entry['faces']:,}",
        str(probes),
        milliseconds(entry[f"photocall_{probes}"]),
        milliseconds(entry[entry["fastest_faiss"][str(probes)]]),
        f"{times(ahead)}; {target(ahead['wall'] >= TARGET, f'{TARGET:g}x')}",
        reading,
        percent(entry["same"]) if probes == max(PROBES) else "",
    )


def _measured(size: int, repetitions: int) -> Result:
    random = np.random.default_rng(7)
    vectors = _random(random, size)
    probes = _random(random, repetitions * max(PROBES)).reshape(repetitions, max(PROBES), _DIMENSION)
    begun = time.perf_counter()
    gallery = Gallery(cast(FaceStore, _Store(vectors)), "random", _MODEL)
    loading = time.perf_counter() - begun
    index = _faiss().IndexFlatL2(_DIMENSION)
    index.add(vectors)
    with ThreadPoolExecutor(cores()) as pool:
        sides = _sides(gallery, index, probes)
        sides["reading"] = lambda _: timed(lambda: list(pool.map(np.max, np.array_split(vectors, cores()))))
        samples = interleaved(sides, range(repetitions), f"search {size:,}", pause=_REST)
    result = {name: summary(samples[name]) for name in sides}
    fastest = {count: min(_rivals(count), key=lambda name: float(result[name]["wall_ms"])) for count in PROBES}
    return {
        "faces": size,
        "loading_s": round(loading, 2),
        **result,
        "fastest_faiss": {str(count): name for count, name in fastest.items()},
        "faster_than_faiss": {str(n): ratio(samples[fastest[n]], samples[f"photocall_{n}"]) for n in PROBES},
        "times_reading": ratio(samples["photocall_1"], samples["reading"])["wall"],
        "same": _same(gallery, index, probes[0]),
    }


def _sides(gallery: Gallery, index: Any, probes: FloatArray) -> dict[str, Callable[[int], Sample]]:
    """What searches with some of the probes of a turn."""
    default = _faiss().cvar.distance_compute_blas_threshold

    def ours(count: int, turn: int) -> Sample:
        return timed(lambda: gallery.search(probes[turn, :count], _LIMIT, np.inf))

    def faiss(count: int, products_from: int, turn: int) -> Sample:
        _faiss().cvar.distance_compute_blas_threshold = products_from
        return timed(lambda: index.search(probes[turn, :count], _LIMIT))

    sides: dict[str, Callable[[int], Sample]] = {}
    for count in PROBES:
        sides[f"photocall_{count}"] = partial(ours, count)
        sides[f"faiss_{count}"] = partial(faiss, count, default)
        sides[f"faiss_products_{count}"] = partial(faiss, count, 1)
    return sides


def _rivals(probes: int) -> tuple[str, str]:
    return f"faiss_{probes}", f"faiss_products_{probes}"


def _same(gallery: Gallery, index: Any, probes: FloatArray) -> float:
    """The share of the nearest faces that both find."""
    pairs = zip(gallery.search(probes, _LIMIT, np.inf), index.search(probes, _LIMIT)[1], strict=True)
    both = [len({each.face_id for each in ours} & set(map(_face_id, theirs))) for ours, theirs in pairs]
    return float(np.mean(both)) / _LIMIT


def _random(random: np.random.Generator, count: int) -> FloatArray:
    """Vectors as far apart as faces of different people are for dlib's network, 0.85 in the mean."""
    vectors = random.standard_normal((count, _DIMENSION), np.float32)
    vectors *= np.float32(0.85 / (2 * _DIMENSION) ** 0.5)
    return vectors


def _face_id(row: int) -> str:
    return f"{row:036d}"


def _faiss() -> ModuleType:
    import faiss  # only benchmarks need it, so `make bench` installs it

    library: ModuleType = faiss
    return library


class _Store:
    """Vectors in memory: the two verbs of a `FaceStore` that a gallery reads by."""

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def collection(self, collection_id: str) -> Collection:
        return Collection(collection_id, _MODEL, datetime.now(UTC))

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        if since:
            return VectorChanges(since, [], [], [], np.empty((0, 0), np.float32), [])
        face_ids = list(map(_face_id, range(len(self._vectors))))
        return VectorChanges(1, face_ids, face_ids, [None] * len(face_ids), self._vectors, [])
