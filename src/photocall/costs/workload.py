"""What is to be done in a month, and in its busiest hour."""

from dataclasses import dataclass

HOURS = 730
"""Of a month, as AWS counts them."""

DAYS = HOURS / 24


@dataclass(frozen=True, slots=True)
class Workload:
    """A month of work, which comes in hours that are as busy as the busiest one, and stand alone.

    Every hour pays for its own starts. Hours in a row need fewer for the same work; work that trickles, with minutes
    between two jobs, needs more, up to one a job.

    Attributes:
        photos: a month.
        video_minutes: a month.
        video_length: minutes of a video.
        faces: that are enrolled.
        peak_hour: share of the month's work that comes in the busiest hour, above 0 and at most 1.
        keep_days: for how long photos and videos that were sent are kept.
    """

    photos: float
    video_minutes: float = 0
    video_length: float = 1
    faces: float = 1000
    peak_hour: float = 0.01
    keep_days: float = 1

    @property
    def videos(self) -> float:
        """A month."""
        return self.video_minutes / self.video_length

    @property
    def jobs(self) -> float:
        """Photos and videos a month."""
        return self.photos + self.videos

    @property
    def busy_hours(self) -> float:
        """In which everything comes; no more than there are jobs."""
        return min(1 / self.peak_hour, self.jobs)

    @property
    def jobs_an_hour(self) -> float:
        """In a busy hour; 0 where there is nothing to do."""
        return self.jobs / self.busy_hours if self.jobs else 0
