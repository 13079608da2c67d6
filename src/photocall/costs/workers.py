"""photocall as workers: Fargate tasks that follow the queue, and machines that are always there.

Both are simulated through a busy hour (`simulation.py`); what it cost and how long results took is what came of that.
"""

import math
from collections.abc import Iterator

import numpy as np

from photocall.costs import traffic
from photocall.costs.lambdas import ARCHITECTURES, HEADROOM
from photocall.costs.measured import Measured, Medium
from photocall.costs.offers import Offer
from photocall.costs.prices import Prices
from photocall.costs.simulation import Load, Outcome, elastic_fleet, fixed_fleet
from photocall.costs.workload import HOURS, Workload
from photocall.scaling import Policy

MOST_WORKERS = 15
"""That follow the queue, unless somebody says otherwise."""

TASK_START = 60.0
"""Seconds from the order of a Fargate task until its process starts, which fetches the image first: an assumption."""

COOL_DOWN = 300.0
"""Seconds for which a task is not needed before it is stopped: how Amazon's own scaling begins."""

ACCEPTED_WAIT = 60.0
"""Seconds that a job may wait: the backlog of a task is what it does in that time."""

TASK_MEMORY = range(2, 9)
"""GB that a Fargate task with one processor can have:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html"""

MACHINE_PROCESSORS, MACHINE_MEMORY = 2, 4096
"""Of the machines in `prices.toml`; megabytes."""

MACHINE_DISK = 20
"""Gigabytes for system, program and database."""

BUSIEST = 0.8
"""Share of the busiest hour that a machine's processors may be at work; beyond it queues grow fast."""

MOST_SIMULATED = 100_000
"""Jobs of an hour; of more, as many are simulated in a shorter time, and the others are taken to be like them."""

_HOUR = 3600


def fargate_offers(workload: Workload, measured: Measured, prices: Prices) -> Iterator[Offer]:
    """Up to 15 tasks with one processor each, on demand, and as spot capacity."""
    needed = HEADROOM * measured.memory(workload)
    memory = next((gb for gb in TASK_MEMORY if 1024 * gb >= needed), None)
    if memory is None:
        yield Offer("Fargate", "1 vCPU", refused=f"{needed:.0f} MB are needed")
        return
    photo, video = _seconds(measured.photo, fp32=True), _seconds(measured.video, fp32=True) * workload.video_length
    if (busy := math.ceil(_busy(workload, photo, video))) > MOST_WORKERS:
        refused = f"{busy:,} workers are needed, {MOST_WORKERS} are the most"
        yield Offer("Fargate", f"0 to {MOST_WORKERS} tasks", refused=refused)
        return
    hours, latencies = _elastic(workload, measured, photo, video)
    others = traffic.storage(workload, measured, prices) | traffic.requests(workload, prices, hours)
    for architecture in ARCHITECTURES:
        on_demand = hours * prices.cost(f"fargate.{architecture}_processor", 1)
        on_demand += hours * memory * prices.cost(f"fargate.{architecture}_memory", 1)
        for kind, dollars in (("", on_demand), (" spot", prices.cost("fargate.spot", on_demand))):
            costs = others | {"computing": dollars, "addresses": prices.cost("network.address", hours)}
            size = f"0 to {MOST_WORKERS} tasks, {memory} GB {architecture}{kind}"
            yield Offer("Fargate", size, costs, photo, _seconds(measured.video, fp32=True), *latencies)


def machine_offers(workload: Workload, measured: Measured, prices: Prices) -> Iterator[Offer]:
    """As many machines as the busiest hour needs, at least one; files and SQLite on their disks, nothing else."""
    needed = HEADROOM * measured.memory(workload)
    workers = min(MACHINE_PROCESSORS, int(MACHINE_MEMORY / needed))
    photo, video = _seconds(measured.photo, fp32=False), _seconds(measured.video, fp32=False) * workload.video_length
    for architecture in ARCHITECTURES:
        name = prices.what.get(f"machine.{architecture}", "machine")
        if not workers:
            yield Offer("machine", name, refused=f"{needed:.0f} MB are needed")
            continue
        machines = max(1, math.ceil(_busy(workload, photo, video) / BUSIEST / workers))
        disk = machines * MACHINE_DISK + traffic.kept_gigabytes(workload, measured)
        costs = {
            "computing": prices.cost(f"machine.{architecture}", machines * HOURS),
            "disk": prices.cost("machine.disk", disk),
            "addresses": prices.cost("network.address", machines * HOURS),
        }
        load = _hour(workload, photo, video)
        latencies = _percentiles(fixed_fleet(load, machines * workers)) if load else (None, None)
        size = f"{machines:,} x {name} {architecture}, always on"
        yield Offer("machine", size, costs, photo, _seconds(measured.video, fp32=False), *latencies)


def _seconds(medium: Medium, *, fp32: bool) -> float:
    """Of a worker, which computes with one thread."""
    return medium.fp32.one if fp32 else medium.int8


def _busy(workload: Workload, photo: float, video: float) -> float:
    """Workers that are at work at once in a busy hour, on average."""
    if not workload.jobs:
        return 0.0
    return (workload.photos * photo + workload.videos * video) / workload.busy_hours / _HOUR


def _hour(workload: Workload, photo: float, video: float) -> Load | None:
    """The jobs of a busy hour at random moments, and the time until the last worker has gone; None without any."""
    if not workload.jobs:
        return None
    random = np.random.default_rng(7)
    count = min(MOST_SIMULATED, max(1, round(workload.jobs_an_hour)))
    seconds = _HOUR * min(1.0, MOST_SIMULATED / workload.jobs_an_hour)
    videos = round(count * workload.videos / workload.jobs)
    services = random.permutation(np.where(np.arange(count) < videos, video, photo))
    return Load(np.sort(random.uniform(0, seconds, count)), services, seconds + TASK_START + 2 * COOL_DOWN)


def _elastic(
    workload: Workload, measured: Measured, photo: float, video: float
) -> tuple[float, tuple[float | None, float | None]]:
    """Hours of tasks that a month takes, and percentiles of its results."""
    load = _hour(workload, photo, video)
    if load is None:
        return 0.0, (None, None)
    backlog = max(1, round(ACCEPTED_WAIT / float(load.services.mean())))
    policy = Policy(0, MOST_WORKERS, backlog, COOL_DOWN)
    outcome = elastic_fleet(load, policy, TASK_START + measured.start)
    return outcome.worker_seconds / _HOUR * workload.jobs / len(load.arrivals), _percentiles(outcome)


def _percentiles(outcome: Outcome) -> tuple[float, float]:
    median, slow = np.percentile(outcome.latencies, (50, 99))
    return float(median), float(slow)
