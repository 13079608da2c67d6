"""Accuracy of 1:1 comparison on pairs of LFW, by the protocol of its View 2 on the folds that are there."""

import numpy as np

from benchmarks.lfw import Faces
from benchmarks.tables import Table, percent
from benchmarks.timing import Result
from photocall.evaluation.rates import cross_validated, fold_means
from photocall.evaluation.verification import compare

CUSTOMARY = 0.6


def measure(faces: Faces) -> Result:
    """Accuracy with the threshold that is best on the other folds, and at 0.6. A face not found is nobody's."""
    pairs = compare(faces.pairs, faces.album)
    right, thresholds = cross_validated(pairs.distances, pairs.same, pairs.folds)
    accuracies = fold_means(right, pairs.folds, np.ones(len(right)))
    accepted = pairs.distances <= CUSTOMARY
    return {
        "pairs": len(right),
        "folds": len(accuracies),
        "accuracy": round(float(np.mean(accuracies)), 4),
        "standard_error": round(float(np.std(accuracies, ddof=1) / len(accuracies) ** 0.5), 4),
        "threshold": round(float(np.mean(thresholds)), 3),
        "accuracy_at_customary": round(float((accepted == pairs.same).mean()), 4),
        "false_non_matches": int((pairs.same & ~accepted).sum()),
        "false_matches": int((accepted & ~pairs.same).sum()),
        "photos": len(faces.album.photos),
        "photos_without_face": faces.album.failures,
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
