"""What `photocall plan` shows: Lambda by memory, then every place; with what it rests on."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from photocall.console import say, show_rows
from photocall.costs.lambdas import PROCESSOR, SIZES
from photocall.costs.offers import Offer, best, fastest
from photocall.costs.plan import Plan
from photocall.report import clock


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan for machines."""
    prices = {"date": plan.prices.date.isoformat(), "region": plan.prices.region, "how": plan.prices.how}
    return {
        "workload": asdict(plan.workload),
        "measured": asdict(plan.measured),
        "prices": prices,
        "lambda": {name: [_offer_json(plan, offer) for offer in offers] for name, offers in plan.sizes.items()},
        "places": [_offer_json(plan, offer) for offer in plan.places],
        "rekognition": [_offer_json(plan, offer) for offer in plan.managed],
    }


def show_plan(plan: Plan) -> None:
    """The plan for people."""
    say(_work(plan))
    say("")
    say("Lambda by memory, behind bucket and queue; US dollars a month")
    show_rows(list(_sizes(plan)))
    say("Where it could run; US dollars a month; results of the busiest hour")
    show_rows([_place(plan, offer) for offer in (*plan.places, *plan.managed)])
    for line in _footnotes(plan):
        say(line)


def _offer_json(plan: Plan, offer: Offer) -> dict[str, Any]:
    times = [round(times, 2) for times in plan.times(offer)]
    return asdict(offer) | {"dollars": round(offer.dollars, 6), "rekognition_times": times}


def _work(plan: Plan) -> str:
    work = plan.workload
    video = f" and {work.video_minutes:,g} minutes of video" if work.video_minutes else ""
    hour = f"{_count(work.jobs_an_hour)} of them in the busiest hour" if work.jobs else "nothing to do"
    return f"{work.photos:,g} photos{video} a month, {hour}; {work.faces:,g} faces enrolled"


def _sizes(plan: Plan) -> Iterator[dict[str, Any]]:
    every = [offer for offers in plan.sizes.values() for offer in offers]
    good = {"best": [best(offers) for offers in plan.sizes.values()], "fastest": [fastest(every)]}
    for size, *offers in zip(SIZES, *plan.sizes.values(), strict=True):
        seconds = {"a photo": _seconds(offers[0].photo)}
        if plan.workload.videos:
            seconds["a minute of video"] = _seconds(offers[0].video_minute)
        dollars = {name: _dollars(offer) for name, offer in zip(plan.sizes, offers, strict=True)}
        remark = offers[0].refused or ", ".join(word for word in good if any(one in good[word] for one in offers))
        yield {"memory": f"{size:,} MB", "vCPUs": f"{size / PROCESSOR:.2f}"} | seconds | dollars | {"": remark}


def _place(plan: Plan, offer: Offer) -> dict[str, Any]:
    low_high = plan.times(offer)
    return {
        "where": offer.where,
        "size": offer.size,
        "dollars": _dollars(offer),
        "Rekognition costs": "" if not low_high or offer in plan.managed else _times(*low_high),
        "half within": _seconds(offer.median),
        "99 of 100 within": _seconds(offer.slow),
        **({"": offer.refused} if any(one.refused for one in plan.places) else {}),
    }


def _footnotes(plan: Plan) -> Iterator[str]:
    measured, prices = plan.measured, plan.prices
    yield f"Photos: {measured.photo.what}; videos: {measured.video.what}; {measured.date}, {measured.machine}."
    yield f"Prices: {prices.region}, {prices.date}, {prices.how}."
    yield "Rekognition costs so many times as much with one call a photo, and with as many as name everybody in it."
    yield "Best is the fastest of those that are at most 5 % dearer than the cheapest. Neither AWS nor the network was"
    yield "measured: docs/plan.md says what is assumed."


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _dollars(offer: Offer) -> str:
    if offer.refused:
        return ""
    return f"{offer.dollars:,.4f}" if offer.dollars < 1 else f"{offer.dollars:,.2f}"


def _times(low: float, high: float) -> str:
    words = [_count(times) for times in (low, high)]
    return f"{' to '.join(dict.fromkeys(words))} times"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.2f} s" if seconds < 100 else clock(seconds)
