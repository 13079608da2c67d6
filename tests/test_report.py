import csv
import io
import json

import numpy as np
import pytest

from people import face, person
from photocall import report
from photocall.faces import Identification
from photocall.roster import Attendance, RollCall, Sighting, Status, Student

CROP = np.zeros((9, 9, 3), np.uint8)
ANN = Sighting("Ann", 1.0, 64.25, ((1.0, 3.0), (60.0, 64.25)), 98.765, CROP)
STRANGER = Sighting(None, 2.0, 2.5, ((2.0, 2.5),), None, CROP)
ROLL = RollCall(
    (
        Attendance(Student("Ann", {"id": "7", "year": "2"}), Status.PRESENT, 98.765, "1.jpg", face(None, 1, 2).box),
        Attendance(Student("=Bob()", {"major": "art"}), Status.ABSENT),
    ),
    strangers=2,
)


def test_a_register_for_machines_has_the_promised_keys() -> None:
    assert json.loads(json.dumps(report.roll_json(ROLL))) == {
        "students": [
            {
                "name": "Ann",
                "status": "present",
                "similarity": 98.77,
                "photo": "1.jpg",
                "box": [1, 2, 100, 100],
                "reasons": [],
            },
            {"name": "=Bob()", "status": "absent", "similarity": None, "photo": None, "box": None, "reasons": []},
        ],
        "strangers": 2,
    }


def test_a_register_for_spreadsheets_has_everybodys_fields_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(report.roll_csv(ROLL))))
    assert rows == [
        ["name", "id", "year", "major", "status", "similarity", "photo"],
        ["Ann", "7", "2", "", "present", "98.77", "1.jpg"],
        ["'=Bob()", "", "", "art", "absent", "", ""],
    ]


def test_a_video_for_machines_counts_strangers_apart() -> None:
    assert report.video_json("v.mp4", [ANN, STRANGER]) == {
        "video": "v.mp4",
        "people": [{"name": "Ann", "first_seen": 1.0, "last_seen": 64.25, "similarity": 98.77}],
        "unknown": 1,
    }


def test_a_timeline_has_every_appearance_of_everybody() -> None:
    timeline = report.timeline_json("v.mp4", [ANN, STRANGER], ["cut short"])
    assert timeline["sightings"][0]["spans"] == [[1.0, 3.0], [60.0, 64.25]]
    assert timeline["sightings"][1]["name"] is None
    assert timeline["warnings"] == ["cut short"]


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("photocall", "name,major,year,first_seen,last_seen,similarity\nAnn,art,2,1.00,64.25,98.77\n"),
        ("name-major-year", "name,major,year\nAnn,art,2\n"),
        ("year-major-name-bom", "\ufeffyear,major,name\n2,art,Ann\n"),
        ("capitalised", "Name,Major,Year\nAnn,art,2\n"),
        ("bare", "Ann,art,2\n"),
    ],
)
def test_the_csv_of_a_video_comes_in_every_layout_in_use(layout: str, text: str) -> None:
    """S1.4: the default of photocall, and the variants in the wild."""
    students = [Student("Ann", {"id": "1", "major": "art", "year": "2"})]
    assert report.video_csv([ANN, STRANGER], students, layout) == text


def test_the_readable_answer_is_word_for_word_that_of_the_original() -> None:
    """S4.2."""
    known = Identification(face(person(0)), "John Doe", 99.0)
    doubtful = Identification(face(person(1)), "Jane Roe", 80.0, certain=False)
    stranger = Identification(face(person(2)))
    assert report.recognised_line("image_01.jpg", [known]) == "image_01.jpg: face detected - John Doe"
    assert report.recognised_line("image_02.jpg", [stranger, doubtful]) == "image_02.jpg: face not recognized"
    assert report.recognised_line("image_03.jpg", []) == "image_03.jpg: face not recognized"
    both = [known, Identification(face(person(3)), "Max Poe", 99.0)]
    assert report.recognised_line("image_04.jpg", both) == "image_04.jpg: face detected - John Doe, Max Poe"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (9.96, "0:10.0"), (59.97, "1:00.0"), (64.25, "1:04.2"), (3661.5, "1:01:01.5")]
)
def test_times_read_like_a_clock(seconds: float, text: str) -> None:
    assert report.clock(seconds) == text
