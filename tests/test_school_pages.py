"""The pages of the school, in a real browser, with a real server: the first run, signing in, accounts, imports."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from accessibility import faults, scrolls_sideways
from browser import PATIENCE, watched
from office import HOSTILE, PASSWORD, Office, made, open_office
from photocall.school.records import Course
from photocall.server.school import shell
from servers import asked

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("school")) as office:
        yield office


@pytest.fixture
def course(office: Office) -> str:
    """A class of its own for a test."""
    return str(office.post("/courses", name=f"Class {uuid4().hex[:6]} {'x' * 100}", fields={"room": "1"})["course_id"])


@pytest.fixture
def student(office: Office, course: str) -> str:
    """A student in it, with consent, named as nobody should be."""
    return office.student(course)


# --- the first run, and signing in


def test_the_first_run_makes_an_administrator_and_the_demo_class(
    browser: Browser, tmp_path: Path, demo_archives: Path
) -> None:
    with (
        asked(tmp_path, threads=1, demo_archives=demo_archives) as server,
        watched(browser, f"{server.url}/", timezone_id="Asia/Tokyo") as page,
    ):
        expect(page).to_have_url(f"{server.url}/school/start")
        expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
        assert faults(page) == []
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Login").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("School's name").fill(HOSTILE)
        page.get_by_label("Load the demo class").check()
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("link", name="Demo class").click()
        expect(page.locator("tbody tr")).to_have_text(
            [re.compile("Ada Lovelace"), re.compile("Barack"), re.compile("Joe")]
        )
        expect(page.locator("tbody tr").nth(1)).to_contain_text("given")
        expect(page.locator(".brand")).to_have_text(HOSTILE)
        assert page.title() == f"Demo class \N{EN DASH} {HOSTILE}"
        page.goto(f"{server.url}/school/start")
        expect(page).to_have_url(f"{server.url}/school/sign-in")


def test_without_its_photos_the_demo_class_says_where_they_come_from(browser: Browser, tmp_path: Path) -> None:
    with (
        asked(tmp_path, threads=1, demo_archives=tmp_path / "none") as server,
        watched(browser, f"{server.url}/school/start") as page,
    ):
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("Login").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_label("Load the demo class").check()
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text("make setup")
        page.get_by_role("link", name="Go on without it").click()
        expect(page.get_by_role("heading", name="Classes")).to_be_visible()


def test_the_keyboard_is_enough_to_sign_in_and_out(browser: Browser, office: Office) -> None:
    with watched(browser, office.url("/me")) as page:
        expect(page).to_have_url(office.url("/sign-in?then=%2Fschool%2Fme"))
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type("not the password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="Login or password are wrong")).to_be_visible()
        expect(page.get_by_label("Password")).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(office.url("/me"))
        page.get_by_role("button", name="Sign out", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(office.url("/sign-in"))
        page.goto(office.url(""))
        expect(page).to_have_url(office.url("/sign-in?then=%2Fschool"))


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil.example", "/schoolboy", "javascript:1"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(office: Office, then: str) -> None:
    page = office.server.client.get("/school/sign-in", params={"then": then})
    assert page.status_code == 200 and 'data-then="/school"' in page.text


def test_a_press_before_the_modules_are_there_is_not_lost(browser: Browser, office: Office) -> None:
    late: list[Route] = []
    with watched(browser, office.url("/sign-in")) as page:
        page.route("**/forms.js", lambda route: late.append(route))
        page.goto(office.url("/sign-in"), wait_until="commit")
        page.get_by_label("Login").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Password")).to_have_value(PASSWORD)
        assert page.url == office.url("/sign-in")
        late[0].continue_()
        expect(page).to_have_url(office.url(""))


def test_who_is_signed_out_elsewhere_signs_in_again_and_is_back_where_they_were(
    browser: Browser, office: Office, course: str
) -> None:
    token = office.account("mary", "administrator")
    with office.opened(browser, f"/classes/{course}", token) as page:
        office.server.client.delete("/v1/school/sign-ins", headers={"Authorization": f"Bearer {token}"})
        page.get_by_role("button", name="Take attendance").click()
        expect(page).to_have_url(office.url(f"/sign-in?then=%2Fschool%2Fclasses%2F{course}"))


def test_whose_password_was_set_by_somebody_else_sets_another_one_first(browser: Browser, office: Office) -> None:
    office.post("/accounts", login="grace", name="Grace", role="teacher", password=PASSWORD)
    with watched(browser, office.url("/sign-in")) as page:
        page.get_by_label("Login").fill("grace")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(office.url("/me"))
        page.get_by_label("The password until now").fill(PASSWORD)
        page.get_by_label("The new password").fill("another horse")
        page.keyboard.press("Enter")
        expect(page).to_have_url(office.url(""))
        expect(page.locator("main")).to_contain_text("You are given no class yet")


# --- importing, accounts


def test_an_import_shows_every_bad_row_before_anything_changes(browser: Browser, office: Office) -> None:
    text = (
        f"name,student_id,class,year\nGrace Hopper,g-1,Ships,1\n,g-2,Ships,1\n{HOSTILE},g-3,Ships,2\nTwin,g-1,Ships,1\n"
    )
    with office.opened(browser, "/import") as page:
        page.set_input_files("#import", [made("class.csv", text.encode())])
        bad = page.get_by_role("region", name="Rows that cannot be taken").locator("tbody tr")
        expect(bad).to_have_count(2)
        expect(page.get_by_role("region", name="New")).to_contain_text(HOSTILE)
        assert office.server.service.school.find(Course, name="Ships") == []
        page.get_by_role("button", name="Import it").click()
        page.get_by_role("link", name="Ships").click()
        expect(page.locator("tbody tr")).to_have_count(2)


def test_accounts_are_made_changed_and_given_new_passwords(browser: Browser, office: Office, course: str) -> None:
    with office.opened(browser, "/accounts") as page:
        page.get_by_role("button", name="New account").click()
        page.get_by_label("Name").and_(page.locator(":visible")).fill("Katherine")
        page.get_by_label("Login").and_(page.locator(":visible")).fill("katherine")
        page.locator(f"#new-account input[value='{course}']").check()
        offered = page.get_by_label("First password").input_value()
        page.get_by_role("button", name="Make it").click()
        row = page.locator("tbody tr").filter(has_text="katherine")
        expect(row).to_contain_text("has to set a password")
        row.get_by_role("button").click()
        page.get_by_role("button", name="Make a new password").click()
        shown = page.locator("#password-text")
        expect(shown).to_have_text(re.compile(r"^\S{10,}$"))
        assert shown.inner_text() != offered and len(offered) == 17
        page.get_by_role("button", name="Done").click()
        row.get_by_role("button").click()
        page.get_by_role("button", name="Only sign out everywhere").click()
        expect(page.get_by_role("status").first).to_have_text("The account is signed out everywhere")
        row.get_by_role("button").click()
        page.get_by_role("dialog").get_by_label("Disabled").check()
        page.get_by_role("button", name="Keep").click()
        expect(row).to_contain_text("disabled")


def test_changing_a_name_leaves_the_classes_alone_that_somebody_else_gave_meanwhile(
    browser: Browser, office: Office, course: str
) -> None:
    old = office.post("/courses", name="A class of long ago")["course_id"]
    office.change("PATCH", f"/courses/{old}", {"archived": True})
    made = office.post("/accounts", login="emmy", name="Emmy", role="teacher", password=PASSWORD)["account"]
    address = f"/accounts/{made['account_id']}"
    with office.opened(browser, "/accounts") as page:
        row = page.locator("tbody tr").filter(has_text="emmy")
        row.get_by_role("button").click()
        office.change("PATCH", address, {"courses": [course]})
        page.get_by_role("dialog").get_by_label("Name").fill("Emmy N")
        page.get_by_role("button", name="Keep").click()
        expect(row).to_contain_text("Emmy N")
        expect(row.locator("td").nth(2)).to_have_text("1")
        row.get_by_role("button").click()
        box = page.get_by_role("dialog").locator(f"input[value='{course}']")
        expect(box).to_be_checked()
        expect(page.get_by_role("dialog").locator(f"input[value='{old}']")).to_have_count(0)
        box.uncheck()
        page.get_by_role("button", name="Keep").click()
        expect(row.locator("td").nth(2)).to_have_text("0")


def test_a_teacher_sees_their_own_classes_and_no_others(
    browser: Browser, office: Office, course: str, student: str
) -> None:
    token = office.account("maria", "teacher")
    with office.opened(browser, "", token) as page:
        expect(page.get_by_role("link", name="Accounts")).to_have_count(0)
        expect(page.locator(".cards li")).to_have_count(0)
        for path in (f"/classes/{course}", f"/students/{student}", "/accounts"):
            page.goto(office.url(path))
            expect(page.get_by_role("heading", name="You may not see this")).to_be_visible()


# --- what is served


def test_every_page_can_be_used_by_everybody(browser: Browser, office: Office, course: str, student: str) -> None:
    dialogs = {"": "new-class", f"/classes/{course}": "new-lesson", f"/students/{student}": "erase"}
    with office.opened(browser, "") as page:
        for path in (*dialogs, "/accounts", "/import", "/me", "/sign-in", "/classes/none"):
            page.goto(office.url(path))
            expect(page.locator("h1:visible")).to_have_count(1)
            everybody_can_use(page)
            if path in dialogs:
                page.evaluate("id => document.getElementById(id).showModal()", dialogs[path])
                everybody_can_use(page)
        assert page.title().startswith("There is no such page")


def everybody_can_use(page: Page) -> None:
    """By day, by night, and on the smallest screen."""
    assert faults(page) == [], page.url
    page.emulate_media(color_scheme="dark")
    assert faults(page, "color-contrast") == [], page.url
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 320, "height": 640})
    assert not scrolls_sideways(page), page.url
    assert faults(page, "target-size", "scrollable-region-focusable") == [], page.url
    page.set_viewport_size({"width": 1280, "height": 720})


def test_no_page_runs_a_script_of_its_own_text_or_asks_anybody_else(office: Office, course: str, student: str) -> None:
    cookie = {"Cookie": f"photocall-session={office.token}"}
    paths = ["", f"/classes/{course}", f"/students/{student}", "/accounts", "/import", "/me", "/sign-in"]
    for path in paths:
        page = office.server.client.get(f"/school{path}", headers=cookie)
        assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
        assert page.headers["Content-Security-Policy"] == shell.POLICY and "unsafe" not in shell.POLICY
        assert set(re.findall(r"<script[^>]*>([^<]*)</script>", page.text)) == {""} and "<style" not in page.text
        names, addresses = attributes(page.text)
        assert not {name for name in names if name == "style" or name.startswith("on")}, path
        assert all(re.match("/|#main$", address) and address[:2] != "//" for address in addresses), path


def test_nothing_but_style_sheets_and_modules_is_served_beside_the_pages(office: Office) -> None:
    for path in shell.STATIC.iterdir():
        assert office.server.client.get(f"/school/static/{path.name}").status_code == 200
    for name in ("layout.html", "..%2Fpages%2Flayout.html", "..%2Fshell.py", "none.js", ""):
        assert office.server.client.get(f"/school/static/{name}").status_code == 404


def attributes(page: str) -> tuple[set[str], set[str]]:
    """The names of all attributes of a page, and the addresses among their values."""
    names: set[str] = set()
    addresses: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names.update(name for name, _ in attrs)
            addresses.update(value or "" for name, value in attrs if name in ("href", "src", "action", "data-action"))

    Reader().feed(page)
    return names, addresses
