"""What `photocall plan` counts with: seconds of a photo and of a minute of video on one processor and on two.

`python -m benchmarks.plan` measures them on class photos and clips of the evaluation data and on the demo's clip, with
the embedder in either precision, and writes `src/photocall/costs/measured.toml`, the part of `docs/plan.md` between the
markers and the picture beside it. Takes about ten minutes; let nothing else run meanwhile.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.material import ROOT, VIDEO_FPS, classroom_photos, evaluation_folder
from photocall.costs.measured import SHIPPED
from photocall.costs.measuring import Conditions, Probe, machine_name, megabytes, minutes, probe
from photocall.demo import make_demo
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.engine.precision import FLOAT, INTEGER, choose_precision

PAGE = ROOT / "docs" / "plan.md"
SHOWN = ("plan", "--photos", "100000")
"""The command on the page."""

REPETITIONS = 10

Probes = tuple[Probe, Probe, Probe]

_START, _END = "<!-- results -->", "<!-- /results -->"

_HEAD = """\
# What `photocall plan` counts with. Written by `python -m benchmarks.plan`: change it there.
#
# Seconds of a photo and of a minute of video, on one processor and on two: of each file the fastest of ten times, the
# mean of all files. fp32 and int8, the latter on one processor, are the forms of the embedder. `start` are seconds
# until a process could answer, `memory` is the most that one ever had, in MB; `megabytes` is the size of a photo, and
# of a minute of video.
"""


def main() -> None:
    """Measure, and write the file."""
    folder = evaluation_folder() or sys.exit("the photos and clips are missing: PHOTOCALL_EVAL_DATA")
    rooms = classroom_photos(folder / "classroom-photos")
    photos = [room.path for room in rooms]
    with TemporaryDirectory() as place:
        clips = [make_demo(ROOT / ".demo", Path(place)).clip, *sorted((folder / "classroom-videos").glob("*.mp4"))]
        photo, video = _probes(photos, Path(place)), _probes(clips, Path(place))
        length = minutes(clips)
        parts = [
            f'date = "{time.strftime("%Y-%m-%d")}"',
            f'machine = "{machine_name()}"',
            f"start = {min(each.start for each in photo):.2f}",
            "\n[photo]",
            f'what = "{len(photos)} photos of a class, 1920x1080"',
            f"faces = {sum(len(room.people) for room in rooms) / len(rooms):.1f}",
            *_lines(photo, megabytes(photos) / len(photos)),
            "\n[video]",
            f'what = "{len(clips)} clips, 720p and 1080p, {60 * length:.0f} seconds in all"',
            *_lines(video, megabytes(clips) / length),
        ]
    SHIPPED.write_text("\n".join([_HEAD, *parts, ""]), "utf-8")
    update()


def update() -> None:
    """Write what the command says, and draws, into the page and beside it."""
    command = [sys.executable, "-m", "photocall", *SHOWN, "--plot", str(PAGE.with_suffix(".svg"))]
    said = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    PAGE.write_text(filled(PAGE.read_text("utf-8"), said), "utf-8")


def filled(page: str, said: str) -> str:
    """The page with what the command says between its markers."""
    head, rest = page.split(_START)
    return f"{head}{_START}\n\n```text\n$ photocall {' '.join(SHOWN)}\n{said}```\n\n{_END}{rest.split(_END)[1]}"


def _probes(files: Sequence[Path], place: Path) -> Probes:
    """In floating point on one processor and on two, and in integers on one."""
    found = []
    for precision, threads in ((FLOAT, 1), (FLOAT, 2), (INTEGER, 1)):
        conditions = Conditions(threads, VIDEO_FPS, DEFAULT_PACK, cache=place / precision, repetitions=REPETITIONS)
        choose_precision(load_pack(DEFAULT_PACK).embedder.part, place / precision, precision)
        probe(files[:1], replace(conditions, repetitions=1))  # converts the networks
        found.append(probe(files, conditions))
        sys.stderr.write(f"{precision}, {threads}: {found[-1]}\n")
    return found[0], found[1], found[2]


def _lines(probes: Probes, size: float) -> list[str]:
    one, two, integers = probes
    return [
        f"megabytes = {size:.2f}",
        f"memory = {max(each.memory for each in probes):.0f}",
        f"fp32 = [{one.seconds:.3f}, {two.seconds:.3f}]",
        f"int8 = {integers.seconds:.3f}",
    ]


if __name__ == "__main__":
    main()
