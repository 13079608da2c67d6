import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photocall.calibration import Calibration
from photocall.engine.packs import load_pack

CALIBRATION = load_pack("dlib-mtcnn").calibration

# Measured on LFW: distance, share of impostor pairs at most so far apart (all 87 million pairs; docs/accuracy.md).
MEASURED = [(0.45, 3.5e-5), (0.50, 2.43e-4), (0.55, 1.25e-3), (0.60, 6.19e-3), (0.65, 2.7e-2)]


@pytest.mark.parametrize(("distance", "rate"), MEASURED)
def test_the_false_match_rate_is_the_measured_one(distance: float, rate: float) -> None:
    assert CALIBRATION.false_match_rate(distance) == pytest.approx(rate, rel=0.2)


def test_similarity_80_and_99_stand_for_one_in_a_thousand_and_in_a_hundred_thousand() -> None:
    assert CALIBRATION.similarity(CALIBRATION.d80) == pytest.approx(80)
    assert CALIBRATION.similarity(CALIBRATION.d99) == pytest.approx(99)
    assert CALIBRATION.false_match_rate(CALIBRATION.d80) == pytest.approx(1e-3, rel=0.05)
    assert CALIBRATION.false_match_rate(CALIBRATION.d99) == pytest.approx(1e-5, rel=0.05)


@given(st.floats(0, 2), st.floats(0, 2))
def test_nearer_is_never_less_similar_and_never_likelier_to_be_chance(a: float, b: float) -> None:
    near, far = sorted((a, b))
    assert 0 <= CALIBRATION.similarity(far) <= CALIBRATION.similarity(near) <= 100
    assert 0 <= CALIBRATION.false_match_rate(near) <= CALIBRATION.false_match_rate(far) <= 1


@given(st.floats(0.01, 99.99))
def test_a_similarity_leads_back_to_its_distance(similarity: float) -> None:
    assert CALIBRATION.similarity(CALIBRATION.distance(similarity)) == pytest.approx(similarity, abs=1e-6)


@given(st.floats(1e-9, 0.05))
def test_a_rate_leads_back_to_its_distance(rate: float) -> None:
    assert CALIBRATION.false_match_rate(CALIBRATION.distance_at(rate)) == pytest.approx(rate, rel=1e-6)


@given(st.integers(0, 10**6), st.floats(0.0001, 0.5))
def test_the_operating_point_keeps_its_promise(people: int, target: float) -> None:
    threshold = CALIBRATION.operating_point(people, target)
    rate = CALIBRATION.false_match_rate(threshold)
    named = -math.expm1(max(1, people) * math.log1p(-min(rate, 1 - 1e-12)))
    assert named <= target * 1.001


def test_the_threshold_falls_as_the_class_grows_and_never_passes_the_customary_one() -> None:
    thresholds = [CALIBRATION.operating_point(people, 0.01) for people in (0, 1, 2, 10, 40, 200, 10_000)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] == CALIBRATION.customary_threshold
    assert CALIBRATION.operating_point(40, 0.01) == pytest.approx(0.50, abs=0.005)


@pytest.mark.parametrize(("people", "target"), [(-1, 0.01), (10, 0.0), (10, 1.0), (10, -0.1)])
def test_an_impossible_target_is_refused(people: int, target: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        CALIBRATION.operating_point(people, target)


def test_a_distance_far_beyond_all_faces_is_similarity_zero_without_overflow() -> None:
    assert Calibration((-8.0, 23.0, -13.0), 0.54, 0.41, 0.6).similarity(1e6) == pytest.approx(0)


def test_a_rate_that_no_distance_has_is_that_of_the_curves_top() -> None:
    """A curve whose top is at a rate of 1 %: whoever allows more gets the distance of the top, not an error."""
    calibration = Calibration((-8.0, 20.0, -14.5), 0.6, 0.4, 5.0)
    assert calibration.distance_at(0.01) == pytest.approx(20 / 16)
    assert calibration.distance_at(0.5) == pytest.approx(20 / 16)
    assert calibration.operating_point(1, 0.9) == pytest.approx(20 / 16)
