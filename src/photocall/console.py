"""How things look on a terminal: results on standard output, everything else on standard error."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from photocall import fleet
from photocall.errors import OutputUnwritable, PhotocallError
from photocall.media.files import reason
from photocall.ports import Depth
from photocall.roster import RollCall, Sighting, Status

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table


Item = TypeVar("Item")

_JOINERS = "\u200c\u200d"  # zero-width, and part of how some languages are spelt
_UNFOLDED = 10_000  # columns of a table that goes into a file or a pipe
_COLOURS = {Status.PRESENT: "green", Status.UNCERTAIN: "yellow", Status.ABSENT: "red"}


def say(text: str) -> None:
    """A line of results.

    Raises:
        OutputUnwritable: standard output takes no more, its disk is full say.
        BrokenPipeError: whoever read it has gone.
    """
    _write(_printable(text) + "\n")


def say_json(value: Any) -> None:
    """A result for machines: one line of JSON, so that several make JSON Lines. Raises as `say`."""
    _write(json.dumps(value) + "\n")


def complain(problem: PhotocallError | str) -> None:
    """A line about what went wrong."""
    sys.stderr.write(f"{_clear_bar()}photocall: {_printable(str(problem))}\n")


def _write(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    shown = text.encode(encoding, "replace").decode(encoding)
    try:
        sys.stdout.write(_clear_bar() + shown if sys.stdout.isatty() else shown)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence()
        raise
    except OSError as error:
        _silence()
        raise OutputUnwritable("standard output", reason(error)) from error


def _clear_bar() -> str:
    """What empties the line in which a progress bar may be; it is drawn again below."""
    return "\r\x1b[2K" if sys.stderr.isatty() else ""


def _silence() -> None:
    """Let nothing more go to a standard output that failed, not even what is buffered when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _printable(text: str) -> str:
    """Names may hold anything; nothing in them may move the cursor, forge a line or fail to be encoded."""
    return "".join(letter if letter.isprintable() or letter in _JOINERS else "?" for letter in text)


def _table(*headings: str) -> "Table":
    from rich.table import Table  # not before there is one to show

    return Table(*headings)


def _show(table: "Table") -> None:
    """A table on standard output, in colour where that is a terminal."""
    from rich.console import Console

    drawn = StringIO()  # not straight to standard output: `_write` knows what to do when that fails
    watched = sys.stdout.isatty()
    width = None if watched or "COLUMNS" in os.environ else _UNFOLDED
    Console(file=drawn, force_terminal=watched, width=width, emoji=False).print(table)
    _write(drawn.getvalue())


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
    if len(items) < 2 or not sys.stderr.isatty():
        yield from items
        return
    with _bar() as bar:
        yield from bar.track(items, description=doing)


@contextmanager
def watched(name: str, duration: float | None) -> Iterator[Callable[[int, float, int], None]]:
    """A bar of a video's seconds if somebody is watching; what it yields is told of frames, seconds and people."""
    if not sys.stderr.isatty():
        yield lambda frames, seconds, people: None
        return
    with _bar() as bar:
        task = bar.add_task(_cell(name), total=duration)

        def told(frames: int, seconds: float, people: int) -> None:
            so_far = f"{name}: {counted(frames, 'frame')}, {counted(people, 'person', 'people')}"
            bar.update(task, completed=seconds, description=_cell(so_far))

        yield told


@contextmanager
def fetching(name: str, size: int) -> Iterator[Callable[[int], None]]:
    """A progress bar of bytes if somebody is watching; what it yields is told of bytes that have arrived."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    with _bar() as bar:
        task = bar.add_task(_cell(name), total=size)
        yield lambda count: bar.update(task, advance=count)


@contextmanager
def waiting(doing: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """A progress bar of what others do, if somebody is watching; what it yields is told how far they are."""
    if not sys.stderr.isatty():
        yield lambda done, more: None
        return
    with _bar() as bar:
        task = bar.add_task(_cell(doing), total=total)
        yield lambda done, more: bar.update(task, completed=done, description=_cell(f"{doing} {more}".strip()))


def _bar() -> "Progress":
    """A bar on standard error that goes away when done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    return Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    )


def watch_fleet(look: "Callable[[], tuple[Depth, Sequence[fleet.PoolState]]]", seconds: float) -> None:
    """The queue and the workers on a terminal, drawn anew until Ctrl-C."""
    from rich.console import Console, Group
    from rich.live import Live

    def drawn() -> Group:
        depth, pools = look()
        return Group(_cell(f"{depth_line(depth)}; {workers_line(pools)}"), _workers_table(pools))

    with suppress(KeyboardInterrupt), Live(drawn(), console=Console(), auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            live.update(drawn(), refresh=True)


def show_fleet(depth: Depth, pools: Sequence[fleet.PoolState]) -> None:
    """The queue and the workers, once."""
    say(f"{depth_line(depth)}; {workers_line(pools)}")
    if any(pool.workers for pool in pools):
        _show(_workers_table(pools))


def _workers_table(pools: Sequence[fleet.PoolState]) -> "Table":
    table = _table("machine", "process", "state", "for", "job", "so far")
    for pool in pools:
        for worker in pool.workers:
            so_far = progress_line(worker.progress) if worker.progress else ""
            cells = (pool.host, worker.pid, worker.doing, f"{worker.since:.0f} s", worker.key, so_far)
            table.add_row(*map(_cell, cells))
    return table


def depth_line(depth: Depth) -> str:
    """How many jobs there are, in words."""
    dead = f", {counted(depth.dead, 'dead letter')}" if depth.dead else ""
    return f"{counted(depth.waiting, 'job')} waiting, {depth.leased} under way, {depth.delayed} later{dead}"


def workers_line(pools: Sequence[fleet.PoolState]) -> str:
    """How many workers there are, in words."""
    running, most = sum(len(pool.workers) for pool in pools), sum(pool.maximum for pool in pools)
    return f"{running} of {counted(most, 'worker')}" if pools else "nobody works: photocall worker starts a pool"


def progress_line(progress: fleet.Progress) -> str:
    """How far a video has been looked at, in words."""
    from photocall.report import clock

    whole = f" of {clock(progress.duration)}" if progress.duration else ""
    people = counted(progress.people, "person", "people")
    return f"{counted(progress.frames, 'frame')}, {clock(progress.seconds)}{whole}, {people}"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def show_rows(rows: Sequence[dict[str, Any]]) -> None:
    """A table of rows that have the same keys."""
    table = _table(*(_cell(heading) for heading in rows[0]) if rows else ())
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    _show(table)


def show_roll(roll: RollCall) -> None:
    """A register as a table, with a count below."""
    table = _table("name", "status", "similarity", "photo")
    for line in roll.lines:
        similarity = "" if line.similarity is None else f"{line.similarity:.1f}"
        colour = _COLOURS[line.status]
        status = f"[{colour}]{line.status}[/{colour}]"
        table.add_row(_cell(line.student.name), status, similarity, _cell(Path(line.photo or "").name))
    _show(table)
    statuses = [line.status for line in roll.lines]
    counts = [f"{statuses.count(status)} {status}" for status in _COLOURS]
    say(f"{', '.join(counts)}; {counted(roll.strangers, 'stranger')}")


def show_video(name: str, sightings: Sequence[Sighting]) -> None:
    """Who is in a video, and when."""
    if not sightings:
        say(f"{name}: nobody seen")
        return
    from photocall.report import clock

    table = _table("name", "seen", "similarity")
    table.title, table.title_justify = _cell(name), "left"
    for sighting in sightings:
        spans = ", ".join(f"{clock(start)}-{clock(end)}" for start, end in sighting.spans)
        similarity = "" if sighting.similarity is None else f"{sighting.similarity:.1f}"
        table.add_row(_cell(sighting.name) if sighting.name else "[dim]unknown[/dim]", spans, similarity)
    _show(table)


def _cell(value: object) -> str:
    """Text for a table, in which it is no markup."""
    from rich.markup import escape

    return escape(_printable(str(value)))
