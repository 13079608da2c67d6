"""Claim: a hundred videos become a hundred right CSVs fifteen times as fast as the classroom assistants made them.

Theirs is one process a core that has the program ffmpeg write frames as JPEG files, `-r 1`, which of two seconds makes
four, and gives them to face_recognition. Ours is what a user types: `photocall worker` with as many processes, and
`photocall load`.
"""

import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.material import Material, cores
from benchmarks.peer import Peer
from benchmarks.tables import Table, target, times
from benchmarks.timing import Result, told
from photocall.encodings import read_encodings

VIDEOS = 100
"""Sent at once, copies of the course's clips."""

TARGET = 15.0
"""Times the videos a second."""

_COMMAND = (sys.executable, "-m", "photocall")
_EVERY, _FIRST = "every frame", "until somebody is known"
_TIMEOUT = 900  # seconds


def measure(material: Material) -> Result | None:
    """Videos a second of both, in turns."""
    if material.evaluation is None:
        return None
    folder = material.evaluation / "classroom-videos"
    clips = [folder / video for video in _people(folder)]
    videos, rounds = (len(clips), 1) if material.quick else (VIDEOS, 3)
    share = clips[:2] if material.quick else clips * cores()
    ours: list[Result] = []
    theirs: dict[str, list[Result]] = {_EVERY: [], _FIRST: []}
    data = _enrolled(material.folder / "classroom", folder)
    with _classic_processes(folder) as classic:
        for _ in told(range(rounds), "classroom videos"):
            ours.append(_load(data, folder, material.folder / "mapping", videos))
            for way, measured in theirs.items():
                measured.append(_classic(classic, share, _people(folder), first=way == _FIRST))
    entries = {way: _compared(ours, measured) for way, measured in theirs.items()}
    versions = {"processes": cores(), "ffmpeg": _ffmpeg().get_ffmpeg_version()}
    return {"videos": videos, **versions, "photocall": ours, "classic": entries}


def tables(result: Result) -> list[Table]:
    """Both ways of the rival against ours."""
    rows = [_row(way, result, entry) for way, entry in result["classic"].items()]
    right = sum(each["verdict"] == "right" for each in result["photocall"])
    note = (
        f"{result['videos']} copies of the course's clips of two seconds, {result['processes']} processes on either "
        f"side, {len(result['photocall'])} turns; in {right} of them there were as many CSVs as videos, each right. "
        "photocall begins without a worker and looks at 4 frames a second; the rival has loaded its models before, "
        f"has ffmpeg {result['ffmpeg']} write frames (-r 1), and does fewer videos, whose rate counts."
    )
    header = ("face_recognition looks at", "photocall", "face_recognition", "ratio", "its clips that are right")
    return [Table("A hundred videos to a hundred CSVs", header, rows, note)]


def _row(way: str, result: Result, entry: Result) -> Sequence[str]:
    latency = float(np.median([each["latency"]["p95"] for each in result["photocall"]]))
    reached = f"; {target(entry['ratio']['wall'] >= TARGET, f'{TARGET:g}x')}" if way == _EVERY else ""
    return (
        way,
        f"{entry['rate']:.2f} a second, p95 of all at once {latency:.1f} s",
        f"{entry['classic_rate']:.3f} a second, {entry['frames']:.1f} frames a video",
        times(entry["ratio"]) + reached,
        f"{entry['right']} of {entry['clips']}",
    )


def _compared(ours: Sequence[Result], theirs: Sequence[Result]) -> Result:
    rates = [each["results"] / each["seconds"] for each in ours]
    rivals = [each["clips"] / each["seconds"] for each in theirs]
    low, high = np.percentile([a / b for a, b in zip(rates, rivals, strict=True)], (25, 75))
    wall = float(np.median(rates) / np.median(rivals))
    return {
        "rate": round(float(np.median(rates)), 3),
        "classic_rate": round(float(np.median(rivals)), 4),
        "ratio": {"wall": round(wall, 2), "wall_quartiles": [round(float(low), 2), round(float(high), 2)]},
        "frames": round(float(np.mean([each["frames"] / each["clips"] for each in theirs])), 2),
        "right": sum(each["right"] for each in theirs),
        "clips": sum(each["clips"] for each in theirs),
    }


# --- photocall --------------------------------------------------------------------------------------------------------


def _people(folder: Path) -> dict[str, str]:
    """Who is in each clip."""
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as file:
        return {row["video"]: row["name"] for row in csv.DictReader(file)}


def _enrolled(data: Path, folder: Path) -> dict[str, str]:
    """The environment of commands that know the course's class."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOCALL_")}
    environment["PHOTOCALL_DATA"] = str(data)
    arguments = ("--encodings", str(folder / "encoding"), "--students", str(folder / "student_data.json"))
    subprocess.run([*_COMMAND, "enroll", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    return environment


def _load(environment: dict[str, str], folder: Path, mapping: Path, videos: int) -> Result:
    """What `photocall load` says of a pool that begins with no worker."""
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as file:
        lines = [f"{row['video']}:{row['major']},{row['year']}\n" for row in csv.DictReader(file)]
    mapping.write_text("".join(lines), "utf-8")
    arguments = ("--folder", str(folder), "--count", str(videos), "--expect", str(mapping), "--timeout", str(_TIMEOUT))
    with _workers(environment):
        command = [*_COMMAND, "load", *arguments, "--json"]
        said = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE, timeout=2 * _TIMEOUT)
    result: Result = json.loads(said.stdout)
    return result


@contextmanager
def _workers(environment: dict[str, str]) -> Iterator[None]:
    """A pool of a worker a core at most, which has ended afterwards."""
    command = [*_COMMAND, "worker", "--max", str(cores()), "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as pool:
        assert pool.stdout is not None
        pool.stdout.readline()
        try:
            yield
        finally:
            pool.send_signal(signal.SIGTERM)
            pool.wait(_TIMEOUT)


# --- face_recognition -------------------------------------------------------------------------------------------------

_peer: list[Peer] = []  # of a process of the rival


@contextmanager
def _classic_processes(folder: Path) -> Iterator[Executor]:
    """A process a core with models and known faces loaded."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores(), context, _prepare, (folder,)) as processes:
        first = next(iter(_people(folder)))
        list(processes.map(_named, [folder / first] * cores(), [True] * cores()))
        yield processes


def _prepare(folder: Path) -> None:
    known = read_encodings(folder / "encoding.json")
    _peer.append(Peer([name for name, _ in known], np.stack([vector for _, vector in known])))


def _classic(processes: Executor, clips: Sequence[Path], people: dict[str, str], *, first: bool) -> Result:
    begun = time.perf_counter()
    found = list(processes.map(_named, clips, [first] * len(clips)))
    seconds = time.perf_counter() - begun
    right = sum(names == {people[clip.name]} for clip, (names, _) in zip(clips, found, strict=True))
    return {"clips": len(clips), "seconds": seconds, "frames": sum(frames for _, frames in found), "right": right}


def _named(clip: Path, first: bool) -> tuple[set[str], int]:
    """Who is in a clip, and how many frames were looked at; no further ones after the first known person if `first`."""
    names: set[str] = set()
    looked = 0
    with tempfile.TemporaryDirectory(prefix="photocall-benchmark-") as place:
        for path in _frames(clip, Path(place)):
            names |= {seen.name for seen in _peer[0].read(path) if seen.name}
            looked += 1
            if first and names:
                break
    return names, looked


def _frames(clip: Path, place: Path) -> list[Path]:
    """The frames that the originals looked at, as JPEG files."""
    command = [
        _ffmpeg().get_ffmpeg_exe(),
        "-loglevel",
        "error",
        "-nostdin",
        "-i",
        str(clip),
        "-r",
        "1",
        str(place / "%03d.jpeg"),
    ]
    subprocess.run(command, check=True)
    return sorted(place.iterdir())


def _ffmpeg() -> ModuleType:
    import imageio_ffmpeg  # brings the program; `make bench` installs it

    module: ModuleType = imageio_ffmpeg
    return module
