"""Attendance: a class of 40, three enrolment photos each, on class photos with strangers among the students."""

from benchmarks.material import Material, classroom_photos
from benchmarks.photo import identify
from benchmarks.scoring import tally
from benchmarks.tables import Table
from benchmarks.timing import Result, told


def measure(material: Material) -> Result:
    """Counts over all photos, with default settings."""
    assert material.evaluation is not None
    folder = material.evaluation / "classroom-photos"
    forty, refused = material.enrol_folder(folder / "enroll")
    photos = classroom_photos(folder)
    seen = [
        (photo.people, identify(material.engine, forty.gallery, photo.path))
        for photo in told(photos, "accuracy: class photos")
    ]
    enrolled = {"students": len(forty.gallery.people), "enrolled_photos": len(forty.names), "refused_photos": refused}
    return {**enrolled, "photos": len(photos), **tally(seen)}


def table(result: Result) -> Table:
    """One row."""
    keys = ("right", "wrong", "uncertain", "missed")
    return Table(
        "Class photos",
        ("students in the photos", *keys, "strangers", "of them named", "faces found", "boxes elsewhere"),
        [
            (
                str(result["people"]),
                *(str(result[key]) for key in keys),
                str(result["strangers"]),
                str(result["accepted"]),
                f"{result['found']} of {result['faces']}",
                str(result["extra"]),
            )
        ],
        f"{result['photos']} photos, 1920x1080, of {result['students']} students with {result['enrolled_photos']} "
        f"enrolment photos ({result['refused_photos']} refused). Uncertain: put up for review, whatever the name. "
        "Missed: not found, or found and not named.",
    )
