"""Thresholds fitted on the operator's own people: made-up classes whose distances are known."""

import numpy as np
import pytest

from photocall.calibration import Calibration
from photocall.engine.packs import load_pack
from photocall.errors import CalibrationImpossible
from photocall.faces import Embedding, FaceRecord
from photocall.local_calibration import FEWEST_PEOPLE, MOST_FACES, fit_locally
from photocall.metric import EUCLIDEAN

CALIBRATION = load_pack("standard").calibration
TARGET = 0.01


def people(count: int, photos: int = 1, spread: float = 0.5, within: float = 0.1, seed: int = 0) -> list[FaceRecord]:
    """People around a centre; `spread` and `within` are how far from it, and how far apart photos of one are."""
    random, size = np.random.default_rng(seed), 128
    records = []
    for person in range(count):
        centre = random.normal(size=size) * spread / size**0.5
        for photo in range(photos):
            vector = (centre + random.normal(size=size) * within / size**0.5).astype(np.float32)
            name = f"{person}-{photo}"
            records.append(FaceRecord(name, "c", name, f"person {person}", None, 0, 0, 1.0, Embedding(vector, "m")))
    return records


def as_measured_on(records: list[FaceRecord]) -> Calibration:
    """A calibration for which the distances between these people are just as expected."""
    vectors = np.stack([record.embedding.vector for record in records])
    distances = EUCLIDEAN.distances(vectors, vectors)[np.triu_indices(len(vectors), 1)]
    rates = np.geomspace(1e-3, 0.12, 50)
    curve = np.polyfit(np.quantile(distances, rates), np.log10(rates), 2)
    return Calibration((float(curve[0]), float(curve[1]), float(curve[2])), 0.5, 0.4, 5.0)


EVERYWHERE = as_measured_on(people(1000, seed=1))


def test_people_like_those_of_the_calibration_leave_the_thresholds_where_they_are() -> None:
    fitted = fit_locally(people(60, seed=22), EUCLIDEAN, EVERYWHERE, TARGET)
    low, high = fitted.interval
    assert low < 0 < high
    assert low <= fitted.shift <= high
    assert fitted.sure == 0
    assert (fitted.people, fitted.faces, fitted.pairs) == (60, 60, 1770)


def test_people_who_look_alike_bring_the_thresholds_down_by_as_much() -> None:
    alike = people(60, spread=0.45, seed=3)
    fitted = fit_locally(alike, EUCLIDEAN, EVERYWHERE, TARGET)
    apart = 2**0.5 * (np.hypot(0.45, 0.1) - np.hypot(0.5, 0.1))  # in a space of so many dimensions all are as far
    assert fitted.interval[1] < 0
    assert fitted.sure == fitted.shift == pytest.approx(apart, abs=0.02)


def test_people_who_look_different_bring_them_up_only_as_far_as_is_sure() -> None:
    fitted = fit_locally(people(60, spread=0.6, seed=4), EUCLIDEAN, EVERYWHERE, TARGET)
    assert 0 < fitted.sure == fitted.interval[0] < fitted.shift


def test_photos_of_one_person_say_how_many_will_be_missed() -> None:
    near = fit_locally(people(30, photos=2, within=0.01), EUCLIDEAN, EVERYWHERE, TARGET)
    far = fit_locally(people(30, photos=2, within=0.8), EUCLIDEAN, EVERYWHERE, TARGET)
    assert near.same_pairs == far.same_pairs == 30
    assert near.not_named == 0
    assert far.not_named is not None and far.not_named > 0.5
    assert fit_locally(people(30), EUCLIDEAN, EVERYWHERE, TARGET).not_named is None


def test_two_names_for_one_person_are_pointed_out_once() -> None:
    records = people(30, photos=2, within=0.01)
    twin = [
        FaceRecord(f"t{n}", "c", "i", "person 3 again", None, 0, 0, 1.0, records[6 + n].embedding) for n in range(2)
    ]
    found, *others = fit_locally([*records, *twin], EUCLIDEAN, EVERYWHERE, TARGET).resemblances
    assert {found.a, found.b} == {"person 3", "person 3 again"}
    assert found.distance < 0.05 < min((one.distance for one in others), default=1)


def test_the_same_people_always_give_the_same_figures() -> None:
    records = people(40, photos=2, seed=5)
    assert fit_locally(records, EUCLIDEAN, CALIBRATION, TARGET) == fit_locally(
        records[::-1], EUCLIDEAN, CALIBRATION, TARGET
    )


def test_too_few_people_are_refused_with_how_many_are_needed() -> None:
    with pytest.raises(CalibrationImpossible, match=f"19 people are enrolled, and {FEWEST_PEOPLE} are needed"):
        fit_locally(people(19, photos=4), EUCLIDEAN, CALIBRATION, TARGET)


def test_of_very_many_people_some_are_drawn() -> None:
    fitted = fit_locally(people(MOST_FACES // 2 + 50, photos=2), EUCLIDEAN, EVERYWHERE, TARGET)
    assert fitted.faces == MOST_FACES
    assert fitted.people == MOST_FACES // 2
    assert fitted.threshold == EVERYWHERE.operating_point(MOST_FACES // 2 + 50, TARGET)
