"""What commands show, and to whom: hostile names, pipes, full disks, narrow terminals, interrupts."""

import csv
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from clips import write
from commandline import COMMAND, Answer, data_with, everybody, photocall, process
from photocall.demo import Demo
from photocall.media.images import read_image

NAMES = [
    "[red]Ada[/red]",
    "[/red]",
    "[link=http://example.com]Ada[/link]",
    "[bold",
    "\\[red]",
    ":smile:",
    "../../Ada",
    "=HYPERLINK(1)",
    "-2+3",
    "A\"d,a;'",
    "{name} %s $HOME `id`",
    "李 Zoë Žižek",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "x" * 3000,
]
"""Names that a student may have, each of which means something to somebody."""

FILES = ["[red]x", "[bold]x", "a\nb", "a\x1b[2Jb\x1b]0;title\x07", "a\rb", "x\u202ey", "bad\udcff", "-x", " ", "."]
"""Names that a file may have."""


@pytest.fixture(scope="module")
def data(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demo class; tests leave it as it is."""
    return data_with(tmp_path_factory.mktemp("data"), demo.enroll, "--students", demo.students)


@pytest.fixture(scope="module")
def odd_class(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the demo class and students of odd names."""
    folder = tmp_path_factory.mktemp("odd")
    rows = [{"name": name, "note": name, f"[/{number}]": "x"} for number, name in enumerate(NAMES)]
    (folder / "students.json").write_text(json.dumps(rows))
    return data_with(folder / "data", demo.enroll, "--students", folder / "students.json")


def harmless(text: str) -> bool:
    """Whether a terminal that is sent the text does nothing but show letters."""
    return all(letter.isprintable() or letter in "\n\u200c" for letter in text)


# --- names


def test_odd_names_are_shown_as_they_are(odd_class: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20000")
    answer = photocall("students", "--data", odd_class)
    assert (answer.code, answer.err) == (0, "")
    assert harmless(answer.out)
    assert [name for name in NAMES if answer.out.count(name) < 2] == []


def test_a_register_shows_odd_names_as_they_are(
    demo: Demo, odd_class: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20000")
    answer = photocall("attend", demo.photo, "--csv", tmp_path / "register.csv", "--data", odd_class)
    assert (answer.code, answer.err) == (0, "")
    assert [name for name in NAMES if name not in answer.out] == []
    with (tmp_path / "register.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"].removeprefix("'") for row in rows} == {*NAMES, "Barack Obama", "Joe Biden"}
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_field_of_a_student_cannot_steer_the_terminal(tmp_path: Path) -> None:
    note = "\x1b[31mred \x1b]0;title\x07 \x9b2J\r\nbob absent\x08"
    (tmp_path / "students.json").write_text(json.dumps([{"name": "Ada", "note": note, f"\x1b[1m{note}": "x"}]))
    data_with(tmp_path, "--students", tmp_path / "students.json")
    assert harmless(photocall("students", "--data", tmp_path).out)


def test_a_name_that_is_forgotten_cannot_steer_the_terminal(tmp_path: Path) -> None:
    answer = photocall("forget", "\x1b[31mx\nphotocall: y: z", "bad\udcff", "", "[/x]", "--data", tmp_path)
    assert (answer.code, answer.out) == (1, "")
    assert len(answer.problems) == 4


@pytest.fixture
def odd_pictures(demo: Demo, tmp_path: Path) -> list[Path]:
    """One picture under every odd name."""
    paths = [tmp_path / f"{name}.jpg" for name in FILES]
    for path in paths:
        Image.fromarray(read_image(demo.enroll / "Joe Biden.jpg")).reduce(4).save(path, "JPEG")
    return paths


def test_pictures_may_have_any_name(odd_pictures: list[Path], data: Path, tmp_path: Path) -> None:
    for answer in (
        photocall("detect", *odd_pictures, "--draw", tmp_path / "out" / "drawing.jpg"),
        photocall("recognize", *odd_pictures, "--data", data),
    ):
        assert (answer.code, answer.err) == (0, "")
        assert harmless(answer.out)
        assert len(answer.out.splitlines()) == len(FILES)
    assert len(list((tmp_path / "out").iterdir())) == len(FILES)
    answer = photocall("detect", *odd_pictures, "--json")
    assert [value["image"] for value in answer.values] == [str(path) for path in odd_pictures]


def test_a_register_may_name_a_picture_of_any_name(odd_pictures: list[Path], data: Path, tmp_path: Path) -> None:
    for path in odd_pictures:
        answer = photocall("attend", path, "--data", data, "--csv", tmp_path / "register.csv")
        assert (answer.code, answer.err) == (0, "")
        assert harmless(answer.out)
        assert len((tmp_path / "register.csv").read_text().splitlines()) == 4


def test_files_of_any_name_that_cannot_be_read_get_one_harmless_line_each(odd_pictures: list[Path], data: Path) -> None:
    for path in odd_pictures:
        path.write_text("Dear photocall")
    for command in ("detect", "attend", "video"):
        answer = photocall(command, *odd_pictures, "--data", data, "--json")
        assert answer.code == 1
        assert len(answer.problems) == len(FILES)


def test_videos_may_have_any_name(data: Path, tmp_path: Path) -> None:
    clip = write(tmp_path / "plain.mp4", 2)
    videos = [Path(shutil.copy(clip, tmp_path / f"{name}.mp4")) for name in FILES if name != "."]
    answer = photocall("video", *videos, "--out", tmp_path / "out", "--data", data)
    assert (answer.code, answer.err) == (0, "")
    assert harmless(answer.out)
    assert len(list((tmp_path / "out").glob("*.csv"))) == len(videos)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "bad\udcff", " ", "\t"], ids=ascii)
def test_a_portrait_whose_name_no_student_can_have_is_refused_and_the_others_are_learnt(
    name: str, demo: Demo, tmp_path: Path
) -> None:
    folder = shutil.copytree(demo.enroll, tmp_path / "class")
    (folder / "Joe Biden.jpg").rename(folder / f"{name}.jpg")
    answer = photocall("enroll", folder, "--data", tmp_path / "data")
    assert answer.code == 1
    (line,) = answer.problems
    assert str(folder) in line
    assert everybody(tmp_path / "data") == {"Barack Obama": 1}


def test_names_of_the_class_do_not_lead_out_of_the_folder_of_results(demo: Demo, tmp_path: Path) -> None:
    encodings = {"name": ["../../out", "/etc/x"], "encoding": [[0.05] * 128, [-0.05] * 128]}
    (tmp_path / "encoding").write_text(json.dumps(encodings))
    folder = data_with(tmp_path / "a" / "data", demo.enroll, "--encodings", tmp_path / "encoding")
    clip = write(tmp_path / "one.mp4", 2)
    assert photocall("video", clip, "--out", tmp_path / "a" / "out", "--data", folder).code == 0
    assert photocall("attend", demo.photo, "--draw", tmp_path / "a" / "x.jpg", "--data", folder).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"encoding", "a", "one.mp4"}


# --- standard output and standard error


@pytest.mark.parametrize("command", ["detect", "students", "models list"])
def test_a_standard_output_that_takes_nothing_is_told_in_one_line(command: str, demo: Demo, data: Path) -> None:
    pictures = [demo.photo] if command == "detect" else []
    with Path("/dev/full").open("w") as full:
        answer = process(*command.split(), *pictures, "--data", data, stdout=full)
    assert answer.code == 1
    assert answer.names({Path("standard output"): "the disk is full"})


@pytest.mark.parametrize("command", [("detect", "--json"), ("attend",)])
def test_a_reader_that_goes_away_ends_the_command_quietly(command: tuple[str, ...], demo: Demo, data: Path) -> None:
    read, written = os.pipe()
    os.close(read)
    answer = process(*command, demo.photo, demo.photo, "--data", data, stdout=written)
    os.close(written)
    assert (answer.code, answer.err) == (1, "")


def test_a_terminal_that_knows_only_ascii_gets_something_in_place_of_other_letters(odd_class: Path) -> None:
    answer = process("students", "--data", odd_class, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (answer.code, answer.err) == (0, "")
    assert "HYPERLINK" in answer.out and answer.out.isascii()


def test_a_table_that_goes_into_a_pipe_shows_every_name_in_full(tmp_path: Path) -> None:
    name = " ".join(["Wolfeschlegelsteinhausenbergerdorff"] * 4)
    (tmp_path / "students.json").write_text(json.dumps([{"name": name, "major": "law"}]))
    data_with(tmp_path, "--students", tmp_path / "students.json")
    assert name in process("students", "--data", tmp_path).out


@pytest.fixture(scope="module")
def narrow(demo: Demo) -> tuple[Answer, str]:
    """Three pictures, one of them missing, where standard error is a narrow terminal; also what that was sent."""
    terminal, end = pty.openpty()
    pictures = (demo.photo, demo.photo.with_name("missing.jpg"), demo.photo)
    command = [*COMMAND, "detect", *map(str, pictures), "--json"]
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "40"}
    with subprocess.Popen(command, stdin=end, stdout=subprocess.PIPE, stderr=end, env=env, text=True) as running:
        os.close(end)
        sent = b""
        while chunk := _read(terminal):
            sent += chunk
        out = running.communicate(timeout=20)[0]
    os.close(terminal)
    return Answer(running.returncode, out, ""), sent.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody holds its other end any more
        return b""


def test_results_go_to_the_file_though_progress_is_shown_on_the_terminal(
    narrow: tuple[Answer, str], demo: Demo
) -> None:
    answer, sent = narrow
    assert "looking" in sent
    assert answer.code == 1
    assert [Path(value["image"]) for value in answer.values] == [demo.photo, demo.photo]


def test_a_problem_is_one_line_on_a_narrow_terminal_too(narrow: tuple[Answer, str], demo: Demo) -> None:
    missing = demo.photo.with_name("missing.jpg")
    assert f"photocall: {missing}: not a readable image: no such file\r\n" in narrow[1]


def test_progress_leaves_the_terminal_as_it_was(narrow: tuple[Answer, str]) -> None:
    sent = narrow[1]
    assert sent.rfind("\x1b[?25h") > sent.rfind("\x1b[?25l")  # the cursor is shown
    assert sent.endswith("\x1b[2K")  # and the line of the bar is empty


# --- interrupts


INTERRUPTED = """
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
"""A command that is interrupted, as by Ctrl-C, when it begins to import a module."""


@pytest.mark.parametrize("moment", ["photocall.console", "numpy", "numpy._core._multiarray_umath", "onnxruntime"])
def test_an_interrupt_while_a_command_is_loaded_ends_it_quietly(moment: str, demo: Demo) -> None:
    command = [sys.executable, "-c", INTERRUPTED, moment, "detect", str(demo.photo)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (130, -signal.SIGINT)
    assert (done.stdout, done.stderr) == ("", "")


def test_an_interrupt_at_work_ends_a_command_quietly_and_leaves_no_half_a_result(
    demo: Demo, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [*COMMAND, "video", *[str(demo.clip)] * 9, "--out", str(out), "--fps", "1", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        while not list(out.glob("*.csv")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        err = running.communicate(timeout=20)[1]
    assert (running.returncode, err) == (130, "")
    assert {path.suffix for path in out.iterdir()} == {".csv", ".json", ".jpg"}
    assert len(list(out.iterdir())) == 3
