"""The camera on a student's page: advice while one looks into it, and a photo that is taken; or why there is none."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from browser import PATIENCE, chromium_program, opened
from cameras import camera_flags
from office import Office, open_office
from photocall.faces import ByteArray

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("school")) as office:
        yield office


@pytest.fixture(scope="module")
def student(office: Office) -> str:
    return office.student(str(office.post("/courses", name="Maths")["course_id"]))


def browser_that_sees(image: ByteArray, folder: Path) -> AbstractContextManager[Browser]:
    """A browser whose camera shows an image."""
    program = chromium_program()
    assert program is not None
    return opened(program, *camera_flags(image, folder))


def test_who_looks_into_the_camera_is_told_when_it_is_good_and_takes_the_photo(
    office: Office, student: str, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    with (
        browser_that_sees(portraits["biden"][:970], tmp_path) as browser,
        office.opened(browser, f"/students/{student}") as page,
    ):
        page.get_by_role("button", name="Use the camera").click()
        expect(page.locator("#camera-advice")).to_have_text("Good: hold still")
        page.get_by_role("button", name="Take the photo").click()
        expect(page.locator(".portraits img")).to_have_count(1)
        expect(page.get_by_role("status").first).to_have_text("The photo is added")


def test_without_a_face_there_is_advice_and_no_photo(office: Office, student: str, tmp_path: Path) -> None:
    nobody = np.full((480, 640, 3), 128, np.uint8)
    with browser_that_sees(nobody, tmp_path) as browser, office.opened(browser, f"/students/{student}") as page:
        page.get_by_role("button", name="Use the camera").click()
        expect(page.locator("#camera-advice")).to_contain_text("No face is seen")
        expect(page.get_by_role("button", name="Take the photo")).to_be_disabled()
        page.get_by_role("button", name="Camera off").click()
        expect(page.get_by_role("button", name="Use the camera")).to_be_focused()


def test_where_there_is_no_camera_the_page_says_so(browser: Browser, office: Office, student: str) -> None:
    with office.opened(browser, f"/students/{student}") as page:
        page.get_by_role("button", name="Use the camera").click()
        expect(page.get_by_role("alert").first).to_contain_text("choose a file")
