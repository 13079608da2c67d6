"""What a month costs: the arithmetic by hand, the prices' file, and the promise about managed Rekognition."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photocall.costs.lambdas import PROCESSOR, SIZES, api_offer, lambda_offers
from photocall.costs.measured import Effort, Measured, Medium, shipped
from photocall.costs.offers import Offer, best, fastest, within
from photocall.costs.plan import Plan, make_plan
from photocall.costs.prices import SHIPPED, UNITS, Prices, read_prices
from photocall.costs.workers import fargate_offers, machine_offers
from photocall.costs.workload import Workload
from photocall.errors import SettingInvalid

PRICES = read_prices()
NOTHING_BUT_STORAGE = {"database", "objects"}


def medium(one: float, two: float | None = None, *, memory: float = 100, faces: float = 0) -> Medium:
    effort = Effort(one, one if two is None else two)
    return Medium("made up", 1, memory, effort, one, faces)


def measured(photo: float = 1, video: float = 10, *, start: float = 2, memory: float = 100) -> Measured:
    return Measured("today", "none", start, medium(photo, memory=memory), medium(video, memory=memory))


def at(size: int, workload: Workload, takes: Measured, architecture: str = "x86_64") -> Offer:
    return lambda_offers(workload, takes, PRICES, architecture)[SIZES.index(size)]


def places(plan: Plan) -> Iterator[Offer]:
    for offers in plan.sizes.values():
        yield from offers
    yield from plan.places


# --- prices


def test_every_price_of_the_file_is_there_with_its_unit() -> None:
    assert PRICES.tiers.keys() == UNITS.keys()
    assert "check them" in PRICES.how
    assert PRICES.free == {}


@pytest.mark.parametrize(
    ("name", "amount", "dollars"),
    [
        ("lambda.requests", 5_000_000, 1.00),
        ("lambda.x86_64", 1_000_000, 16.6667),
        ("sqs.requests", 1_000_000, 0),
        ("sqs.requests", 3_500_000, 1.00),
        ("s3.puts", 2000, 0.01),
        ("rekognition.images", 1000, 1.00),
        ("rekognition.images", 2_500_000, 1000 + 1.5 * 800),
        ("rekognition.images", 40_000_000, 1000 + 4 * 800 + 30 * 600 + 5 * 400),
        ("rekognition.faces", 10_000, 0.10),
    ],
)
def test_an_amount_costs_what_its_tiers_say(name: str, amount: float, dollars: float) -> None:
    assert PRICES.cost(name, amount) == pytest.approx(dollars)


def test_what_is_free_is_taken_off_only_if_that_is_wanted() -> None:
    free = read_prices(free_tier=True)
    assert free.cost("lambda.requests", 1_000_000) == 0
    assert free.cost("lambda.x86_64", 400_001) == pytest.approx(0.0000166667)
    assert PRICES.cost("lambda.requests", 1_000_000) == pytest.approx(0.20)


@given(st.floats(0, 1e12), st.floats(0, 1e12), st.sampled_from(sorted(set(UNITS) - {"sqs.requests"})))
def test_more_costs_more_and_together_no_more_than_apart(one: float, other: float, name: str) -> None:
    together = PRICES.cost(name, one + other)
    assert together >= PRICES.cost(name, one)
    assert together <= PRICES.cost(name, one) + PRICES.cost(name, other) + 1e-9 * (1 + together)


def edited(path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[sqs]", "[sqss]", "[sqss] is no section; did you mean sqs?"),
        ("puts =", "put =", "s3.put is no price; did you mean s3.puts?"),
        ("puts = ", "source2 = 1\nputs = ", "s3.source2 is no price"),
        ('gets = { usd = 0.0004, per = "thousand requests" }', "", "no price for s3.gets"),
        ('0.0004, per = "thousand requests"', '0.0004, per = "requests"', "give it per 'thousand requests'"),
        ("usd = 0.0004", "usd = -1", "s3.gets: usd = -1 is not allowed; give a number from 0 to 1,000,000"),
        ("usd = 0.0004", "usd = nan", "s3.gets: usd = nan is not allowed"),
        ("usd = 0.0004", "usd = inf", "s3.gets: usd = inf is not allowed"),
        ("usd = 0.0004", "usd = 1e7", "s3.gets: usd = 10000000.0 is not allowed"),
        ("usd = 0.0004", "usd = true", "s3.gets: usd = True is not allowed"),
        ("usd = 0.0004", 'usd = "cheap"', "s3.gets: usd = 'cheap' is not allowed"),
        ("usd = 0.0004", "eur = 0.0004", "s3.gets must be { usd = PRICE"),
        ("usd = 0.0004", "usd = 0.0004, fist = 3", "s3.gets has fist, which the last tier has not"),
        ("usd = 0.0004", "usd = 0.0004, first = 3", "s3.gets has first, which the last tier has not"),
        (", first = 1 }, ", " }, ", "sqs.requests: every tier but the last needs first"),
        ('gets = { usd = 0.0004, per = "thousand requests" }', "gets = []", "s3.gets has no tier"),
        ('gets = { usd = 0.0004, per = "thousand requests" }', "gets = 0.0004", "s3.gets must be { usd = PRICE"),
        ("date = 2026-11-22", 'date = "today"', "it must begin with date"),
        ("region =", "regoin =", "it must begin with date"),
        ("[lambda]", "[lambda", "is not TOML"),
    ],
)
def test_a_file_of_prices_that_is_wrong_is_refused_with_the_entry(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    path = edited(tmp_path / "prices.toml", old, new)
    with pytest.raises(SettingInvalid) as caught:
        read_prices(path)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"--prices: {path}")


def test_a_free_amount_of_something_unknown_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path / "prices.toml", '"lambda.requests" = 1', '"lambda.request" = 1')
    with pytest.raises(SettingInvalid, match=r"lambda\.request is no price; did you mean lambda\.requests\?"):
        read_prices(path, free_tier=True)


def test_a_file_of_prices_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "no such file"), (tmp_path, "directory")):
        with pytest.raises(SettingInvalid, match=reason):
            read_prices(path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingInvalid, match="is not TOML"):
        read_prices(tmp_path / "binary.toml")


# --- time


def test_more_processors_help_as_far_as_two_did() -> None:
    effort = Effort(4, 3)  # half of the work gains: 4 = 2 + 2, 3 = 2 + 2 / 2
    assert effort.parallel == 0.5
    assert [effort.seconds(count) for count in (0.5, 1, 2, 4)] == [8, 4, 3, 2.5]


@given(st.floats(0.001, 1000), st.floats(0.001, 1000), st.floats(0.05, 6), st.floats(0.05, 6))
def test_more_processors_never_take_longer(one: float, two: float, few: float, many: float) -> None:
    effort = Effort(one, two)
    assert 0 <= effort.parallel <= 1
    assert effort.seconds(max(few, many)) <= effort.seconds(min(few, many)) * (1 + 1e-12)


def test_a_share_of_results_is_there_when_their_weights_say() -> None:
    outcomes = [(5.0, 1.0), (1.0, 98.0), (9.0, 1.0)]
    assert [within(outcomes, share) for share in (0.5, 0.98, 0.985, 0.99, 1)] == [1, 1, 5, 5, 9]


def test_the_best_offer_is_the_fastest_of_those_that_cost_about_as_little() -> None:
    slow, quick, dear, no = (
        Offer("a", "", {"all": 1.00}, slow=9),
        Offer("b", "", {"all": 1.04}, slow=3),
        Offer("c", "", {"all": 2.00}, slow=1),
        Offer("d", "", {"all": 0.01}, slow=0.1, refused="too small"),
    )
    assert best([slow, quick, dear, no]) == quick
    assert fastest([slow, quick, dear, no]) == dear
    assert best([no]) is None and fastest([no]) is None


# --- Lambda


def test_a_function_costs_its_gigabyte_seconds_its_calls_and_its_starts() -> None:
    """100 photos in 100 hours: each finds nobody, so each pays for the start, of 2 seconds, too."""
    offer = at(PROCESSOR, Workload(100), measured(photo=1, start=2))
    assert offer.costs["computing"] == pytest.approx(100 * (1 + 2) * 1769 / 1024 * 0.0000166667)
    assert offer.costs["calls"] == pytest.approx(100 * 0.20 / 1e6)
    assert (offer.photo, offer.median, offer.slow) == (1, 3, 3)


def test_a_busy_function_starts_as_many_environments_as_are_at_work_at_once() -> None:
    """3,600 photos an hour of a second each: 1 at once on average, 4 at most; 4 of 3,600 calls wait."""
    offer = at(PROCESSOR, Workload(360_000), measured(photo=1, start=2))
    assert offer.costs["computing"] == pytest.approx((360_000 + 100 * 4 * 2) * 1769 / 1024 * 0.0000166667)
    assert (offer.median, offer.slow) == (1, 1)


def test_half_a_processor_takes_twice_as_long_and_costs_the_same() -> None:
    takes, work = measured(photo=1, start=2), Workload(10_000)
    small, whole = at(1024, work, takes), at(PROCESSOR, work, takes)
    assert small.photo == pytest.approx(1769 / 1024, abs=0.001)
    assert small.dollars == pytest.approx(whole.dollars, rel=0.01)
    assert best(lambda_offers(work, takes, PRICES, "arm64")) == at(PROCESSOR, work, takes, "arm64")


def test_half_a_processor_starts_in_twice_the_time() -> None:
    assert at(1024, Workload(100), measured(photo=1, start=2)).slow == pytest.approx(3 * 1769 / 1024, abs=0.001)


def test_calls_are_billed_by_whole_milliseconds() -> None:
    assert at(PROCESSOR, Workload(100), measured(photo=0.0101)).photo == 0.011


def test_memory_that_is_too_small_is_refused_with_what_is_needed() -> None:
    refused = {size: at(size, Workload(1), measured(memory=410)).refused for size in (128, 512, 768)}
    assert refused == {128: "512 MB are needed", 512: "512 MB are needed", 768: ""}


def test_memory_for_videos_is_needed_only_where_there_are_videos() -> None:
    takes = Measured("", "", 1, medium(1, memory=100), medium(1, memory=1000))
    assert not at(512, Workload(100), takes).refused
    assert at(512, Workload(100, video_minutes=1), takes).refused == "1250 MB are needed"


def test_a_video_that_takes_longer_than_a_call_may_is_refused() -> None:
    work = Workload(0, video_minutes=600, video_length=60)
    assert at(PROCESSOR, work, measured(video=14, start=1)).refused == ""
    assert "a call may take 15" in at(PROCESSOR, work, measured(video=16)).refused


def test_more_at_once_than_an_account_may_have_is_refused() -> None:
    assert "an account may have 1,000" in at(PROCESSOR, Workload(1e9), measured(photo=1)).refused


def test_a_photo_through_api_gateway_needs_neither_queue_nor_objects() -> None:
    offer = api_offer(Workload(1_000_000), measured(), PRICES, "arm64", PROCESSOR)
    assert offer.costs["API Gateway"] == pytest.approx(3.50)
    assert not {"queue", "object requests"} & offer.costs.keys()


# --- workers


def test_a_task_is_paid_for_from_its_order_until_it_has_been_idle() -> None:
    """One photo an hour: a minute until the task is there, 2 seconds of start, 1 of work, 5 minutes idle."""
    offer, spot, *_ = fargate_offers(Workload(100), measured(photo=1, start=2), PRICES)
    hours = 100 * (60 + 2 + 1 + 300) / 3600
    assert offer.costs["computing"] == pytest.approx(hours * (0.04048 + 2 * 0.004445), rel=0.01)
    assert offer.costs["addresses"] == pytest.approx(hours * 0.005, rel=0.01)
    assert spot.costs["computing"] == pytest.approx(0.3 * offer.costs["computing"])
    assert offer.slow == pytest.approx(63, abs=0.5)


def test_a_task_that_is_busy_for_an_hour_is_paid_for_five_minutes_more() -> None:
    """50 photos at random moments: one task, from the first to five minutes after the last."""
    offer, *_ = fargate_offers(Workload(5000), measured(photo=0.3), PRICES)
    assert 3700 < offer.costs["addresses"] / 0.005 * 3600 / 100 < 3900


def test_more_work_than_fifteen_tasks_do_is_refused() -> None:
    (offer,) = fargate_offers(Workload(100 * 3600 * 16), measured(photo=1), PRICES)
    assert offer.refused == "16 workers are needed, 15 are the most"


def test_a_task_gets_the_memory_that_it_needs() -> None:
    sizes = [next(fargate_offers(Workload(1), measured(memory=mb), PRICES)) for mb in (1600, 1700, 7000)]
    assert ["2 GB" in sizes[0].size, "3 GB" in sizes[1].size, bool(sizes[2].refused)] == [True, True, True]


def test_machines_are_as_many_as_keep_a_fifth_free_in_the_busiest_hour() -> None:
    """3.3 photos at work at once are 4.2 processors with a fifth free, and a machine has two."""
    offer, _ = machine_offers(Workload(100 * 3600 * 3.3), measured(photo=1), PRICES)
    assert offer.size.startswith("3 x c6i.large")
    assert offer.costs["computing"] == pytest.approx(3 * 730 * 0.085)
    assert offer.slow is not None and 1 < offer.slow < 3


def test_a_machine_too_small_is_refused() -> None:
    assert all(offer.refused for offer in machine_offers(Workload(1), measured(memory=4000), PRICES))


# --- the plan


def test_an_idle_deployment_costs_nothing_but_storage() -> None:
    plan = make_plan(Workload(0, faces=10_000), shipped(), PRICES)
    for offer in places(plan):
        if offer.where != "machine" and not offer.refused:
            assert {what for what, dollars in offer.costs.items() if dollars} == NOTHING_BUT_STORAGE
            assert (offer.median, offer.slow) == (None, None)
    for machine in (offer for offer in plan.places if offer.where == "machine"):
        assert machine.dollars > 50  # it is always on


def test_storage_is_what_is_kept_for_how_long() -> None:
    """1,000,000 photos of a MB, 73/24 days of the 730/24 of a month: a tenth of 976.6 GB."""
    offer = at(PROCESSOR, Workload(1_000_000, faces=0, keep_days=73 / 24), measured())
    assert offer.costs["objects"] == pytest.approx(0.1 * 1_000_000 / 1024 * 0.023)


@pytest.mark.parametrize("photos", [100, 1000, 100_000, 10_000_000])
def test_naming_everybody_in_a_photo_costs_at_most_a_twentieth_of_managed_rekognition(photos: float) -> None:
    plan = make_plan(Workload(photos), shipped(), PRICES)
    for architecture, offers in plan.sizes.items():
        found = best(offers)
        assert found is not None and plan.times(found)[1] >= 20, architecture


@pytest.mark.parametrize(("photos", "where"), [(1000, "API Gateway"), (10_000, "Lambda"), (1_000_000, "Lambda")])
def test_even_one_call_a_photo_costs_twenty_times_as_much(photos: float, where: str) -> None:
    plan = make_plan(Workload(photos), shipped(), PRICES)
    offers = [offer for offer in plan.places if offer.where == where and "2,048 MB" in offer.size]
    assert len(offers) == 2
    assert all(plan.times(offer)[0] >= 20 for offer in offers)


def test_rekognition_needs_a_call_a_face_and_one_more() -> None:
    takes = Measured("", "", 1, medium(1, faces=15), medium(1))
    one, all_ = make_plan(Workload(1000, faces=0), takes, PRICES).managed
    assert [one.dollars, all_.dollars] == pytest.approx([1, 16])
    single = Measured("", "", 1, medium(1, faces=1), medium(1))
    assert [offer.dollars for offer in make_plan(Workload(1000, faces=0), single, PRICES).managed] == [1, 1]


@given(st.floats(0, 1e7), st.floats(0, 1e4), st.floats(1.1, 3))
def test_more_work_never_costs_less(photos: float, minutes: float, times: float) -> None:
    few = at(PROCESSOR, Workload(photos, minutes), shipped())
    many = at(PROCESSOR, Workload(times * photos, times * minutes), shipped())
    assert many.dollars >= few.dollars * (1 - 1e-9)


@pytest.mark.parametrize("work", [Workload(3), Workload(1e9), Workload(1e9, 1e9, peak_hour=1), Workload(0.5, 0.1)])
def test_extreme_work_gives_figures_or_reasons(work: Workload) -> None:
    for offer in places(make_plan(work, shipped(), PRICES)):
        figures: list[Any] = [offer.dollars, offer.median or 0, offer.slow or 0]
        assert all(math.isfinite(figure) and figure >= 0 for figure in figures), offer
        assert offer.refused or offer.slow is not None


def test_the_same_work_gives_the_same_plan() -> None:
    work = Workload(50_000, 500)
    assert make_plan(work, shipped(), PRICES) == make_plan(work, shipped(), PRICES)


def test_prices_that_are_doubled_double_the_plan(tmp_path: Path) -> None:
    doubled = Prices(
        PRICES.date,
        "",
        "",
        {name: tuple(type(tier)(2 * tier.usd, tier.first) for tier in tiers) for name, tiers in PRICES.tiers.items()},
        PRICES.what,
        {},
    )
    work = Workload(50_000, 500)
    one, two = (lambda_offers(work, shipped(), prices, "arm64")[-1].dollars for prices in (PRICES, doubled))
    assert two == pytest.approx(2 * one)
