"""Accuracy of 1:1 comparison on pairs of LFW, by the protocol of its View 2 on the folds that are there."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.lfw import Faces
from benchmarks.tables import Table, percent
from benchmarks.timing import Result

CUSTOMARY = 0.6


def measure(faces: Faces) -> Result:
    """Accuracy with the threshold that is best on the other folds, and at 0.6. A face not found is nobody's."""
    distances = np.array([_distance(faces.vectors[pair.a], faces.vectors[pair.b]) for pair in faces.pairs])
    same = np.array([pair.same for pair in faces.pairs])
    folds = np.array([pair.fold for pair in faces.pairs])
    accuracies, thresholds = _cross_validated(distances, same, folds)
    accepted = distances <= CUSTOMARY
    return {
        "pairs": len(same),
        "folds": len(accuracies),
        "accuracy": round(float(np.mean(accuracies)), 4),
        "standard_error": round(float(np.std(accuracies, ddof=1) / len(accuracies) ** 0.5), 4),
        "threshold": round(float(np.mean(thresholds)), 3),
        "accuracy_at_customary": round(float((accepted == same).mean()), 4),
        "false_non_matches": int((same & ~accepted).sum()),
        "false_matches": int((accepted & ~same).sum()),
        "photos": len(faces.vectors),
        "photos_without_face": sum(vector is None for vector in faces.vectors.values()),
    }


def table(result: Result) -> Table:
    """One row."""
    accuracy = f"{percent(result['accuracy'])} ± {percent(result['standard_error'])}"
    customary = (
        f"{percent(result['accuracy_at_customary'])} ({result['false_non_matches']} / {result['false_matches']})"
    )
    missed = f"{result['photos_without_face']} of {result['photos']}"
    return Table(
        "Same person or not: pairs of LFW",
        (
            "pairs",
            "accuracy",
            "threshold",
            f"at {CUSTOMARY} (false non-matches / false matches)",
            "photos without face",
        ),
        [(str(result["pairs"]), accuracy, f"{result['threshold']:.3f}", customary, missed)],
        f"Plain distance; {result['folds']} folds, each at the threshold that is best on the others.",
    )


def _distance(a: NDArray[np.float32] | None, b: NDArray[np.float32] | None) -> float:
    return np.inf if a is None or b is None else float(np.linalg.norm(a - b))


def _cross_validated(
    distances: NDArray[np.float64], same: NDArray[np.bool_], folds: NDArray[np.int_]
) -> tuple[list[float], list[float]]:
    """Accuracy and threshold of each fold."""
    accuracies, thresholds = [], []
    for fold in np.unique(folds):
        here = folds == fold
        threshold = best_threshold(distances[~here], same[~here])
        thresholds.append(threshold)
        accuracies.append(float(((distances[here] <= threshold) == same[here]).mean()))
    return accuracies, thresholds


def best_threshold(distances: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The distance up to which pairs must be taken for the same to be right most often."""
    order = np.argsort(distances, kind="stable")
    right = np.cumsum(np.where(same[order], 1, -1))
    return float(distances[order[int(right.argmax())]])
