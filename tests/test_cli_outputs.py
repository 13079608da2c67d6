"""Where results go wrong: paths and streams that cannot be written, a damaged store or cache, wrong options."""

import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commandline import COMMAND, Answer, data_with, everybody, photocall, process
from photocall.cli import main
from photocall.demo import Demo
from photocall.engine.packs import load_pack
from photocall.engine.weights import load_weights
from photocall.faces import ByteArray


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
    answer = photocall("video", demo.clip, "--fps", fps, "--data", data)
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


def test_drawings_of_pictures_with_one_name_do_not_replace_each_other(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    other = shutil.copy(demo.enroll / "Joe Biden.jpg", tmp_path / "a" / "class.jpg")
    answer = photocall("detect", demo.photo, other, "--draw", tmp_path / "out.jpg")
    drawings = list(tmp_path.glob("out*.jpg"))
    assert len(drawings) == 2 or (answer.code == 1 and len(answer.problems) == 1)


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


def test_a_folder_of_results_that_cannot_be_made_is_named_for_every_video(
    demo: Demo, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    other = shutil.copy(demo.clip, tmp_path / "other.mp4")
    answer = photocall("video", demo.clip, other, "--out", tmp_path / "file", "--fps", 1, "--data", data)
    assert (answer.code, answer.out) == (1, "")
    first, second = answer.problems
    assert f"{tmp_path / 'file'}/class" in first and f"{tmp_path / 'file'}/other" in second


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


def test_where_the_disk_is_full_enrolment_says_so_and_leaves_a_sound_store(demo: Demo, tmp_path: Path) -> None:
    room = data_with(tmp_path, "--students", demo.students).joinpath("photocall.db").stat().st_size
    small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room // 2, room // 2))}
    answer = process("enroll", demo.enroll, "--data", tmp_path, **small)
    assert answer.code == 1
    assert answer.names({tmp_path / "photocall.db": "disk"})
    assert set(everybody(tmp_path)) >= {"Ada Lovelace", "Barack Obama", "Joe Biden"}


def test_a_damaged_cache_is_healed_with_a_warning(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = load_weights(load_pack("dlib-mtcnn")).embedder.parent
    cache = shutil.copytree(place, tmp_path / "cache" / place.name)
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


# --- standard output, standard error, signals


@pytest.mark.parametrize("command", ["detect", "students", "students --json", "models list", "models verify", "attend"])
def test_a_standard_output_that_takes_nothing_is_told_in_one_line(command: str, demo: Demo, data: Path) -> None:
    pictures = [demo.photo] if command in ("detect", "attend") else []
    with Path("/dev/full").open("w") as full:
        answer = process(*command.split(), *pictures, "--data", data, stdout=full)
    assert answer.code == 1
    assert answer.names({Path("standard output"): "the disk is full"})


def test_a_reader_that_goes_away_ends_the_command_quietly(demo: Demo, data: Path) -> None:
    read, written = os.pipe()
    os.close(read)
    answer = process("detect", *[demo.photo] * 3, "--json", stdout=written)
    os.close(written)
    assert (answer.code, answer.err) == (1, "")


def test_a_terminal_that_knows_only_ascii_gets_something_in_place_of_other_letters(tmp_path: Path) -> None:
    (tmp_path / "students.json").write_text('[{"name": "Zoë 李"}]')
    data_with(tmp_path, "--students", tmp_path / "students.json")
    answer = process("students", "--data", tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (answer.code, answer.err) == (0, "")
    assert "Zo" in answer.out and answer.out.isascii()


def on_a_terminal(*arguments: object, **environment: str) -> tuple[Answer, str]:
    """Standard error is a terminal, standard output a file; also what the terminal was sent."""
    terminal, end = pty.openpty()
    command = [*COMMAND, *map(str, arguments)]
    env = {**os.environ, "TERM": "xterm-256color", **environment}
    with subprocess.Popen(command, stdin=end, stdout=subprocess.PIPE, stderr=end, env=env, text=True) as running:
        os.close(end)
        sent = b""
        while chunk := read_or_nothing(terminal):
            sent += chunk
        assert running.stdout is not None
        out = running.stdout.read()
    os.close(terminal)
    return Answer(running.returncode, out, ""), sent.decode()


def read_or_nothing(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody holds its other end any more
        return b""


@pytest.mark.parametrize("columns", ["40", "200"])
def test_results_go_to_the_file_though_progress_is_shown_on_the_terminal(columns: str, demo: Demo) -> None:
    missing = demo.photo.with_name("missing.jpg")
    answer, sent = on_a_terminal("detect", demo.photo, missing, demo.photo, "--json", COLUMNS=columns)
    assert "looking" in sent
    assert [Path(value["image"]) for value in answer.values] == [demo.photo, demo.photo]
    assert str(demo.photo) not in sent
    assert sent.endswith("\x1b[2K") or "\x1b[?25h" in sent  # the cursor is shown again


def test_a_problem_is_one_line_on_a_narrow_terminal_too(demo: Demo) -> None:
    missing = demo.photo.with_name("missing.jpg")
    _, sent = on_a_terminal("detect", demo.photo, missing, demo.photo, COLUMNS="40")
    assert f"photocall: {missing}: not a readable image: no such file\r\n" in sent


def test_a_table_that_goes_into_a_pipe_shows_every_name_in_full(tmp_path: Path) -> None:
    name = " ".join(["Wolfeschlegelsteinhausenbergerdorff"] * 4)
    (tmp_path / "students.json").write_text(json.dumps([{"name": name, "major": "law"}]))
    data_with(tmp_path, "--students", tmp_path / "students.json")
    assert name in process("students", "--data", tmp_path).out


def interrupted_at(moment: str, *arguments: object) -> Answer:
    """A command that is interrupted, as by Ctrl-C, when it begins to import a module."""
    program = """
import os, signal, sys
class Interrupting:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting)
from photocall.cli import main
sys.exit(main(sys.argv[2:]))
"""
    command = [sys.executable, "-c", program, moment, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "moment", ["photocall.commands", "numpy", "onnxruntime", "numpy._core._multiarray_umath", "PIL"]
)
def test_an_interrupt_while_a_command_is_loaded_ends_it_quietly(moment: str, demo: Demo) -> None:
    answer = interrupted_at(moment, "detect", demo.photo)
    assert answer.code in (130, -signal.SIGINT)
    assert answer.err == ""


def test_an_interrupt_at_work_ends_a_command_quietly_and_leaves_no_half_a_result(
    demo: Demo, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [*COMMAND, "video", *[str(demo.clip)] * 20, "--out", str(out), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        while not (out / "class.csv").exists():
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (130, "")
    assert sorted(path.name for path in out.iterdir()) == ["class.csv", "class.jpg", "class.json"]
