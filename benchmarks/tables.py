"""Results as tables of words and numbers, and the few ways in which numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.timing import Result


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report.

    Attributes:
        title: a sentence without its point.
        header: names of the columns.
        rows: cells of each row, as many as the header has.
        note: what a reader must know to read it right.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def markdown(table: Table) -> str:
    """The table as Markdown, ending with a line break."""
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"### {table.title}\n\n{body}\n" + (f"\n{table.note}\n" if table.note else "")


def milliseconds(side: Result) -> str:
    """Wall and processor time of a summary."""
    return f"{_short(side['wall_ms'])} ms (CPU {_short(side['cpu_ms'])})"


def times(ratio: Result) -> str:
    """A ratio with its spread."""
    low, high = ratio["wall_quartiles"]
    return f"{ratio['wall']:.1f}x ({low:.1f} to {high:.1f})"


def target(reached: bool, wanted: str) -> str:
    """A target, and whether it was reached."""
    return f"{wanted}: {'reached' if reached else 'missed'}"


def percent(share: float) -> str:
    """A share of 0..1 in per cent."""
    return f"{100 * share:.1f} %"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
