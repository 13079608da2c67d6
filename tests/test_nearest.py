"""The nearest faces are those of plain arithmetic, whatever the metric and however the work is cut."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photocall import nearest as module
from photocall.engine.packs import load_pack
from photocall.faces import FloatArray
from photocall.metric import EUCLIDEAN, Metric
from photocall.nearest import Candidate, nearest
from photocall.segments import Part, Rows, Snapshot, appended, strings

HUBS = load_pack("standard").metric
HELPERS = ThreadPoolExecutor(2)


def vectors(count: int, dimension: int = 128, seed: int = 0, spread: float = 0.06) -> FloatArray:
    random = np.random.default_rng(seed)
    middle = np.random.default_rng(5).normal(size=dimension) * 0.1
    return (random.normal(size=(count, dimension)) * spread + middle).astype(np.float32)


def snapshot(faces: FloatArray, metric: Metric = EUCLIDEAN, cuts: int = 1) -> Snapshot:
    """Faces whose ids are their numbers; enrolled in so many goes."""
    ids, parts = strings([f"{number:07d}" for number in range(len(faces))]), tuple[Part, ...]()
    for some in np.array_split(np.arange(len(faces)), cuts):
        parts = appended(parts, Rows(ids[some], ids[some], ids[some], faces[some]), metric)
    return Snapshot(metric, faces=len(faces), parts=parts)


def search(there: Snapshot, probes: FloatArray, limit: int, max_distance: float = np.inf) -> list[list[Candidate]]:
    found = nearest(there, probes, limit, max_distance, HELPERS)
    assert found is not None
    return found


def by_arithmetic(metric: Metric, faces: FloatArray, probe: FloatArray) -> list[tuple[float, str]]:
    """Distance and id of every face, nearest first, in 64 bits."""
    distances = metric.paired(np.broadcast_to(probe, faces.shape), faces).tolist()
    return sorted((distance, f"{number:07d}") for number, distance in enumerate(distances))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 3000),
    st.integers(1, 70),
    st.sampled_from([1, 2, 10, 100, 4096]),
    st.sampled_from([0.3, 0.8, np.inf]),
    st.sampled_from([EUCLIDEAN, HUBS]),
    st.integers(1, 5),
    st.integers(0, 2**31),
)
def test_what_is_found_is_what_plain_arithmetic_finds(
    count: int, probes: int, limit: int, max_distance: float, metric: Metric, cuts: int, seed: int
) -> None:
    faces = vectors(count, seed=seed)
    faces[1::3] = faces[::3][: len(faces[1::3])]  # every third face is there twice
    wanted = vectors(probes, seed=seed + 1)
    wanted[::2] = faces[np.arange(len(wanted[::2])) % count]
    found = search(snapshot(faces, metric, cuts), wanted, limit, max_distance)
    for probe, candidates in zip(wanted, found, strict=True):
        expected = [each for each in by_arithmetic(metric, faces, probe) if each[0] <= max_distance]
        assert [(each.distance, each.face_id) for each in candidates] == expected[:limit]


@pytest.mark.parametrize("metric", [EUCLIDEAN, HUBS], ids=["plain", "hubness"])
@pytest.mark.parametrize("probes", [1, 5, 33])
def test_many_faces_are_searched_as_exactly_as_few(metric: Metric, probes: int) -> None:
    faces, wanted = vectors(70_000), vectors(probes, seed=1)
    distances = metric.distances(wanted, faces)
    for row, candidates in zip(distances, search(snapshot(faces, metric, 3), wanted, 20), strict=True):
        assert [int(each.face_id) for each in candidates] == np.argsort(row, kind="stable")[:20].tolist()
        assert [each.distance for each in candidates] == pytest.approx(np.sort(row)[:20], abs=1e-3)


@pytest.mark.parametrize("dimension", [1, 3, 64, 200, 512, 2048, 10_000])
def test_vectors_of_any_length_are_compared(dimension: int) -> None:
    faces, wanted = vectors(300, dimension), vectors(3, dimension, seed=1)
    for probe, candidates in zip(wanted, search(snapshot(faces), wanted, 5), strict=True):
        expected = by_arithmetic(EUCLIDEAN, faces, probe)[:5]
        assert [(each.distance, each.face_id) for each in candidates] == expected


def test_equally_near_faces_come_by_their_id_however_many_there_are() -> None:
    faces = np.repeat(vectors(1), 20_000, axis=0)
    there = snapshot(faces, HUBS)
    (found,) = search(there, faces[:1], 4096)
    assert [each.face_id for each in found] == [f"{number:07d}" for number in range(4096)]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_vectors_of_any_size_are_compared(scale: float) -> None:
    faces, wanted = vectors(5000, spread=1) * np.float32(scale), vectors(40, seed=1, spread=1) * np.float32(scale)
    for limit in (1, 30):
        for probe, candidates in zip(wanted, search(snapshot(faces), wanted, limit), strict=True):
            expected = by_arithmetic(EUCLIDEAN, faces, probe)[:limit]
            assert [(each.distance, each.face_id) for each in candidates] == expected


@pytest.mark.parametrize("max_distance", [-1.0, 0.0, 1e-3, 1e3, 1e30, np.inf])
def test_any_greatest_distance_is_kept_to(max_distance: float) -> None:
    faces = vectors(2000)
    (found,) = search(snapshot(faces), faces[7:8], 2500, max_distance)
    expected = [each for each in by_arithmetic(EUCLIDEAN, faces, faces[7]) if each[0] <= max_distance]
    assert [(each.distance, each.face_id) for each in found] == expected


def test_the_answer_does_not_depend_on_how_the_work_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    faces, wanted = vectors(30_000), vectors(8, seed=1)
    whole = search(snapshot(faces, HUBS), wanted, 15)
    assert search(snapshot(faces, HUBS, 7), wanted, 15) == whole
    assert [search(snapshot(faces, HUBS), wanted[number : number + 1], 15)[0] for number in range(8)] == whole
    monkeypatch.setattr(module, "_MOST_ROWS", 640)
    for cores in (1, 4):
        monkeypatch.setattr(module, "cores", lambda count=cores: count)
        assert search(snapshot(faces, HUBS), wanted, 15) == whole


def test_a_wiped_face_is_never_found() -> None:
    faces = vectors(500)
    there = snapshot(faces, HUBS)
    there.parts[0].segment.wipe(np.arange(0, 500, 2))
    (found,) = search(there, np.zeros((1, 128), np.float32), 4096)
    assert sorted(int(each.face_id) for each in found) == list(range(1, 500, 2))


def test_a_search_that_met_a_face_being_deleted_asks_to_be_repeated() -> None:
    faces = vectors(500)
    there = snapshot(faces)
    found = module._Search(there, faces[:1], 3, np.inf)
    best = module._Best(found)
    best.take(found._blocks())
    there.parts[0].segment.wipe(np.array([0]))
    assert best.candidates() is None


@pytest.mark.parametrize("metric", [EUCLIDEAN, HUBS], ids=["plain", "hubness"])
@pytest.mark.parametrize("probes", [1, 3])
def test_faces_that_differ_by_less_than_a_product_can_tell_are_told_apart(metric: Metric, probes: int) -> None:
    directions = vectors(20_000, spread=1)
    wanted = vectors(probes, seed=1, spread=1)
    faces = wanted[0] + directions / np.linalg.norm(directions, axis=1, keepdims=True).astype(np.float32)
    for probe, candidates in zip(wanted, search(snapshot(faces, metric), wanted, 10), strict=True):
        expected = by_arithmetic(metric, faces, probe)[:10]
        assert [(each.distance, each.face_id) for each in candidates] == expected
