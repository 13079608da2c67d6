"""A server that is killed while a teacher's browser sends it a video: started anew, it gets the video, once."""

import re
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from browser import PATIENCE, watched
from photocall.app import open_store
from photocall.roster import Student
from photocall.school.lesson_records import Evidence, Lesson
from photocall.school.records import Account, Course, Member, Role
from photocall.school.sign_ins import open_sign_in
from photocall.settings import Settings
from serving import Served, served

expect.set_options(timeout=PATIENCE)

VIDEO = FilePayload(
    name="lesson.mp4", mimeType="video/mp4", buffer=b"\0\0\0\x18ftypmp42" + bytes(16) + bytes(range(256)) * 40_000
)
"""10 MB, and no video: nobody looks at it here."""

SLOWLY = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_000_000}
"""A line on which it takes ten seconds."""


@pytest.fixture
def school(tmp_path: Path) -> tuple[Path, str]:
    """A data directory with a lesson, and the token of its teacher."""
    data, now = tmp_path / "data", datetime.now(UTC)
    with open_store(Settings(data=data)) as store:
        ada = Account("ada", "ada", "Ada", Role.ADMINISTRATOR, "no password has this hash", now)
        store.put(
            ada, Course("c", "Class"), Student("Grace", {}, "g"), Member("c", "g"), Lesson("l", "c", "Light", now)
        )
        return data, open_sign_in(store, ada, ada.password, now)[1]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def kill_while_it_is_sent(page: Page, server: Served) -> None:
    connection = page.context.new_cdp_session(page)
    connection.send("Network.enable")
    connection.send("Network.emulateNetworkConditions", SLOWLY)
    page.set_input_files("#files", VIDEO)
    expect(page.locator("#uploads .hint")).to_have_text(re.compile(r"^[2-9]\d % sent$"))
    server.process.kill()
    server.process.wait()
    expect(page.locator("#uploads")).to_contain_text("trying again")
    connection.send("Network.emulateNetworkConditions", SLOWLY | {"uploadThroughput": -1})


def test_what_a_killed_server_did_not_get_is_sent_to_the_next_one(browser: Browser, school: tuple[Path, str]) -> None:
    data, token = school
    port = str(free_port())
    cookie = {"name": "photocall-session", "value": token, "domain": "127.0.0.1", "path": "/", "expires": -1}
    cookie |= {"httpOnly": True, "secure": False, "sameSite": "Strict"}
    state = {"cookies": [cookie], "origins": []}
    with served(data, "--port", port, log=data.with_suffix(".1")) as server:
        url = f"{server.url}/school/lessons/l"
        with watched(browser, url, storage_state=state) as page:
            expect(page.locator("#register .lines > li")).to_have_count(1)
            kill_while_it_is_sent(page, server)
            with served(data, "--port", port, log=data.with_suffix(".2")):
                expect(page.locator("#picture .thumb")).to_have_text("lesson.mp4, Waiting for a worker")
                expect(page.locator("#uploads > li")).to_have_count(0)
                expect(page.locator("#error")).to_have_text("")
    with open_store(Settings(data=data)) as store:
        (evidence,) = store.find(Evidence, lesson_id="l")
    (kept,) = [path for path in data.rglob("*.mp4") if path.is_file()]
    assert kept.read_bytes() == VIDEO["buffer"] and kept.name in evidence.key
