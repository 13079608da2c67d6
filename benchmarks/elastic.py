"""Claim: a hundred photos posted at once wake up to fifteen workers, never more, and five seconds later none is left.

A real server with its pool, asked over loopback by a hundred clients at once. How many workers there are is read off
the processes of the machine twenty times a second: the children of the process that all of them are forked from.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import numpy as np

from benchmarks.elastic_plot import Moment, draw_curve
from benchmarks.material import ROOT, Material
from benchmarks.tables import Table, target
from benchmarks.timing import Result
from photocall.app import open_app, open_queue
from photocall.enrolment import enroll_photo
from photocall.media.images import encode_jpeg
from photocall.settings import Settings

POSTS, MOST = 100, 15

TARGET = 5.0
"""Seconds from the moment when the queue is empty until no worker is left, at most."""

PICTURE = ROOT / "docs" / "elastic.svg"

_STEP = 0.05
_BOUNDARY = "photocall-benchmark"


def measure(material: Material) -> Result:
    """A hundred posts, and the curve of workers and jobs."""
    data = material.folder / "elastic"
    settings = Settings(data=data)
    with open_app(settings) as app:
        app.gallery()
        for path in sorted(material.demo().enroll.iterdir()):
            enroll_photo(app.engine, app.store, "students", path, path.stem)
    photo = encode_jpeg(np.ascontiguousarray(material.portraits()["astronaut"][:256, 100:356]))
    command = [sys.executable, "-m", "photocall", "serve", "--port", "0", "--json", "--data", str(data)]
    command += ["--workers", str(MOST)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["url"]
            answered, curve = _posted(address, server.pid, settings, photo)
        finally:
            server.terminate()
    if not material.quick:
        draw_curve(PICTURE, curve, MOST)
    return _summary(answered, curve)


def tables(result: Result) -> list[Table]:
    """One row."""
    row = (
        f"{result['answered']} of {POSTS}",
        f"{result['seconds']:.1f} s",
        f"{result['peak']}; {target(result['peak'] == MOST, f'{MOST}, never more')}",
        f"{result['seconds_to_peak']:.1f} s",
        f"{result['seconds_to_none']:.1f} s; {target(result['seconds_to_none'] <= TARGET, f'{TARGET:g} s')}",
    )
    header = ("answered right", "last answer after", "most workers", "reached after", "empty queue to no worker")
    note = "The curve is on the page about [scaling](scaling.md#a-hundred-posts-at-once)."
    return [Table(f"{POSTS} posts at once, 0 to {MOST} workers", header, [row], note)]


def _posted(address: str, server: int, settings: Settings, photo: bytes) -> tuple[int, list[Moment]]:
    """How many posts were answered right, and what was seen meanwhile and until no worker was left."""
    curve: list[Moment] = []
    answered = Event()
    watching = Thread(target=_watch, args=(server, settings, curve, answered))
    watching.start()
    time.sleep(1)  # the curve begins with nobody
    with ThreadPoolExecutor(POSTS) as clients:
        found = list(clients.map(lambda number: _post(address, f"test_{number:03d}", photo), range(POSTS)))
    answered.set()
    watching.join()
    right = {f"test_{number:03d}:unknown" for number in range(POSTS)}
    return len(right & set(found)), curve


def _post(address: str, name: str, photo: bytes) -> str:
    disposition = f'Content-Disposition: form-data; name="inputFile"; filename="{name}.jpg"'
    body = f"--{_BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=300)) as connection:
        connection.request("POST", "/", body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"})
        return connection.getresponse().read().decode()


def _watch(server: int, settings: Settings, curve: list[Moment], answered: Event) -> None:
    begun, seen = time.monotonic(), False
    with closing(open_queue(settings)) as queue:
        while not (answered.is_set() and seen and curve[-1].workers == 0 and curve[-1].jobs == 0):
            depth, workers = queue.depth(), _workers(server)
            seen |= workers > 0
            curve.append(Moment(time.monotonic() - begun, workers, depth.waiting + depth.leased))
            time.sleep(_STEP)


def _workers(server: int) -> int:
    """Worker processes: children of the server's child that all are forked from."""
    return sum(len(_children(child)) for child in _children(server))


def _children(process: int) -> list[int]:
    found = []
    for place in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [int(child) for child in place.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _summary(answered: int, curve: list[Moment]) -> Result:
    peak = max(moment.workers for moment in curve)
    begun = next(moment.seconds for moment in curve if moment.jobs)
    empty = max(moment.seconds for moment in curve if moment.jobs)
    none = max(moment.seconds for moment in curve if moment.workers)
    return {
        "answered": answered,
        "seconds": round(empty - begun, 2),
        "peak": peak,
        "seconds_to_peak": round(next(each.seconds for each in curve if each.workers == peak) - begun, 2),
        "seconds_to_none": round(none - empty, 2),
    }
