"""Reports, the operator's page, privacy and the audit log, in a real browser with a real server."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from accessibility import faults
from browser import PATIENCE
from classroom import ADA, BIDEN, COURSE, OBAMA, Classroom, open_classroom
from crew import at_work
from photocall.faces import ByteArray
from photocall.roster import Status, Student
from photocall.school import audit
from photocall.school.lesson_records import Lesson, RegisterLine, Seen
from photocall.school.records import Course, Member
from photocall.server.school.charts import HEIGHT, LEFT, WIDTH, stacked
from photocall.server.school.privacy_pages import MOST_ENTRIES
from photocall.server.school.shell import PAGES, STATIC
from schooling import NOW
from servers import asked
from taking import side_by_side
from test_school_lesson_pages import BROKEN, HOSTILE, everybody_can_read_it

expect.set_options(timeout=PATIENCE)

STUDENTS, LESSONS = 60, 30


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, demo_archives: Path) -> Iterator[Classroom]:
    with asked(tmp_path_factory.mktemp("school"), threads=1) as server:
        yield open_classroom(server, demo_archives)


@pytest.fixture(scope="module")
def taken(room: Classroom) -> str:
    """A lesson whose roll was called by hand, and whose title is no HTML."""
    lesson = room.lesson(HOSTILE)
    for student, status in ((OBAMA, "present"), (BIDEN, "late"), (ADA, "excused")):
        room.ask("PUT", f"lessons/{lesson}/marks/{student}", json={"status": status, "note": f"note {HOSTILE}"})
    return lesson


def cells(page: Page, table: str) -> list[list[str]]:
    """The texts of a table's body, row by row."""
    rows = page.get_by_role("region", name=table).locator("tbody tr").all()
    return [[cell.inner_text() for cell in row.locator("th, td").all()] for row in rows]


# --- reports


def test_a_report_tells_days_students_and_lessons(browser: Browser, room: Classroom, taken: str) -> None:
    with room.page(browser, "reports", "grace") as page:
        page.get_by_label("Class").select_option("Demo class")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_label("Student", exact=True).locator("option")).to_have_count(4)
        assert cells(page, "By student, as a table") == [
            ["Ada Lovelace", "0", "0", "1", "0", "0", "none"],
            ["Barack Obama", "1", "0", "0", "0", "0", "100 %"],
            ["Joe Biden", "0", "1", "0", "0", "0", "100 %"],
        ]
        page.get_by_text("As a table").click()
        assert [row[1:] for row in cells(page, "By day, as a table")] == [["1", "1", "1", "0", "0"]]
        assert [row[0] for row in cells(page, "By lesson, as a table")] == [f"{HOSTILE}, Demo class"]
        expect(page.get_by_role("img", name="Students by status and day").locator("rect")).to_have_count(3)
        everybody_can_read_it(page)


def test_a_report_is_a_file_for_spreadsheets_too(browser: Browser, room: Classroom, taken: str) -> None:
    with room.page(browser, f"reports?course={COURSE}&student={BIDEN}") as page:
        with page.expect_download() as saved:
            page.get_by_role("link", name="CSV").click()
        text = saved.value.path().read_text("utf-8-sig")
        assert "Joe Biden" in text and "late" in text and "Ada" not in text
        with page.expect_download() as saved:
            page.get_by_role("link", name="Excel").click()
        book = openpyxl.load_workbook(io.BytesIO(saved.value.path().read_bytes()), read_only=True)
        assert any("Joe Biden" in row for sheet in book for row in sheet.iter_rows(values_only=True))
        book.close()


def test_days_that_are_none_are_told_as_a_page(browser: Browser, room: Classroom) -> None:
    with room.page(browser, "reports?from=yesterday") as page:
        expect(page.locator("main")).to_contain_text("it must be a day such as 2026-11-23")


def test_a_student_s_record_can_be_printed(browser: Browser, room: Classroom, taken: str) -> None:
    with room.page(browser, f"students/{ADA}/record") as page:
        row = cells(page, "Every lesson")[0]
        assert row[1:] == ["Demo class", HOSTILE, "Excused", "hand", f"note {HOSTILE}"]
        everybody_can_read_it(page)
        page.emulate_media(media="print")
        expect(page.locator("form")).to_be_hidden()
        expect(page.get_by_role("cell", name="Excused")).to_be_visible()


def test_the_register_of_a_large_class_opens_and_filters(browser: Browser, room: Classroom) -> None:
    many_lessons(room)
    with room.page(browser, "classes/large/register") as page:
        rows = page.locator(".matrix tbody tr")
        expect(rows).to_have_count(STUDENTS)
        expect(rows.first.locator("td").first).to_have_text("50 %")
        expect(rows.last.locator("td")).to_have_count(11)
        page.get_by_label("Find a student").fill("student 001")
        expect(page.locator("#found")).to_have_text("10 students")
        expect(rows.nth(15)).to_be_visible()
        expect(rows.nth(1)).to_be_hidden()
        page.get_by_role("link", name="1 to 20").press("Enter")
        expect(page.get_by_role("link", name="1 to 20")).to_have_attribute("aria-current", "page")
        expect(rows.last.locator("td")).to_have_count(21)
        page.get_by_label("Find a student").fill("student 0015")
        everybody_can_read_it(page)


def many_lessons(room: Classroom) -> None:
    """A class of which half was in each of many lessons."""
    store, start = room.server.service.school, datetime.now(UTC) - timedelta(days=LESSONS)
    names = [f"large-{number}" for number in range(STUDENTS)]
    store.put(Course("large", "Large"))
    store.put(*(Student(f"Student {at:04}", {}, name) for at, name in enumerate(names)))
    store.put(*(Member("large", name) for name in names))
    for day in range(LESSONS):
        store.put(Lesson(f"large-{day}", "large", f"Day {day}", start + timedelta(days=day)))
        said = [Status.PRESENT if (day + at) % 2 else Status.ABSENT for at in range(STUDENTS)]
        lines = zip(names, said, strict=True)
        store.put(*(RegisterLine(f"large-{day}", name, status, None, "", False, start) for name, status in lines))


def test_bars_are_stacked_in_one_scale() -> None:
    chart = stacked([("Mon", {Status.PRESENT: 3, Status.ABSENT: 1}), ("Tue", {Status.PRESENT: 1})])
    present, absent, tuesday = chart.parts
    assert present.height == pytest.approx(3 * absent.height) and tuesday.height == absent.height
    assert absent.y + absent.height == pytest.approx(present.y)
    assert tuesday.x > present.x >= LEFT and tuesday.x + tuesday.width <= WIDTH and present.y + present.height < HEIGHT
    assert stacked([]).parts == ()


# --- the operator


def test_a_failure_is_tried_again_from_the_operators_page(browser: Browser, room: Classroom) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}") as page:
        page.set_input_files("#files", [BROKEN])
        expect(page.locator("#picture .thumb")).to_contain_text("Waiting")
        page.goto(f"{room.server.url}/school/live")
        expect(page.locator("#waiting")).to_have_text("1")
        expect(page.locator("#no-workers")).to_be_visible()
        with at_work(room.server.service.settings):
            again = page.get_by_role("button", name="again")
            expect(again).to_be_visible()
            expect(page.locator("#failures")).to_contain_text("not a readable video")
        everybody_can_read_it(page)
        again.press("Enter")
        expect(page.locator("#no-failures")).to_be_visible()
        expect(page.locator("#waiting")).to_have_text("1")
        page.goto(f"{room.server.url}/school/lessons/{lesson}")
        expect(page.locator("#picture .thumb")).to_contain_text("Waiting")
    room.ask("DELETE", f"lessons/{lesson}")


def test_the_operator_sees_how_many_faces_were_known(browser: Browser, room: Classroom, taken: str) -> None:
    now = datetime.now(UTC)
    faces = [
        Seen(f"seen-{at}", taken, "none", "1,1,9,9", 0, who, 99.0 if who else 0.0, True, "", "", "", b"", now)
        for at, who in enumerate((OBAMA, BIDEN, ""))
    ]
    room.server.service.school.put(*faces)
    with room.page(browser, "live") as page:
        page.get_by_text("As a table").click()
        expect(page.locator("#hours tbody tr").last.locator("td").nth(1)).to_have_text("2")
        expect(page.locator("#hours tbody tr").last.locator("td").nth(2)).to_have_text("1")
        expect(page.locator("#chart rect.known").last).not_to_have_attribute("height", "0")
        expect(page.locator("#groups + *, #groups")).to_have_count(1)


def test_strangers_who_come_again_are_grouped_and_one_who_came_three_times_is_an_alert(
    browser: Browser, room: Classroom, portraits: dict[str, ByteArray]
) -> None:
    """Nobody is enrolled in the evening class, so whoever its photos show is a stranger there."""
    room.ask("PUT", "choices", json={"unknown_days": 7})
    room.ask("POST", "courses", json={"name": "Evening class", "course_id": "evening"})
    evenings = [room.ask("POST", "courses/evening/lessons", json={})["lesson"]["lesson_id"] for _ in range(3)]
    shown = (("obama", "biden"), ("biden", "obama2"), ("obama3", "astronaut"))
    for lesson, names in zip(evenings, shown, strict=True):
        photo = side_by_side([portraits[name] for name in names])
        room.ask("POST", f"lessons/{lesson}/evidence", files={"file": ("class.jpg", photo)})
    with room.page(browser, "live") as page, at_work(room.server.service.settings):
        cards = page.locator("#groups > li")
        expect(cards).to_have_count(2)
        expect(cards.nth(0)).to_contain_text("Came again and again")
        expect(cards.nth(0)).to_contain_text("Seen 3 times in 3 lessons")
        expect(cards.nth(1)).to_contain_text("Seen 2 times in 2 lessons")
        expect(page.locator("#alert")).to_have_text("1 unknown person came again and again: see below")
        faces = cards.locator("img")
        expect(faces).to_have_count(5)
        for face in faces.all():
            face.scroll_into_view_if_needed()
            expect(face).not_to_have_js_property("naturalWidth", 0)
        everybody_can_read_it(page)
    for lesson in evenings:
        room.ask("DELETE", f"lessons/{lesson}")


def test_a_teacher_is_no_operator(browser: Browser, room: Classroom) -> None:
    for path in ("live", "privacy", "audit"):
        with room.page(browser, path, "grace") as page:
            expect(page.locator("h1")).to_have_text("You may not see this")
            assert faults(page) == []


# --- privacy


def test_periods_are_changed_and_the_clock_is_run(browser: Browser, room: Classroom) -> None:
    with room.page(browser, "privacy") as page:
        expect(page.locator("main")).to_contain_text("Nothing leaves this server")
        everybody_can_read_it(page)
        page.get_by_label("Days for photos and videos").fill("7")
        page.get_by_label("Name of the school").fill(HOSTILE)
        page.get_by_role("button", name="Keep it so long").click()
        expect(page.get_by_text("It is kept so long from now on")).to_be_visible()
        expect(page.locator(".brand")).to_have_text(HOSTILE)
        page.get_by_label("Time zone").fill("Nowhere")
        page.get_by_role("button", name="Keep it so long").click()
        expect(page.get_by_role("alert").filter(has_text="Europe/Berlin")).to_be_visible()
        page.get_by_role("button", name="Delete now what is due").click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.locator("#ran")).to_have_text("Nothing was due.")
    assert room.ask("GET", "choices")["photo_days"] == 7


def test_the_audit_log_is_verified_and_narrowed_down(browser: Browser, room: Classroom, taken: str) -> None:
    with room.page(browser, "audit") as page:
        page.get_by_role("button", name="Verify the log").click()
        expect(page.get_by_role("status").filter(has_text="as they were written")).to_be_visible()
        everybody_can_read_it(page)
        page.get_by_label("About the id").fill(ADA)
        page.keyboard.press("Enter")
        rows = page.locator("tbody tr")
        expect(rows.first.locator("td").nth(3)).to_have_text("student.marked")
        assert {text.strip() for text in rows.locator("td:nth-child(5)").all_inner_texts()} == {ADA}


def test_the_audit_log_about_an_id_has_older_pages(browser: Browser, room: Classroom) -> None:
    for _ in range(MOST_ENTRIES + 1):
        audit.noted(room.server.service.school, "ada", "student.seen", "s 1&2", NOW)
    with room.page(browser, "audit?subject=s+1%262") as page:
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(MOST_ENTRIES)
        page.get_by_role("link", name="Older entries").click()
        expect(rows).to_have_count(1)
        expect(rows.locator("td").nth(4)).to_have_text("s 1&2")
        expect(page.get_by_role("link", name="Older entries")).to_have_count(0)


def test_the_privacy_page_has_who_left_and_when_everything_of_them_goes(browser: Browser, room: Classroom) -> None:
    left = Student(f"Lea {HOSTILE}", {}, "left-1")
    room.server.service.school.put(left)
    audit.noted(room.server.service.school, "ada", "member.removed", left.student_id, datetime.now(UTC))
    with room.page(browser, "privacy") as page:
        page.get_by_role("link", name="Lea").click()
        expect(page.locator("h1").first).to_contain_text(left.name)


# --- what is served


@pytest.mark.parametrize("template", sorted(PAGES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_a_script_or_a_style_of_its_own_or_takes_texts_for_html(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\s(on\w+|style)=|javascript:|<style|\|\s*safe\b|autoescape", text)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", text) == [""] * text.count("<script")


@pytest.mark.parametrize("module", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_no_module_makes_html_or_code_of_texts(module: Path) -> None:
    makes = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
    assert not re.search(makes, module.read_text())
