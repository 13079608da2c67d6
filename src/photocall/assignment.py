"""Best one-to-one pairing of two sets: faces with students, detections with tracks.

Kuhn's Hungarian method in the shortest augmenting path form (Jonker and Volgenant 1987), O(n^2 m). Ours because this
would be the only use of a scientific library; tests hold it against SciPy's.
"""

import numpy as np
from numpy.typing import NDArray


def assign(benefit: NDArray[np.floating]) -> list[tuple[int, int]]:
    """The pairs with the largest total benefit; each row and each column at most once.

    Args:
        benefit: shape (n, m); a pair whose benefit is not above 0 is never made.

    Returns:
        (row, column) pairs, by row.

    Raises:
        ValueError: if a benefit is not finite.
    """
    rows, columns = benefit.shape
    if not np.isfinite(benefit).all():
        raise ValueError("benefits must be finite")
    if rows == 0 or columns == 0:
        return []
    # A row may stay alone: one column of benefit 0 for each.
    cost = np.concatenate([-np.maximum(benefit, 0), np.zeros((rows, rows))], axis=1, dtype=np.float64)
    partner = _solve(cost)
    return sorted(
        (row, column) for column, row in enumerate(partner[:columns]) if row >= 0 and benefit[row, column] > 0
    )


def _solve(cost: NDArray[np.float64]) -> list[int]:
    """The row of every column in the cheapest full assignment of rows, -1 for none; needs rows <= columns."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns + 1)
    partner = np.full(columns + 1, -1)  # the last column is the root of each search
    for row in range(rows):
        partner[columns] = row
        column, visited = columns, np.zeros(columns + 1, bool)
        shortest, previous = np.full(columns, np.inf), np.full(columns, columns)
        while partner[column] >= 0:
            visited[column] = True
            free = ~visited[:columns]
            length = cost[partner[column]] - row_price[partner[column]] - column_price[:columns]
            better = free & (length < shortest)
            shortest[better], previous[better] = length[better], column
            column = int(np.where(free, shortest, np.inf).argmin())
            step = shortest[column]
            row_price[partner[visited]] += step
            column_price[visited] -= step
            shortest[free] -= step
        while column != columns:  # swap along the path found
            partner[column] = partner[previous[column]]
            column = int(previous[column])
    return [int(row) for row in partner[:columns]]
