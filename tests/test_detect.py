"""The cascade's own arithmetic: tiles and suppression."""

import numpy as np
import pytest

from photocall.engine import detect
from photocall.engine.detect import suppress
from photocall.faces import FloatArray

RANDOM = np.random.default_rng(3)


def boxes_and_scores(count: int) -> tuple[FloatArray, FloatArray]:
    corner = RANDOM.uniform(0, 60, (count, 2)).astype(np.float32)
    sides = RANDOM.uniform(5, 30, (count, 2)).astype(np.float32)
    return np.concatenate([corner, corner + sides], axis=1), RANDOM.uniform(0, 5, count).astype(np.float32)


def one_by_one(boxes: FloatArray, scores: FloatArray, threshold: float, *, of_smaller: bool) -> list[int]:
    """Suppression as its definition has it."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        for j in kept:
            width = min(boxes[i, 2], boxes[j, 2]) - max(boxes[i, 0], boxes[j, 0])
            height = min(boxes[i, 3], boxes[j, 3]) - max(boxes[i, 1], boxes[j, 1])
            shared = max(width, 0) * max(height, 0)
            areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (boxes[i], boxes[j])]
            if shared > threshold * (min(areas) if of_smaller else sum(areas) - shared):
                break
        else:
            kept.append(i)
    return kept


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 700])
@pytest.mark.parametrize("of_smaller", [False, True])
def test_of_boxes_that_overlap_the_best_stay(count: int, of_smaller: bool) -> None:
    boxes, scores = boxes_and_scores(count)
    kept = suppress(boxes, scores, 0.4, of_smaller=of_smaller)
    assert kept.tolist() == one_by_one(boxes, scores, 0.4, of_smaller=of_smaller)


@pytest.mark.parametrize("side", [12, 13, 31, 191, 192, 193, 194, 205, 500, 1333])
def test_tiles_have_every_window_of_a_side_once(side: int) -> None:
    spans = list(detect._spans(side))
    windows = [first + 2 * i for first, end in spans for i in range((end - first - 12) // 2 + 1)]
    assert windows == list(range(0, side - 11, 2))
    assert all(end <= side and end - first <= detect._TILE for first, end in spans)
