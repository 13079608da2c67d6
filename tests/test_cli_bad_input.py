"""Commands given what they cannot use: one plain line about each thing, the rest done, and the right exit code."""

import json
import os
import random
import resource
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from clips import write
from commandline import Answer, data_with, everybody, photocall, process
from nobody import as_nobody
from photocall.demo import Demo
from photocall.engine.packs import load_pack
from photocall.engine.weights import load_weights
from stills import png

SIDE = 30_000
ENCRYPTED = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


@pytest.fixture(scope="module")
def data(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demo class; tests leave it as it is."""
    return data_with(tmp_path_factory.mktemp("data"), demo.enroll, "--students", demo.students)


@pytest.fixture(scope="module")
def pictures(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Pictures that cannot be used, and a part of the reason."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = demo.photo.read_bytes()
    start = photo.index(b"\xff\xc0") + 5  # height and width in the header of a baseline JPEG
    (folder / "empty.jpg").touch()
    (folder / "letter.jpg").write_text("Dear photocall")
    (folder / "cut.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "wide.png").write_bytes(png(SIDE, SIDE, 8, 2, bytes(1000)))
    (folder / "wide.jpg").write_bytes(photo[:start] + SIDE.to_bytes(2, "big") * 2 + photo[start + 4 :])
    (folder / "noise.jpg").write_bytes(random.Random(1).randbytes(5000))
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    shutil.copy(demo.clip, folder / "clip.jpg")
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    reasons = {
        "missing.jpg": "no such file",
        "empty.jpg": "it is empty",
        "letter.jpg": "it is text, not an image",
        "cut.jpg": "it is truncated",
        "wide.png": "30000x30000 pixels are more than the 100000000 allowed",
        "wide.jpg": "30000x30000 pixels are more than the 100000000 allowed",
        "noise.jpg": "it is none of JPEG, PNG",
        "folder.jpg": "it is a directory",
        "pipe.jpg": "it is not a plain file",
        "clip.jpg": "it is a video file, not an image",
        "circle.jpg": "",
        f"{'long' * 70}.jpg": "its name is too long",
    }
    return {folder / name: reason for name, reason in reasons.items()}


# --- pictures


@pytest.mark.parametrize("command", ["detect", "recognize", "attend"])
def test_every_unusable_picture_gets_a_line_and_the_others_are_done(
    command: str, demo: Demo, data: Path, pictures: dict[Path, str]
) -> None:
    answer = photocall(command, demo.photo, *pictures, demo.photo, "--data", data, "--json")
    assert answer.code == 1
    assert answer.names(pictures)
    assert answer.values == photocall(command, demo.photo, demo.photo, "--data", data, "--json").values


def test_a_picture_of_one_pixel_shows_nobody(tmp_path: Path) -> None:
    paths = [tmp_path / "one.png", tmp_path / "one.jpg"]
    for path in paths:
        Image.new("RGB", (1, 1)).save(path)
    answer = photocall("detect", *paths)
    assert answer == Answer(0, "".join(f"{path}: 0 faces\n" for path in paths), "")


def test_pictures_that_claim_to_be_huge_are_refused_without_room_for_them(
    demo: Demo, pictures: dict[Path, str]
) -> None:
    huge = {path: reason for path, reason in pictures.items() if path.stem == "wide"}
    room = 3 * SIDE * SIDE // 2  # half of the pixels; all else that a process needs takes less than 1 GB
    limits = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (room, room))}
    answer = process("detect", *huge, demo.photo, **limits)
    assert (answer.code, answer.out) == (1, f"{demo.photo}: 3 faces\n")
    assert answer.names(huge)


@pytest.mark.parametrize("first", [True, False])
def test_comparing_with_an_unusable_picture_names_it(first: bool, demo: Demo, pictures: dict[Path, str]) -> None:
    bad = next(path for path in pictures if path.name == "letter.jpg")
    answer = photocall("compare", *((bad, demo.photo) if first else (demo.photo, bad)))
    assert (answer.code, answer.out) == (1, "")
    assert answer.names({bad: "it is text, not an image"})


def test_comparing_with_a_picture_of_nobody_names_it(demo: Demo, tmp_path: Path) -> None:
    Image.new("RGB", (90, 90)).save(tmp_path / "wall.png")
    answer = photocall("compare", demo.photo, tmp_path / "wall.png", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.names({tmp_path / "wall.png": "no face found"})


# --- videos


@pytest.fixture(scope="module")
def videos(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    """Files in which there is no video to be seen, and a part of the reason."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "zero.mp4").touch()
    (folder / "letter.mp4").write_text("Dear photocall")
    (folder / "noise.mp4").write_bytes(random.Random(2).randbytes(5000))
    (folder / "headless.mp4").write_bytes(demo.clip.read_bytes()[5000:])
    (folder / "folder.mp4").mkdir()
    shutil.copy(demo.photo, folder / "photo.mp4")
    write(folder / "secret.mp4", container=ENCRYPTED)
    with av.open(str(folder / "song.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=44100, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        output.mux([*stream.encode(sound), *stream.encode()])
    reasons = {
        "missing.mp4": "no such file",
        "zero.mp4": "it is empty",
        "letter.mp4": "it is text, not a video",
        "noise.mp4": "it is damaged, or not a video",
        "headless.mp4": "it is damaged, or not a video",
        "folder.mp4": "it is a directory",
        "photo.mp4": "it is an image (JPEG), not a video",
        "secret.mp4": "it is encrypted",
        "song.mp4": "there is no video in it",
    }
    return {folder / name: reason for name, reason in reasons.items()}


def test_every_unusable_video_gets_a_line_and_the_others_are_done(
    demo: Demo, data: Path, videos: dict[Path, str], tmp_path: Path
) -> None:
    answer = photocall("video", *videos, demo.clip, "--out", tmp_path, "--fps", 1, "--data", data, "--json")
    assert answer.code == 1
    assert answer.names(videos)
    assert [value["video"] for value in answer.values] == [demo.clip.name]
    assert (tmp_path / f"{demo.clip.stem}.csv").is_file()
    assert all(path.name.startswith(demo.clip.stem) for path in tmp_path.iterdir())


def test_a_video_that_breaks_off_gives_what_there_is_and_a_warning(demo: Demo, data: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mkv"
    with av.open(str(demo.clip)) as source, av.open(str(tmp_path / "whole.mkv"), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    cut.write_bytes((tmp_path / "whole.mkv").read_bytes()[: demo.clip.stat().st_size // 2])
    answer = photocall("video", cut, "--out", tmp_path, "--fps", 1, "--data", data, "--json")
    assert answer.code == 0
    assert answer.names({cut: "the file is damaged or cut short"})
    assert answer.values[0]["people"]
    (timeline,) = tmp_path.glob("cut*.json")
    assert json.loads(timeline.read_text())["warnings"]


def test_of_two_videos_with_one_name_the_second_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first, second = write(tmp_path / "class.mp4", 2), write(tmp_path / "other" / "class.mkv", 2)
    answer = photocall("video", first, second, "--out", tmp_path / "out", "--data", data, "--json")
    assert (answer.code, len(answer.values)) == (1, 1)
    (line,) = answer.problems
    assert str(first) in line and "class.csv" in line


# --- enrolment


def test_portraits_that_cannot_be_enrolled_get_a_line_and_the_others_are_learnt(demo: Demo, tmp_path: Path) -> None:
    folder = tmp_path / "class"
    shutil.copytree(demo.enroll, folder)
    shutil.copy(demo.photo, folder / "Crowd.jpg")
    Image.new("RGB", (90, 90)).save(folder / "Wall.png")
    (folder / "Empty.jpg").touch()
    (folder / "Letter.jpg").write_text("Dear photocall")
    (folder / "Wide.png").write_bytes(png(SIDE, SIDE, 8, 2, bytes(1000)))
    (folder / "notes.txt").write_text("left alone")
    answer = photocall("enroll", folder, "--data", tmp_path / "data", "--json")
    assert answer.code == 1
    reasons = {
        "Crowd.jpg": "3 faces found",
        "Empty.jpg": "it is empty",
        "Letter.jpg": "it is text, not an image",
        "Wall.png": "no face found",
        "Wide.png": "30000x30000 pixels",
    }
    assert answer.names({folder / name: reason for name, reason in reasons.items()})
    assert [each["name"] for each in answer.values[0]["enrolled"]] == ["Barack Obama", "Joe Biden"]
    assert everybody(tmp_path / "data") == {"Barack Obama": 1, "Joe Biden": 1}


@pytest.mark.parametrize(
    "places",
    [
        ("Joe.jpg", "Joe/1.jpg"),
        ("Joe.jpg", "JOE.jpg"),
        ("Joe.jpg", "joe.png"),
        (f"{unicodedata.normalize('NFC', 'Zoë')}.jpg", f"{unicodedata.normalize('NFD', 'Zoë')}.jpg"),
        ("Straße.jpg", "STRASSE/1.jpg"),
        ("Joe.jpg", " Joe .jpg"),
    ],
)
def test_two_students_with_one_name_in_a_folder_are_refused_and_the_others_are_learnt(
    places: tuple[str, str], demo: Demo, tmp_path: Path
) -> None:
    folder = tmp_path / "class"
    portraits = [demo.enroll / "Barack Obama.jpg", demo.enroll / "Joe Biden.jpg", demo.enroll / "Joe Biden.jpg"]
    for portrait, place in zip(portraits, ("Barack Obama.jpg", *places), strict=True):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(portrait, folder / place)
    answer = photocall("enroll", folder, "--data", tmp_path / "data")
    assert answer.code == 1
    assert answer.names({folder: "two students with one name"})
    assert all(place.split("/")[0] in answer.err for place in places)
    assert everybody(tmp_path / "data") == {"Barack Obama": 1}


@pytest.mark.parametrize("listed", ["joe biden", "JOE BIDEN", " Joe Biden "])
def test_a_student_is_one_however_list_and_photo_write_the_name(listed: str, demo: Demo, tmp_path: Path) -> None:
    students = tmp_path / "students.json"
    students.write_text(json.dumps([{"name": listed, "major": "law"}]))
    photocall("enroll", demo.enroll, "--students", students, "--data", tmp_path / "data")
    names = [name.casefold() for name in everybody(tmp_path / "data")]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("later", ["photo", "list", "encodings"])
def test_a_student_enrolled_before_is_one_however_the_name_is_written_later(
    later: str, demo: Demo, tmp_path: Path
) -> None:
    data = data_with(tmp_path / "data", demo.enroll)
    (tmp_path / "class").mkdir()
    shutil.copy(demo.enroll / "Joe Biden.jpg", tmp_path / "class" / "JOE BIDEN.jpg")
    (tmp_path / "list").write_text('[{"name": "JOE BIDEN"}]')
    (tmp_path / "encodings").write_text(json.dumps({"name": ["JOE BIDEN"], "encoding": [[0.05] * 128]}))
    option = {"photo": ["class"], "list": ["--students", "list"], "encodings": ["--encodings", "encodings"]}
    *word, name = option[later]
    photocall("enroll", *word, tmp_path / name, "--data", data)
    assert len(everybody(data)) == 2


STUDENTS = {
    "": "it is empty",
    "[]": "there is no student in it",
    "{}": "row 1: the name is missing",
    '[{"name": "Ada"}, {"name": " ada "}]': "rows 1 and 2 have the same name",
    "name,major\nAda,law\nBob,law\nADA,art\n": "rows 2 and 4 have the same name",
    '["Ada"]': "number 1 is not an object",
    '[{"name": ["Ada"]}]': "is a list or an object",
    '[{"major": "law"}]': "row 1: the name is missing",
    '{"name": "Ada"': "it is not JSON",
    "Ada\nBob\n": "one of them 'name'",
    "name,name\nAda,Bob\n": "'name' twice",
    "name,major\nAda,law,junior\n": "row 2 has 3 cells",
    '[{"name": "A\\u001bda"}]': "holds a control character",
    '[{"name": "A\\nda"}]': "holds a control character",
    '[{"name": "A\\ud800da"}]': "half of a character",
    '[{"name": "Ada", "\\u001b[2J\\n": ["x"]}]': "is a list or an object",
    "\x00\x01\x02": "",
    "[" * 100_000: "",
}


@pytest.mark.parametrize("content", STUDENTS, ids=range(len(STUDENTS)))
def test_a_students_file_of_another_shape_is_refused_and_nothing_is_enrolled(
    content: str, demo: Demo, tmp_path: Path
) -> None:
    students = tmp_path / "students.json"
    students.write_text(content)
    answer = photocall("enroll", demo.enroll, "--students", students, "--data", tmp_path / "data")
    assert (answer.code, answer.out) == (1, "")
    assert answer.names({students: STUDENTS[content]})
    assert everybody(tmp_path / "data") == {}


@pytest.mark.parametrize(
    ("name", "why"), [("missing", "no such file"), ("class.jpg", "not UTF-8"), ("enroll", "it is a directory")]
)
def test_a_students_file_that_is_no_text_is_refused(name: str, why: str, demo: Demo, tmp_path: Path) -> None:
    students = demo.photo.parent / name
    answer = photocall("enroll", "--students", students, "--data", tmp_path)
    assert answer.code == 1
    assert answer.names({students: why})


def test_a_bad_file_of_encodings_is_refused_before_anything_is_enrolled(demo: Demo, tmp_path: Path) -> None:
    encodings = tmp_path / "encoding"
    encodings.write_text("no pickle")
    answer = photocall("enroll", demo.enroll, "--encodings", encodings, "--data", tmp_path / "data")
    assert answer.code == 1
    assert answer.names({encodings: "not a file of face encodings"})
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["missing", "photo.jpg", "empty", "n" * 300, "circle"])
def test_a_folder_that_holds_no_class_is_refused_with_its_name(name: str, demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    shutil.copy(demo.photo, tmp_path / "photo.jpg")
    answer = photocall("enroll", tmp_path / name, "--data", tmp_path / "data")
    assert (answer.code, answer.out) == (1, "")
    assert answer.names({tmp_path / name: ""})


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that every user may write, unlike pytest's, with a cache of the networks."""
    with tempfile.TemporaryDirectory() as name:
        cache = load_weights(load_pack("dlib-mtcnn")).embedder.parent.parent
        shutil.copytree(cache, Path(name) / "cache", ignore=shutil.ignore_patterns(".*"))
        Path(name).chmod(0o777)
        monkeypatch.setenv("PHOTOCALL_CACHE", str(Path(name) / "cache"))
        yield Path(name)


@pytest.mark.usefixtures("data")  # after it everything is imported, which nobody could not do
def test_a_folder_that_may_not_be_read_is_refused_with_its_name(demo: Demo, open_folder: Path) -> None:
    folder = shutil.copytree(demo.enroll, open_folder / "class")
    folder.chmod(0)
    with as_nobody():
        answer = photocall("enroll", folder, "--data", open_folder / "data")
    folder.chmod(0o700)
    assert (answer.code, answer.out) == (1, "")
    assert answer.names({folder: "permission denied"})


@pytest.mark.usefixtures("data")
def test_a_student_whose_photos_may_not_be_read_gets_a_line_and_the_others_are_learnt(
    demo: Demo, open_folder: Path
) -> None:
    folder = shutil.copytree(demo.enroll, open_folder / "class")
    (folder / "Ada").mkdir(mode=0)
    (folder / "Bob.jpg").write_bytes(b"x")
    (folder / "Bob.jpg").chmod(0)
    with as_nobody():
        answer = photocall("enroll", folder, "--data", open_folder / "data")
    assert answer.code == 1
    assert answer.names({folder / "Ada": "permission denied", folder / "Bob.jpg": "permission denied"})
    assert everybody(open_folder / "data") == {"Barack Obama": 1, "Joe Biden": 1}
