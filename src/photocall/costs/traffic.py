"""What a month costs on AWS beside computing: requests, storage, logs.

How many requests a job makes was counted in the code: handlers, results and worker.
"""

from photocall.costs.measured import Measured
from photocall.costs.prices import Prices
from photocall.costs.workload import DAYS, Workload

QUEUE_REQUESTS = 3
"""To SQS for each job: sent, received, deleted."""

IDLE_POLLS = 5 * 3 * 60 * 730
"""Requests of a month by which Lambda looks into an empty queue: five pollers that wait 20 seconds each.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

PHOTO_PUTS, VIDEO_PUTS = 3, 6
"""Objects that are written: what was sent, the result and names; for a video its table twice, timeline and faces."""

GETS = 2
"""Objects that are read for each job: whether there is a result, and what was sent."""

TEMPLATE_BYTES = 1000
"""In the database for a face, what is known of it included: 512 of the vector, about as much for the rest."""

REFRESH_UNITS = 2
"""Request units by which every job asks what has changed among the templates since it last looked."""

STUDENT_BYTES = 100
"""In the database for a face's student, which every job reads: an assumption, three faces a student of 300 bytes."""

CROP_BYTES = 100_000
"""In the object store for a face, so that another model can embed it: an assumption."""

LOG_BYTES = 2000
"""Of each job: Lambda's own three lines, photocall's, and metrics; an assumption."""

_GB = 2**30
_READ_BYTES = 4096  # that a request unit reads, with every write before it


def storage(workload: Workload, measured: Measured, prices: Prices) -> dict[str, float]:
    """US dollars a month for what is kept: templates with their backup, photos and videos, crops of faces."""
    database = workload.faces * (TEMPLATE_BYTES + STUDENT_BYTES) / _GB
    dollars = prices.cost("dynamodb.storage", database) + prices.cost("dynamodb.backup", database)
    return {"database": dollars, "objects": prices.cost("s3.storage", kept_gigabytes(workload, measured))}


def kept_gigabytes(workload: Workload, measured: Measured) -> float:
    """Of photos, videos and crops that are there at a time."""
    sent = workload.photos * measured.photo.megabytes + workload.video_minutes * measured.video.megabytes
    return sent * workload.keep_days / DAYS / 1024 + workload.faces * CROP_BYTES / _GB


def requests(workload: Workload, prices: Prices, starts: float, *, polls: float = 0) -> dict[str, float]:
    """US dollars a month for what jobs ask of queue, object store and database, and for logs.

    Args:
        workload: the jobs.
        prices: of the requests.
        starts: processes a month that read all templates first.
        polls: requests a month to a queue with nothing in it.
    """
    puts = PHOTO_PUTS * workload.photos + VIDEO_PUTS * workload.videos
    objects = prices.cost("s3.puts", puts) + prices.cost("s3.gets", GETS * workload.jobs)
    queue = prices.cost("sqs.requests", QUEUE_REQUESTS * workload.jobs + polls)
    return {"object requests": objects, "queue": queue} | reads_and_logs(workload, prices, starts)


def reads_and_logs(workload: Workload, prices: Prices, starts: float) -> dict[str, float]:
    """US dollars a month for reading templates and students, and for logs."""
    each = REFRESH_UNITS + _units(workload.faces * STUDENT_BYTES)
    units = starts * _units(workload.faces * TEMPLATE_BYTES) + workload.jobs * each
    logs = prices.cost("logs.ingested", workload.jobs * LOG_BYTES / _GB)
    return {"database reads": prices.cost("dynamodb.reads", units), "logs": logs}


def _units(count: float) -> float:
    """Request units that reading so many bytes takes."""
    return count / _READ_BYTES
