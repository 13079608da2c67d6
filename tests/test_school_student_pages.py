"""The pages of classes and students, in a real browser, with a real server: consent, photos, fields, erasure."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from browser import PATIENCE
from office import HOSTILE, Office, made, open_office
from photocall.faces import ByteArray
from photocall.school.lesson_records import Lesson
from photocall.school.records import Member
from servers import jpeg

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("school")) as office:
        yield office


@pytest.fixture
def course(office: Office) -> str:
    """A class of its own for a test."""
    return str(office.post("/courses", name=f"Class {uuid4().hex[:6]}", fields={"room": "1"})["course_id"])


@pytest.fixture
def student(office: Office, course: str) -> str:
    """A student in it, with consent, named as nobody should be."""
    return office.student(course)


# --- classes and students


def test_a_class_is_made_and_a_student_added_who_gets_consent_and_a_photo(
    browser: Browser, office: Office, portraits: dict[str, ByteArray]
) -> None:
    with office.opened(browser, "") as page:
        page.get_by_role("button", name="New class").click()
        page.get_by_role("textbox", name="Name").fill("Maths 7b")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Maths 7b")).to_be_visible()
        page.get_by_role("button", name="Add a student").click()
        page.get_by_role("textbox", name="Name").fill("Joe Biden")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Joe Biden")).to_be_visible()
        expect(page.get_by_label("Add photos")).to_have_count(0)
        page.get_by_role("button", name="Record consent").click()
        page.get_by_label("Who gave it").fill("Joe himself")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("The consent is recorded")
        page.set_input_files("#portrait", [made("notes.jpg", b"hello"), made("joe.jpg", jpeg(portraits["biden"]))])
        expect(page.locator("#portrait-results")).to_contain_text("notes.jpg")
        page.get_by_role("link", name="Show the photos that were added").click()
        picture = page.locator(".portraits img")
        expect(picture).to_have_count(1)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
        page.get_by_role("link", name="Maths 7b").click()
        expect(page.locator("tbody tr")).to_have_text(re.compile(r"Joe Biden\s*given\s*1"))


def test_a_lesson_is_planned_by_the_clocks_of_the_school(browser: Browser, office: Office, course: str) -> None:
    with office.opened(browser, f"/classes/{course}", timezone_id="Asia/Tokyo") as page:
        page.get_by_role("button", name="Plan a lesson").click()
        page.get_by_label("Title").fill("Fractions")
        page.get_by_label("Starts (Europe/Berlin)").fill("2031-07-01T08:00")
        page.get_by_role("button", name="Plan it").click()
        page.wait_for_url("**/school/lessons/*")
    [lesson] = office.server.service.school.find(Lesson, course_id=course)
    assert lesson.starts == datetime(2031, 7, 1, 6, tzinfo=UTC)
    assert (
        "Tue 1 Jul 2031, 08:00"
        in office.server.client.get(
            f"/school/classes/{course}", headers={"Cookie": f"photocall-session={office.token}"}
        ).text
    )


def test_a_student_is_brought_into_another_class(browser: Browser, office: Office, course: str, student: str) -> None:
    office.post("/courses", name="Choir", course_id="choir")
    with office.opened(browser, f"/students/{student}") as page:
        page.get_by_role("button", name="Change").click()
        page.get_by_text("Bring into another class").click()
        page.get_by_role("button", name="Bring into Choir").click()
        page.get_by_role("link", name="Choir").click()
        expect(page.locator("tbody tr")).to_have_count(1)


def test_a_teacher_is_asked_before_a_student_leaves_and_is_offered_nothing_of_an_administrators(
    browser: Browser, office: Office, course: str
) -> None:
    student, token = office.student(course, "Ada L"), office.account("grace", "teacher")
    [account] = [each for each in office.change("GET", "/accounts")["accounts"] if each["login"] == "grace"]
    office.change("PATCH", f"/accounts/{account['account_id']}", {"courses": [course]})
    with office.opened(browser, f"/students/{student}", token) as page:
        expect(page.get_by_role("link", name="Everything that is known")).to_have_count(0)
        page.get_by_role("button", name="Change").click()
        page.get_by_role("button", name="Take out of").click()
        question = page.get_by_role("dialog").last
        expect(question).to_contain_text("Take Ada L out of")
        expect(question).to_contain_text("Only an administrator can bring somebody back")
        question.get_by_role("button", name="Cancel").click()
        assert office.server.service.school.get(Member, course, student) is not None
        page.get_by_role("button", name="Take out of").click()
        page.get_by_role("dialog").last.get_by_role("button", name="Take out").click()
        page.wait_for_url(f"**/classes/{course}")
        expect(page.get_by_role("status").first).to_have_text("The student has left the class")
    with office.opened(browser, f"/students/{student}") as page:
        expect(page.get_by_role("link", name="Everything that is known")).to_have_count(1)


def test_fields_of_a_student_are_changed_and_removed(browser: Browser, office: Office, student: str) -> None:
    with office.opened(browser, f"/students/{student}") as page:
        page.get_by_role("button", name="Change").click()
        page.get_by_label("year").fill("")
        page.get_by_label("Something new: what").fill("major")
        page.get_by_label("and its value").fill("law")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("The student is changed")
        expect(page.locator("dt")).to_have_text(["Number", "major"])


def test_withdrawing_consent_says_what_is_erased_and_does_it(
    browser: Browser, office: Office, student: str, portraits: dict[str, ByteArray]
) -> None:
    office.change("PUT", f"/students/{student}/consent", {"given_by": "mother", "purpose": "roll call"})
    with office.opened(browser, f"/students/{student}") as page:
        page.set_input_files("#portrait", [made("a.jpg", jpeg(portraits["obama"]))])
        expect(page.locator(".portraits img")).to_have_count(1)
        page.get_by_role("button", name="Withdraw it").click()
        expect(page.get_by_role("dialog")).to_contain_text("1 photo of")
        page.get_by_role("button", name="Withdraw and erase").click()
        expect(page.get_by_role("status").first).to_contain_text("withdrawn")
        expect(page.get_by_role("button", name="Record consent")).to_be_visible()
        expect(page.locator(".portraits img")).to_have_count(0)


def test_erasing_wants_the_name_typed_and_tells_what_is_gone(browser: Browser, office: Office, student: str) -> None:
    with office.opened(browser, f"/students/{student}") as page:
        page.get_by_role("button", name="Erase", exact=True).click()
        button = page.get_by_role("button", name="Erase for good")
        expect(button).to_be_disabled()
        page.get_by_label("Type the name").fill(HOSTILE)
        button.click()
        expect(page.get_by_role("heading", name="Erased")).to_be_visible()
        expect(page.locator("#erased-what")).to_contain_text("photos")
        assert page.title().startswith(HOSTILE) and page.locator("main img, main b").count() == 0
        page.goto(office.url(f"/students/{student}"))
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_many_photos_find_their_students(
    browser: Browser, office: Office, course: str, portraits: dict[str, ByteArray]
) -> None:
    known = office.post("/students", name="Ada L", fields={}, courses=[course])["student_id"]
    office.change("PUT", f"/students/{known}/consent", {"given_by": "Ada", "purpose": "roll call"})
    with office.opened(browser, f"/classes/{course}") as page:
        sent = [made(f"{known}.jpg", jpeg(portraits["astronaut"])), made("Nobody.jpg", jpeg(portraits["biden"]))]
        page.set_input_files("#archive", sent)
        rows = page.locator("#archive-results tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text=known)).to_contain_text("added")
        expect(rows.filter(has_text="Nobody.jpg")).to_contain_text("no student of yours")
