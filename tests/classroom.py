"""The demo class at a school, for tests of what teachers do: accounts, lessons, and browsers that are signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from browser import watched
from photocall.app import SCHOOL_COLLECTION
from photocall.school import sign_ins
from photocall.school.demo_class import load_demo_class
from photocall.school.portraits import Enrolment
from photocall.school.records import Account, Role, Staff
from photocall.server.school.lessons import places_of
from servers import Asked

COURSE = "demo"
"""The class that POST /v1/school/demo-class makes."""

OBAMA, BIDEN, ADA = "demo-1", "demo-2", "demo-3"
"""Its students. Ada Lovelace has neither consent nor photo."""


@dataclass(frozen=True, slots=True)
class Classroom:
    """The demo class on a server that runs.

    Attributes:
        server: where it is.
        tokens: of everybody who is signed in, by login.
    """

    server: Asked
    tokens: dict[str, str]

    def ask(self, method: str, path: str, login: str = "ada", **sent: Any) -> Any:
        """The answer to a request below /v1/school, as JSON; it must be none that refuses."""
        headers = {"Authorization": f"Bearer {self.tokens[login]}"}
        answer = self.server.client.request(method, f"/v1/school/{path}", headers=headers, **sent)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def lesson(self, title: str = "Light", **told: Any) -> str:
        """The id of a new lesson, which starts now."""
        starts = datetime.now(UTC).isoformat()
        sent = {"title": title, "starts": starts, "minutes": 45, "grace": 10} | told
        lesson_id: str = self.ask("POST", f"courses/{COURSE}/lessons", json=sent)["lesson"]["lesson_id"]
        return lesson_id

    def register(self, lesson_id: str) -> Any:
        """The register of a lesson, as JSON."""
        return self.ask("GET", f"lessons/{lesson_id}/register")

    def statuses(self, lesson_id: str) -> dict[str, str]:
        """The status of every student."""
        return {line["student_id"]: line["status"] for line in self.register(lesson_id)["lines"]}

    @contextmanager
    def page(self, browser: Browser, path: str, login: str = "ada", **context: Any) -> Iterator[Page]:
        """A page of the school in a browser that is signed in."""
        cookie = {"name": "photocall-session", "value": self.tokens[login], "domain": "127.0.0.1", "path": "/"}
        cookie |= {"expires": -1, "httpOnly": True, "secure": False, "sameSite": "Strict"}  # type: ignore[dict-item]
        state = {"cookies": [cookie], "origins": []}
        with watched(browser, f"{self.server.url}/school/{path}", storage_state=state, **context) as page:
            yield page


def open_classroom(server: Asked, archives: Path) -> Classroom:
    """Load the demo class; Ada is the administrator, Grace teaches it, and Vera may look at it."""
    store, now, tokens = server.service.school, datetime.now(UTC), {}
    for login, role in (("ada", Role.ADMINISTRATOR), ("grace", Role.TEACHER), ("vera", Role.VIEWER)):
        account = Account(login, login, login.capitalize(), role, "no password has this hash", now)
        store.put(account)
        tokens[login] = sign_ins.open_sign_in(store, account, account.password, now)[1]
    administrator = store.get(Account, "ada")
    assert administrator is not None
    load_demo_class(_enrolment(server), administrator, archives, now)
    store.put(*(Staff(COURSE, login) for login in ("grace", "vera")))
    return Classroom(server, tokens)


def _enrolment(server: Asked) -> Enrolment:
    service = server.service
    return Enrolment(places_of(service), service.engine, lambda: service.gallery(SCHOOL_COLLECTION))
