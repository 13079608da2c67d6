"""The commands as a user types them: what they print, write and answer."""

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photocall.cli import main
from photocall.demo import Demo
from photocall.media.images import read_image

STATUSES = {"Barack Obama": "present", "Joe Biden": "present", "Ada Lovelace": "absent"}


@pytest.fixture(scope="module")
def data(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with the demo class enrolled."""
    folder = tmp_path_factory.mktemp("data")
    assert main(["enroll", str(demo.enroll), "--students", str(demo.students), "--data", str(folder)]) == 0
    yield folder


def test_detect_prints_a_line_a_picture_and_draws(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = tmp_path / "out.png"
    assert main(["detect", str(demo.photo), "--draw", str(drawing)]) == 0
    assert capsys.readouterr().out == f"{demo.photo}: 3 faces\n"
    assert (read_image(drawing) != read_image(demo.photo)).any()


def test_detect_tells_machines_where_each_face_is(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(demo.photo), str(demo.photo), "--json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == second
    assert set(first["faces"][0]) == {"box", "score", "landmarks", "quality"}
    assert set(first["faces"][0]["landmarks"]) == {"eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight"}


def test_several_drawings_get_the_names_of_their_pictures(demo: Demo, tmp_path: Path) -> None:
    other = shutil.copy(demo.enroll / "Joe Biden.jpg", tmp_path / "joe.jpg")
    assert main(["detect", str(demo.photo), str(other), "--draw", str(tmp_path / "out.jpg")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"joe.jpg", "out-class.jpg", "out-joe.jpg"}


def test_compare_says_whether_it_is_the_same_person(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    obama, biden = str(demo.enroll / "Barack Obama.jpg"), str(demo.enroll / "Joe Biden.jpg")
    assert main(["compare", obama, obama]) == 0
    assert capsys.readouterr().out.startswith("same person (similarity 100")
    assert main(["compare", obama, biden, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["same"] is False and answer["similarity"] < 5 and answer["distance"] > 0.6


def test_enrolling_again_changes_nothing(demo: Demo, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["students", "--data", str(data), "--json"])
    before = capsys.readouterr().out
    assert main(["enroll", str(demo.enroll), "--data", str(data)]) == 0
    assert "2 people enrolled; 3 students in the class" in capsys.readouterr().out
    main(["students", "--data", str(data), "--json"])
    assert capsys.readouterr().out == before
    assert {student["name"]: student["faces"] for student in json.loads(before)} == {
        "Ada Lovelace": 0,
        "Barack Obama": 1,
        "Joe Biden": 1,
    }


def test_attendance_lists_every_student_and_counts_the_stranger(
    demo: Demo, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register, drawing = tmp_path / "register.csv", tmp_path / "register.jpg"
    arguments = ["attend", str(demo.photo), "--csv", str(register), "--draw", str(drawing), "--data", str(data)]
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {line["name"]: line["status"] for line in answer["students"]} == STATUSES
    assert answer["strangers"] == 1
    for line in answer["students"]:
        assert set(line) == {"name", "status", "similarity", "photo", "box", "reasons"}
        assert (line["photo"] == str(demo.photo)) == (line["status"] == "present")
    with register.open() as file:
        assert {row["name"]: row["status"] for row in csv.DictReader(file)} == STATUSES
    assert (read_image(drawing) != read_image(demo.photo)).any()


def test_attendance_for_people_is_a_table_with_a_count(
    demo: Demo, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attend", str(demo.photo), "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert "Ada Lovelace" in out and "absent" in out
    assert out.endswith("2 present, 0 uncertain, 1 absent; 1 stranger\n")


def test_a_video_gives_table_timeline_and_contact_sheet(
    demo: Demo, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S1.4 as a command."""
    assert main(["video", str(demo.clip), "--out", str(tmp_path / "new"), "--data", str(data), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"video", "people", "unknown"}
    assert [person["name"] for person in answer["people"]] == ["Barack Obama", "Joe Biden"]
    assert set(answer["people"][0]) == {"name", "first_seen", "last_seen", "similarity"}
    assert answer["unknown"] == 1
    rows = (tmp_path / "new" / "lesson.csv").read_text().splitlines()
    assert rows[0] == "name,major,year,first_seen,last_seen,similarity"
    assert [row.split(",")[0] for row in rows[1:]] == ["Barack Obama", "Joe Biden"]
    assert len(json.loads((tmp_path / "new" / "lesson-timeline.json").read_text())["sightings"]) == 3
    assert read_image(tmp_path / "new" / "lesson-faces.jpg").shape[1] > 300


def test_the_layout_of_the_table_is_an_option(demo: Demo, data: Path, tmp_path: Path) -> None:
    arguments = ["video", str(demo.clip), "--out", str(tmp_path), "--data", str(data), "--fps", "2"]
    assert main([*arguments, "--layout", "capitalised"]) == 0
    assert (tmp_path / "lesson.csv").read_text().splitlines()[0] == "Name,Major,Year"


def test_recognize_prints_a_readable_line_a_picture(
    demo: Demo, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S4.2."""
    known = shutil.copy(demo.enroll / "Joe Biden.jpg", tmp_path / "image_01.jpg")
    nobody = tmp_path / "image_02.jpg"
    Image.fromarray(np.full((90, 90, 3), 200, np.uint8)).save(nobody)
    assert main(["recognize", str(known), str(nobody), "--data", str(data)]) == 0
    assert capsys.readouterr().out == "image_01.jpg: face detected - Joe Biden\nimage_02.jpg: face not recognized\n"


def test_a_forgotten_student_leaves_no_face(demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--data", str(tmp_path)]
    main(["enroll", str(demo.enroll), *store])
    assert main(["forget", "Joe Biden", "Nobody", *store]) == 1
    answer = capsys.readouterr()
    assert "Joe Biden: erased, with 1 face" in answer.out
    assert "Nobody: no such student" in answer.err
    assert main(["recognize", str(demo.enroll / "Joe Biden.jpg"), *store]) == 0
    assert capsys.readouterr().out == "Joe Biden.jpg: face not recognized\n"


def test_without_a_class_there_is_no_attendance_but_a_hint(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attend", str(demo.photo), "--data", str(tmp_path)]) == 1
    assert (
        capsys.readouterr().err == f"photocall: {tmp_path}: nobody is enrolled; start with: photocall enroll FOLDER\n"
    )


def test_models_lists_sources_with_licences_and_verifies_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["licence"] for row in rows} == {"MIT", "CC0-1.0", "Apache-2.0"}
    assert {row["pack"] for row in rows} == {"dlib-mtcnn", "standard", "yunet", "opencv-zoo"}
    assert all(len(row["sha256"]) == 64 and row["bytes"] > 0 for row in rows)
    assert main(["models", "build", "--json"]) == 0
    assert Path(json.loads(capsys.readouterr().out)["place"]).is_dir()
    assert main(["models", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_the_demo_runs_from_archives_to_register(demo_archives: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "photocall", "demo", "--archives", str(demo_archives), "--out", str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "2 present, 0 uncertain, 1 absent; 1 stranger" in answer.stdout
    made = {path.name for path in tmp_path.iterdir()}
    assert {"register.csv", "register.json", "register.jpg", "lesson.csv", "lesson-timeline.json"} <= made
    assert answer.stderr == ""
    assert read_image(tmp_path / "class.jpg").shape == (1080, 1920, 3), "the photo is still the photo"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith("photocall 0.")
