"""How many workers a queue deserves: a pure function, asked again and again by whoever starts and stops them.

The formula is the one that is customary for queues. AWS calls it target tracking on the backlog per worker
(https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-using-sqs-queue.html), KEDA computes it for its
`lagThreshold` (https://keda.sh/docs/latest/scalers/nats-jetstream/): work divided by what one worker may have of it,
rounded up, within the limits.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Within which limits workers follow the queue. Raises `ValueError` if the limits contradict each other.

    Attributes:
        minimum: workers that are there even if there is nothing to do, 0 or more.
        maximum: workers that are never exceeded, at least `minimum` and at least 1.
        backlog_per_worker: waiting jobs for which one worker is started, 1 or more. 1 makes every job start at once, as
            long as there are workers; otherwise it is the wait that is accepted, divided by the time that a job takes.
        cool_down: seconds for which workers have to be more than the work needs before any of them stops, 0 or more.
    """

    minimum: int
    maximum: int
    backlog_per_worker: int = 1
    cool_down: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.maximum or self.maximum < 1:
            raise ValueError(f"workers from {self.minimum} to {self.maximum}: 0 <= minimum <= maximum, maximum >= 1")
        if self.backlog_per_worker < 1 or not self.cool_down >= 0:
            raise ValueError("backlog_per_worker is 1 or more, cool_down 0 or more")


def needed_workers(policy: Policy, waiting: int, busy: int) -> int:
    """How many workers the work deserves, were it free to start and to stop them.

    min(maximum, max(minimum, busy + ceil(waiting / backlog_per_worker)))

    Args:
        policy: the limits.
        waiting: jobs that could be received now; delayed ones and those that somebody has do not count.
        busy: workers with a job.
    """
    wanted = busy + -(-waiting // policy.backlog_per_worker)
    return min(policy.maximum, max(policy.minimum, wanted))


def desired_workers(policy: Policy, waiting: int, busy: int, running: int, idle_seconds: float) -> int:
    """How many workers there should be now.

    More are started at once, for all waiting jobs together. Fewer are wanted only after the cool-down, and then the
    idle ones go: of the workers that have a job, none is ever asked to stop, unless there are more than the maximum.
    Where nothing waits and nobody is busy, that makes `minimum`.

    Args:
        policy: the limits.
        waiting: jobs that could be received now.
        busy: workers with a job, at most `running`.
        running: workers that there are, those that are just starting included, those that were told to stop not.
        idle_seconds: for how long `running` has been more than `needed_workers` without a break; 0 if it is not.
    """
    needed = needed_workers(policy, waiting, busy)
    if needed >= running or idle_seconds >= policy.cool_down:
        return needed
    return min(running, policy.maximum)
