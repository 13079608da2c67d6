"""The page of a lesson, in a real browser, with a real server and a worker: attendance as a teacher takes it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from accessibility import faults, scrolls_sideways
from browser import FLAGS, PATIENCE, chromium_program, watched
from cameras import camera_flags
from classroom import ADA, BIDEN, OBAMA, Classroom, open_classroom
from crew import at_work
from photocall.demo import Demo
from photocall.faces import ByteArray
from photocall.roster import Student
from photocall.school.lesson_records import Seen
from photocall.school.places import lesson_lock
from photocall.school.records import Course, Member
from photocall.school.settling import settle
from servers import asked

expect.set_options(timeout=PATIENCE)

PHONE: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}

HOSTILE = "<img src=x onerror=document.title='owned'>"

BROKEN = FilePayload(name="broken.mp4", mimeType="video/mp4", buffer=b"\0\0\0\x18ftypmp42" + bytes(16))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, demo_archives: Path) -> Iterator[Classroom]:
    with asked(tmp_path_factory.mktemp("school"), threads=1) as server:
        yield open_classroom(server, demo_archives)


@pytest.fixture(scope="module")
def worker(room: Classroom) -> Iterator[None]:
    with at_work(room.server.service.settings):
        yield


def line(page: Page, name: str) -> Locator:
    """The line of a student in the register."""
    return page.locator("#register .lines > li").filter(has_text=name)


def status(page: Page, name: str) -> Locator:
    return line(page, name).locator(".status")


def box(page: Page, kind: str) -> Locator:
    """The boxes of a kind in the picture."""
    return page.locator(f"#picture .box.{kind}")


def send(page: Page, file: Path | FilePayload) -> None:
    page.set_input_files("#files", file)


def recognised(page: Page, photo: Path) -> None:
    """Send the photo of the class, and wait until its people have names."""
    send(page, photo)
    expect(box(page, "named")).to_have_count(2)


def everybody_can_read_it(page: Page) -> None:
    """By day on a desk, and by night on a very small screen."""
    assert faults(page) == []
    size = page.viewport_size or {"width": 1280, "height": 720}
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 320, "height": 640})
    assert not scrolls_sideways(page)
    assert faults(page) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(size)


# --- by photos


def test_a_class_photo_becomes_a_register(browser: Browser, room: Classroom, worker: None, demo: Demo) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}", "grace") as page:
        expect(status(page, "Ada Lovelace")).to_have_text("Not called yet")
        recognised(page, demo.photo)
        expect(box(page, "named").locator(".label")).to_have_text(["Barack Obama", "Joe Biden"])
        expect(box(page, "stranger")).to_have_attribute("aria-label", "Unknown person")
        expect(page.locator(".counts button")).to_have_text(
            ["2 present", "0 late", "0 excused", "0 not sure", "1 absent"]
        )
        expect(line(page, "Barack Obama")).to_contain_text("alike")
        expect(line(page, "Joe Biden").locator("img")).not_to_have_js_property("naturalWidth", 0)
        expect(line(page, "Ada Lovelace")).to_contain_text("without consent")
        everybody_can_read_it(page)
        page.get_by_role("button", name="1 absent").click()
        expect(page.locator("#register .lines > li:visible")).to_have_count(1)
    assert room.statuses(lesson) == {OBAMA: "present", BIDEN: "present", ADA: "absent"}


def test_a_face_is_corrected_by_the_keyboard_alone(browser: Browser, room: Classroom, worker: None, demo: Demo) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}") as page:
        recognised(page, demo.photo)
        box(page, "named").filter(has_text="Joe Biden").press("Enter")
        expect(page.get_by_role("dialog", name="Is this Joe Biden?")).to_be_visible()
        everybody_can_read_it(page)
        page.get_by_role("button", name="It is not Joe Biden").press("Enter")
        expect(page.locator("#told")).to_have_text("Joe Biden: absent")
        expect(status(page, "Joe Biden")).to_have_text("Absent")
        box(page, "stranger").press("Enter")
        expect(page.get_by_label("It is somebody else")).to_be_focused()
        page.keyboard.type("joe")
        page.keyboard.press("Enter")
        expect(status(page, "Joe Biden")).to_have_text("Present")
        expect(box(page, "corrected")).to_have_count(2)
        box(page, "corrected").filter(has_text="Joe Biden").press("Enter")
        page.get_by_role("button", name="Take the correction back").press("Enter")
        expect(status(page, "Joe Biden")).to_have_text("Absent")
        box(page, "corrected").press("Enter")
        page.get_by_role("button", name="Take the correction back").press("Enter")
        expect(status(page, "Joe Biden")).to_have_text("Present")


def test_who_is_not_sure_is_answered_with_one_tap(browser: Browser, room: Classroom, worker: None, demo: Demo) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}", **PHONE) as page:
        recognised(page, demo.photo)
        doubted(room, lesson)
        cards = page.locator("#review .card")
        expect(cards).to_have_count(2)
        for picture in cards.first.locator("img").all():
            expect(picture).not_to_have_js_property("naturalWidth", 0)
        assert faults(page) == []
        page.get_by_role("button", name="Yes, it is Joe Biden").press("Enter")
        expect(cards).to_have_count(1)
        expect(page.get_by_role("button", name="Yes, it is Barack Obama")).to_be_focused()
        page.get_by_role("button", name="No, it is not Barack Obama").press("Enter")
        expect(page.locator("#review")).to_be_hidden()
        expect(status(page, "Joe Biden")).to_have_text("Present")
        expect(status(page, "Barack Obama")).to_have_text("Absent")
    room.ask("DELETE", f"lessons/{lesson}")  # or later lessons would know that this was not him


def doubted(room: Classroom, lesson: str) -> None:
    """Let the engine be less sure of everybody in a lesson."""
    with room.server.service.school.changing(lesson_lock(lesson)) as records:
        faces = [replace(each, certain=False, similarity=83.0) for each in records.find(Seen, lesson_id=lesson)]
        records.put(*faces)
        settle(records, lesson, datetime.now(UTC))


def test_a_late_photo_marks_late_and_a_removed_one_is_gone(
    browser: Browser, room: Classroom, worker: None, demo: Demo
) -> None:
    with room.page(browser, f"lessons/{room.lesson()}") as page:
        recognised(page, demo.photo)
        page.get_by_label("It shows who came late").check()
        expect(status(page, "Joe Biden")).to_have_text("Late")
        page.get_by_role("button", name="Remove it").click()
        page.get_by_role("button", name="Remove", exact=True).click()
        expect(page.locator("#picture")).to_be_hidden()
        expect(status(page, "Joe Biden")).to_have_text("Not called yet")


def test_a_video_shows_its_people(browser: Browser, room: Classroom, worker: None, demo: Demo) -> None:
    with room.page(browser, f"lessons/{room.lesson()}") as page:
        send(page, demo.clip)
        people = page.locator("#picture .people .thumb")
        expect(people.filter(has_text="Joe Biden")).to_have_count(1)
        expect(people.first.locator("img")).not_to_have_js_property("naturalWidth", 0)
        expect(status(page, "Barack Obama")).to_have_text("Present")
        assert faults(page) == []


def test_what_cannot_be_read_says_why(browser: Browser, room: Classroom, worker: None) -> None:
    with room.page(browser, f"lessons/{room.lesson()}") as page:
        send(page, FilePayload(name=f"{HOSTILE}.svg", mimeType="image/svg+xml", buffer=b"<svg/>"))
        entry = page.locator("#uploads > li")
        expect(entry).to_contain_text("Not taken")
        assert page.locator("#uploads img").count() == 0
        entry.get_by_role("button", name="Take it off the list").click()
        send(page, BROKEN)
        expect(page.locator("#picture .told")).to_contain_text("call the roll by hand")
        expect(page.locator("#picture .told")).to_contain_text("not a readable video")
        assert page.title().startswith("Light")


def test_a_photo_of_12_megapixels_whose_answer_was_lost_is_sent_again_and_is_there_once(
    browser: Browser, room: Classroom, worker: None, demo: Demo, tmp_path: Path
) -> None:
    lesson, tries = room.lesson(), []
    ImageOps.pad(Image.open(demo.photo), (4000, 3000)).save(tmp_path / "large.jpg", quality=90)

    def lose_the_first_answer(route: Route) -> None:
        tries.append(route.request.method)
        if len(tries) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    with room.page(browser, f"lessons/{lesson}") as page:
        page.route("**/evidence", lose_the_first_answer)
        recognised(page, tmp_path / "large.jpg")
        expect(page.locator("#uploads > li")).to_have_count(0)
        assert len(tries) == 2
    assert len(room.register(lesson)["evidence"]) == 1


def test_the_live_camera_takes_photos_until_it_is_stopped(
    browser: Browser, room: Classroom, worker: None, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    flags = [*FLAGS, *camera_flags(portraits["obama"], tmp_path)]
    with (
        browser.browser_type.launch(executable_path=chromium_program(), args=flags) as seeing,
        room.page(seeing, f"lessons/{room.lesson()}", permissions=["camera"]) as page,
    ):
        page.get_by_role("button", name="Live camera").click()
        expect(status(page, "Barack Obama")).to_have_text("Present")
        page.get_by_role("button", name="Stop the camera").click()
        expect(page.locator("#camera video")).to_be_hidden()
        expect(page.get_by_role("button", name="Live camera")).to_be_focused()


# --- by hand


def test_the_roll_is_called_by_keys(browser: Browser, room: Classroom) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}", "grace") as page:
        page.get_by_role("tab", name="By photos").press("ArrowRight")
        expect(page.get_by_role("tab", name="By hand")).to_be_focused()
        everybody_can_read_it(page)
        page.get_by_role("button", name="Everybody else").focus()
        page.keyboard.press("Tab")
        expect(page.get_by_role("group", name="Ada Lovelace").get_by_role("button", name="Present")).to_be_focused()
        page.keyboard.press("e")
        page.keyboard.press("l")
        pressed = page.locator(".roll [aria-pressed=true]")
        expect(pressed).to_have_text(["Excused", "Late"])
        expect(page.locator("#by-hand .left")).to_have_text("1 of 3 still to be called")
        page.get_by_role("button", name="Everybody else is present").press("Enter")
        expect(pressed).to_have_text(["Excused", "Late", "Present"])
        expect(page.locator("#by-hand .left")).to_have_text("Everybody is called")
    assert room.statuses(lesson) == {ADA: "excused", OBAMA: "late", BIDEN: "present"}


def test_a_line_is_changed_by_hand_with_a_note_and_back(browser: Browser, room: Classroom) -> None:
    with room.page(browser, f"lessons/{room.lesson()}") as page:
        line(page, "Ada Lovelace").get_by_role("button").click()
        page.get_by_label("Note").fill(f"at the dentist {HOSTILE}")
        everybody_can_read_it(page)
        page.get_by_role("dialog").get_by_role("button", name="Excused").click()
        expect(line(page, "Ada Lovelace")).to_contain_text(f"at the dentist {HOSTILE}")
        expect(status(page, "Ada Lovelace")).to_have_text("Excused")
        line(page, "Ada Lovelace").get_by_role("button").click()
        page.get_by_role("button", name="As the photos say").click()
        expect(status(page, "Ada Lovelace")).to_have_text("Not called yet")


def test_a_note_is_kept_by_itself_and_makes_the_line_count_as_by_hand(browser: Browser, room: Classroom) -> None:
    lesson = room.lesson()
    room.ask("PUT", f"lessons/{lesson}/marks/{OBAMA}", json={"status": "present"})
    with room.page(browser, f"lessons/{lesson}", "grace") as page:
        expect(status(page, "Ada Lovelace")).to_have_text("Absent")
        line(page, "Ada Lovelace").get_by_role("button").click()
        expect(page.get_by_label("Note")).to_have_accessible_description("A line with a note counts as by hand.")
        page.get_by_label("Note").fill("her father called")
        page.get_by_role("button", name="Keep the note").click()
        expect(line(page, "Ada Lovelace")).to_contain_text("her father called")
        expect(line(page, "Ada Lovelace")).to_contain_text("by hand")
    assert room.statuses(lesson)[ADA] == "absent"


def test_a_photo_that_says_nothing_of_its_time_has_the_time_of_its_file(
    browser: Browser, room: Classroom, tmp_path: Path
) -> None:
    made = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    photo, video = tmp_path / "class.png", tmp_path / "class.webm"
    Image.new("RGB", (64, 64), "grey").save(photo)
    film(video, seconds=20)
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}") as page:
        for file in (photo, video):
            os.utime(file, (made.timestamp(), made.timestamp()))
            send(page, file)
        expect(page.locator("#picture .thumbs > li").first).to_be_attached()
        expect(page.locator("#uploads > li")).to_have_count(0)
    told = {each["kind"]: datetime.fromisoformat(each["taken"]) for each in room.register(lesson)["evidence"]}
    assert told["photo"] == made
    assert abs(made - told["video"] - timedelta(seconds=20)) < timedelta(seconds=3), "its file has the time of its end"


def film(path: Path, seconds: int) -> None:
    """A small video in a format that every browser reads."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libvpx", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
        for number in range(seconds):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_lesson_is_changed_and_deleted(browser: Browser, room: Classroom) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}", "grace") as page:
        page.get_by_role("button", name="Change this lesson").click()
        page.get_by_label("Title").fill(HOSTILE)
        page.get_by_label("Starts").fill("2026-11-23T08:15")
        assert faults(page) == []
        page.get_by_role("button", name="Change it").click()
        expect(page.locator("h1")).to_have_text(HOSTILE)
        expect(page.get_by_text("Mon 23 Nov 2026, 08:15, 45 minutes, late after 10")).to_be_visible()
        page.get_by_role("button", name="Change this lesson").click()
        page.get_by_role("button", name="Delete it").click()
        page.get_by_role("button", name="Delete the lesson").click()
        expect(page).to_have_url(f"{room.server.url}/school/classes/demo")
        page.goto(f"{room.server.url}/school/lessons/{lesson}")
        expect(page.locator("h1")).to_have_text("There is no such page")


def test_where_nobody_has_agreed_the_roll_by_hand_comes_first(browser: Browser, room: Classroom) -> None:
    store = room.server.service.school
    store.put(Course("quiet", HOSTILE), Student(HOSTILE, {}, "quiet-1"), Member("quiet", "quiet-1"))
    sent = {"title": HOSTILE, "starts": datetime.now(UTC).isoformat(), "minutes": 45, "grace": 10}
    lesson = room.ask("POST", "courses/quiet/lessons", json=sent)["lesson"]["lesson_id"]
    with room.page(browser, f"lessons/{lesson}") as page:
        expect(page.get_by_role("group", name=HOSTILE)).to_be_visible()
        expect(page.locator("h1")).to_have_text(HOSTILE)
        assert page.locator(".roll img, h1 img").count() == 0
        assert page.title().startswith(HOSTILE)


# --- two, and those who only look


def test_what_one_teacher_says_the_other_one_sees(browser: Browser, room: Classroom) -> None:
    lesson = room.lesson()
    with room.page(browser, f"lessons/{lesson}", "grace") as one, room.page(browser, f"lessons/{lesson}") as other:
        expect(status(other, "Joe Biden")).to_have_text("Not called yet")
        line(one, "Joe Biden").get_by_role("button").click()
        one.get_by_role("dialog").get_by_role("button", name="Late").click()
        expect(status(other, "Joe Biden")).to_have_text("Late")
        line(other, "Ada Lovelace").get_by_role("button").click()
        other.get_by_role("dialog").get_by_role("button", name="Present").click()
        expect(status(one, "Ada Lovelace")).to_have_text("Present")
        expect(status(one, "Joe Biden")).to_have_text("Late")


def test_a_viewer_sees_all_and_can_change_nothing(browser: Browser, room: Classroom, worker: None, demo: Demo) -> None:
    lesson = room.lesson()
    sent: Any = {"file": ("class.jpg", demo.photo.read_bytes(), "image/jpeg")}
    room.ask("POST", f"lessons/{lesson}/evidence", files=sent)
    with room.page(browser, f"lessons/{lesson}", "vera") as page:
        expect(box(page, "named")).to_have_count(2)
        expect(box(page, "named").first).to_be_disabled()
        expect(line(page, "Joe Biden").get_by_role("button")).to_be_disabled()
        for name in ("Remove it", "Live camera"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.locator("#files")).to_have_count(0)
        assert faults(page) == []


def test_whoever_is_not_signed_in_is_asked_who_they_are(browser: Browser, room: Classroom) -> None:
    lesson = room.lesson()
    with watched(browser, f"{room.server.url}/school/lessons/{lesson}") as page:
        expect(page).to_have_url(f"{room.server.url}/school/sign-in?then=%2Fschool%2Flessons%2F{lesson}")
