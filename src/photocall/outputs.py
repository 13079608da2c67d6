"""What a video leaves: a table of its people, every appearance, and a picture of every face."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from photocall import report
from photocall.media.draw import contact_sheet
from photocall.media.images import encode_jpeg
from photocall.roster import Sighting, Student
from photocall.students import named


@dataclass(frozen=True, slots=True)
class VideoOutputs:
    """The files about a video, ready to be written.

    Attributes:
        faces: JPEG of the best picture of everybody.
        timeline: JSON of every uninterrupted appearance.
        table: CSV of the known people.
    """

    faces: bytes
    timeline: bytes
    table: bytes


def video_outputs(
    video: str, sightings: Sequence[Sighting], warnings: Sequence[str], students: Sequence[Student], layout: str
) -> VideoOutputs:
    """The files about a video.

    Args:
        video: its name.
        sightings: who was seen.
        warnings: what could not be read of it.
        students: what else is known of people.
        layout: of the table, one of `students.CSV_LAYOUTS`.
    """
    crops, shown = [sighting.crop for sighting in sightings], named(sightings, students)
    sheet = contact_sheet(list(zip(crops, report.captions(shown), strict=True)))
    timeline = json.dumps(report.timeline_json(video, shown, warnings), indent=1)
    table = report.video_csv(sightings, students, layout)
    return VideoOutputs(encode_jpeg(sheet), timeline.encode(), table.encode(errors="replace"))
