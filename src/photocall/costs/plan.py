"""The plan: a month's work, what it costs in every place, and which place is best."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from photocall.costs.lambdas import ARCHITECTURES, SIZES, api_offer, lambda_offers
from photocall.costs.measured import Measured
from photocall.costs.offers import Offer, best, fastest
from photocall.costs.prices import Prices
from photocall.costs.workers import fargate_offers, machine_offers
from photocall.costs.workload import Workload


@dataclass(frozen=True, slots=True)
class Plan:
    """What a month costs.

    Attributes:
        workload: of the month.
        measured: what it was computed from.
        prices: likewise.
        sizes: Lambda by architecture, at every size of memory in the order of `SIZES`.
        places: the best of these and the fastest, and every other place of photocall.
        managed: Amazon Rekognition, once as cheap as it can be, and once doing the same.
    """

    workload: Workload
    measured: Measured
    prices: Prices
    sizes: Mapping[str, Sequence[Offer]]
    places: Sequence[Offer]
    managed: Sequence[Offer]

    def times(self, offer: Offer) -> list[float]:
        """How many times as much Rekognition costs, either way; empty where an offer cannot be or has nothing to do."""
        if offer.refused or not offer.dollars or not self.workload.jobs:
            return []
        return [one.dollars / offer.dollars for one in self.managed]


def make_plan(workload: Workload, measured: Measured, prices: Prices) -> Plan:
    """What the work costs everywhere."""
    sizes = {each: lambda_offers(workload, measured, prices, each) for each in ARCHITECTURES}
    places = [
        *_chosen(workload, measured, prices, sizes),
        *fargate_offers(workload, measured, prices),
        *machine_offers(workload, measured, prices),
    ]
    return Plan(workload, measured, prices, sizes, places, list(managed_offers(workload, measured, prices)))


def managed_offers(workload: Workload, measured: Measured, prices: Prices) -> Iterator[Offer]:
    """Amazon Rekognition, at nothing but its own prices: with one call a photo, and with as many as do the same.

    To name everybody in a photo of n people takes one call that finds them and n that search, since a search looks at
    the largest face alone: https://docs.aws.amazon.com/rekognition/latest/APIReference/API_SearchFacesByImage.html
    """
    calls = 1 if measured.photo.faces <= 1 else 1 + measured.photo.faces
    for size, count in (("one call a photo", 1.0), (f"{calls:.0f} calls a photo: everybody named", calls)):
        costs = {
            "images": prices.cost("rekognition.images", count * workload.photos),
            "video": prices.cost("rekognition.videos", workload.video_minutes),
            "faces": prices.cost("rekognition.faces", workload.faces),
        }
        yield Offer("Rekognition", size, costs)


def _chosen(
    workload: Workload, measured: Measured, prices: Prices, sizes: Mapping[str, Sequence[Offer]]
) -> list[Offer]:
    """Of either architecture the best size, for photos alone behind API Gateway, too; and the fastest of all."""
    chosen: list[Offer] = []
    for architecture, offers in sizes.items():
        if found := best(offers):
            chosen.append(found)
            if workload.photos and not workload.videos:
                chosen.append(api_offer(workload, measured, prices, architecture, SIZES[offers.index(found)]))
    quickest = fastest([offer for offers in sizes.values() for offer in offers])
    return [*chosen, quickest] if quickest and quickest not in chosen else chosen
