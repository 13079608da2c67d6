"""Error rates and their intervals, against numbers counted by hand."""

import numpy as np
import pytest

from photocall.evaluation.bootstrap import nested, with_intervals
from photocall.evaluation.rates import Floats, best_threshold, cross_validated, fold_means, share, threshold_at

ONES = np.ones(4)


def test_a_threshold_lets_exactly_the_allowed_share_of_impostors_in() -> None:
    impostors = np.array([0.1, 0.2, 0.3, 0.4])  # the nearest of 100
    assert threshold_at(impostors, ONES, 100, 0.005) < 0.1
    assert 0.1 <= threshold_at(impostors, ONES, 100, 0.01) < 0.2
    assert 0.2 <= threshold_at(impostors, ONES, 100, 0.029) < 0.3
    assert 0.3 <= threshold_at(impostors, ONES, 4, 0.75) < 0.4
    assert threshold_at(impostors, ONES, 4, 1) == 0.4


def test_impostors_at_one_distance_are_let_in_together_or_not_at_all() -> None:
    impostors = np.array([0.1, 0.1, 0.2, 0.3])
    assert threshold_at(impostors, ONES, 4, 0.25) < 0.1
    assert 0.1 <= threshold_at(impostors, ONES, 4, 0.5) < 0.2


def test_weights_count_impostors_several_times_or_not_at_all() -> None:
    impostors = np.array([0.1, 0.2, 0.3, 0.4])
    assert 0.2 <= threshold_at(impostors, np.array([0.0, 1, 3, 0]), 4, 0.25) < 0.3


def test_a_missing_face_is_never_accepted_whatever_the_rate() -> None:
    impostors = np.array([0.1, np.inf, np.inf])
    assert threshold_at(impostors, np.ones(3), 3, 1) == pytest.approx(0.1)
    assert threshold_at(np.array([np.inf]), np.ones(1), 1, 1) == -np.inf
    assert threshold_at(np.array([]), np.array([]), 0, 0.5) == -np.inf


def test_a_share_of_nothing_is_no_number() -> None:
    assert share(np.array([True, False, True]), np.array([1.0, 1.0, 2.0])) == 0.75
    assert np.isnan(share(np.zeros(0, np.bool_), np.zeros(0)))


def test_the_best_threshold_is_right_most_often() -> None:
    distances = np.array([0.7, 0.3, 0.5, 0.4, 0.9])
    same = np.array([False, True, True, True, False])
    assert best_threshold(distances, same) == pytest.approx(0.5)


def test_pairs_at_one_distance_are_judged_alike() -> None:
    distances = np.array([0.3, 0.5, 0.5, 0.5])
    same = np.array([True, True, False, False])
    assert best_threshold(distances, same) == pytest.approx(0.3)


def test_where_only_strangers_are_near_nobody_is_taken_for_the_same() -> None:
    assert best_threshold(np.array([0.3, 0.5]), np.array([False, True])) < 0.3
    assert best_threshold(np.array([np.inf, np.inf]), np.array([True, True])) <= np.inf


def test_a_pair_is_judged_at_the_threshold_of_the_other_folds() -> None:
    distances = np.array([0.2, 0.6, 0.5, 0.9])
    same = np.array([True, False, True, False])
    right, thresholds = cross_validated(distances, same, np.array([0, 0, 1, 1]))
    assert thresholds.tolist() == [0.5, 0.2]
    assert right.tolist() == [True, True, False, True]
    assert fold_means(right, np.array([0, 0, 1, 1]), ONES).tolist() == [1.0, 0.5]


def test_one_fold_is_judged_at_its_own_threshold() -> None:
    right, thresholds = cross_validated(np.array([0.2, 0.6]), np.array([True, False]), np.array([0, 0]))
    assert thresholds.tolist() == [0.2] and right.all()


def failing(outcomes: Floats) -> dict[str, float]:
    """The interval of a share of failures, one outcome a person."""
    low, high = with_intervals(lambda weights: {"rate": share(outcomes > 0, weights)}, len(outcomes))["intervals"][
        "rate"
    ]
    return {"low": low, "high": high}


def test_an_interval_is_as_wide_as_the_binomial_law_says() -> None:
    outcomes = np.zeros(1000)
    outcomes[:100] = 1
    interval = failing(outcomes)
    assert interval["low"] == pytest.approx(0.1 - 1.96 * 0.0095, abs=0.003)
    assert interval["high"] == pytest.approx(0.1 + 1.96 * 0.0095, abs=0.003)


def test_nearly_all_intervals_hold_the_truth() -> None:
    random = np.random.default_rng(3)
    intervals = [failing((random.random(150) < 0.3).astype(float)) for _ in range(40)]
    assert sum(one["low"] <= 0.3 <= one["high"] for one in intervals) >= 34


def test_what_cannot_be_measured_is_null() -> None:
    result = with_intervals(lambda weights: {"a/b": np.nan, "a/c": 1.0}, 3)
    assert result == {"a": {"b": None, "c": 1.0}, "intervals": {"a": {"b": None, "c": [1.0, 1.0]}}}


def test_names_with_slashes_make_levels() -> None:
    assert nested({"a": 1, "b/0.01": 2, "b/0.05": 3}) == {"a": 1, "b": {"0.01": 2, "0.05": 3}}
