"""Claim: memory stays flat over thousands of images and hundreds of videos through one process.

`python -m benchmarks.soak images` or `videos`; it takes a while, so it is no part of `benchmarks.run`. What is resident
after a warm-up is compared with what is resident at the end, and 2 % more is a failure.
"""

import argparse
import ctypes
import gc
import itertools
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from benchmarks.material import FALSE_POSITIVE_TARGET, ROOT, VIDEO_FPS, Class, Material
from benchmarks.timing import told
from photocall.engine.face_engine import FaceEngine
from photocall.media.images import read_image, write_image
from photocall.media.videos import open_video
from photocall.recognition import identify_faces
from photocall.video import find_people

MOST_GROWTH = 0.02
"""Share by which memory may have grown at the end."""

_WARM_UP, _DEFAULT_COUNT = {"images": 1000, "videos": 20}, {"images": 10_000, "videos": 200}
_SIDES = (120, 2400)  # shortest and longest longer side of an image, pixels
_CLIPS = ((320, 180), (640, 360), (1280, 720))
_CLIP_SECONDS = (1.0, 3.0)  # part of the demo clip: two people, one comes and one goes


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a soak, tell what was resident, and fail if it has grown."""
    options = _options(arguments)
    count = options.count or _DEFAULT_COUNT[options.what]
    warm = min(_WARM_UP[options.what], count // 2)
    with tempfile.TemporaryDirectory(prefix="photocall-soak-") as folder, FaceEngine() as engine:
        material = Material(engine, options.archives, Path(folder), None, quick=False)
        step = _images(material) if options.what == "images" else _videos(material)
        before = 0.0
        for number in told(range(1, count + 1), f"soak: {options.what}"):
            step()
            if number == warm:
                before = resident()
        after = resident()
    growth = after / before - 1
    print(f"{options.what}: {before:.1f} MB after {warm}, {after:.1f} MB after {count}: {100 * growth:+.2f} %")
    sys.exit(growth >= MOST_GROWTH)


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
    parser.add_argument("what", choices=sorted(_WARM_UP))
    parser.add_argument("--count", type=int, help="how many; 10,000 images or 200 videos by default")
    parser.add_argument("--archives", type=Path, default=ROOT / ".demo", help="folder of the demo's archives")
    return parser.parse_args(arguments)


def _images(material: Material) -> Callable[[], None]:
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

    return step


def _identify(engine: FaceEngine, enrolled: Class, path: Path) -> None:
    identify_faces(engine.faces(read_image(path)), enrolled.gallery, engine.calibration, FALSE_POSITIVE_TARGET)


def _videos(material: Material) -> Callable[[], None]:
    """The next of three clips, from the file to its people."""
    enrolled = material.demo_class()
    paths = itertools.cycle([_clip(material, *size) for size in _CLIPS])

    def step() -> None:
        with open_video(next(paths)) as video:
            find_people(material.engine, enrolled.gallery, video.frames(VIDEO_FPS), FALSE_POSITIVE_TARGET)

    return step


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


if __name__ == "__main__":
    main()
