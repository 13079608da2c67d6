"""Claim: memory stays flat over thousands of images, hundreds of videos, and a server's thousands of requests.

`python -m benchmarks.soak images`, `videos` or `requests`; it takes a while, so it is no part of `benchmarks.run`. What
is resident after a warm-up is compared with what is resident at the end, and 2 % more is a failure.
"""

import argparse
import ctypes
import gc
import itertools
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from benchmarks.material import FALSE_POSITIVE_TARGET, ROOT, VIDEO_FPS, Class, Material
from benchmarks.soak_requests import CLIENTS, Asker
from benchmarks.timing import told
from photocall.engine.face_engine import FaceEngine
from photocall.media.images import read_image, write_image
from photocall.media.videos import open_video
from photocall.recognition import identify_faces
from photocall.video import find_people

MOST_GROWTH = 0.02
"""Share by which memory may have grown at the end."""

_WARM_UP, _DEFAULT_COUNT = (
    {"images": 1000, "videos": 20, "requests": 2000},
    {"images": 10_000, "videos": 200, "requests": 20_000},
)
_POINTS = 10  # of the curve that is told
_SIDES = (120, 2400)  # shortest and longest longer side of an image, pixels
_CLIPS = ((320, 180), (640, 360), (1280, 720))
_CLIP_SECONDS = (1.0, 3.0)  # part of the demo clip: two people, one comes and one goes


@dataclass(frozen=True, slots=True)
class Soak:
    """What is done again and again.

    Attributes:
        step: does it once; it may go on in the background.
        resident: the megabytes in memory, once everything that was begun is done.
    """

    step: Callable[[], None]
    resident: Callable[[], float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a soak, tell what was resident, and fail if it has grown."""
    options = _options(arguments)
    count = options.count or _DEFAULT_COUNT[options.what]
    warm = min(_WARM_UP[options.what], count // 2)
    with tempfile.TemporaryDirectory(prefix="photocall-soak-") as folder, FaceEngine() as engine:
        material = Material(engine, options.archives, Path(folder), None, quick=False)
        with _SOAKS[options.what](material) as soak:
            curve = _curve(soak, options.what, warm, count)
    before, after = curve[warm], curve[count]
    growth = after / before - 1
    print(f"{options.what}: {before:.1f} MB after {warm}, {after:.1f} MB after {count}: {100 * growth:+.2f} %")
    sys.exit(growth >= MOST_GROWTH)


def _curve(soak: Soak, what: str, warm: int, count: int) -> dict[int, float]:
    """What was resident after so many steps: after the warm-up, at the end, and now and then between."""
    curve = {}
    for number in told(range(1, count + 1), f"soak: {what}"):
        soak.step()
        if number in (warm, count) or not number % -(-count // _POINTS):
            curve[number] = soak.resident()
            print(f"{what}: {curve[number]:.1f} MB after {number}", flush=True)
    return curve


def resident() -> float:
    """Megabytes that this process has in memory, once what is freed has been given back."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="See that memory stays flat.")
    parser.add_argument("what", choices=sorted(_SOAKS))
    parser.add_argument("--count", type=int, help="how many; 10,000 images, 200 videos or 20,000 requests by default")
    parser.add_argument("--archives", type=Path, default=ROOT / ".demo", help="folder of the demo's archives")
    return parser.parse_args(arguments)


@contextmanager
def _images(material: Material) -> Iterator[Soak]:
    """The next image of mixed sizes, from the file to its names."""
    enrolled, random = material.demo_class(), np.random.default_rng(0)
    portraits = [Image.fromarray(image) for image in material.portraits().values()]

    def step() -> None:
        portrait = portraits[random.integers(len(portraits))]
        factor = float(np.exp(random.uniform(*np.log(_SIDES)))) / max(portrait.size)
        path = material.folder / "next.jpg"
        size = [max(1, round(side * factor)) for side in portrait.size]
        write_image(path, np.asarray(portrait.resize((size[0], size[1]))))
        _identify(material.engine, enrolled, path)

    yield Soak(step, resident)


def _identify(engine: FaceEngine, enrolled: Class, path: Path) -> None:
    identify_faces(engine.faces(read_image(path)), enrolled.gallery, engine.calibration, FALSE_POSITIVE_TARGET)


@contextmanager
def _videos(material: Material) -> Iterator[Soak]:
    """The next of three clips, from the file to its people."""
    enrolled = material.demo_class()
    paths = itertools.cycle([_clip(material, *size) for size in _CLIPS])

    def step() -> None:
        with open_video(next(paths)) as video:
            find_people(material.engine, enrolled.gallery, video.frames(VIDEO_FPS), FALSE_POSITIVE_TARGET)

    yield Soak(step, resident)


def _clip(material: Material, width: int, height: int) -> Path:
    """Two seconds of the demo clip in another size."""
    path, start_end = material.folder / f"{height}.mp4", _CLIP_SECONDS
    with open_video(material.demo().clip) as video, av.open(path, "w") as output:
        stream: Any = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in video.frames():
            if start_end[0] <= frame.time < start_end[1]:
                picture = np.asarray(Image.fromarray(frame.image).resize((width, height)))
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    return path


@contextmanager
def _requests(material: Material) -> Iterator[Soak]:
    """The next request to a real `photocall serve`, by one of several clients."""
    command = [sys.executable, "-m", "photocall", "serve", "--port", "0", "--json", "--data", str(material.folder)]
    asking: set[Future[None]] = set()

    def step() -> None:
        asking.add(clients.submit(asker.ask))
        if len(asking) >= 2 * CLIENTS:
            settle(FIRST_COMPLETED)

    def settle(until: str) -> None:
        done, rest = wait(asking, return_when=until)
        asking.intersection_update(rest)
        for each in done:
            each.result()

    def settled() -> float:
        settle(ALL_COMPLETED)
        clients.submit(asker.settle).result()  # whose connections are in use, so that none has been closed
        return _resident_of(server.pid)

    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        try:
            assert server.stdout is not None
            asker = Asker(json.loads(server.stdout.readline())["url"], material.portraits())
            yield Soak(step, settled)
        finally:
            server.terminate()


def _resident_of(process: int) -> float:
    """Megabytes that another process has in memory."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


_SOAKS = {"images": _images, "videos": _videos, "requests": _requests}


if __name__ == "__main__":
    main()
