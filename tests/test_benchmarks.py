"""The benchmarks' own arithmetic, and the page that repeats their results."""

import json
import sys
from pathlib import Path

import pytest

from photocall.faces import BoundingBox

sys.path.insert(0, str(Path(__file__).parent.parent))  # benchmarks/ belongs to the repository, not to the package

from benchmarks import page, timing
from benchmarks.scoring import Person, Seen, tally
from benchmarks.tables import Table, markdown
from benchmarks.timing import Sample


def test_the_page_shows_the_results_that_are_kept() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.filled(text, page.results()) == text
    assert text.count("| claim |") >= 1


def test_what_another_machine_measured_is_kept_beside_the_rest_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RESULTS", "PAGE"):
        copy = tmp_path / name
        copy.write_bytes(getattr(page, name).read_bytes())
        monkeypatch.setattr(page, name, copy)
    before = json.loads(page.RESULTS.read_text())
    assert before["claims"].keys() >= {"photo", "video"}
    page.keep({**before["machine"], "cpu": "Abacus"}, {"photo": before["claims"]["photo"]})
    after = json.loads(page.RESULTS.read_text())
    assert (after["machine"], after["claims"].keys()) == (before["machine"], before["claims"].keys())
    assert after["claims"]["photo"]["machine"]["cpu"] == "Abacus"
    assert after["claims"]["video"] == before["claims"]["video"]
    assert page.PAGE.read_text().count("Abacus") == 1


def test_sides_take_turns_after_one_unmeasured_call_each() -> None:
    calls: list[tuple[str, int]] = []

    def side(name: str, item: int) -> Sample:
        calls.append((name, item))
        return Sample(item, 2 * item)

    samples = timing.interleaved({"a": lambda i: side("a", i), "b": lambda i: side("b", i)}, [1, 2], "testing")
    assert calls == [("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert samples == {"a": [Sample(1, 2), Sample(2, 4)], "b": [Sample(1, 2), Sample(2, 4)]}


def test_a_ratio_is_that_of_the_medians_and_its_spread_that_of_neighbours() -> None:
    ours, theirs = ([Sample(wall, wall) for wall in walls] for walls in ((1.0, 2.0, 4.0), (10.0, 40.0, 20.0)))
    result = timing.ratio(theirs, ours)
    assert result["wall"] == result["cpu"] == 10.0
    assert result["wall_quartiles"] == [7.5, 15.0]


def test_processor_time_counts_work_and_not_sleep() -> None:
    sample = timing.timed(lambda: sum(range(3_000_000)))
    assert 0 < sample.cpu <= sample.wall + 0.05


def test_faces_are_counted_by_who_they_are_and_what_was_said_of_them() -> None:
    def face(left: float, name: str | None, *, certain: bool = True) -> Seen:
        return Seen(BoundingBox(left, 0, 10, 10), name, certain)

    people = [Person(name, 5 + 20 * i, 5) for i, name in enumerate(["Ada", "Bo", "Cy", "Di", "Eve", None, None])]
    seen = [
        face(0, "Ada"),
        face(20, "Ada"),
        face(40, "Cy", certain=False),
        face(60, None),
        face(100, "Bo"),
        face(120, "Bo", certain=False),
        face(500, None),
    ]
    assert tally([(people, seen)]) == {
        "faces": 7,
        "found": 6,
        "extra": 1,
        "people": 5,
        "right": 1,
        "wrong": 1,
        "uncertain": 1,
        "missed": 2,
        "strangers": 2,
        "accepted": 1,
    }


def test_a_person_twice_in_a_photo_counts_once() -> None:
    people = [Person("Ada", 5, 5), Person("Ada", 25, 5)]
    counts = tally([(people, [Seen(BoundingBox(0, 0, 10, 10), "Ada"), Seen(BoundingBox(20, 0, 10, 10), "Ada")])])
    assert (counts["people"], counts["right"]) == (1, 1)


def test_a_table_becomes_markdown() -> None:
    table = Table("Times", ("side", "ms"), [("ours", "1"), ("theirs", "10")], "Medians.")
    assert markdown(table) == "### Times\n\n| side | ms |\n| --- | --- |\n| ours | 1 |\n| theirs | 10 |\n\nMedians.\n"
