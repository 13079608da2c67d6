"""The documentation is true: what it shows runs, what exists is in it, what it names exists."""

import argparse
import ast
import inspect
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from people import face
from photocall import cli, errors, report
from photocall.demo import Demo
from photocall.roster import Attendance, RollCall, Sighting, Status, Student
from photocall.school import errors as school_errors

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CLI = (ROOT / "docs" / "cli.md").read_text()
ROWS = [f"S{system}.{row}" for system, rows in ((0, 8), (1, 7), (3, 8), (4, 7)) for row in range(1, rows + 1)]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str) -> list[tuple[str, str]]:
    """Every block of code in a language: the page it stands on, and its text."""
    fence = re.compile(rf"^```{language}\n(.*?)^```$", re.M | re.S)
    return [(name(page), text) for page in PAGES for text in fence.findall(page.read_text())]


def sections(page: str) -> dict[str, str]:
    """The text below every heading of the second level."""
    parts = re.split(r"^## (.+)$", page, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


# --- what it shows


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_python_in_the_docs_runs_as_printed(page: str, code: str, demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo.photo.parent)
    exec(compile(code, page, "exec"), {})


def commands_shown() -> list[str]:
    in_blocks = [line for kind in ("sh", "text") for _, text in blocks(kind) for line in text.splitlines()]
    in_text = [code for page in PAGES for code in re.findall(r"`(photocall [^`]+)`", page.read_text())]
    lines = [line.removeprefix("$ ").partition(" > ")[0] for line in in_blocks]
    return [line for line in [*lines, *in_text] if re.match(r"photocall [a-z]+( |$)", line)]


@pytest.mark.parametrize("command", sorted(set(commands_shown())))
def test_a_command_in_the_docs_is_one_that_can_be_typed(command: str) -> None:
    words = shlex.split(command)[1:]
    assert vars(cli._parser().parse_args(words))["command"] == words[0]


def test_the_commands_of_the_docs_are_found() -> None:
    assert len(set(commands_shown())) > 20


def test_the_readme_names_the_two_commands_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = set(re.findall(r"(?:^|`)make ([a-z]+)", "\n".join(page.read_text() for page in PAGES), re.M))
    assert {"run", "test"} <= shown <= targets


def test_the_picture_is_what_its_script_draws() -> None:
    """Up to what another version of Pillow does to the edges of letters."""
    drawn = runpy.run_path(str(ROOT / "docs" / "picture.py"))["make_picture"]().convert("RGB")
    kept = ROOT / "docs" / "picture.png"
    with Image.open(kept) as picture:
        assert picture.size == drawn.size
        assert np.abs(np.asarray(picture.convert("RGB"), np.int16) - np.asarray(drawn, np.int16)).mean() < 1
    assert kept.stat().st_size < 150_000


# --- what exists


def commands() -> dict[str, argparse.ArgumentParser]:
    (choices,) = (a.choices for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(choices or {})


@pytest.mark.parametrize("command", commands())
def test_every_option_of_every_command_is_in_its_section(command: str) -> None:
    common, own = sections(CLI)["Every command"], sections(CLI)[f"photocall {command}"]
    rows = [line.split("|")[1] for line in (common + own).splitlines() if line.startswith("|")]
    for action in commands()[command]._actions:
        if action.dest == "help":
            continue
        words = action.option_strings or [str(choice) for choice in action.choices or [action.metavar]]
        shown = [
            word if action.nargs == 0 or not action.option_strings else f"{word} {action.metavar}" for word in words
        ]
        for word in shown:
            assert any(f"`{word}`" in row for row in rows), word


def test_the_docs_have_no_command_that_does_not_exist() -> None:
    documented = {heading.removeprefix("photocall ") for heading in sections(CLI) if heading.startswith("photocall ")}
    assert documented == commands().keys()


KINDS = [*inspect.getmembers(errors, inspect.isclass), *inspect.getmembers(school_errors, inspect.isclass)]
ERRORS = sorted({kind for _, kind in KINDS if issubclass(kind, Exception)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_in_the_docs_with_the_words_of_its_message(error: type[Exception]) -> None:
    (row,) = (line for line in sections(CLI)["Errors"].splitlines() if f"`{error.__name__}`" in line[:60])
    if error not in (errors.PhotocallError, errors.InputError):
        for words in re.split(r"\{[^}]*\}", error.__doc__ or ""):
            assert words.strip(" :x'") in row


def keys(value: object) -> set[str]:
    """Every key of a JSON value, at any depth."""
    if isinstance(value, dict):
        return value.keys() | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


def test_every_key_of_the_json_is_in_the_section_of_its_command() -> None:
    sighting = Sighting("Ada", 1.0, 2.0, ((1.0, 2.0),), 90.0, np.zeros((9, 9, 3), np.uint8))
    roll = RollCall((Attendance(Student("Ada"), Status.ABSENT),), 1)
    contract = {
        "detect": report.face_json(face(None)),
        "attend": report.roll_json(roll),
        "video": [report.video_json("a.mp4", [sighting]), report.timeline_json("a.mp4", [sighting], [])],
    }
    for command, value in contract.items():
        assert {key for key in keys(value) if f'"{key}"' not in sections(CLI)[f"photocall {command}"]} == set()


def test_every_environment_variable_is_in_the_docs() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    variables = set(re.findall(r'"(PHOTOCALL_[A-Z_]+[A-Z])"', source))
    assert variables
    assert all(f"`{variable}`" in CLI for variable in variables)


# --- what it names


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        place, _, heading = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.is_file(), link
        assert not heading or heading in map(anchor, re.findall(r"^#+ (.+)$", target.read_text(), re.M)), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_speaks_of_somebodys_machine(page: Path) -> None:
    for line in page.read_text().splitlines():
        assert not re.search(r"(?<![\w.~<>])/(work|root|tmp|home|Users|mnt|opt)\b|C:\\", line), line


def test_every_decision_is_in_the_index_and_fits_a_screen() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    for decision in (ROOT / "docs" / "decisions").glob("*.md"):
        assert f"(decisions/{decision.name})" in index
        assert len(decision.read_text().splitlines()) <= 40


# --- the table of systems

SYSTEMS = {
    cells[0]: cells
    for line in (ROOT / "docs" / "systems.md").read_text().splitlines()
    if re.match(r"\| S\d\.\d", line) and (cells := [cell.strip() for cell in line.strip("|").split("|")])
}


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_row_of_every_system_is_there_in_order() -> None:
    assert list(SYSTEMS) == ROWS


@pytest.mark.parametrize("row", ROWS)
def test_a_row_that_is_done_names_tests_that_exist(row: str) -> None:
    _, _, state, shown, missing = SYSTEMS[row]
    assert state in ("done", "partly", "open")
    assert bool(shown) == (state != "open")
    assert bool(missing) == (state == "partly")
    for test in shown.split(", ") if shown else []:
        path, _, function = test.strip("`").partition("::")
        assert function in functions(ROOT / "tests" / path)


def test_the_count_of_rows_is_that_of_the_table() -> None:
    states = [cells[2] for cells in SYSTEMS.values()]
    counts = f"{states.count('done')} done, {states.count('partly')} partly, {states.count('open')} open"
    assert counts in (ROOT / "docs" / "systems.md").read_text()
