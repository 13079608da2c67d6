"""The workload generator: many videos at a steady rate, and whether each of them became the right table."""

import csv
import io
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event
from uuid import uuid4

from photocall.errors import BucketNotFound, LabelsInvalid, ObjectNotFound, SettingInvalid, StoreUnavailable
from photocall.jobs import Job
from photocall.media.files import read_file, reason
from photocall.media.signatures import HEAD, kind
from photocall.ports import ObjectStore
from photocall.results import DONE
from photocall.sending import Intake, settled
from photocall.students import csv_layout, no_formula

POLL_SECONDS = 0.2
"""Between two looks at the results."""

PAUSE_SECONDS = 1.0
"""Until a store that could not be reached is tried again."""

MAX_MAPPING_BYTES = 10 * 2**20

MajorYear = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Video:
    """A video to be sent.

    Attributes:
        path: of the file.
        key: that it gets in the bucket; that of a copy has a number.
    """

    path: Path
    key: str


@dataclass(slots=True)
class Sent:
    """A video that was sent, and what has come of it.

    Attributes:
        video: which one.
        job: that it became.
        began: when its upload began, seconds since 1970.
        seconds: from then until its result was written, by the worker's clock; None before that.
        problem: why it is not as it should be; empty if it is.
    """

    video: Video
    job: Job
    began: float
    seconds: float | None = None
    problem: str = "there was no result in time"


Told = Callable[[Sequence[Sent]], None]


def find_videos(folder: Path, count: int | None) -> list[Video]:
    """The videos of a folder, by name; other files in it are left alone.

    Args:
        folder: of the files.
        count: how many to send; with more than there are they are sent again under other names, such as a-002.mp4.

    Raises:
        SettingInvalid: there is none, or two would get one name.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if _is_video(path))
    except OSError as error:
        raise SettingInvalid("--folder", f"{folder}: {reason(error)}") from error
    if not paths:
        raise SettingInvalid("--folder", f"there is no video in {folder}")
    numbers = (number for number in range(1, 2**31) for _ in paths)
    wanted = islice(zip(cycle(paths), numbers, strict=False), count or len(paths))
    videos = [Video(path, _name(path, number)) for path, number in wanted]
    stem, times = Counter(Path(video.key).stem for video in videos).most_common(1)[0]
    if times > 1:
        raise SettingInvalid("--folder", f"two of the videos would be called {stem}; rename one")
    return videos


def read_mapping(path: Path, videos: Sequence[Video]) -> dict[Path, list[MajorYear]]:
    """Major and year of everybody in each video, by its file.

    Args:
        path: of a file with a line for every person of every video: `test_5.mp4:computer_science,sophomore`.
        videos: each must have a line.

    Raises:
        LabelsInvalid: it is no such file, or a video is missing.
    """
    try:
        lines = read_file(path, MAX_MAPPING_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = reason(error) if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LabelsInvalid(str(path), told) from error
    found: dict[str, list[MajorYear]] = {}
    for number, line in enumerate(lines, start=1):
        name, colon, rest = line.strip().rpartition(":")
        major, comma, year = rest.rpartition(",")
        if line.strip() and not (name and colon and comma):
            raise LabelsInvalid(str(path), f"line {number} is not like test_5.mp4:computer_science,sophomore")
        found.setdefault(name, []).append((major.strip(), year.strip()))
    for video in videos:
        if video.path.name not in found:
            raise LabelsInvalid(str(path), f"it has no line for {video.path.name}")
    return {video.path: found[video.path.name] for video in videos}


def run_load(intake: Intake, videos: Sequence[Video], rate: float, timeout: float, told: Told) -> list[Sent]:
    """Send videos and wait for their results.

    Args:
        intake: of videos.
        videos: to be sent, in this order.
        rate: how many a second; 0 is all at once.
        timeout: seconds to wait after the last one was sent, and for a store that cannot be reached.
        told: is told a few times a second what was sent so far.

    Returns:
        What was sent; without a problem where the result says "done".

    Raises:
        StoreUnavailable: a store was away for longer than `timeout`.
        FileUnreadable: a video could not be read.
    """
    arrived: SimpleQueue[Sent] = SimpleQueue()
    stopping, sent = Event(), list[Sent]()
    with ThreadPoolExecutor(1, "photocall-load") as pool, ExitStack() as end:
        end.callback(stopping.set)  # before the pool waits for its thread
        sending = pool.submit(_send_all, intake, videos, rate, timeout, arrived, stopping)
        for is_all in _rounds(sending, timeout):
            sent.extend(_arrived(arrived))
            _look(intake.objects, sent)
            told(sent)
            if is_all and all(one.seconds is not None for one in sent):
                break
    return sent


def check_tables(
    sent: Sequence[Sent], output: ObjectStore, ending: str, layout: str, mapping: Mapping[Path, list[MajorYear]] | None
) -> int:
    """Set the problem of every video whose table is missing or wrong; how many tables there are.

    Args:
        sent: what `run_load` gave.
        output: the bucket of tables.
        ending: what follows a video's name in the key of its table.
        layout: of the tables, one of `students.CSV_LAYOUTS`.
        mapping: who is in each video; None to leave it at counting.
    """
    tables = 0
    for one in sent:
        try:
            table = output.get(one.job.stem + ending)
        except (ObjectNotFound, BucketNotFound) as error:
            one.problem = one.problem or f"it has no CSV: {error}"
            continue
        tables += 1
        if mapping is not None and not one.problem:
            one.problem = _difference(table, layout, mapping[one.video.path])
    return tables


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of the values does not exceed; None if there are no values."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1] if values else None


# --- sending ----------------------------------------------------------------------------------------------------------


def _send_all(
    intake: Intake, videos: Sequence[Video], rate: float, timeout: float, sent: SimpleQueue[Sent], stopping: Event
) -> None:
    request_id, start = uuid4().hex, time.monotonic()
    for number, video in enumerate(videos):
        due = start + number / rate if rate else start
        if stopping.wait(max(0, due - time.monotonic())):
            return
        began, job = time.time(), intake.job(video.key, request_id)
        _patiently(lambda video=video, job=job: intake.send(video.path, job), timeout, stopping)  # type: ignore[misc]
        sent.put(Sent(video, job, began))


def _patiently(action: Callable[[], None], timeout: float, stopping: Event) -> None:
    """Do what needs a store, again while it cannot be reached."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return action()
        except StoreUnavailable:
            if stopping.wait(PAUSE_SECONDS) or time.monotonic() > deadline:
                raise


# --- waiting ----------------------------------------------------------------------------------------------------------


def _rounds(sending: "Future[None]", timeout: float) -> Iterator[bool]:
    """Come back to look at results, until the time is over; whether everything has been sent."""
    deadline = math.inf
    while time.monotonic() < deadline:
        if sending.done() and deadline == math.inf:
            sending.result()
            deadline = time.monotonic() + timeout
        yield deadline < math.inf
        time.sleep(POLL_SECONDS)


def _arrived(queue: SimpleQueue[Sent]) -> Iterator[Sent]:
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return


def _look(objects: ObjectStore, sent: Sequence[Sent]) -> None:
    waiting = {one.job.job_id: one for one in sent if one.seconds is None}
    try:
        for result in settled(objects, waiting):
            one = waiting[result["job_id"]]
            one.seconds = max(0.0, datetime.fromisoformat(result["written"]).timestamp() - one.began)
            one.problem = "" if result["status"] == DONE else f"it was given up: {result['reason']}"
    except StoreUnavailable:
        return  # it may be back at the next look


# --- checking ---------------------------------------------------------------------------------------------------------


def _difference(table: bytes, layout: str, expected: Sequence[MajorYear]) -> str:
    """What is wrong with a table; empty if nothing is."""
    chosen = csv_layout(layout)
    header, rows = list(chosen.header), list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))
    if header and (not rows or rows.pop(0) != header):
        return f"its CSV does not begin with the header {','.join(header)}"
    if any(len(row) != len(chosen.columns) for row in rows):
        return f"a row of its CSV has not the columns {','.join(chosen.columns)}"
    major, year = chosen.columns.index("major"), chosen.columns.index("year")
    found = sorted((row[major], row[year]) for row in rows)
    wanted = sorted((no_formula(major), no_formula(year)) for major, year in expected)
    return "" if found == wanted else f"its CSV has {_shown(found)}, expected is {_shown(wanted)}"


def _shown(people: Sequence[MajorYear]) -> str:
    return " and ".join(",".join(person) for person in people) or "nobody"


def _is_video(path: Path) -> bool:
    try:
        return not path.name.startswith(".") and kind(read_file(path, head=HEAD)) == "video"
    except OSError:
        return False


def _name(path: Path, number: int) -> str:
    return path.name if number == 1 else f"{path.stem}-{number:03}{path.suffix}"
