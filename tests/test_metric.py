"""The distance of an embedding space: Euclidean, corrected for crowded places and for means of several photos."""

import numpy as np
import pytest

from photocall.faces import FloatArray
from photocall.metric import EUCLIDEAN, Metric


def rows(count: int, dimension: int = 128, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def test_plain_distances_are_those_of_plain_arithmetic() -> None:
    a, b = rows(7), rows(9, seed=1)
    assert EUCLIDEAN.distances(a, b) == pytest.approx(np.linalg.norm(a[:, None] - b[None], axis=2), abs=1e-4)
    assert EUCLIDEAN.distances(a, a).diagonal() == pytest.approx(np.zeros(7), abs=0.01)


def test_faces_in_crowded_places_are_moved_apart_and_others_together() -> None:
    # The first number of a vector says how much room there is around it.
    metric = Metric(hubness=np.array([1, 0, 0], np.float32))
    crowded, roomy, average = (np.array([place], np.float32) for place in ((-0.2, 0), (0.2, 0), (0, 1)))
    assert metric.distances(crowded, average)[0, 0] == pytest.approx(1.04**0.5 + 0.1, abs=1e-5)
    assert metric.distances(roomy, average)[0, 0] == pytest.approx(1.04**0.5 - 0.1, abs=1e-5)


def test_the_correction_has_an_offset_and_no_distance_is_negative() -> None:
    metric = Metric(hubness=np.array([0, 0, 0.3], np.float32))
    a, b = np.array([[0, 0]], np.float32), np.array([[0, 0.5]], np.float32)
    assert metric.distances(a, b)[0, 0] == pytest.approx(0.2, abs=1e-5)
    assert metric.distances(a, a)[0, 0] == 0


def test_distances_are_the_same_both_ways() -> None:
    metric = Metric(hubness=rows(1, 129)[0] * np.float32(0.01))
    a, b = rows(5), rows(6, seed=2)
    assert metric.distances(a, b) == pytest.approx(metric.distances(b, a).T, abs=1e-4)


def test_a_mean_of_one_photo_is_that_photo() -> None:
    metric = Metric(hubness=rows(1, 129)[0] * np.float32(0.01), scatter=0.06)
    a, b = rows(5), rows(6, seed=3)
    assert metric.distances_to_means(a, b, np.ones(6, np.float32)) == pytest.approx(metric.distances(a, b), abs=1e-5)


def test_what_a_mean_gains_on_strangers_the_scatter_takes_back() -> None:
    """Photos of a person lie around a centre; by the square, a stranger is as far from their mean as from one."""
    random, dimension, spread = np.random.default_rng(4), 64, 0.2
    stranger, centre = np.zeros((1, dimension), np.float32), np.full(dimension, 0.1)
    photos = (centre + random.normal(size=(2000, 4, dimension)) * spread / dimension**0.5).astype(np.float32)
    metric = Metric(scatter=spread**2)
    single = (metric.distances(stranger, photos[:, 0]) ** 2).mean()
    means = (metric.distances_to_means(stranger, photos.mean(axis=1), np.full(2000, 4, np.float32)) ** 2).mean()
    assert means == pytest.approx(single, rel=0.02)
    uncorrected = (EUCLIDEAN.distances(stranger, photos.mean(axis=1)) ** 2).mean()
    assert uncorrected < 0.98 * single


@pytest.mark.parametrize("hubness", [None, rows(1, 129)[0] * np.float32(0.01)], ids=["plain", "hubness"])
def test_distances_of_pairs_are_those_of_all_and_exactly_zero_for_equal_vectors(hubness: FloatArray | None) -> None:
    metric, a, b = Metric(hubness=hubness), rows(6), rows(6, seed=2)
    assert metric.paired(a, b) == pytest.approx(metric.distances(a, b).diagonal(), abs=1e-4)
    assert EUCLIDEAN.paired(a, a).tolist() == [0.0] * 6
    assert metric.paired(a[:1], b[:1])[0] == metric.paired(a, b)[0]


def test_rooms_are_linear_in_the_vector_and_zero_without_weights() -> None:
    assert EUCLIDEAN.rooms(rows(3)).tolist() == [0.0] * 3
    metric = Metric(hubness=np.array([2, 0, 0.5], np.float32))
    assert metric.rooms(np.array([[1, 9], [-1, 9]], np.float32)).tolist() == [2.5, -1.5]
