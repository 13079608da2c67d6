import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from photocall.assignment import assign


def test_the_total_is_the_best_possible() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        rows, columns = rng.integers(0, 9, 2)
        benefit = rng.normal(size=(rows, columns)) if rng.random() < 0.7 else rng.integers(-2, 3, (rows, columns)) * 1.0
        pairs = assign(benefit)
        alone = np.concatenate([np.maximum(benefit, 0), np.zeros((rows, rows))], axis=1)
        best = alone[linear_sum_assignment(-alone)].sum()
        assert sum(benefit[pair] for pair in pairs) == pytest.approx(best)
        assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)


def test_a_better_partner_elsewhere_makes_room() -> None:
    # Both rows like column 0 best, but together they do better if the first takes column 1.
    assert assign(np.array([[5.0, 4.0], [5.0, 0.0]])) == [(0, 1), (1, 0)]


def test_pairs_without_benefit_are_not_made() -> None:
    assert assign(np.array([[0.0, -1.0], [-2.0, 0.0]])) == []


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody_to_pair_gives_no_pairs(shape: tuple[int, int]) -> None:
    assert assign(np.empty(shape)) == []


def test_a_benefit_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        assign(np.array([[np.nan]]))
