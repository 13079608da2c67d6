"""How many workers a queue deserves, whatever it and they are like."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photocall.scaling import Policy, desired_workers, needed_workers

COUNTS = st.integers(0, 100_000)
SECONDS = st.floats(0, 1000)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    maximum = draw(st.integers(1, 200))
    return Policy(draw(st.integers(0, maximum)), maximum, draw(st.integers(1, 50)), draw(st.floats(0, 100)))


@st.composite
def pools(draw: st.DrawFn) -> tuple[Policy, int, int, int]:
    """A policy, waiting jobs, busy and running workers, as they can be together."""
    policy = draw(policies())
    running = draw(st.integers(0, policy.maximum))
    return policy, draw(COUNTS), draw(st.integers(0, running)), running


@given(policies(), COUNTS, COUNTS, COUNTS, SECONDS)
def test_there_are_never_more_workers_than_the_maximum_nor_fewer_than_the_minimum(
    policy: Policy, waiting: int, busy: int, more: int, idle: float
) -> None:
    assert policy.minimum <= desired_workers(policy, waiting, busy, busy + more, idle) <= policy.maximum


@given(pools(), SECONDS)
def test_no_busy_worker_is_asked_to_stop(pool: tuple[Policy, int, int, int], idle: float) -> None:
    policy, waiting, busy, running = pool
    assert desired_workers(policy, waiting, busy, running, idle) >= busy


@given(pools(), COUNTS, SECONDS)
def test_more_waiting_jobs_never_mean_fewer_workers(pool: tuple[Policy, int, int, int], more: int, idle: float) -> None:
    policy, waiting, busy, running = pool
    fewer = desired_workers(policy, waiting, busy, running, idle)
    assert desired_workers(policy, waiting + more, busy, running, idle) >= fewer


@given(pools())
def test_nobody_stops_before_the_cool_down(pool: tuple[Policy, int, int, int]) -> None:
    policy, waiting, busy, running = pool
    early = math.nextafter(policy.cool_down, -1)
    assert desired_workers(policy, waiting, busy, running, early) >= running


@given(pools())
def test_after_the_cool_down_there_are_no_more_workers_than_work(pool: tuple[Policy, int, int, int]) -> None:
    policy, waiting, busy, running = pool
    needed = needed_workers(policy, waiting, busy)
    assert desired_workers(policy, waiting, busy, running, policy.cool_down) == needed


@given(policies(), SECONDS)
def test_an_idle_pool_shrinks_to_the_minimum(policy: Policy, over: float) -> None:
    assert desired_workers(policy, 0, 0, policy.maximum, policy.cool_down + over) == policy.minimum


@given(pools(), SECONDS)
def test_a_pool_that_does_as_it_is_told_is_told_the_same_again(pool: tuple[Policy, int, int, int], idle: float) -> None:
    policy, waiting, busy, running = pool
    told = desired_workers(policy, waiting, busy, running, idle)
    assert desired_workers(policy, waiting, busy, told, idle) == told


def test_every_waiting_job_counts_at_once() -> None:
    assert desired_workers(Policy(0, 15), waiting=1, busy=0, running=0, idle_seconds=0) == 1
    assert desired_workers(Policy(0, 15), waiting=9, busy=2, running=2, idle_seconds=0) == 11
    assert desired_workers(Policy(0, 15), waiting=100, busy=0, running=0, idle_seconds=0) == 15


def test_a_worker_is_there_for_each_part_of_the_backlog_that_has_begun() -> None:
    policy = Policy(0, 15, backlog_per_worker=10)
    assert [needed_workers(policy, waiting, 0) for waiting in (0, 1, 10, 11, 1000)] == [0, 1, 1, 2, 15]


def test_a_few_workers_are_enough_for_a_trickle_even_if_it_never_ends() -> None:
    """Jobs that keep coming do not keep a pool large that a burst has made large."""
    assert desired_workers(Policy(0, 15), waiting=1, busy=1, running=15, idle_seconds=1.0) == 2


@pytest.mark.parametrize("limits", [(-1, 5), (6, 5), (0, 0), (0, 5, 0), (0, 5, 1, -0.1), (0, 5, 1, math.nan)], ids=str)
def test_limits_that_contradict_each_other_are_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"minimum|backlog"):
        Policy(*limits)
