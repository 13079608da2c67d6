"""What axe finds wrong with a page: the rules of WCAG 2.2 A and AA, and what it calls good practice."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page, *rules: str) -> list[str]:
    """Every violation, with the elements that it is about; of these rules alone if there are some."""
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def scrolls_sideways(page: Page) -> bool:
    """Whether a page is wider than its window, which at 320 px it must not be (WCAG 2.2, 1.4.10)."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
