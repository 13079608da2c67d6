"""Pairs of photos: error rates against numbers counted by hand or by brute force, and what distances mean."""

from itertools import combinations

import numpy as np
import pytest

import photocall.evaluation.impostors as impostors_module
from albums import album, crowd, pairs_of, vector
from people import CALIBRATION
from photocall.errors import CalibrationImpossible
from photocall.evaluation.album import Album
from photocall.evaluation.fitting import RATE_80, fit_calibration
from photocall.evaluation.impostors import Impostors, compare_all
from photocall.evaluation.verification import compare, evaluate_pairs


def brute_force(found: Album) -> list[float]:
    """Distances of all pairs of different people with faces, ascending."""
    photos = [
        (owner, photo.vector)
        for owner, photo in zip(found.owners, found.photos, strict=True)
        if photo.vector is not None
    ]
    pairs = [(a, b) for (one, a), (other, b) in combinations(photos, 2) if one != other]
    return sorted(float(np.linalg.norm(a - b)) for a, b in pairs)


@pytest.mark.parametrize("block", [3, 512])
def test_all_pairs_of_different_people_are_compared_once(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impostors_module, "_BLOCK", block)
    found = crowd(9, 2)
    impostors = compare_all(found)
    assert impostors.distances == pytest.approx(brute_force(found), abs=1e-3)
    assert impostors.pairs == len(impostors.distances) == 9 * 8 // 2 * 4
    assert (found.owners[impostors.a] != found.owners[impostors.b]).all()


def test_of_many_pairs_the_nearest_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impostors_module, "_BLOCK", 3)
    found = crowd(20, 2)
    whole, kept = compare_all(found), compare_all(found, most_kept=50)
    assert kept.distances == pytest.approx(whole.distances[:50])
    assert kept.pairs == whole.pairs == 760
    assert kept.rate(float(kept.distances[9])) == whole.rate(float(whole.distances[9])) == pytest.approx(10 / 760)
    assert np.isnan(kept.rate(10)) and whole.rate(10) == 1


def test_a_photo_without_a_face_makes_no_impostor() -> None:
    found = album({"Ada/1": vector(0), "Bo/1": vector(1), "Cy/1": None})
    assert compare_all(found).pairs == 1
    assert compare_all(album({"Ada/1": None, "Bo/1": None})).pairs == 0


def test_of_too_many_photos_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impostors_module, "MOST_PHOTOS", 10)
    impostors = compare_all(crowd(20, 1))
    assert len(impostors.photos) == 10 and impostors.pairs == 45


def test_a_person_drawn_twice_counts_as_two_people_would() -> None:
    """Ada twice: her pairs with the others count double, and there is none of her with herself."""
    impostors = compare_all(album({"Ada/1": vector(0), "Bo/1": vector(1), "Cy/1": vector(3)}))
    weights = np.array([2.0, 1.0, 0.0])
    assert impostors.total(weights) == 2
    assert impostors.rate(1.5, weights) == 1
    assert impostors.rate(0.5, weights) == 0


TINY = {
    "Ada/1": vector(0.0),
    "Ada/2": vector(0.3),
    "Bo/1": vector(1.0),
    "Bo/2": vector(1.9),
    "Cy/1": vector(5.0),
    "Cy/2": None,
}
ROWS = (
    ("1", "Ada/1", "Ada/2", 1),  # 0.3
    ("1", "Ada/1", "Bo/1", 0),  # 1.0
    ("2", "Bo/1", "Bo/2", 1),  # 0.9
    ("2", "Cy/1", "Cy/2", 1),  # no face
    ("2", "Bo/2", "Cy/1", 0),  # 3.1
    ("2", "Ada/1", "Cy/2", 0),  # no face
)


def tiny() -> tuple[Album, Impostors]:
    found = album(TINY)
    return found, compare_all(found)


def test_pairs_with_a_missing_face_are_infinitely_far_apart() -> None:
    comparisons = compare(pairs_of(*ROWS), tiny()[0])
    assert comparisons.distances == pytest.approx([0.3, 1.0, 0.9, np.inf, 3.1, np.inf])
    assert comparisons.folds.tolist() == [0, 0, 1, 1, 1, 1]


def test_the_figures_of_pairs_are_those_counted_by_hand() -> None:
    found, impostors = tiny()
    result = evaluate_pairs(compare(pairs_of(*ROWS), found), impostors, CALIBRATION)
    # Fold 1 is judged at fold 2's best threshold, 0.9: both right. Fold 2 at 0.3: the pair at 0.9 and the missing face
    # are false non-matches, the two others are right.
    assert result["accuracy"] == 0.75
    assert result["threshold"] == pytest.approx(0.6)
    # The nearest two different people are 0.7 apart (Ada/2, Bo/1); of three pairs of one person one is nearer.
    assert result["fnmr_at_fmr"] == pytest.approx({"1e-2": 2 / 3, "1e-3": 2 / 3}, abs=1e-4)
    # Of the listed ones 1.0, so that the pair at 0.9 is accepted.
    assert result["fnmr_at_fmr_of_listed_pairs"] == pytest.approx({"1e-2": 1 / 3, "1e-3": 1 / 3}, abs=1e-4)
    assert result["at_similarity"]["80"] == pytest.approx({"fmr": 0, "fnmr": 2 / 3}, abs=1e-4)
    assert (result["pairs"], result["same"], result["folds"], result["people"]) == (6, 3, 2, 3)
    assert (result["failures_to_acquire"], result["pairs_with_failures"]) == (1, {"same": 1, "different": 1})
    assert result["impostor_pairs"] == 8


def test_without_a_calibration_similarities_mean_nothing() -> None:
    found, impostors = tiny()
    assert evaluate_pairs(compare(pairs_of(*ROWS), found), impostors, None)["at_similarity"] is None


def test_with_pairs_of_one_kind_only_the_other_error_is_null() -> None:
    found = album({"Ada/1": vector(0), "Ada/2": vector(0.3)})
    result = evaluate_pairs(compare(pairs_of(("1", "Ada/1", "Ada/2", 1)), found), compare_all(found), CALIBRATION)
    assert result["accuracy"] == 1 and result["impostor_pairs"] == 0
    assert result["at_similarity"]["80"] == {"fmr": None, "fnmr": 0}
    found = album({"Ada/1": vector(0), "Bo/1": vector(0.3)})
    result = evaluate_pairs(compare(pairs_of(("1", "Ada/1", "Bo/1", 0)), found), compare_all(found), CALIBRATION)
    assert result["fnmr_at_fmr"] == {"1e-2": None, "1e-3": None}


def test_intervals_hold_the_figures_and_are_wider_for_fewer_people() -> None:
    def width(people: int) -> float:
        found = crowd(people, 3, spread=0.5)
        rows = [("1", f"{p:04}/0", f"{p:04}/1", 1) for p in range(people)]
        rows += [("1", f"{p:04}/0", f"{p + 1:04}/0", 0) for p in range(people - 1)]
        result = evaluate_pairs(compare(pairs_of(*rows), found), compare_all(found), CALIBRATION)
        low, high = result["intervals"]["fnmr_at_fmr"]["1e-2"]
        assert low <= result["fnmr_at_fmr"]["1e-2"] <= high
        return float(high - low)

    assert width(30) > 1.3 * width(150) > 0


def test_a_calibration_keeps_its_promise_on_people_it_has_not_seen() -> None:
    fit = fit_calibration(compare_all(crowd(150, 3)), 0.5, "crowd")
    others = compare_all(crowd(150, 3, seed=8))
    assert RATE_80 / 2 < others.rate(fit.calibration.d80) < RATE_80 * 2
    assert fit.valid[0] < fit.calibration.d80 < fit.valid[1]
    assert fit.calibration.d99 < fit.calibration.d80
    low, high = fit.report["intervals"]["d80"]
    assert low < fit.calibration.d80 < high
    assert fit.report["held_out"]["80"]["least"] < RATE_80 < fit.report["held_out"]["80"]["most"]


def test_a_calibration_says_what_it_was_measured_on() -> None:
    table = fit_calibration(compare_all(crowd(60, 2)), 0.5, "crowd").table("crowd")
    assert table["source"] == "measured on crowd: 7080 pairs of different people, 60 people"
    assert list(table) == ["source", "fmr_curve", "valid", "d80", "d99", "customary_threshold"]
    assert table["customary_threshold"] == 0.5


@pytest.mark.parametrize(("people", "photos", "count"), [(29, 10, "29 people"), (31, 1, "465 pairs")])
def test_a_calibration_needs_people_and_pairs(people: int, photos: int, count: str) -> None:
    with pytest.raises(CalibrationImpossible, match=count):
        fit_calibration(compare_all(crowd(people, photos)), 0.5, "crowd")


def test_distances_that_fall_into_heaps_have_no_calibration() -> None:
    random = np.random.default_rng(7)
    heaps = album({f"{person:03}/1": vector(float(random.integers(2))) for person in range(80)})
    with pytest.raises(CalibrationImpossible, match="no falling curve"):
        fit_calibration(compare_all(heaps), 0.5, "heaps")


def test_a_few_wrong_labels_among_the_nearest_do_not_keep_a_set_from_being_calibrated() -> None:
    """Photos of one person under two names lie closer than any curve has it; the curve stays straight, not bent up."""
    clean = crowd(80, 3)
    vectors = {photo.name: photo.vector for photo in clean.photos}
    vectors |= {f"{person:04}/0": vectors[f"{person + 1:04}/0"] for person in range(0, 60, 6)}
    fit = fit_calibration(compare_all(album(vectors)), 0.5, "crowd")
    assert fit.calibration.fmr_curve[0] == -0.01
    assert fit.calibration.d99 < fit.calibration.d80 < fit.valid[1]
    assert fit.report["intervals"]["d80"] is not None
