"""How things look on a terminal: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from photocall import report
from photocall.errors import PhotocallError
from photocall.media.videos import Frame, Video
from photocall.roster import RollCall, Sighting, Status

Item = TypeVar("Item")

_COLOURS = {Status.PRESENT: "green", Status.UNCERTAIN: "yellow", Status.ABSENT: "red"}


def say(text: str) -> None:
    """A line of results."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """A result for machines: one line of JSON, so that several make JSON Lines."""
    say(json.dumps(value, ensure_ascii=False))


def complain(problem: PhotocallError | str) -> None:
    """A line about what went wrong."""
    sys.stderr.write(f"photocall: {problem}\n")


@contextmanager
def failing() -> Iterator[Callable[[], bool]]:
    """Report an error of one item and go on; what it yields tells afterwards whether there was one."""
    failed = False
    try:
        yield lambda: failed
    except PhotocallError as error:
        failed = True
        complain(error)


def progress(items: Sequence[Item], doing: str) -> Iterator[Item]:
    """The items, under a progress bar if there are several and somebody is watching."""
    if len(items) < 2:
        yield from items
        return
    with _bar(MofNCompleteColumn()) as bar:
        yield from bar.track(items, description=doing)


def watched(video: Video, name: str, fps: float) -> Iterator[Frame]:
    """The video's frames, under a progress bar of its seconds if somebody is watching."""
    with _bar(TextColumn("{task.fields[at]}")) as bar:
        task = bar.add_task(name, total=video.duration, at="")
        for frame in video.frames(fps):
            yield frame
            bar.update(task, completed=frame.time, at=report.clock(frame.time))


def _bar(count: TextColumn | MofNCompleteColumn) -> Progress:
    """A bar on standard error that goes away when done; nothing at all where that is no terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn()
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def show_rows(rows: Sequence[dict[str, Any]]) -> None:
    """A table of rows that have the same keys."""
    table = Table(*(rows[0] if rows else ()))
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


def show_roll(roll: RollCall) -> None:
    """A register as a table, with a count below."""
    table = Table("name", "status", "similarity", "photo")
    for line in roll.lines:
        similarity = "" if line.similarity is None else f"{line.similarity:.1f}"
        colour = _COLOURS[line.status]
        table.add_row(line.student.name, f"[{colour}]{line.status}[/{colour}]", similarity, line.photo or "")
    Console().print(table)
    statuses = [line.status for line in roll.lines]
    counts = [f"{statuses.count(status)} {status}" for status in Status]
    say(f"{', '.join(counts)}; {counted(roll.strangers, 'stranger')}")


def show_video(name: str, sightings: Sequence[Sighting]) -> None:
    """Who is in a video, and when."""
    table = Table("name", "seen", "similarity", title=name, title_justify="left")
    for sighting in sightings:
        spans = ", ".join(f"{report.clock(start)}-{report.clock(end)}" for start, end in sighting.spans)
        similarity = "" if sighting.similarity is None else f"{sighting.similarity:.1f}"
        table.add_row(sighting.name or "[dim]unknown[/dim]", spans, similarity)
    Console().print(table) if sightings else say(f"{name}: nobody seen")
