"""Identification: who is found again and who is named wrongly, against numbers counted by hand."""

import numpy as np
import pytest

from albums import album, vector
from people import CALIBRATION
from photocall.evaluation.identification import (
    Searches,
    assign_roles,
    evaluate_identify,
    identification_figures,
    search,
    small_galleries,
)

PEOPLE = {
    "Ada/1": vector(0.0),
    "Ada/2": vector(0.1),
    "Ada/3": vector(9.0),  # a third photo is not used
    "Bo/1": vector(1.0),
    "Bo/2": vector(0.2),  # nearer to Ada
    "Cy/1": vector(3.0),
    "Cy/2": None,
    "Di/1": None,
    "Di/2": vector(4.0),
    "Eve/1": vector(0.0, 0.3),
    "Fay/1": vector(20.0),
    "Gus/1": None,
}


def test_the_first_photo_is_enrolled_the_second_searched_and_singles_are_strangers() -> None:
    found = album(PEOPLE)
    roles = assign_roles(found)
    names = [photo.name for photo in found.photos]
    assert [names[number] for number in roles.enrolled] == ["Ada/1", "Bo/1", "Cy/1"]
    assert [names[number] for number in roles.probes] == ["Ada/2", "Bo/2", "Cy/2"]
    assert [names[number] for number in roles.strangers] == ["Eve/1", "Fay/1", "Gus/1"]
    assert roles.not_enrolled == 1


def test_a_mate_counts_only_as_the_nearest_and_a_missing_face_is_nobody() -> None:
    found = album(PEOPLE)
    searches = search(found, assign_roles(found))
    assert np.isfinite(searches.to_mates).tolist() == [True, False, False]
    assert searches.to_others[1] < 0.5 and np.isinf(searches.to_others[2])
    assert searches.of_strangers[0] < 1 < searches.of_strangers[1] and np.isinf(searches.of_strangers[2])


def test_the_figures_of_searches_are_those_counted_by_hand() -> None:
    searches = Searches(
        to_mates=np.array([0.1, 0.3, 0.5, np.inf]),
        to_others=np.full(4, 0.9),
        of_strangers=np.concatenate([[0.2, 0.4], np.linspace(0.6, 0.9, 97), [np.inf]]),  # 100 strangers
    )
    figures = identification_figures(searches, np.ones(4), np.ones(100), point=0.45)
    assert figures == {
        "rank1": 0.75,
        "fnir_at_fpir/0.01": 0.5,  # one stranger may be named: up to just below 0.4
        "fnir_at_fpir/0.05": 0.25,
        "strangers_named_at_target": 0.02,
        "fnir_at_target": 0.5,
    }


def test_without_an_operating_point_nothing_is_said_of_it() -> None:
    result, _ = evaluate_identify(album(PEOPLE), None, 0.01)
    assert result["strangers_named_at_target"] is None and result["threshold"] is None
    assert result["small_galleries"] == []


def test_counts_say_who_took_part() -> None:
    result, _ = evaluate_identify(album(PEOPLE), CALIBRATION, 0.01)
    counts = ("gallery", "mated", "non_mated", "failures_to_acquire", "failures_to_enrol")
    assert [result[name] for name in counts] == [3, 3, 3, 3, 1]
    assert result["rank1"] == pytest.approx(1 / 3, abs=1e-4)
    assert result["threshold"] == pytest.approx(CALIBRATION.operating_point(3, 0.01), abs=1e-4)
    assert set(result["intervals"]) == {"rank1", "fnir_at_fpir", "strangers_named_at_target", "fnir_at_target"}


def test_an_empty_gallery_names_nobody() -> None:
    result, searches = evaluate_identify(album({"Ada/1": vector(0), "Bo/1": vector(1)}), CALIBRATION, 0.01)
    assert (result["gallery"], result["non_mated"], result["rank1"]) == (0, 2, None)
    assert result["strangers_named_at_target"] == 0
    assert np.isinf(searches.of_strangers).all()


def test_nobody_to_be_named_wrongly_leaves_that_rate_open() -> None:
    result, _ = evaluate_identify(album({"Ada/1": vector(0), "Ada/2": vector(0.1)}), CALIBRATION, 0.01)
    assert (result["rank1"], result["strangers_named_at_target"]) == (1, None)


def test_small_galleries_are_drawn_from_those_enrolled() -> None:
    """Everybody is far from everybody else, so all are found, and of three strangers the one at Ada is named if she is
    drawn: as often as two of six people are."""
    vectors = {f"{person}/{n}": vector(*(0.0,) * i, 5.0, n / 100) for i, person in enumerate("ABCDEF") for n in (1, 2)}
    strangers = {"x/1": vector(5.0, 0.02), "y/1": vector(90.0), "z/1": None}
    found = album(vectors | strangers)
    (row,) = small_galleries(found, assign_roles(found), CALIBRATION, 0.01, sizes=(2, 7), draws=300)
    assert (row["size"], row["fnir"], row["misnamed"]) == (2, 0, 0)
    assert row["fpir"] == pytest.approx(1 / 3 * 2 / 6, abs=0.03)
    assert set(row["at_customary"]) == {"fpir", "fnir", "misnamed"}
