"""Claim: a register of 1,000 students and 200 lessons opens and filters without a visible wait.

The same questions about two classes of 1,000 in one database, one with 10 lessons and one with 200, in turns: what the
server does for each, from the question to the bytes of its answer; and its page in a browser.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks import school_register_page
from benchmarks.material import Material
from benchmarks.tables import Table, milliseconds, target, times
from benchmarks.timing import Result, Sample, interleaved, ratio, summary, timed
from photocall.roster import Status, Student
from photocall.school.accounts import COMMAND_LINE
from photocall.school.lesson_records import Lesson, RegisterLine
from photocall.school.records import Course, Member
from photocall.school.report_files import matrix_json, report_json
from photocall.school.reports import Question, matrix, report
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore

STUDENTS, LESSONS, FEW = 1000, 200, 10
WORST = 0.3
"""Seconds for the totals: what is asked once a page."""

PAGE = "page"
"""Of a result: what was measured in a browser."""

_START = datetime(2026, 9, 1, 8, tzinfo=UTC)
_STATUSES, _WEIGHTS = list(Status), (85, 4, 3, 1, 7)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a class, by its id."""

    name: str
    ask: Callable[[SqlStore, str], object]


def _totals(store: SqlStore, course_id: str, **narrower: object) -> object:
    return report_json(report(store, COMMAND_LINE, Question(course_id, **narrower)))  # type: ignore[arg-type]


def _cells(store: SqlStore, course_id: str) -> object:
    return matrix_json(matrix(store, COMMAND_LINE, Question(course_id)))


ASKED = (
    _Asked("totals", _totals),
    _Asked("totals of four weeks", partial(_totals, first=_START.date(), last=(_START + timedelta(days=27)).date())),
    _Asked("one student's totals", lambda store, course_id: _totals(store, course_id, student_id=f"{course_id}-500")),
    _Asked("every cell", _cells),
)


def measure(material: Material) -> Result:
    """How long each question takes of either class."""
    with SqlStore(sqlite_url(_path(material))) as store:
        _fill(store, "long", LESSONS)
        _fill(store, "short", FEW)
        rounds = [0] * (3 if material.quick else 25)
        answers = {asked.name: _measured(store, asked, rounds) for asked in ASKED}
    page = school_register_page.measure(_path(material), len(rounds))
    return answers if page is None else {**answers, PAGE: page}


def tables(result: Result) -> list[Table]:
    """One row a question; the page's own where there was a browser."""
    answers = [(asked.name, result[asked.name]) for asked in ASKED]
    rows = [(name, *map(milliseconds, (one["few"], one["many"])), times(one["ratio"])) for name, one in answers]
    seconds = result["totals"]["many"]["wall_ms"] / 1000
    note = (
        f"From the question to the bytes of the answer, without the network; "
        f"{target(seconds < WORST, f'totals within {WORST} s')}."
    )
    header = ("question", f"{FEW} lessons", f"{LESSONS} lessons", "ratio")
    pages = [school_register_page.table(result[PAGE], FEW, LESSONS)] if PAGE in result else []
    return [Table(f"A register of {STUDENTS:,} students", header, rows, note), *pages]


def _measured(store: SqlStore, asked: _Asked, rounds: list[int]) -> Result:
    def side(course_id: str) -> Callable[[int], Sample]:
        return lambda _: timed(lambda: json.dumps(asked.ask(store, course_id)).encode())

    samples = interleaved({"few": side("short"), "many": side("long")}, rounds, asked.name)
    return {
        "few": summary(samples["few"]),
        "many": summary(samples["many"]),
        "ratio": ratio(samples["many"], samples["few"]),
    }


def _fill(store: SqlStore, course_id: str, lessons: int) -> None:
    """A class that was taught on so many days, with statuses as classes have them."""
    rng, ids = random.Random(7), [f"{course_id}-{number}" for number in range(STUDENTS)]  # no secret
    store.put(Course(course_id, course_id), *(Student(f"Student {one}", {}, one) for one in ids))
    store.put(*(Member(course_id, one) for one in ids))
    for day in range(lessons):
        lesson = Lesson(f"{course_id}-on-{day}", course_id, "", _START + timedelta(days=day))
        said = rng.choices(_STATUSES, _WEIGHTS, k=STUDENTS)
        lines = [
            RegisterLine(lesson.lesson_id, one, status, 99.0, "", False, _START)
            for one, status in zip(ids, said, strict=True)
        ]
        store.put(lesson, *lines)


def _path(material: Material) -> Path:
    return material.folder / "register.db"
