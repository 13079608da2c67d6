"""A real browser for tests: the system's Chromium without a window, and what its pages do."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PATIENCE = 30_000
"""Milliseconds until what a page does not show is missed."""

CONTRAST = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => channels(colour).slice(0, 3).map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.querySelectorAll("h1, h2, p, label, td, th, li, a, button")];
  return Math.min(...texts.filter((each) => each.innerText && each.checkVisibility()).map((each) => {
    const [one, other] = [light(getComputedStyle(each).color), light(behind(each))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  }));
}"""
"""The least contrast of any text that is shown, as WCAG 2 defines it."""


def chromium_program() -> Path | None:
    """The browser, by the names that systems give it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return Path(found) if found else None


@contextmanager
def opened(program: Path, *more: str) -> Iterator[Browser]:
    """The browser, started with some more flags, and ended at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *more])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """A page of a new, empty browser, which shows an address.

    At the end it must have asked nobody but the address's server, and said of no error but refused requests.

    Args:
        browser: that runs.
        url: of the page.
        context: what the browser is like, in Playwright's words.
    """
    sent: list[str] = []
    wrong: list[str] = []
    with browser.new_context(**context) as made:
        made.set_default_timeout(PATIENCE)
        page = made.new_page()
        made.on("request", lambda request: sent.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(url)
        yield page
    origin = "/".join(url.split("/")[:3])
    elsewhere = {each for each in sent if not each.startswith((f"{origin}/", f"blob:{origin}/"))}
    assert sent and elsewhere == set(), elsewhere
    faults = [each for each in wrong if not re.match("Failed to load resource", each)]
    assert faults == [], faults
