"""photocall as Lambda functions, at every size of memory: the question that power tuning asks, answered beforehand.

Lambda gives processors in proportion to memory, so that more memory is faster and, up to one processor, costs the same.
"""

import math
from dataclasses import dataclass

from photocall.costs import traffic
from photocall.costs.measured import Effort, Measured
from photocall.costs.offers import Offer, within
from photocall.costs.prices import Prices
from photocall.costs.workload import Workload

ARCHITECTURES = ("x86_64", "arm64")

SIZES = (128, 256, 512, 768, 1024, 1536, 1769, 2048, 2560, 3008, 3538, 5307, 7076, 8845, 10_240)
"""Megabytes of memory: between the least and the most that there are, and where another processor begins."""

PROCESSOR = 1769
"""Megabytes that come with one processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

LONGEST = 900
"""Seconds that a call may take: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

AT_ONCE = 1000
"""Environments that an account usually may have at once, though a new one begins with fewer; same source."""

HEADROOM = 1.25
"""Memory for what was measured and for what a function has besides: its runtime, AWS's libraries. An assumption."""

KEPT = 300
"""Seconds for which an environment without work is kept at least: an assumption, AWS promises nothing."""


@dataclass(frozen=True, slots=True)
class _Function:
    """A function of one size at work.

    Attributes:
        photo: seconds of a call with a photo.
        video: seconds of a call with a video.
        start: seconds until a new environment takes its first call; they are paid for.
        cold: share of the calls that have to wait for that, in a busy hour.
    """

    photo: float
    video: float
    start: float
    cold: float


def lambda_offers(workload: Workload, measured: Measured, prices: Prices, architecture: str) -> list[Offer]:
    """Every size, behind bucket and queue."""
    return [_offer(workload, measured, prices, architecture, size) for size in SIZES]


def api_offer(workload: Workload, measured: Measured, prices: Prices, architecture: str, size: int) -> Offer:
    """One size behind API Gateway, which gives the answer at once and keeps nothing; for photos alone."""
    function = _function(workload, measured, size)
    costs = {
        **traffic.storage(_nothing_kept(workload), measured, prices),
        **traffic.reads_and_logs(workload, prices, function.cold * workload.jobs),
        **_computing(workload, prices, architecture, size, function),
        "API Gateway": prices.cost("api_gateway.requests", workload.jobs),
    }
    return _offered("API Gateway", workload, measured, function, costs, architecture, size)


def _offer(workload: Workload, measured: Measured, prices: Prices, architecture: str, size: int) -> Offer:
    if (needed := HEADROOM * measured.memory(workload)) > size:
        return Offer("Lambda", _words(architecture, size), refused=f"{needed:.0f} MB are needed")
    function = _function(workload, measured, size)
    costs = {
        **traffic.storage(workload, measured, prices),
        **traffic.requests(workload, prices, function.cold * workload.jobs, polls=traffic.IDLE_POLLS),
        **_computing(workload, prices, architecture, size, function),
    }
    return _offered("Lambda", workload, measured, function, costs, architecture, size)


def _offered(
    where: str,
    workload: Workload,
    measured: Measured,
    function: _Function,
    costs: dict[str, float],
    architecture: str,
    size: int,
) -> Offer:
    outcomes = [
        (seconds + waited, calls * share)
        for seconds, calls in ((function.photo, workload.photos), (function.video, workload.videos))
        for waited, share in ((0.0, 1 - function.cold), (function.start, function.cold))
    ]
    busy = workload.jobs > 0
    return Offer(
        where,
        _words(architecture, size),
        costs,
        function.photo,
        measured.video.fp32.seconds(size / PROCESSOR),
        within(outcomes, 0.5) if busy else None,
        within(outcomes, 0.99) if busy else None,
        _refusal(workload, function),
    )


def _function(workload: Workload, measured: Measured, size: int) -> _Function:
    processors = size / PROCESSOR
    photo = _billed(measured.photo.fp32, 1, processors)
    video = _billed(measured.video.fp32, workload.video_length, processors)
    start = measured.start / min(1.0, processors)
    return _Function(photo, video, start, _cold(workload, photo, video))


def _billed(effort: Effort, count: float, processors: float) -> float:
    """Seconds, rounded up to milliseconds as AWS does it."""
    return math.ceil(1000 * count * effort.seconds(processors)) / 1000


def _cold(workload: Workload, photo: float, video: float) -> float:
    """Share of calls that wait for a new environment.

    A busy hour begins without any and needs as many as are at work at once: in a Poisson process the mean, and three
    standard deviations. Calls that are further apart than environments are kept wait, too.
    """
    if not workload.jobs:
        return 0.0
    environments = _environments(workload, photo, video)
    apart = math.exp(-workload.jobs_an_hour * KEPT / 3600)
    return min(1.0, max(environments / workload.jobs_an_hour, apart))


def _environments(workload: Workload, photo: float, video: float) -> float:
    seconds = (workload.photos * photo + workload.videos * video) / workload.busy_hours
    mean = seconds / 3600
    return max(1.0, mean + 3 * math.sqrt(mean))


def _computing(
    workload: Workload, prices: Prices, architecture: str, size: int, function: _Function
) -> dict[str, float]:
    calls = workload.photos * function.photo + workload.videos * function.video
    seconds = calls + function.cold * workload.jobs * function.start
    return {
        "computing": prices.cost(f"lambda.{architecture}", seconds * size / 1024),
        "calls": prices.cost("lambda.requests", workload.jobs),
    }


def _refusal(workload: Workload, function: _Function) -> str:
    if workload.videos and function.video + function.start > LONGEST:
        return f"a video takes {function.video / 60:.0f} minutes, a call may take {LONGEST // 60}"
    if workload.jobs and (needed := _environments(workload, function.photo, function.video)) > AT_ONCE:
        return f"{needed:,.0f} at once, an account may have {AT_ONCE:,}"
    return ""


def _nothing_kept(workload: Workload) -> Workload:
    return Workload(0, faces=workload.faces)


def _words(architecture: str, size: int) -> str:
    return f"{size:,} MB {architecture}"
