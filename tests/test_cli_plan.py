"""`photocall plan` as it is typed: what it prints, what it counts with, and what it says of bad input."""

import json
import sys
from pathlib import Path

import pytest

from clips import write
from commandline import photocall as typed
from photocall.costs.prices import SHIPPED
from photocall.faces import ByteArray
from photocall.media.images import write_image

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks/ belongs to the repository, not to the package

from benchmarks import plan as benchmark

ROOT = Path(__file__).parent.parent
SECTION = (ROOT / "docs" / "cli.md").read_text().split("## photocall plan")[1].split("\n## ")[0]


def planned(*arguments: object) -> dict[str, object]:
    """The JSON of a plan that was made without a word on standard error."""
    answer = typed("plan", *arguments, "--json")
    assert (answer.code, answer.err) == (0, ""), answer.err
    (value,) = answer.values
    assert isinstance(value, dict)
    return value


def test_the_plan_is_shown_with_what_it_rests_on() -> None:
    answer = typed("plan", "--photos", 20_000, "--video-minutes", 600)
    assert (answer.code, answer.err) == (0, "")
    assert "20,000 photos and 600 minutes of video a month" in answer.out
    for word in ("1,769 MB", "Fargate", "c6i.large", "Rekognition", "best", "check them", "8 photos of a class"):
        assert word in answer.out, word


def test_what_is_impossible_is_shown_with_the_reason() -> None:
    out = typed("plan", "--photos", 0, "--video-minutes", 6000, "--video-length", 120).out
    assert "a call may take 15" in out
    assert "workers are needed, 15 are the most" in typed("plan", "--photos", 1e9).out


def test_an_idle_plan_is_one_of_storage() -> None:
    out = typed("plan", "--photos", 0).out
    assert "nothing to do" in out
    assert " times" not in out.split("Where it could run")[1].split("Photos:")[0]


def test_the_json_has_every_figure_under_the_keys_of_the_docs() -> None:
    plan = planned("--photos", 5000)
    assert plan.keys() == {"workload", "measured", "prices", "lambda", "places", "rekognition"}
    keys = {key for part in plan.values() for key in _keys(part)} | plan.keys()
    assert {key for key in keys if f'"{key}"' not in SECTION and f"`{key}`" not in SECTION} == set()


def _keys(value: object) -> set[str]:
    """Of objects at any depth; costs are named freely."""
    if isinstance(value, dict):
        inner = (_keys(each) for key, each in value.items() if key != "costs")
        return set(value).union(*inner)
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def test_other_prices_and_the_free_tier_count(tmp_path: Path) -> None:
    dear = tmp_path / "prices.toml"
    dear.write_text(SHIPPED.read_text("utf-8").replace("0.0000133334", "0.0133334"), "utf-8")
    cheap, usual, costly = (_dollars(planned(*options)) for options in (("--free-tier",), (), ("--prices", dear)))
    assert cheap < usual < costly


def _dollars(plan: dict[str, object]) -> float:
    """Of Lambda on arm64 at 1,769 MB."""
    found = json.loads(json.dumps(plan["lambda"]))["arm64"]
    return float(next(offer["dollars"] for offer in found if offer["size"].startswith("1,769 MB")))


def test_figures_that_are_given_take_the_place_of_the_measured_ones() -> None:
    plan = json.loads(json.dumps(planned("--seconds-per-photo", 2, "--seconds-per-video-minute", 50, "--memory", 900)))
    whole = next(offer for offer in plan["lambda"]["x86_64"] if offer["size"].startswith("1,769 MB"))
    assert (whole["photo"], whole["video_minute"]) == (2, 50)
    assert plan["lambda"]["x86_64"][4]["refused"] == "1125 MB are needed"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--photos", -1), "--photos: -1 is not allowed; give a number from 0 to 1,000,000,000"),
        (("--photos", "nan"), "--photos: nan is not allowed"),
        (("--video-minutes", "inf"), "--video-minutes: inf is not allowed"),
        (("--photos", 1e10), "--photos: 1e+10 is not allowed"),
        (("--video-length", 0), "--video-length: 0 is not allowed; give a number from 0.01 to 1,440"),
        (("--faces", -5), "--faces: -5 is not allowed"),
        (("--peak-hour", 0), "--peak-hour: 0 is not allowed; give a number from 0.00137 to 1"),
        (("--peak-hour", 1.5), "--peak-hour: 1.5 is not allowed"),
        (("--keep-days", -1), "--keep-days: -1 is not allowed"),
        (("--seconds-per-photo", 0), "--seconds-per-photo: 0 is not allowed; give a number from 0.001 to 3,600"),
        (("--seconds-per-video-minute", "nan"), "--seconds-per-video-minute: nan is not allowed"),
        (("--memory", 0), "--memory: 0 is not allowed; give a number from 1 to 1,000,000"),
        (("--prices", "none.toml"), "--prices: none.toml: no such file"),
        (("--plot", "plan.pdf"), "--plot: 'plan.pdf' must end in .png or .svg"),
    ],
)
def test_what_cannot_be_is_refused_with_what_could(
    arguments: tuple[object, ...], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = typed("plan", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert [line.startswith(f"photocall: {problem}") for line in answer.problems] == [True], answer.err


@pytest.mark.parametrize(("ending", "head"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_plan_is_drawn(ending: str, head: bytes, tmp_path: Path) -> None:
    for photos in (0, 20_000):
        assert typed("plan", "--photos", photos, "--plot", tmp_path / f"plan.{ending}").code == 0
        assert (tmp_path / f"plan.{ending}").read_bytes().startswith(head)


def test_a_drawing_names_what_it_shows(tmp_path: Path) -> None:
    typed("plan", "--plot", tmp_path / "plan.svg")
    drawn = (tmp_path / "plan.svg").read_text("utf-8")
    assert all(words in drawn for words in ("Lambda by memory", "arm64, dollars", "Rekognition, one call a photo"))
    typed("plan", "--plot", tmp_path / "again.svg")
    assert drawn == (tmp_path / "again.svg").read_text("utf-8")


def test_this_machine_is_measured_on_files_of_ones_own(portraits: dict[str, ByteArray], tmp_path: Path) -> None:
    write_image(tmp_path / "portrait.jpg", portraits["astronaut"])
    write(tmp_path / "clip.mp4")  # a little more than a second in which nobody is
    plan = json.loads(json.dumps(planned("--measure", tmp_path / "portrait.jpg", tmp_path / "clip.mp4")))
    photo, video = plan["measured"]["photo"], plan["measured"]["video"]
    assert (photo["what"], video["what"]) == ("1 of your own", "1 of your own")
    assert photo["faces"] == 1
    assert 0.005 < photo["fp32"]["one"] < 5
    assert 0 < video["fp32"]["one"] < 60  # a minute of it
    assert 50 < photo["memory"] < 2000 and 50 < video["memory"] < 2000
    assert 0 < plan["measured"]["start"] < 20


def test_a_file_that_cannot_be_measured_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no photo")
    for name, reason in (("notes.txt", "text"), ("none.jpg", "no such file")):
        answer = typed("plan", "--measure", tmp_path / name)
        assert (answer.code, answer.out) == (1, "")
        (problem,) = answer.problems
        assert name in problem and reason in problem


def test_the_page_shows_what_the_command_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = benchmark.PAGE.read_text("utf-8")
    assert benchmark.filled(text, typed(*benchmark.SHOWN).out) == text
    assert f"]({benchmark.PAGE.stem}.svg)" in text
