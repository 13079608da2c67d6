"""An offer: what a month costs in one place, and after how long results are there."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

NEAR = 1.05
"""Offers this much dearer than the cheapest are as good, so the fastest of them is taken."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One place where photocall, or its rival, could run.

    Attributes:
        where: a service.
        size: of it, in words.
        costs: US dollars a month, by what they are for.
        photo: seconds that a photo takes; None where it is not known.
        video_minute: seconds that a minute of video takes; None where it is not known.
        median: seconds within which half of the results of the busiest hour are there; None where it is not known.
        slow: the same for 99 of 100.
        refused: why it cannot be; empty if it can.
    """

    where: str
    size: str
    costs: Mapping[str, float] = field(default_factory=dict)
    photo: float | None = None
    video_minute: float | None = None
    median: float | None = None
    slow: float | None = None
    refused: str = ""

    @property
    def dollars(self) -> float:
        """A month."""
        return sum(self.costs.values())


def best(offers: Iterable[Offer]) -> Offer | None:
    """The fastest of those that cost about as little as any; None if none can be."""
    possible = [offer for offer in offers if not offer.refused]
    least = min((offer.dollars for offer in possible), default=0)
    return min((one for one in possible if one.dollars <= NEAR * least), key=lambda one: one.slow or 0, default=None)


def fastest(offers: Iterable[Offer]) -> Offer | None:
    """The cheapest of those whose slow results come first; None if none can be."""
    possible = [offer for offer in offers if not offer.refused]
    return min(possible, key=lambda one: (one.slow or 0, one.dollars), default=None)


def within(outcomes: Sequence[tuple[float, float]], share: float) -> float:
    """Seconds within which a share of results is there.

    Args:
        outcomes: seconds and weight of each kind of result.
        share: 0..1.
    """
    ascending = sorted(outcomes)
    so_far = list(accumulate(weight for _, weight in ascending))
    return ascending[bisect_left(so_far, share * so_far[-1])][0]
