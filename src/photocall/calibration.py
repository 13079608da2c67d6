"""From distance to meaning: how often two strangers come this close, and what to do about it.

A pack's calibration is measured once, on many pairs of different people; it lies beside the model in `packs.toml`.
Everything here is plain arithmetic on those constants, so that every number shown to a user has one origin.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """What Euclidean distances of one embedding space mean.

    Attributes:
        fmr_curve: (a, b, c) of log10(false match rate) = a d^2 + b d + c, fitted where it could be measured.
        d80: distance whose similarity is 80: false match rate 1 in 1,000.
        d99: distance whose similarity is 99: false match rate 1 in 100,000.
        customary_threshold: the fixed 1:1 threshold that users of the model know (0.6 for dlib's network).
    """

    fmr_curve: tuple[float, float, float]
    d80: float
    d99: float
    customary_threshold: float

    def similarity(self, distance: float) -> float:
        """Similarity 0..100 of a distance >= 0: a falling logistic curve through (d80, 80) and (d99, 99)."""
        slope = (math.log(99) - math.log(4)) / (self.d80 - self.d99)
        middle = self.d80 + math.log(4) / slope
        return 100 / (1 + math.exp(min(slope * (distance - middle), 700)))

    def distance(self, similarity: float) -> float:
        """The distance that has a similarity; the inverse of `similarity`, for 0 < similarity < 100."""
        slope = (math.log(99) - math.log(4)) / (self.d80 - self.d99)
        middle = self.d80 + math.log(4) / slope
        return middle + math.log(100 / similarity - 1) / slope

    def farthest(self, least_similarity: float) -> float:
        """The largest distance whose similarity is at least this, 0..100.

        100 is never quite reached by the curve, and counts as 99.9999, which is 100 where four decimals are shown.
        """
        if least_similarity <= 0:
            return math.inf
        return self.distance(min(least_similarity, 99.9999))

    def false_match_rate(self, distance: float) -> float:
        """The share of pairs of different people that are at least this close, 0..1."""
        a, b, c = self.fmr_curve
        d = min(distance, -b / (2 * a))  # the parabola's top: beyond it every pair matches anyway
        return min(1.0, 10 ** (a * d * d + b * d + c))

    def distance_at(self, false_match_rate: float) -> float:
        """The largest distance whose false match rate is at most this, for 0 < rate <= 1."""
        a, b, c = self.fmr_curve
        root = math.sqrt(max(0.0, b * b - 4 * a * (c - math.log10(false_match_rate))))  # 0: a rate never reached
        return max(0.0, (-b + root) / (2 * a))

    def operating_point(self, gallery_size: int, false_positive_target: float) -> float:
        """The identification threshold: a match is a distance at or below it.

        A stranger is compared with everybody in the gallery and is named if one of them is close enough, so the rate a
        pair is allowed falls as the gallery grows: 1 - (1 - FMR)^N <= target. On LFW this held within a factor of two
        (N = 40: 18 % predicted 22 %). Never above `customary_threshold`, however small the gallery.

        Args:
            gallery_size: people enrolled, >= 0; 0 counts as 1.
            false_positive_target: the share of strangers that may be named, 0 < target < 1.

        Raises:
            ValueError: for a negative size, or a target outside (0, 1).
        """
        if gallery_size < 0:
            raise ValueError(f"gallery_size must be >= 0, not {gallery_size}")
        if not 0 < false_positive_target < 1:
            raise ValueError(f"false_positive_target must be between 0 and 1, not {false_positive_target}")
        rate = -math.expm1(math.log1p(-false_positive_target) / max(1, gallery_size))
        return min(self.customary_threshold, self.distance_at(rate))
