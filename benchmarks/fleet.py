"""What scaling by the queue is worth: a million to ten million videos a day, against fleets of a fixed size.

`python -m benchmarks.fleet` measures what a video and a start-up take on this machine, simulates the days, and writes
`benchmarks/fleet.json`, the part of `docs/scaling.md` between the markers, and the plots beside it. Takes some minutes.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.fleet_model import (
    IN_PEAKS,
    LESSONS,
    busy_on_average,
    make_day,
    school_day,
)
from benchmarks.fleet_plots import draw_costs, draw_day
from benchmarks.material import ROOT, VIDEO_FPS, evaluation_folder
from benchmarks.tables import Table, markdown, percent
from benchmarks.timing import Result, timed, told
from photocall.costs.simulation import Load, Outcome, elastic_fleet, fixed_fleet
from photocall.encodings import PACK, read_encodings
from photocall.engine.face_engine import FaceEngine
from photocall.faces import Embedding, FaceRecord
from photocall.gallery import Gallery
from photocall.media.draw import contact_sheet
from photocall.media.images import encode_jpeg
from photocall.media.videos import open_video
from photocall.report import captions
from photocall.scaling import Policy
from photocall.stores.sql import SqlStore
from photocall.video import find_people

PRICE = 0.085
"""US dollars an hour of a machine with two virtual processors: an assumption, to be replaced by one's own price.

About what an AWS c5.large or c6i.large costs on demand in us-east-1 on the price list of 2025.
"""

WORKERS_OF_A_MACHINE = 2  # a worker computes with one thread
WORKERS_OF_A_HOST = 15
"""The most that one pool has."""

MACHINE_START = 60.0
"""Seconds until a machine that was ordered runs programs: an assumption."""

MACHINE_COOL_DOWN = 300.0
"""Seconds until a machine that is not needed is given back; what KEDA and the autoscaler of Kubernetes begin with."""

ACCEPTED_WAIT = 60.0
"""Seconds that a video may wait where machines are ordered: the backlog of a worker is what it does in that time."""

VOLUMES = (1_000_000, 3_000_000, 10_000_000)
"""Videos a day."""

POOL_VOLUMES = (100_000, 500_000, 1_000_000)
"""Videos a day for a single pool of 15."""

PAGE = ROOT / "docs" / "scaling.md"
KEPT = ROOT / "benchmarks" / "fleet.json"
_START, _END = "<!-- results -->", "<!-- /results -->"
_REPETITIONS, _STARTS = 5, 5

_READY = f"""
import sys
from pathlib import Path
from photocall.app import App, open_engine
from photocall.engine.face_engine import FaceEngine
from photocall.media.videos import open_video
with FaceEngine(threads=1, pack="{PACK}") as engine, open_video(Path(sys.argv[1])) as video:
    engine.faces(next(video.frames()).image)
"""
"""A process until its engine has answered once, with what a worker imports."""


def main() -> None:
    """Measure, simulate, and keep the results with their tables and plots."""
    result = measure()
    outcomes = simulate(result)
    KEPT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    PAGE.write_text(filled(PAGE.read_text("utf-8"), result), "utf-8")
    volume = VOLUMES[0]
    curve = school_day().reshape(-1, 60).sum(axis=1) * volume / 60
    draw_day(PAGE.with_name("scaling-day.svg"), volume, curve, outcomes)
    draw_costs(PAGE.with_name("scaling-costs.svg"), result["fleets"])


def filled(page: str, result: Result) -> str:
    """The page with the results between its markers."""
    head, rest = page.split(_START)
    shown = "\n".join(map(markdown, tables(result)))
    return f"{head}{_START}\n\n{shown}\n{_END}{rest.split(_END)[1]}"


# --- what a worker needs ----------------------------------------------------------------------------------------------


def measure() -> Result:
    """Seconds of one processor for each clip and for a start-up: what they take where nothing else is at work.

    That is why it is processor time, and of several repetitions the fastest.
    """
    folder = (evaluation_folder() or sys.exit("the clips are missing: PHOTOCALL_EVAL_DATA")) / "classroom-videos"
    clips = sorted(folder.glob("test_*.mp4"))
    with _one_processor(), TemporaryDirectory() as place, FaceEngine(threads=1, pack=PACK) as engine:
        gallery = _gallery(engine, folder, Path(place))
        _sheet(engine, gallery, clips[0])
        seconds = {clip.name: _seconds(engine, gallery, clip) for clip in told(clips, "clips")}
        starts = [_start(clips[0]) for _ in told(range(_STARTS), "starts")]
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "clips": {name: [round(one, 3) for one in every] for name, every in seconds.items()},
        "service": round(statistics.mean(map(min, seconds.values())), 3),
        "start_up": round(min(starts), 2),
    }


@contextmanager
def _one_processor() -> Iterator[None]:
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _gallery(engine: FaceEngine, folder: Path, place: Path) -> Gallery:
    """The eleven people of the clips' course."""
    faces = [
        FaceRecord(str(number), "course", str(number), name, None, 0, 0, 1.0, Embedding(vector, engine.model))
        for number, (name, vector) in enumerate(read_encodings(folder / "encoding.json"))
    ]
    with SqlStore(f"sqlite:///{place / 'course.db'}") as store:
        store.create_collection("course", engine.model)
        store.put_faces("course", faces)
        return Gallery(store, "course", engine.model, engine.metric)


def _seconds(engine: FaceEngine, gallery: Gallery, clip: Path) -> list[float]:
    """Processor seconds of each repetition."""
    return [timed(lambda: _sheet(engine, gallery, clip)).cpu for _ in range(_REPETITIONS)]


def _sheet(engine: FaceEngine, gallery: Gallery, clip: Path) -> bytes:
    """All that a job does with a video but reading and writing it."""
    with open_video(clip) as video:
        people = find_people(engine, gallery, video.frames(VIDEO_FPS), 0.01)
    crops = [person.crop for person in people]
    return encode_jpeg(contact_sheet(list(zip(crops, captions(people), strict=True))))


def _start(clip: Path) -> float:
    """Processor seconds of a process until its engine has answered once."""
    before = os.times()
    subprocess.run([sys.executable, "-c", _READY, str(clip)], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


# --- the days ---------------------------------------------------------------------------------------------------------


def simulate(result: Result) -> dict[str, Outcome]:
    """Add the fleets' figures to what was measured; the outcomes of the smallest day, for its plot."""
    times = [min(every) for every in result["clips"].values()]
    result["fleets"], result["pools"], shown = [], [], {}
    for videos in VOLUMES:
        day = make_day(videos, times)
        for name, outcome in _fleets(day, result):
            result["fleets"].append(_figures(name, videos, outcome))
            sys.stderr.write(f"{videos}: {name}\n")
            if videos == VOLUMES[0]:
                shown[name] = outcome
    for videos in POOL_VOLUMES:
        outcome = elastic_fleet(make_day(videos, times), Policy(0, WORKERS_OF_A_HOST), result["start_up"])
        result["pools"].append(_figures("0 to 15 workers", videos, outcome))
    return shown


def _fleets(day: Load, result: Result) -> Iterator[tuple[str, Outcome]]:
    service, start_up = result["service"], result["start_up"]
    load = busy_on_average(len(day.arrivals), service)
    peak = math.ceil(load.max())
    most = math.ceil(peak / WORKERS_OF_A_HOST) * WORKERS_OF_A_HOST
    yield "elastic processes", elastic_fleet(day, Policy(0, most), start_up)
    machines = Policy(0, most, backlog_per_worker=round(ACCEPTED_WAIT / service), cool_down=MACHINE_COOL_DOWN)
    yield "elastic machines", elastic_fleet(day, machines, MACHINE_START + start_up)
    yield "fixed, for the mean", fixed_fleet(day, math.ceil(load.mean()))
    yield "fixed, for the 95th percentile", fixed_fleet(day, math.ceil(np.percentile(load, 95)))
    yield "fixed, for the peak", fixed_fleet(day, peak)


def _figures(name: str, videos: int, outcome: Outcome) -> Result:
    p50, p95, p99, most = (round(float(one), 2) for one in np.percentile(outcome.latencies, (50, 95, 99, 100)))
    hours = outcome.worker_seconds / 3600
    return {
        "fleet": name,
        "videos": videos,
        "most_workers": int(outcome.workers.max()),
        "worker_hours": round(hours, 1),
        "cost": round(hours * PRICE / WORKERS_OF_A_MACHINE, 2),
        "latency": {"p50": p50, "p95": p95, "p99": p99, "max": most},
        "most_waiting": int(outcome.backlog.max()),
    }


# --- what the page shows ----------------------------------------------------------------------------------------------


def tables(result: Result) -> list[Table]:
    """What was measured, what is assumed, the fleets, and the single pool."""
    return [_measured_table(result), _assumed_table(), _fleet_table(result), _pool_table(result)]


def _measured_table(result: Result) -> Table:
    rows = [(name, f"{min(every):.2f} s", f"{max(every):.2f} s") for name, every in result["clips"].items()]
    rows.append(("mean of the clips", f"{result['service']:.2f} s", ""))
    rows.append(("start of a worker", f"{result['start_up']:.2f} s", ""))
    note = f"Seconds of one processor, {_REPETITIONS} times each, on {result['measured']}; the fastest counts."
    return Table("What a worker needs", ("work", "fastest", "slowest"), rows, note)


def _assumed_table() -> Table:
    rows = [
        ("price of a machine with two processors, which does for two workers", f"{PRICE} US dollars an hour", "PRICE"),
        ("until a machine that was ordered runs programs", f"{MACHINE_START:.0f} s", "MACHINE_START"),
        ("wait that is accepted where machines are ordered", f"{ACCEPTED_WAIT:.0f} s", "ACCEPTED_WAIT"),
        ("until an idle machine is given back", f"{MACHINE_COOL_DOWN:.0f} s", "MACHINE_COOL_DOWN"),
        ("lessons begin at", ", ".join(f"{hour}:{minute:02}" for hour, minute in LESSONS), "LESSONS"),
        ("videos around the start of a lesson", percent(IN_PEAKS), "IN_PEAKS"),
    ]
    note = "Constants in `benchmarks/fleet.py` and `benchmarks/fleet_model.py`, to be replaced by your own."
    return Table("What is assumed", ("what", "value", "constant"), rows, note)


def _fleet_table(result: Result) -> Table:
    header = ("videos a day", "fleet", "most workers", "worker-hours", "US dollars", *_LATENCIES, "most waiting")
    note = "Worker-hours and US dollars are those of a day; latency is from arrival to result."
    return Table("Fleets", header, [_fleet_row(one) for one in result["fleets"]], note)


_LATENCIES = ("latency p50", "p95", "p99", "max")


def _fleet_row(one: Result) -> list[str]:
    return [
        f"{one['videos']:,}",
        one["fleet"],
        f"{one['most_workers']:,}",
        f"{one['worker_hours']:,.0f}",
        f"{one['cost']:,.2f}",
        *map(_duration, one["latency"].values()),
        f"{one['most_waiting']:,}",
    ]


def _pool_table(result: Result) -> Table:
    header = ("videos a day", "worker-hours", *_LATENCIES, "most waiting")
    rows = [[row[0], row[3], *row[5:]] for row in map(_fleet_row, result["pools"])]
    return Table("One pool of 0 to 15 workers", header, rows)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


if __name__ == "__main__":
    main()
