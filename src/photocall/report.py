"""Results as others want them: JSON for machines, CSV for spreadsheets, labels and captions for pictures.

The keys of the JSON objects are a contract (docs/cli.md).
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

from photocall.faces import LANDMARK_NAMES, BoundingBox, Face, Identification
from photocall.media.draw import Label
from photocall.roster import Attendance, RollCall, Sighting, Status, Student
from photocall.students import no_formula, people_csv

Json = dict[str, Any]

NOBODY = "unknown"
"""What stands for a name where nobody is recognised."""


def box_json(box: BoundingBox | None) -> list[float] | None:
    """Left, top, width, height in pixels, to a tenth."""
    return None if box is None else [round(edge, 1) for edge in (box.left, box.top, box.width, box.height)]


def face_json(face: Face) -> Json:
    """A detected face."""
    quality = face.quality
    return {
        "box": box_json(face.box),
        "score": round(face.score, 4),
        "landmarks": {
            name: [round(float(x), 1), round(float(y), 1)]
            for name, (x, y) in zip(LANDMARK_NAMES, face.landmarks, strict=True)
        },
        "quality": {name: round(getattr(quality, name), 3) for name in type(quality).__slots__},
    }


def identified_json(one: Identification) -> Json:
    """A face and who it is taken for."""
    return {
        "box": box_json(one.face.box),
        "name": one.name,
        "similarity": _rounded(one.similarity),
        "certain": one.certain,
        "reasons": list(one.reasons),
    }


def attendance_json(line: Attendance) -> Json:
    """A line of the register."""
    return {
        "name": line.student.name,
        "status": line.status.value,
        "similarity": _rounded(line.similarity),
        "photo": line.photo,
        "box": box_json(line.box),
        "reasons": list(line.reasons),
    }


def roll_json(roll: RollCall) -> Json:
    """A register."""
    return {"students": [attendance_json(line) for line in roll.lines], "strangers": roll.strangers}


def roll_csv(roll: RollCall) -> str:
    """A register: name, the students' own fields, then status, similarity and photo."""
    fields = list(dict.fromkeys(field for line in roll.lines for field in line.student.fields))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([no_formula(cell) for cell in ("name", *fields, "status", "similarity", "photo")])
    for line in roll.lines:
        own = [line.student.fields.get(field, "") for field in fields]
        found = [line.status.value, _percent(line.similarity), line.photo or ""]
        writer.writerow([no_formula(cell) for cell in (line.student.name, *own, *found)])
    return text.getvalue()


def video_json(video: str, sightings: Sequence[Sighting]) -> Json:
    """The people of a video: the known ones, and how many others."""
    return {
        "video": video,
        "people": [
            {
                "name": sighting.name,
                "first_seen": round(sighting.first_seen, 2),
                "last_seen": round(sighting.last_seen, 2),
                "similarity": _rounded(sighting.similarity),
            }
            for sighting in sightings
            if sighting.name is not None
        ],
        "unknown": sum(sighting.name is None for sighting in sightings),
    }


def timeline_json(video: str, sightings: Sequence[Sighting], warnings: Sequence[str]) -> Json:
    """Everybody in a video, strangers too, with every uninterrupted appearance."""
    return {
        "video": video,
        "sightings": [
            {
                "name": sighting.name,
                "similarity": _rounded(sighting.similarity),
                "spans": [[round(start, 2), round(end, 2)] for start, end in sighting.spans],
            }
            for sighting in sightings
        ],
        "warnings": list(warnings),
    }


def video_csv(sightings: Sequence[Sighting], students: Sequence[Student], layout: str) -> str:
    """The known people of a video, one row each, in one of `students.CSV_LAYOUTS`."""
    by_id = {student.student_id: student for student in students}
    rows = [
        (
            by_id.get(sighting.name, Student(sighting.name)),
            {
                "first_seen": f"{sighting.first_seen:.2f}",
                "last_seen": f"{sighting.last_seen:.2f}",
                "similarity": _percent(sighting.similarity),
            },
        )
        for sighting in sightings
        if sighting.name is not None
    ]
    return people_csv(rows, layout)


def answer(result: Json) -> str:
    """The result of a job in a word: the name in a photo, the names in a video, or that there is none."""
    people = [person["name"] for person in result.get("people", [])]
    return ", ".join(result.get("names", people)) or NOBODY


def recognised_line(image: str, identified: Sequence[Identification]) -> str:
    """The readable answer for a picture: who was recognised in it, by row S4.2."""
    return readable_line(image, names(identified))


def readable_line(image: str, people: Sequence[str]) -> str:
    """The same for the names of those who were recognised."""
    recognised = ", ".join(people)
    return f"{image}: face detected - {recognised}" if recognised else f"{image}: face not recognized"


def names(identified: Sequence[Identification]) -> list[str]:
    """Who was recognised for certain."""
    return [one.name for one in identified if one.name is not None and one.certain]


def labels(identified: Sequence[Identification]) -> list[Label]:
    """What to write at every face of a picture."""
    return [_label(one) for one in identified]


def _label(one: Identification) -> Label:
    if one.name is None:
        return Label(one.face.box, "", None)
    if one.certain:
        return Label(one.face.box, one.name, Status.PRESENT)
    return Label(one.face.box, f"{one.name}?", Status.UNCERTAIN)


def captions(sightings: Sequence[Sighting]) -> list[str]:
    """What to write under every crop of a contact sheet."""
    return [
        f"{sighting.name or 'unknown'}\n{clock(sighting.first_seen)} - {clock(sighting.last_seen)}"
        + (f"\nsimilarity {sighting.similarity:.1f}" if sighting.similarity is not None else "")
        for sighting in sightings
    ]


def clock(seconds: float) -> str:
    """Minutes and seconds to a tenth, with hours where there are some."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 2)


def _percent(similarity: float | None) -> str:
    return "" if similarity is None else f"{similarity:.2f}"
