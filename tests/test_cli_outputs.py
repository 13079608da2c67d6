"""Commands whose options are wrong, whose results cannot be written, or whose store or cache is damaged."""

import os
import resource
import shutil
from pathlib import Path

import pytest
from PIL import Image

from clips import write
from commandline import data_with, everybody, photocall, process
from photocall.demo import Demo
from photocall.engine.packs import load_pack
from photocall.engine.weights import load_weights


@pytest.fixture(scope="module")
def data(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demo class; tests leave it as it is."""
    return data_with(tmp_path_factory.mktemp("data"), demo.enroll, "--students", demo.students)


# --- options


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["detect"],
        ["attend", "--csv", "register.csv"],
        ["compare", "one.jpg"],
        ["models", "fly"],
        ["detect", "one.jpg", "--colour"],
        ["video", "one.mp4", "--fps", "fast"],
        ["forget"],
        ["enroll"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_exits_with_2_and_prints_no_result(arguments: list[str]) -> None:
    answer = photocall(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert "photocall" in answer.err.splitlines()[-1]


@pytest.mark.parametrize("fps", ["0", "-1", "nan", "inf", "-inf", "1000", "1e308"])
def test_a_rate_that_no_video_can_be_looked_at_is_a_wrong_option(fps: str, demo: Demo, data: Path) -> None:
    answer = photocall("video", demo.clip, f"--fps={fps}", "--data", data)
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.problems
    assert "fps" in line and "at most 60" in line


def test_an_unknown_layout_is_a_wrong_option_and_the_known_ones_are_told(demo: Demo, data: Path) -> None:
    answer = photocall("video", demo.clip, "--layout", "pretty", "--data", data)
    assert (answer.code, answer.out) == (2, "")
    (line,) = answer.problems
    assert "'pretty'" in line and "name-major-year" in line


@pytest.mark.parametrize(("name", "value"), [("THREADS", "many"), ("MIN_FACE", "-3"), ("DATA", "~nobody-here/x")])
def test_a_wrong_setting_of_the_environment_is_named(
    name: str, value: str, demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PHOTOCALL_{name}", value)
    answer = photocall("detect", demo.photo)
    assert (answer.code, answer.out) == (2, "")
    assert answer.names({Path(f"PHOTOCALL_{name}"): value})


# --- paths of results


@pytest.mark.parametrize("place", ["file.txt/out.jpg", "out", "out.bmp", "out.jpg.exe", ".", f"{'long' * 70}.jpg"])
def test_a_drawing_that_cannot_be_written_is_named_with_the_reason(place: str, demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("mine")
    answer = photocall("detect", demo.photo, "--draw", tmp_path / place)
    assert answer.code == 1
    assert answer.names({tmp_path / place: "cannot be written: "})
    assert (tmp_path / "file.txt").read_text() == "mine"


@pytest.mark.parametrize("out", ["/", ".", "..", ""])
def test_a_place_that_is_no_file_name_gets_a_line_for_each_drawing(out: str, demo: Demo) -> None:
    answer = photocall("detect", demo.photo, demo.enroll / "Joe Biden.jpg", "--draw", out)
    assert answer.code in (1, 2)
    assert answer.problems


def test_drawings_of_pictures_with_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    pictures = [tmp_path / "a" / "one.jpg", tmp_path / "b" / "one.jpg", tmp_path / "c" / "one-2.jpg"]
    for path in pictures:
        path.parent.mkdir()
        Image.new("RGB", (90, 90)).save(path)
    answer = photocall("detect", *pictures, "--draw", tmp_path / "out.jpg")
    assert len(list(tmp_path.glob("out*.jpg"))) + len(answer.problems) == 3


def test_a_register_is_taken_though_its_drawing_cannot_be_written(demo: Demo, data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    drawing, register = tmp_path / "file" / "out.jpg", tmp_path / "register.csv"
    answer = photocall("attend", demo.photo, "--draw", drawing, "--csv", register, "--data", data, "--json")
    assert answer.code == 1
    assert answer.names({drawing: "a part of its path is a file"})
    assert answer.values == photocall("attend", demo.photo, "--data", data, "--json").values
    assert "Joe Biden" in register.read_text()


def test_a_register_is_printed_though_its_csv_cannot_be_written(demo: Demo, data: Path, tmp_path: Path) -> None:
    answer = photocall("attend", demo.photo, "--csv", tmp_path, "--data", data, "--json")
    assert answer.code == 1
    assert answer.names({tmp_path: "it is a directory"})
    assert answer.values == photocall("attend", demo.photo, "--data", data, "--json").values


@pytest.mark.parametrize("place", [".", "/", ""])
def test_a_register_that_has_no_file_name_is_refused_for_that_reason(place: str, demo: Demo, data: Path) -> None:
    answer = photocall("attend", demo.photo, "--csv", place, "--data", data)
    assert answer.code == 1
    (line,) = answer.problems
    assert "NUL" not in line


def test_a_pipe_or_device_is_never_replaced_by_a_result(demo: Demo, data: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    answer = photocall("attend", demo.photo, "--csv", pipe, "--data", data)
    assert pipe.is_fifo()
    assert answer.code == 1
    assert answer.names({pipe: "cannot be written"})


def test_a_folder_of_results_that_cannot_be_made_is_named_for_every_video(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one, two = write(tmp_path / "one.mp4"), write(tmp_path / "two.mp4")
    answer = photocall("video", one, two, "--out", tmp_path / "file", "--data", data)
    assert (answer.code, answer.out) == (1, "")
    for line, name in zip(answer.problems, ("one", "two"), strict=True):
        assert line.startswith(f"photocall: {tmp_path / 'file' / name}")
        assert "a part of its path is a file, not a directory" in line


@pytest.mark.parametrize("name", [f"{'long' * 55}.mp4", "..mp4", "...mp4", "-.mp4", "a b.mp4"])
@pytest.mark.parametrize("out", [".", "out", "../out/deep"])
def test_the_results_of_a_video_lie_in_the_folder_asked_for_whatever_its_name(
    name: str, out: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    write(tmp_path / name, 2)
    answer = photocall("video", tmp_path / name, "--out", out, "--data", data)
    assert (answer.code, answer.err) == (0, "")
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".mp4"]
    assert {path.parent for path in made} == {(here / out).resolve()}
    assert {path.suffix for path in made} == {".csv", ".json", ".jpg"}


def test_where_the_disk_is_full_the_old_result_stays_and_nothing_is_left_beside_it(
    demo: Demo, data: Path, tmp_path: Path
) -> None:
    drawing = tmp_path / "out.jpg"
    drawing.write_text("old")
    small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))}
    answer = process("detect", demo.photo, "--draw", drawing, **small)
    assert answer.code == 1
    assert answer.names({drawing: "cannot be written"})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.jpg", "old")]


# --- the store and the cache


def refused_everywhere(data: Path, demo: Demo, reason: str) -> None:
    commands: list[list[object]] = [
        ["students"],
        ["forget", "Joe Biden"],
        ["attend", demo.photo],
        ["recognize", demo.photo],
        ["video", demo.clip],
        ["enroll", demo.enroll],
        ["enroll", "--students", demo.students],
    ]
    for command in commands:
        answer = photocall(*command, "--data", data, "--json")
        assert (answer.code, answer.out) == (1, "")
        assert answer.names({data.absolute() / "photocall.db": reason})


@pytest.mark.parametrize("content", [b"Dear photocall", os.urandom(50_000), b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_database_is_refused_by_every_command_and_left_alone(
    content: bytes, demo: Demo, tmp_path: Path
) -> None:
    (tmp_path / "photocall.db").write_bytes(content)
    refused_everywhere(tmp_path, demo, "it is not a photocall database, or it is damaged")
    assert (tmp_path / "photocall.db").read_bytes() == content


def test_a_database_cut_short_is_refused_by_every_command(demo: Demo, data: Path, tmp_path: Path) -> None:
    whole = (data / "photocall.db").read_bytes()
    (tmp_path / "photocall.db").write_bytes(whole[: len(whole) // 2])
    refused_everywhere(tmp_path, demo, "it is not a photocall database, or it is damaged")


@pytest.mark.parametrize("place", ["{file}", "{file}/below", "/proc/photocall", "{long}"])
def test_a_data_directory_that_cannot_be_made_is_refused_by_every_command(
    place: str, demo: Demo, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    names = {"file": tmp_path / "file", "long": tmp_path / ("long" * 70)}
    refused_everywhere(Path(place.format(**names)), demo, "its folder cannot be made")


@pytest.mark.parametrize("name", ["what?", "50%", "%41", "#1", "a b&c=d", "Zoë", "sqlite:", "x\ny"])
def test_a_data_directory_may_have_any_name(name: str, demo: Demo, tmp_path: Path) -> None:
    answer = photocall("enroll", "--students", demo.students, "--data", tmp_path / name)
    assert (answer.code, answer.err) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(everybody(tmp_path / name)) == 3


def test_where_the_disk_is_full_enrolment_says_so_and_leaves_a_sound_store(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCALL_KEEP_PHOTOS", "false")  # a photo would be the first not to fit
    data_with(tmp_path, "--students", demo.students)
    room = 2**14  # bytes of a file: the database has more, but its log of what is new would have, too
    small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))}
    answer = process("enroll", demo.enroll, "--data", tmp_path, **small)
    assert answer.code == 1
    assert answer.names({tmp_path / "photocall.db": "disk"})
    assert set(everybody(tmp_path)) >= {"Ada Lovelace", "Barack Obama", "Joe Biden"}


def test_a_damaged_cache_is_healed_with_a_warning(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = load_weights(load_pack("dlib-mtcnn")).detector[0].parent
    cache = shutil.copytree(place.parent, tmp_path / "cache") / place.name
    network = bytearray((cache / "onet.onnx").read_bytes())
    network[len(network) // 2] ^= 0xFF
    (cache / "onet.onnx").write_bytes(network)
    monkeypatch.setenv("PHOTOCALL_CACHE", str(tmp_path / "cache"))
    assert photocall("models", "verify").code == 1
    answer = process("detect", demo.photo)
    assert (answer.code, answer.out) == (0, f"{demo.photo}: 3 faces\n")
    assert answer.names({cache: "onet.onnx is damaged; converting again"})
    assert photocall("models", "verify").code == 0


def test_a_cache_that_cannot_be_made_is_named_with_the_setting_that_moves_it(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PHOTOCALL_CACHE", str(tmp_path / "file"))
    answer = photocall("detect", demo.photo)
    assert (answer.code, answer.out) == (1, "")
    assert answer.names({tmp_path / "file": "PHOTOCALL_CACHE"})


def test_the_demo_names_a_result_that_cannot_be_written(demo_archives: Path, tmp_path: Path) -> None:
    (tmp_path / "enroll").touch()
    answer = photocall("demo", "--archives", demo_archives, "--out", tmp_path)
    assert answer.code == 1
    assert answer.names({tmp_path / "enroll" / "Barack Obama.jpg": "a part of its path is a file"})


# --- JSON


@pytest.mark.parametrize("command", ["detect", "compare", "enroll", "attend", "video", "recognize", "students"])
def test_machines_get_only_json_on_standard_output(command: str, demo: Demo, data: Path, tmp_path: Path) -> None:
    arguments: dict[str, list[object]] = {
        "detect": [demo.photo, tmp_path / "missing.jpg", demo.photo],
        "compare": [demo.photo, demo.photo],
        "enroll": [demo.enroll],
        "attend": [demo.photo, tmp_path / "missing.jpg"],
        "video": [tmp_path / "missing.mp4", demo.clip, "--out", tmp_path, "--fps", "1"],
        "recognize": [tmp_path / "missing.jpg", demo.photo],
        "students": [],
    }
    answer = photocall(command, *arguments[command], "--json", "--data", data)
    bad = sum("missing" in str(argument) for argument in arguments[command])
    assert (answer.code, len(answer.problems)) == (bad, bad)
    assert len(answer.values) == (2 if command == "detect" else 1)


def test_forgetting_tells_machines_about_those_who_were_there(demo: Demo, tmp_path: Path) -> None:
    data_with(tmp_path, "--students", demo.students)
    answer = photocall("forget", "Nobody", "Joe Biden", "Joe Biden", "--json", "--data", tmp_path)
    assert (answer.code, answer.values) == (1, [{"name": "Joe Biden", "faces_erased": 0}])
    assert answer.names({Path("Nobody"): "no such student", Path("Joe Biden"): "no such student"})
