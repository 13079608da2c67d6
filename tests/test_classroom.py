"""The classroom assistant whole, on its course's own clips, class and encodings: videos in, the right CSVs out."""

import csv
import io
import shutil
from pathlib import Path

import pytest

from commandline import data_with, everybody, photocall
from crew import at_work
from photocall.app import open_bucket
from photocall.settings import Settings
from photocall.students import CSV_LAYOUTS

LINES = {
    "photocall": "name,major,year,first_seen,last_seen,similarity",
    "name-major-year": "name,major,year",
    "year-major-name-bom": "\ufeffyear,major,name",
    "capitalised": "Name,Major,Year",
    "bare": None,
}
"""The first line of each layout, as the course's variants have it."""


@pytest.fixture(scope="module")
def clips(eval_data: Path) -> Path:
    return eval_data / "classroom-videos"


@pytest.fixture(scope="module")
def enrolled(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the course's class."""
    folder = tmp_path_factory.mktemp("classroom")
    return data_with(folder, "--encodings", clips / "encoding", "--students", clips / "student_data.json")


@pytest.fixture
def settings(enrolled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """That directory with queue and buckets of its own, which the environment names."""
    monkeypatch.setenv("PHOTOCALL_DATA", str(enrolled))
    monkeypatch.setenv("PHOTOCALL_QUEUE", f"sqlite:///{tmp_path}/queue.db")
    monkeypatch.setenv("PHOTOCALL_OBJECTS", (tmp_path / "objects").as_uri())
    return Settings()


def expected(clips: Path) -> dict[str, tuple[str, str, str]]:
    """Name, major and year of who is in each clip."""
    with (clips / "expected.csv").open(newline="") as file:
        return {row["video"]: (row["name"], row["major"], row["year"]) for row in csv.DictReader(file)}


def test_the_class_is_enrolled_from_the_encodings_without_running_what_is_in_them(enrolled: Path, clips: Path) -> None:
    faces = everybody(enrolled)
    assert {name for name, _, _ in expected(clips).values()} <= faces.keys()
    assert sum(faces.values()) == 11


def test_every_clip_becomes_the_csv_that_the_course_expects(settings: Settings, clips: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping"
    # In one line the course's mapping contradicts its list of students, which is what a CSV is made of.
    mapping.write_text((clips / "mapping").read_text().replace("lawyer,freshman", "lawyer,freshmen"))
    with at_work(settings):
        answer = photocall("load", "--folder", clips, "--expect", mapping)
    assert answer.out.splitlines()[-1] == "right: 5 videos, 5 CSVs, each as expected"
    assert answer.code == 0
    output = open_bucket(settings, settings.output_bucket)
    for video, person in expected(clips).items():
        header, row = output.get(f"{Path(video).stem}.csv").decode().splitlines()
        assert header == LINES["photocall"]
        assert tuple(row.split(",")[:3]) == person


@pytest.mark.parametrize(
    ("layout", "suffix"),
    [*((layout, ".csv") for layout in CSV_LAYOUTS), ("bare", "none"), ("photocall", "-result.csv")],
)
def test_header_and_key_are_made_as_every_variant_of_the_course_wants_them(
    settings: Settings, clips: Path, layout: str, suffix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All on the clip that is quickest; that every clip is recognised does not depend on the layout."""
    monkeypatch.setenv("PHOTOCALL_CSV_LAYOUT", layout)
    monkeypatch.setenv("PHOTOCALL_CSV_SUFFIX", suffix)
    monkeypatch.setenv("PHOTOCALL_VIDEO_FPS", "1")
    shutil.copy(clips / "test_8.mp4", tmp_path / "test_8.mp4")
    with at_work(Settings()):
        answer = photocall("submit", tmp_path / "test_8.mp4", "--wait")
    assert answer.out == f"{tmp_path / 'test_8.mp4'}: president_obama\n"
    key = {".csv": "test_8.csv", "none": "test_8", "-result.csv": "test_8-result.csv"}[suffix]
    lines = open_bucket(settings, settings.output_bucket).get(key).decode().splitlines()
    header = LINES[layout]
    assert len(lines) == (1 if header is None else 2) and header in (None, lines[0])
    columns = (header or "name,major,year").lower().lstrip("\ufeff").split(",")
    (row,) = csv.DictReader(io.StringIO(lines[-1]), columns)
    assert (row["name"], row["major"], row["year"]) == ("president_obama", "electrical_engineering", "senior")


def test_a_hostile_encoding_is_refused_and_does_nothing(clips: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    hostile = tmp_path / "encoding"
    hostile.write_bytes(b"cos\nsystem\n(S'touch " + str(mark).encode() + b"'\ntR.")
    answer = photocall("enroll", "--encodings", hostile, "--data", tmp_path / "data")
    assert answer.code == 1 and f"{hostile}: not a file of face encodings" in answer.problems[0]
    assert not mark.exists()
