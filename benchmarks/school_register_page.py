"""The page of a register in a real browser: until it shows, and until a search in it does.

Part of `school_register`, on the same two classes. A server of its own answers; opening is counted by the browser, from
the click to the picture of the page with every row, searching from the letter typed to the next picture.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from benchmarks.tables import Table, target
from benchmarks.timing import Result, told
from photocall.school.records import Account, Role
from photocall.school.sign_ins import open_sign_in
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore

WORST = 1.0
"""Seconds for which nobody's thoughts are interrupted: J. Nielsen, Usability Engineering, 1993, chapter 5."""

AT_ONCE = 0.1
"""Seconds within which an answer seems immediate: the same."""

_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-background-networking")

_OPENED = """() => new Promise((done) => {
  const shown = () => requestAnimationFrame(() => setTimeout(() => done(performance.now())));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", shown, { once: true });
  else shown();
})"""

_SEARCHED = """(text) => new Promise((done) => {
  const field = document.getElementById("find");
  const begun = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
})"""


def measure(database: Path, rounds: int) -> Result | None:
    """Milliseconds for either class, in turns; None where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        return None
    times: dict[str, dict[str, list[float]]] = {
        name: {"short": [], "long": []} for name in ("opening", "one student", "271 students", "all again")
    }
    with _serving(database) as (address, token), _opened(program) as browser:
        for number in told(range(rounds + 1), "the page"):
            for course_id in ("short", "long"):
                taken = _looked_at(browser, address, token, course_id)
                for name, milliseconds in taken.items() if number else ():  # the first look of all warms up
                    times[name][course_id].append(milliseconds)
    return {name: _summary(one["short"], one["long"]) for name, one in times.items()}


def table(result: Result, few: int, many: int) -> Table:
    """One row for opening, and one for each search."""
    rows = [
        (name, f"{one['few']:.0f} ms", f"{one['many']:.0f} ms", f"{one['ratio']:.1f}x") for name, one in result.items()
    ]
    opening = result["opening"]["many"] / 1000
    searches = max(one["many"] for name, one in result.items() if name != "opening") / 1000
    note = (
        "Chromium without a window, medians, everything on one machine; the page shows 20 lessons at once. "
        f"{target(opening < WORST, f'Opening within {WORST:g} s')}; "
        f"{target(searches < AT_ONCE, f'searches within {AT_ONCE:g} s')}."
    )
    return Table("Its page in a browser", ("", f"{few} lessons", f"{many} lessons", "ratio"), rows, note)


def _summary(few: list[float], many: list[float]) -> Result:
    short, long = float(np.median(few)), float(np.median(many))
    return {"few": round(short, 1), "many": round(long, 1), "ratio": round(long / short, 3), "samples": len(many)}


def _looked_at(browser: Browser, address: str, token: str, course_id: str) -> dict[str, float]:
    """Open the page in a new, empty browser, and search in it; milliseconds of each."""
    cookie: Any = {"name": "photocall-session", "value": token, "url": address}
    with browser.new_context() as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{address}/school/classes/{course_id}/register", wait_until="commit")
        opening = float(page.evaluate(_OPENED))
        page.locator(".matrix tr[data-letters]").first.wait_for(state="detached")  # so that searches are alone
        searches = {"one student": f"{course_id}-500", "271 students": "5", "all again": ""}
        return {"opening": opening} | {name: float(page.evaluate(_SEARCHED, text)) for name, text in searches.items()}


@contextmanager
def _serving(database: Path) -> Iterator[tuple[str, str]]:
    """`photocall serve` on a database; its address, and the token of an administrator."""
    now = datetime.now(UTC)
    administrator = Account("admin", "admin", "Admin", Role.ADMINISTRATOR, "", now)
    with SqlStore(sqlite_url(database)) as store:
        store.put(administrator)
        token = open_sign_in(store, administrator, "", now)[1]
    command = [sys.executable, "-m", "photocall", "serve", "--port", "0", "--workers", "0", "--json"]
    settings = {"PHOTOCALL_DATABASE": sqlite_url(database), "PHOTOCALL_DATA": str(database.parent)}
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"], token
        finally:
            process.terminate()


@contextmanager
def _opened(program: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()
