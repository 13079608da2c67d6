"""A school with a server and an administrator, as the pages are tried: in a browser that is signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FilePayload, Page

from browser import watched
from servers import Asked, asked

PASSWORD = "correct horse battery"

HOSTILE = "<img src=x onerror=document.title='owned'>'; DROP TABLE students; --"
"""What nobody should be called."""


@dataclass(frozen=True, slots=True)
class Office:
    """A server with an administrator, whose token it has."""

    server: Asked
    token: str

    def post(self, path: str, **body: Any) -> Any:
        return self.change("POST", path, body)

    def change(self, method: str, path: str, body: Any = None) -> Any:
        """What a route answers to the administrator."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.server.client.request(method, f"/v1/school{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    @contextmanager
    def opened(self, browser: Browser, path: str, token: str = "", **context: Any) -> Iterator[Page]:
        """A page, for the administrator or whose token that is."""
        cookie = {"name": "photocall-session", "value": token or self.token, "domain": "127.0.0.1", "path": "/"}
        with watched(browser, self.url(path), storage_state={"cookies": [cookie]}, **context) as page:
            yield page

    def url(self, path: str) -> str:
        return f"{self.server.url}/school{path}"

    def student(self, course_id: str, name: str = HOSTILE, *, consent: bool = True) -> str:
        """The id of a new student of a class."""
        made = self.post("/students", name=name, fields={"year": "1"}, courses=[course_id])
        if consent:
            agreed = {"given_by": "mother", "purpose": "roll call"}
            self.change("PUT", f"/students/{made['student_id']}/consent", agreed)
        return str(made["student_id"])

    def account(self, login: str, role: str) -> str:
        """The token of a new account that has set a password of its own."""
        self.post("/accounts", login=login, name=login.title(), role=role, password=PASSWORD)
        client, sent = self.server.client, {"login": login, "password": PASSWORD}
        token = client.post("/v1/school/sign-in", json=sent).json()["token"]
        client.cookies.clear()
        headers = {"Authorization": f"Bearer {token}"}
        client.put("/v1/school/password", json={"old": PASSWORD, "new": f"{PASSWORD} 2"}, headers=headers)
        return str(token)


@contextmanager
def open_office(data: Path, **settings: Any) -> Iterator[Office]:
    """A school in a directory, with the administrator Ada."""
    with asked(data, threads=1, **settings) as server:
        first = {"login": "ada", "name": "Ada", "password": PASSWORD, "time_zone": "Europe/Berlin"}
        answer = server.client.post("/v1/school/administrator", json=first)
        server.client.cookies.clear()
        yield Office(server, answer.json()["token"])


def made(name: str, data: bytes) -> FilePayload:
    """A file as Playwright takes it."""
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=data)
