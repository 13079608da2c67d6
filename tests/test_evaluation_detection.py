"""Detection: recall, precision and average precision, against numbers counted by hand."""

import numpy as np
import pytest

from photocall.evaluation.detection import (
    Detected,
    Matches,
    detection_figures,
    evaluate_detection,
    match,
    match_all,
)
from photocall.evaluation.wider import Marked
from photocall.faces import BoundingBox

MARKED = [
    Marked(BoundingBox(0, 0, 50, 50)),
    Marked(BoundingBox(100, 0, 50, 50), valid=False),
    Marked(BoundingBox(200, 0, 20, 20)),
    Marked(BoundingBox(300, 0, 60, 60)),
]
BOXES = [
    (BoundingBox(2, 2, 50, 50), 0.9),
    (BoundingBox(100, 0, 50, 50), 0.8),
    (BoundingBox(200, 0, 20, 20), 0.7),
    (BoundingBox(400, 0, 40, 40), 0.6),  # nothing there
    (BoundingBox(500, 0, 30, 30), 0.5),  # nothing there, but smaller than what is asked for
    (BoundingBox(4, 4, 50, 50), 0.4),  # the first face again
]


def test_boxes_on_unfit_or_small_faces_count_neither_way() -> None:
    assert match(BOXES, MARKED, 40) == (2, [(0.9, True), (0.6, False), (0.4, False)])
    count, outcomes = match(BOXES, MARKED, 20)
    assert (count, [hit for _, hit in outcomes]) == (3, [True, True, False, False, False])


def test_faces_that_are_not_wanted_count_neither_way() -> None:
    assert match(BOXES[:2], MARKED, 40, lambda face: face.box.left > 200) == (1, [])


def figures(faces: float, hits: list[float]) -> dict[str, float]:
    matches = Matches(np.array([faces]), np.zeros(len(hits), np.intp), np.array(hits, np.float64))
    return detection_figures(matches, np.ones(1))


def test_average_precision_is_the_area_below_the_curve() -> None:
    # Precision 1, 1, 2/3, 3/4 at recalls 1/4, 2/4, 2/4, 3/4: the third face is worth the best precision from there on.
    assert figures(4, [1, 1, 0, 1]) == pytest.approx({"recall": 0.75, "precision": 0.75, "ap": (1 + 1 + 0.75) / 4})
    assert figures(2, [0, 1, 1]) == pytest.approx({"recall": 1, "precision": 2 / 3, "ap": 2 / 3})
    assert figures(2, [1, 1]) == {"recall": 1, "precision": 1, "ap": 1}


def test_no_boxes_find_nothing_and_no_faces_leave_it_open() -> None:
    nothing = figures(2, [])
    assert (nothing["recall"], nothing["ap"]) == (0, 0) and np.isnan(nothing["precision"])
    assert all(np.isnan(value) for value in figures(0, [0]).values())


def test_boxes_of_all_photos_are_ranked_together() -> None:
    found = [Detected("a", ((BoundingBox(0, 0, 50, 50), 0.5),)), Detected("b", ((BoundingBox(900, 0, 50, 50), 0.9),))]
    matches = match_all(found, {"a": MARKED[:1], "b": ()}, 40)
    assert (matches.photos.tolist(), matches.hits.tolist(), matches.faces.tolist()) == ([1, 0], [0, 1], [1, 0])
    assert detection_figures(matches, np.ones(2))["ap"] == 0.5
    assert detection_figures(matches, np.array([1.0, 0.0])) == {"recall": 1, "precision": 1, "ap": 1}


def test_the_figures_of_detection_come_by_size_with_intervals() -> None:
    found = [Detected(f"{n}", tuple(BOXES) if n % 2 else ()) for n in range(40)]
    result = evaluate_detection(found, {f"{n}": MARKED for n in range(40)})
    assert result["faces"] == {"16": 120, "24": 80, "40": 80, "80": 0}
    assert result["recall"] == {"16": pytest.approx(1 / 3, abs=1e-4), "24": 0.25, "40": 0.25, "80": None}
    assert result["precision"]["40"] == pytest.approx(1 / 3, abs=1e-4)
    low, high = result["intervals"]["recall"]["40"]
    assert 0.15 < low < 0.25 < high < 0.35
    assert result["intervals"]["ap"]["80"] is None
