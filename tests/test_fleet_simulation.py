"""The simulation of fleets: it agrees with what can be computed otherwise, and the page shows what it found."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from photocall.costs.simulation import DAY, TICK, Load, elastic_fleet, fixed_fleet
from photocall.scaling import Policy

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks/ belongs to the repository, not to the package

from benchmarks import fleet
from benchmarks.fleet_model import busy_on_average, make_day, school_day


def ten_minutes(arrivals: list[float], services: list[float]) -> Load:
    return Load(np.array(arrivals), np.array(services), 600)


def test_the_page_shows_the_results_that_are_kept() -> None:
    text = fleet.PAGE.read_text("utf-8")
    assert fleet.filled(text, json.loads(fleet.KEPT.read_text("utf-8"))) == text
    for picture in fleet.PAGE.parent.glob("scaling-*.svg"):
        assert f"]({picture.name})" in text
        assert picture.stat().st_size < 150_000


def test_jobs_wait_for_the_worker_that_is_free_first() -> None:
    outcome = fixed_fleet(ten_minutes([0, 1, 2, 3], [10, 2, 5, 1]), workers=2)
    assert outcome.latencies.tolist() == [10, 2, 6, 6]  # the third begins when the second is done, the fourth after it
    assert outcome.worker_seconds == 2 * 600


def test_a_queue_with_one_worker_is_as_long_as_theory_says() -> None:
    """Pollaczek and Khinchine: with constant service time s and load r, the mean wait is s r / (2 (1 - r))."""
    random, service, load = np.random.default_rng(1), 0.25, 0.7
    arrivals = np.cumsum(random.exponential(service / load, 200_000))
    waits = fixed_fleet(Load(arrivals, np.full(len(arrivals), service)), workers=1).latencies - service
    assert waits.mean() == pytest.approx(service * load / (2 * (1 - load)), rel=0.05)


@pytest.mark.parametrize("workers", [1, 3, 20])
def test_a_pool_that_may_not_change_is_a_fixed_fleet(workers: int) -> None:
    random = np.random.default_rng(2)
    work = Load(np.sort(random.uniform(0, 500, 500)), random.exponential(0.9 * workers, 500), 600)
    elastic, fixed = elastic_fleet(work, Policy(workers, workers), 1.0), fixed_fleet(work, workers)
    assert elastic.latencies == pytest.approx(fixed.latencies)
    assert elastic.worker_seconds == pytest.approx(fixed.worker_seconds, rel=0.001)
    assert elastic.backlog.tolist() == fixed.backlog.tolist()
    assert fixed.backlog.any()
    assert set(elastic.workers) == {workers}


def test_a_video_that_finds_nobody_waits_for_the_next_look_and_the_start_of_a_worker() -> None:
    outcome = elastic_fleet(ten_minutes([100.1], [2.0]), Policy(0, 15, cool_down=3.0), start_up=1.5)
    assert outcome.latencies[0] == pytest.approx(TICK - 0.1 + 1.5 + 2.0)
    assert outcome.worker_seconds == pytest.approx(1.5 + 2.0 + 3.0, abs=2 * TICK)


def test_a_burst_starts_all_workers_and_leaves_none() -> None:
    outcome = elastic_fleet(ten_minutes([50.0] * 100, [30.0] * 100), Policy(0, 15), start_up=1.0)
    assert outcome.workers.max() == 15
    assert outcome.workers[-1] == 0
    assert outcome.backlog[1] == 100 - 15  # at the first full minute each has one
    assert outcome.latencies.max() == pytest.approx(TICK + 1.0 + 7 * 30.0, abs=TICK)  # 100 jobs in seven rounds of 15


def test_every_video_of_a_day_is_done_and_none_before_it_came() -> None:
    work = make_day(20_000, [0.2, 0.9])
    outcome = elastic_fleet(work, Policy(0, 30), 1.0)
    assert len(outcome.latencies) == 20_000
    assert (outcome.latencies >= work.services - 1e-6).all()
    assert outcome.backlog[-1] == 0


def test_a_day_is_busiest_at_the_start_of_lessons() -> None:
    load = busy_on_average(86_400, 1.0)
    assert load.mean() == pytest.approx(1)
    assert load.max() > 8
    assert int(np.argmax(load)) // 60 in range(8, 15)
    assert school_day().sum() == pytest.approx(1)
    arrivals = make_day(100_000, [1.0]).arrivals
    assert np.histogram(arrivals, 24, (0, DAY))[0] / 100_000 == pytest.approx(
        load.reshape(24, 60).mean(1) / 24, abs=0.01
    )
