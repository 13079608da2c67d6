"""Measuring what photos and videos take on this machine, in fresh processes that have its processors to themselves."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from photocall.costs.measured import Effort, Measured, Medium
from photocall.engine.face_engine import FaceEngine
from photocall.engine.precision import CPUINFO
from photocall.errors import VideoUnreadable
from photocall.media import signatures
from photocall.media.files import read_file
from photocall.media.images import read_image
from photocall.media.videos import open_video
from photocall.video import follow_people

STEPS = 2
"""Photos, and videos."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a process looks at files.

    Attributes:
        threads: that the engine has, and processors that the process may use.
        fps: frames of a video that are looked at in a second.
        pack: of the engine.
        packs_file: the user's own packs.
        cache: where converted networks are; None for the user's own place.
        repetitions: of every file; the fastest counts, since whatever else a machine does only adds to it.
    """

    threads: int
    fps: float
    pack: str
    packs_file: Path | None = None
    cache: Path | None = None
    repetitions: int = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What a process found out about photos, or about videos.

    Attributes:
        start: seconds of a processor until it could answer: those until the first answer, less what that takes later.
        memory: megabytes (2**20 bytes) at most.
        seconds: of a photo, the mean of all; or of a minute of video, of all together.
        faces: that a photo shows, the mean of all; 0 for videos.
    """

    start: float
    memory: float
    seconds: float
    faces: float


def measure(
    files: Sequence[Path],
    conditions: Callable[[int], Conditions],
    otherwise: Measured,
    told: Callable[[int, str], None] = lambda done, more: None,
) -> Measured:
    """What these files take on this machine.

    Args:
        files: photos, videos or both.
        conditions: for so many threads.
        otherwise: where the figures of photos or videos come from if there are none among the files.
        told: is told how many of `STEPS` are done, and on what.

    Raises:
        InputError: a file cannot be read.
    """
    videos = [path for path in files if _is_video(path)]
    photos = [path for path in files if path not in videos]
    measured = replace(otherwise, date=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine_name())
    told(0, "photos")
    if photos:
        one, two = (probe(photos, conditions(threads)) for threads in _threads())
        measured = replace(measured, start=one.start, photo=_medium(photos, len(photos), one, two))
    told(1, "videos")
    if videos:
        one, two = (probe(videos, conditions(threads)) for threads in _threads())
        start = measured.start if photos else one.start
        measured = replace(measured, start=start, video=_medium(videos, minutes(videos), one, two))
    return measured


def _threads() -> tuple[int, int]:
    """One, and two if there are as many processors."""
    return 1, min(2, len(os.sched_getaffinity(0)))


def _medium(files: Sequence[Path], count: float, one: Probe, two: Probe) -> Medium:
    size, memory = megabytes(files) / count, max(one.memory, two.memory)
    effort = Effort(one.seconds, two.seconds)
    return Medium(f"{len(files)} of your own", size, memory, effort, one.seconds, one.faces)


def probe(files: Sequence[Path], conditions: Conditions) -> Probe:
    """What photos take, or videos, in a process of its own. Raises `InputError`."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        return fresh.submit(_probe, list(files), conditions).result()


def minutes(videos: Sequence[Path]) -> float:
    """Of all of them. Raises `VideoUnreadable`."""
    return sum(map(_minutes, videos))


def megabytes(files: Sequence[Path]) -> float:
    """Of all of them."""
    return sum(path.stat().st_size for path in files) / 2**20


def machine_name() -> str:
    """The processor's name, as far as the system tells."""
    for line in CPUINFO.read_text("utf-8").splitlines() if CPUINFO.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _probe(files: list[Path], conditions: Conditions) -> Probe:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: conditions.threads])
    with FaceEngine(
        threads=conditions.threads,
        pack=conditions.pack,
        packs_file=conditions.packs_file,
        cache_dir=conditions.cache,
    ) as engine:
        look = partial(_video, engine, conditions.fps) if _is_video(files[0]) else partial(_photo, engine)
        faces = look(files[0])
        first = time.process_time()
        samples = [_fastest(partial(look, path), conditions.repetitions) for path in files]
        start = max(0.0, first - samples[0][1])
        clock = 1 if conditions.threads == 1 else 0  # of one processor, what others do takes nothing
        seconds = sum(sample[clock] for sample in samples)
        if _is_video(files[0]):
            return Probe(start, _most_memory(), seconds / minutes(files), 0)
        faces += sum(map(look, files[1:]))
        return Probe(start, _most_memory(), seconds / len(files), faces / len(files))


def _photo(engine: FaceEngine, path: Path) -> int:
    """Faces that were found."""
    return len(engine.faces(read_image(path)))


def _video(engine: FaceEngine, fps: float, path: Path) -> int:
    """People that were found."""
    with open_video(path) as video:
        return len(follow_people(engine, video.frames(fps)).people)


def _fastest(action: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Seconds on the clock, and of processors."""
    samples = []
    for _ in range(repetitions):
        wall, processor = time.perf_counter(), time.process_time()
        action()
        samples.append((time.perf_counter() - wall, time.process_time() - processor))
    walls, processors = zip(*samples, strict=True)
    return min(walls), min(processors)


def _most_memory() -> float:
    """Megabytes that this process has had at once; of `resource`, children inherit their parent's."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _is_video(path: Path) -> bool:
    try:
        return signatures.kind(read_file(path, head=signatures.HEAD)) in (None, "video")
    except OSError:
        return False  # reading it as a photo says what is wrong


def _minutes(path: Path) -> float:
    with open_video(path) as video:
        if not video.duration:
            raise VideoUnreadable(str(path), "it does not say how long it is")
        return video.duration / 60
