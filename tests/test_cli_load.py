"""The workload generator as it is typed: what it sends, counts, checks and says."""

import json
import os
import pty
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from commandline import COMMAND, Answer, data_with, photocall
from crew import at_work
from photocall import loading
from photocall.app import open_bucket, open_queue
from photocall.demo import Demo
from photocall.errors import StoreUnavailable
from photocall.loading import find_videos, percentile, read_mapping
from photocall.settings import Settings
from photocall.submission import submit


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Path:
    """A data directory with the demo class, whose clip shows both of it."""
    folder = tmp_path_factory.mktemp("data")
    students = [
        {"name": "Barack Obama", "major": "law", "year": "1991"},
        {"name": "Joe Biden", "major": "=history", "year": "1965"},
    ]
    (folder / "students.json").write_text(json.dumps(students))
    return data_with(folder, demo.enroll, "--students", folder / "students.json")


@pytest.fixture
def settings(enrolled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """That directory with queue and buckets of its own, which the environment names."""
    monkeypatch.setenv("PHOTOCALL_DATA", str(enrolled))
    monkeypatch.setenv("PHOTOCALL_QUEUE", f"sqlite:///{tmp_path}/queue.db")
    monkeypatch.setenv("PHOTOCALL_OBJECTS", (tmp_path / "objects").as_uri())
    monkeypatch.setenv("PHOTOCALL_VIDEO_FPS", "1")
    return Settings()


@pytest.fixture
def folder(demo: Demo, tmp_path: Path) -> Path:
    """Of one video, and of what else lies around."""
    made = tmp_path / "videos"
    made.mkdir()
    shutil.copy(demo.clip, made / "lesson.mp4")
    (made / "notes.txt").write_text("bring chalk")
    (made / ".hidden.mp4").write_bytes(demo.clip.read_bytes())
    return made


def mapping(folder: Path, *lines: str) -> Path:
    path = folder / "mapping"
    path.write_text("\n".join(lines) + "\n")
    return path


RIGHT = ("lesson.mp4:law,1991", "", "lesson.mp4:=history,1965", "other.mp4:math,senior")


def load(folder: Path, *options: object) -> Answer:
    return photocall("load", "--folder", folder, *options)


# --- the whole way


def test_copies_of_a_video_all_become_the_table_that_is_expected(settings: Settings, folder: Path) -> None:
    with at_work(settings):
        answer = load(folder, "--count", 3, "--expect", mapping(folder, *RIGHT), "--json")
    assert answer.code == 0
    (value,) = answer.values
    assert value["verdict"] == "right" and value["checked"] and value["problems"] == []
    assert (value["videos"], value["sent"], value["results"], value["tables"]) == (3, 3, 3, 3)
    latency = value["latency"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] == latency["max"] <= value["seconds"]
    output = open_bucket(settings, settings.output_bucket)
    tables = {name: output.get(f"{name}.csv") for name in ("lesson", "lesson-002", "lesson-003")}
    assert len(set(tables.values())) == 1


def test_a_wrong_table_and_a_video_that_was_given_up_are_named(settings: Settings, folder: Path) -> None:
    (folder / "broken.mp4").write_bytes((folder / "lesson.mp4").read_bytes()[:40])
    expected = mapping(folder, "lesson.mp4:law,1991", "broken.mp4:law,1991")
    with at_work(settings):
        answer = load(folder, "--expect", expected)
    assert answer.code == 1
    assert "lesson.mp4: its CSV has '=history,1965 and law,1991, expected is law,1991" in answer.err
    assert "broken.mp4: it was given up: broken.mp4: not a readable video" in answer.err
    assert answer.out.splitlines()[-1] == "wrong: 2 videos, 1 CSV, 2 problems"


def test_without_a_mapping_tables_are_only_counted(settings: Settings, folder: Path) -> None:
    with at_work(settings):
        answer = load(folder, "--rate", "20", "--count", 2)
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "right: 2 videos, 2 CSVs, their content was not checked (--expect)"
    assert "p50" in answer.out


def test_tables_are_checked_in_the_layout_that_is_set(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCALL_CSV_LAYOUT", "year-major-name-bom")
    monkeypatch.setenv("PHOTOCALL_CSV_SUFFIX", "none")
    with at_work(Settings()):
        answer = load(folder, "--expect", mapping(folder, *RIGHT))
        assert (answer.code, answer.out.splitlines()[-1]) == (0, "right: 1 video, 1 CSV, each as expected")
        monkeypatch.setenv("PHOTOCALL_CSV_LAYOUT", "capitalised")
        answer = load(folder, "--expect", mapping(folder, *RIGHT))
    assert answer.code == 1
    assert "lesson.mp4: its CSV does not begin with the header Name,Major,Year" in answer.err


def test_without_workers_it_says_so_and_gives_up_in_time_and_no_old_table_counts(
    settings: Settings, folder: Path
) -> None:
    open_bucket(settings, settings.output_bucket).put("lesson.csv", b"name,major,year\n")
    answer = load(folder, "--timeout", "0.3", "--json")
    (value,) = answer.values
    assert answer.code == 1 and value["verdict"] == "wrong"
    assert (value["sent"], value["results"], value["tables"]) == (1, 0, 0)
    assert value["problems"] == [{"video": "lesson.mp4", "reason": "there was no result in time"}]
    assert value["latency"] == {"p50": None, "p95": None, "p99": None, "max": None}
    assert "no worker is running" in answer.err


def test_videos_come_at_the_rate_that_was_asked_for(settings: Settings, folder: Path) -> None:
    began = time.monotonic()
    assert load(folder, "--count", 4, "--rate", 5, "--timeout", "0.1").code == 1
    assert time.monotonic() - began >= 3 / 5
    assert open_queue(settings).depth().waiting == 4


def test_ctrl_c_ends_it_at_once(settings: Settings, folder: Path) -> None:
    command = [*COMMAND, "load", "--folder", str(folder), "--count", "100", "--rate", "0.5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as running:
        assert running.stderr is not None and "no worker is running" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, "", "")


def test_whoever_watches_sees_how_far_the_workers_are(settings: Settings, folder: Path) -> None:
    terminal, end = pty.openpty()
    command = [*COMMAND, "load", "--folder", str(folder), "--count", "2"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    with (
        at_work(settings),
        subprocess.Popen(command, stdin=end, stdout=subprocess.PIPE, stderr=end, env=environment) as running,
    ):
        os.close(end)
        sent = "".join(iter(lambda: sent_to(terminal), ""))
        assert running.wait(60) == 0
    os.close(terminal)
    assert "done 0, failed 0" in sent and "sent 2, done 2, failed 0" in sent
    assert sent.endswith("\x1b[2K")  # the line of the bar is empty


def sent_to(terminal: int) -> str:
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:  # nobody holds its other end any more
        return ""


# --- what is typed wrong


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--rate", "-1"), "--rate: must be 0 to 1000000, not -1.0"),
        (("--rate", "nan"), "--rate: must be 0 to 1000000, not nan"),
        (("--count", "0"), "--count: must be 1 to 1000000, not 0"),
        (("--timeout", "0"), "--timeout: must be more than 0 and at most 1000000, not 0.0"),
    ],
)
def test_options_that_cannot_be_are_told(
    settings: Settings, folder: Path, options: tuple[str, ...], problem: str
) -> None:
    answer = load(folder, *options)
    assert (answer.code, answer.out, answer.problems) == (2, "", [f"photocall: {problem}"])


def test_a_folder_without_videos_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert f"there is no video in {tmp_path / 'none'}" in load(tmp_path / "none").problems[0]
    assert "no such file" in load(tmp_path / "missing").problems[0]


def test_two_videos_that_would_have_one_table_are_refused(settings: Settings, folder: Path) -> None:
    shutil.copy(folder / "lesson.mp4", folder / "lesson.mov")
    assert "two of the videos would be called lesson" in load(folder).problems[0]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((), "it has no line for lesson.mp4"),
        (("lesson.mp4:law,1991", "lesson.mp4"), "line 2 is not like test_5.mp4:computer_science,sophomore"),
        (("lesson.mp4:law",), "line 1 is not like"),
        ((":law,1991",), "line 1 is not like"),
    ],
)
def test_a_wrong_mapping_is_told_before_anything_is_sent(
    settings: Settings, folder: Path, lines: tuple[str, ...], problem: str
) -> None:
    answer = load(folder, "--expect", mapping(folder, *lines))
    assert answer.code == 1 and problem in answer.problems[0]
    assert open_queue(settings).depth().waiting == 0


# --- parts


def test_a_folder_is_gone_through_again_and_again_under_other_names(folder: Path) -> None:
    shutil.copy(folder / "lesson.mp4", folder / "a.mp4")
    keys = [video.key for video in find_videos(folder, 5)]
    assert keys == ["a.mp4", "lesson.mp4", "a-002.mp4", "lesson-002.mp4", "a-003.mp4"]
    assert len(find_videos(folder, None)) == 2


def test_a_mapping_may_name_several_people_of_a_video(folder: Path) -> None:
    (video,) = find_videos(folder, None)
    found = read_mapping(mapping(folder, *RIGHT), [video])
    assert found == {video.path: [("law", "1991"), ("=history", "1965")]}


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == 7.0 and percentile([], 0.5) is None


def test_a_stores_outage_while_sending_is_waited_for(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PAUSE_SECONDS", 0.05)
    outages = [StoreUnavailable("the queue", "it does not answer")] * 3

    def failing(*arguments: Any) -> None:
        if outages:
            raise outages.pop()
        submit(*arguments)

    monkeypatch.setattr("photocall.sending.submit", failing)
    with at_work(settings):
        assert load(folder, "--timeout", "30").code == 0
    assert not outages
