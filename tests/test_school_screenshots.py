"""The pictures of the pages in the docs: a class of drawn people, who do not exist, on the pages as they are.

They are taken anew with PHOTOCALL_SCREENSHOTS=docs; without it they are taken too, and thrown away.
"""

import os
import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import PATIENCE
from classroom import Classroom, open_classroom
from photocall.media.images import encode_jpeg
from photocall.roster import Status, Student
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Mark, Seen
from photocall.school.places import CLASSROOM_PHOTOS, CROPS, lesson_lock
from photocall.school.records import Consent, Course, Member
from photocall.school.settling import settle
from photocall.server.school.lessons import places_of
from servers import asked

expect.set_options(timeout=PATIENCE)

ROOT = Path(__file__).parent.parent

PICTURES = ("school-lesson.png", "school-phone.png", "school-report.png")
"""In docs/, shown by docs/school.md."""

STARTS = datetime(2026, 9, 14, 7, 0, tzinfo=UTC)

LOADED = """() => Promise.all([...document.images].map((each) => {
  each.loading = "eager";
  return each.currentSrc ? each.decode() : null;
}))"""
"""Resolves once every picture is there, also those far below."""

DESK: dict[str, Any] = {"viewport": {"width": 1120, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def drawn() -> Any:
    """What draws the class of docs/picture.png."""
    return runpy.run_path(str(ROOT / "docs" / "picture.py"))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, demo_archives: Path, drawn: Any) -> Iterator[Classroom]:
    """A school with the drawn class, a photo of it that was looked at, and two weeks of registers."""
    with asked(tmp_path_factory.mktemp("school"), threads=1) as server:
        opened = open_classroom(server, demo_archives)
        store = server.service.school
        students = [Student(name, {}, name.lower()) for name in sorted(drawn["PEOPLE"]) if name]
        store.put(Course("7b", "7b", {"room": "2.14"}), *students, *(Member("7b", one.student_id) for one in students))
        for one in students:
            store.put(Consent(one.student_id, "a parent", "attendance", STARTS, "ada"))
        take_photo(opened, drawn)
        for day in range(10):
            call_roll(opened, STARTS - timedelta(days=day + 1), [one.student_id for one in students], day)
        yield opened


def take_photo(room: Classroom, drawn: Any) -> None:
    """A lesson whose photo is the drawing, as if a worker had found and named its faces."""
    places, picture = places_of(room.server.service), drawn["draw_class"]()
    height, width, _ = picture.shape
    key, found = f"{CLASSROOM_PHOTOS}/drawn.jpg", []
    places.bucket.put(key, encode_jpeg(picture))
    for number, label in enumerate(drawn["labels"]()):
        box, student_id = label.box, label.text.rstrip("?").lower()
        crop = f"{CROPS}/physics/{number}.jpg"
        face = picture[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
        places.bucket.put(crop, encode_jpeg(face.copy()))
        sure = label.kind is Status.PRESENT
        similarity = 0 if label.kind is None else 99.2 if sure else 78.4
        where = ",".join(f"{edge:.1f}" for edge in (box.left, box.top, box.width, box.height))
        seen = Seen(str(number), "physics", "drawn", where, 0, student_id, similarity, sure, "", crop, "", b"", STARTS)
        found.append((seen, [box.left, box.top, box.width, box.height]))
    shape = {"width": width, "height": height, "boxes": [edges for _, edges in found]}
    photo = Evidence("drawn", "physics", "photo", "class.jpg", key, "job", STARTS, "ada", STARTS)
    with places.store.changing(lesson_lock("physics")) as records:
        records.put(Lesson("physics", "7b", "Physics: light", STARTS, created_by="ada"))
        records.put(replace(photo, state=EvidenceState.DONE, found=shape), *(seen for seen, _ in found))
        settle(records, "physics", STARTS)


def call_roll(room: Classroom, starts: datetime, students: list[str], day: int) -> None:
    """A lesson whose roll was called by hand, not always with everybody there."""
    lesson_id = f"day-{day}"
    others = {day % 7: Status.ABSENT, (3 * day) % 7: Status.LATE, (5 * day + 1) % 11: Status.EXCUSED}
    with room.server.service.school.changing(lesson_lock(lesson_id)) as records:
        records.put(Lesson(lesson_id, "7b", "Physics", starts, created_by="ada"))
        for number, student_id in enumerate(students):
            records.put(Mark(lesson_id, student_id, others.get(number, Status.PRESENT), "", "ada", starts))
        settle(records, lesson_id, starts)


@contextmanager
def shown(room: Classroom, browser: Browser, path: str, **context: Any) -> Iterator[Page]:
    with room.page(browser, path, reduced_motion="reduce", timezone_id="UTC", **context) as page:
        yield page


def taken(page: Page, name: str, folder: Path) -> None:
    """Take the picture: where the docs are, if they are to be made anew."""
    target = Path(os.environ.get("PHOTOCALL_SCREENSHOTS", folder)) / name
    page.evaluate(LOADED)
    page.screenshot(path=target, full_page=True)
    assert target.stat().st_size > 10_000


def test_the_lesson_is_shown_with_its_names(room: Classroom, browser: Browser, tmp_path: Path) -> None:
    for name, context in zip(PICTURES, (DESK, PHONE), strict=False):
        with shown(room, browser, "lessons/physics", **context) as page:
            expect(page.locator("#picture .box.named")).to_have_count(6)
            expect(page.locator("#register .lines > li")).to_have_count(7)
            taken(page, name, tmp_path)


def test_a_report_is_shown_with_its_drawing(room: Classroom, browser: Browser, tmp_path: Path) -> None:
    with shown(room, browser, "reports?course=7b&from=2026-09-01&to=2026-09-30", **DESK) as page:
        expect(page.get_by_role("rowheader", name="Kofi")).to_be_visible()
        taken(page, PICTURES[2], tmp_path)


def test_the_docs_show_the_pictures() -> None:
    text = (ROOT / "docs" / "school.md").read_text()
    for name in PICTURES:
        assert f"]({name})" in text and (ROOT / "docs" / name).stat().st_size > 10_000
