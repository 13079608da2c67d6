"""The page of jobs, in a real browser, with a real server and a worker: what a person sees and can do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from browser import CONTRAST, PATIENCE, watched
from crew import at_work, emptied, enroll_class
from photocall import fleet
from photocall.access import create_api_key
from photocall.demo import Demo
from photocall.faces import ByteArray
from photocall.fleet import Doing, PoolState, Progress, WorkerState
from photocall.keys import Scope
from photocall.server import pages
from photocall.server.limits import MAX_UPLOAD_BYTES
from servers import Asked, asked, jpeg

expect.set_options(timeout=PATIENCE)

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}

BROKEN = b"\0\0\0\x18ftypmp42" + bytes(16)

HOSTILE = "<img src=x onerror=document.title='owned'><b>.txt"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Path:
    folder = tmp_path_factory.mktemp("data")
    enroll_class(folder, demo)
    return folder


@pytest.fixture(scope="module")
def running(data: Path) -> Iterator[Asked]:
    with asked(data, threads=1) as server:
        yield server


@pytest.fixture
def server(running: Asked) -> Asked:
    """A server that nobody works for, with an empty queue."""
    emptied(running.service.queue)
    return running


@pytest.fixture
def page(browser: Browser, server: Asked) -> Iterator[Page]:
    with watched(browser, f"{server.url}/jobs") as page:
        yield page


@pytest.fixture(scope="module")
def photo(portraits: dict[str, ByteArray]) -> FilePayload:
    return made("biden.jpg", jpeg(portraits["biden"]))


def made(name: str, data: bytes) -> FilePayload:
    """A file as Playwright takes it."""
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=data)


def choose(page: Page, *files: FilePayload | Path) -> Locator:
    """Choose files; what the page shows of each."""
    page.set_input_files("#files", files)  # type: ignore[arg-type]  # of one kind or the other
    return page.locator("#entries > li")


def state(entry: Locator) -> Locator:
    return entry.locator(".state")


@contextmanager
def busy(server: Asked, job_id: str, progress: Progress) -> Iterator[None]:
    """While this lasts, a worker says that it is so far with a job."""
    worker = WorkerState(1, Doing.BUSY, job_id, "lesson.mp4", 4, progress)
    fleet.report(server.service.objects, PoolState("here", "host", 15, 0, 0, [worker]))
    yield
    fleet.leave(server.service.objects, "here")


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


# --- what becomes of files


def test_the_names_of_a_photo_appear(page: Page, server: Asked, photo: FilePayload) -> None:
    entry = choose(page, photo)
    expect(state(entry)).to_have_text("Waiting for a worker")
    with at_work(server.service.settings):
        expect(state(entry)).to_have_text("Done")
    expect(entry.locator("li")).to_have_text(re.compile(r"^Joe Biden, similarity \d+\.\d$"))


def test_a_video_shows_how_far_it_is_and_then_its_people_and_their_faces(
    browser: Browser, server: Asked, demo: Demo
) -> None:
    with watched(browser, f"{server.url}/jobs", **PHONE) as page:
        with page.expect_response("**/v1/jobs") as posted:
            entry = choose(page, demo.clip)
        with busy(server, posted.value.json()["jobs"][0]["job_id"], Progress(50, 2, 8, 3)):
            expect(state(entry)).to_have_text("Under way: 0:02.0 of 0:08.0, 50 frames, 3 people, about 0:12.0 left")
            expect(entry.locator("progress")).to_have_js_property("value", 0.25)
            assert not scrolls_sideways(page)
        with at_work(server.service.settings):
            expect(state(entry)).to_have_text("Done")
        people_and_faces_are_shown(page, entry)
        assert not scrolls_sideways(page)


def people_and_faces_are_shown(page: Page, entry: Locator) -> None:
    rows = entry.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Joe Biden")).to_have_text(re.compile(r"^Joe Biden0:0\d\.\d0:0\d\.\d\d+\.\d$"))
    expect(entry).to_contain_text("1 unknown person")
    picture = entry.locator("img")
    expect(picture).not_to_have_js_property("naturalWidth", 0)
    assert picture.evaluate("image => image.naturalWidth") > 100
    for name, start in {"people.csv": b"name,major,year", "timeline.json": b"{", "faces.jpg": b"\xff\xd8"}.items():
        with page.expect_download() as saved:
            entry.get_by_role("link", name=name).click()
        assert saved.value.suggested_filename == name and saved.value.path().read_bytes().startswith(start)


def test_a_file_that_cannot_be_read_shows_why_and_the_others_are_done(
    page: Page, server: Asked, photo: FilePayload
) -> None:
    entries = choose(page, made("broken.mp4", BROKEN), made("notes.txt", b"hello"), photo)
    with at_work(server.service.settings):
        expect(state(entries)).to_have_text(["Failed", "Failed", "Done"])
    expect(entries.nth(0)).to_contain_text("broken.mp4: not a readable video")
    expect(entries.nth(1)).to_contain_text("'notes.txt' is neither a photo nor a video")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_file_above_the_limit_is_not_sent_at_all(page: Page, tmp_path: Path) -> None:
    with (tmp_path / "huge.mp4").open("wb") as huge:
        huge.truncate(MAX_UPLOAD_BYTES)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    entry = choose(page, tmp_path / "huge.mp4")
    expect(entry).to_contain_text("more than 2 GiB")
    assert "POST" not in sent


def test_files_can_be_dropped(page: Page, server: Asked) -> None:
    page.evaluate("""() => {
      const given = new DataTransfer();
      given.items.add(new File([new Uint8Array(9)], "a.mp4"));
      given.items.add(new File([new Uint8Array(9)], "b.mp4"));
      document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true }));
    }""")
    expect(page.locator("#entries h2")).to_have_text(["a.mp4", "b.mp4"])
    expect(state(page.locator("#entries > li"))).to_have_text(["Waiting for a worker"] * 2)
    assert server.service.queue.depth().waiting == 2


# --- what may go wrong


def test_the_list_survives_a_reload(page: Page, server: Asked, photo: FilePayload) -> None:
    entries = choose(page, photo, made("broken.mp4", BROKEN))
    expect(state(entries)).to_have_text(["Waiting for a worker"] * 2)
    page.reload()
    expect(entries.locator("h2")).to_have_text(["biden.jpg", "broken.mp4"])
    with at_work(server.service.settings):
        expect(state(entries)).to_have_text(["Done", "Failed"])
    page.reload()
    expect(entries.nth(0)).to_contain_text("Joe Biden")
    page.get_by_role("button", name="Take finished ones off the list").click()
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    expect(entries).to_have_count(0)


def test_a_file_that_did_not_arrive_is_sent_again_as_the_same_job(page: Page, server: Asked) -> None:
    keys: list[str | None] = []

    def lose_the_first_answer(route: Route) -> None:
        keys.append(route.request.header_value("idempotency-key"))
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/jobs", lose_the_first_answer)
    entry = choose(page, made("a.mp4", BROKEN))
    expect(entry).to_contain_text("cannot be reached")
    entry.get_by_role("button", name="Try again").click()
    expect(state(entry)).to_have_text("Waiting for a worker")
    assert len(keys) == 2 and len(set(keys)) == 1 and len(keys[0] or "") == 32


def test_a_server_that_is_away_for_a_while_is_asked_again(page: Page) -> None:
    expect(state(choose(page, made("a.mp4", BROKEN)))).to_have_text("Waiting for a worker")
    page.route("**/v1/jobs/*", lambda route: route.abort())
    expect(page.get_by_role("status")).to_have_text("The server cannot be reached; trying again")
    page.unroute("**/v1/jobs/*")
    expect(page.get_by_role("status")).to_have_text("")


def test_too_many_requests_are_sent_again_when_the_server_says(page: Page) -> None:
    refused: list[Route] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route)
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": "ServiceUnavailable"})

    page.route("**/v1/jobs", refuse_once)
    expect(state(choose(page, made("a.mp4", BROKEN)))).to_have_text("Waiting for a worker")
    assert refused


def test_a_file_name_with_html_in_it_is_only_a_name(page: Page) -> None:
    entry = choose(page, made(HOSTILE, b"hello"))
    expect(entry).to_contain_text(f'"{HOSTILE}" is neither a photo nor a video')
    assert entry.locator("h2").inner_text() == HOSTILE
    expect(page.get_by_role("status")).to_have_text(f"{HOSTILE}: Failed")
    assert entry.locator("img, b").count() == 0
    assert page.title() == "photocall: who is in it?"


# --- who can use it


def test_the_keyboard_is_enough(page: Page) -> None:
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Tab")
        expect(page.get_by_label("Photos and videos")).to_be_focused()
        page.keyboard.press("Enter")
    chooser.value.set_files([made("a.mp4", BROKEN), made("a.txt", b"hello")])
    entries = page.locator("#entries > li")
    expect(state(entries)).to_have_text(["Waiting for a worker", "Failed"])
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Take finished ones off the list")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(entries.locator("h2")).to_have_text(["a.mp4"])
    expect(page.get_by_label("Photos and videos")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_by_day_and_by_night(browser: Browser, server: Asked, scheme: Any) -> None:
    with watched(browser, f"{server.url}/jobs", color_scheme=scheme) as page:
        entries = choose(page, made("a.txt", b"hello"), made("a.mp4", BROKEN))
        expect(state(entries)).to_have_text(["Failed", "Waiting for a worker"])
        assert page.evaluate(CONTRAST) >= 4.5
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 28)"
        assert dark == (scheme == "dark")


def test_a_long_name_does_not_push_a_phone_sideways(browser: Browser, server: Asked) -> None:
    with watched(browser, f"{server.url}/jobs", **PHONE) as page:
        entries = choose(page, made("x" * 200 + ".mp4", BROKEN), made("y" * 200 + ".txt", b"hello"))
        expect(state(entries)).to_have_text(["Waiting for a worker", "Failed"])
        assert not scrolls_sideways(page)


def test_where_keys_are_needed_there_is_a_field_for_one(browser: Browser, data: Path, demo: Demo) -> None:
    with asked(data, threads=1, auth="on") as server, watched(browser, f"{server.url}/jobs", **PHONE) as page:
        _, secret = create_api_key(server.service.store, "Ada", frozenset(Scope), None, datetime.now(UTC))
        field = page.get_by_label("API key")
        expect(field).to_be_focused()
        expect(page.locator("#key-reason")).to_contain_text("An API key is needed")
        assert not scrolls_sideways(page)
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#key-reason")).to_contain_text("The key was refused")
        entry = choose(page, demo.clip)
        field.fill(secret)
        page.keyboard.press("Enter")
        expect(field).to_be_hidden()
        with at_work(server.service.settings):
            expect(state(entry)).to_have_text("Done")
        people_and_faces_are_shown(page, entry)
        the_key_is_in_this_tab_alone(page, secret)


def the_key_is_in_this_tab_alone(page: Page, secret: str) -> None:
    assert secret in page.evaluate("Object.values(sessionStorage)")
    assert page.evaluate("localStorage.length") == 0 and page.context.cookies() == []
    assert secret not in page.content()
    page.reload()
    expect(page.get_by_text("Joe Biden")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_hidden()


# --- what is served


def test_the_page_and_its_parts_are_all_that_is_served(server: Asked) -> None:
    page = server.client.get("/jobs")
    assert page.headers["Content-Type"].startswith("text/html") and "//" not in page.text
    for name in pages.FILES:
        part = server.client.get(f"/pages/{name}")
        assert part.status_code == 200 and part.headers["Content-Type"].startswith(pages.FILES[name])
    assert {path.name for path in pages.FOLDER.iterdir()} == {"jobs.html", *pages.FILES}
    for name in ("jobs.html", "other.js", "..%2Fpages.py", "..%2F..%2Fcli.py", ""):
        assert server.client.get(f"/pages/{name}").status_code == 404


def test_neither_the_page_nor_a_part_runs_a_script_of_its_own_text(server: Asked) -> None:
    page = server.client.get("/jobs")
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page.text) == [""]
    assert not re.search(r"\s(on\w+|style)=|javascript:|<style", page.text)
    for path in ("/jobs", "/pages/jobs.js"):
        policy = server.client.get(path).headers["Content-Security-Policy"]
        assert "unsafe" not in policy and {"default-src 'none'", "script-src 'self'"} <= set(policy.split("; "))
