"""The door of the school over HTTP: who gets in, who does not, and what a browser may be made to do."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from photocall.school import accounts, sign_ins
from photocall.school.accounts import COMMAND_LINE
from photocall.school.guessing import TRIES, Guesses
from photocall.school.records import Account, AuditEntry, Course, Role, SignIn
from photocall.server.school.sign_ins import COOKIE, csrf_of
from servers import Asked, asked

QUICK = PasswordHasher(1, 8, 1)
PASSWORD = "correct horse"
SCHOOL = "/v1/school"
NUMBERS = count()

Browsers = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server:
        server.service.school.put(Course("maths", "Mathematics"), Course("art", "Art"))
        yield server


@pytest.fixture
def browser_of(server: Asked) -> Iterator[Browsers]:
    """Makes a browser that an account is signed in with, or nobody; without the header against CSRF."""
    with ExitStack() as open_ones:

        def make(account: Account | None = None, *, honest: bool = True) -> httpx.Client:
            client = open_ones.enter_context(httpx.Client(base_url=server.url + SCHOOL, timeout=60, trust_env=False))
            if account is not None:
                client.cookies.set(COOKIE, token := token_of(server, account))
                client.headers.update({"X-CSRF-Token": csrf_of(token)} if honest else {})
            return client

        yield make


def made(server: Asked, role: Role = Role.TEACHER, courses: tuple[str, ...] = ()) -> Account:
    """A new account."""
    now, login = datetime.now(UTC), f"login-{next(NUMBERS)}"
    given = (login, "A Name", role, PASSWORD, courses, now)
    return accounts.create_account(server.service.school, COMMAND_LINE, *given, must_change=False, hasher=QUICK)


def token_of(server: Asked, account: Account, now: datetime | None = None) -> str:
    return sign_ins.open_sign_in(server.service.school, account, account.password, now or datetime.now(UTC))[1]


def new(**more: Any) -> dict[str, Any]:
    return {"login": f"new-{next(NUMBERS)}", "name": "A Name", "role": "teacher", "password": PASSWORD, **more}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def cookie_of(answer: httpx.Response) -> Any:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE]


# --- coming in


def test_whoever_comes_first_makes_the_administrator_and_is_signed_in(tmp_path: Path) -> None:
    first = {"login": "Ada", "name": "Ada", "password": PASSWORD, "school_name": "Oak", "time_zone": "Europe/Berlin"}
    with asked(tmp_path) as server:
        client = server.client
        before = client.get(SCHOOL).json()
        assert before == {"name": "", "time_zone": "UTC", "has_administrator": False, "account": None}
        answer = client.post(f"{SCHOOL}/administrator", json=first | {"time_zone": "Mars"})
        assert refusal(answer) == (400, "EntryInvalid")
        assert client.get(SCHOOL).json() == before
        elsewhere = client.post(f"{SCHOOL}/administrator", json=first, headers={"Origin": "http://evil.example"})
        assert refusal(elsewhere) == (403, "NotAllowed")
        told = client.post(f"{SCHOOL}/administrator", json=first)
        assert (told.status_code, told.json()["account"]["role"]) == (201, "administrator")
        now = client.get(SCHOOL).json()
        assert (now["name"], now["time_zone"], now["has_administrator"]) == ("Oak", "Europe/Berlin", True)
        assert now["account"] == told.json()["account"]
        assert refusal(client.post(f"{SCHOOL}/administrator", json=first | {"login": "eve"})) == (409, "AlreadyThere")
        assert client.get(f"{SCHOOL}/audit/verify").json()["whole"]


def test_signing_in_gives_a_cookie_that_no_script_and_no_other_page_can_use(
    server: Asked, browser_of: Browsers
) -> None:
    account, client = made(server), browser_of()
    answer = client.post("/sign-in", json={"login": account.login.upper(), "password": PASSWORD})
    told, cookie = answer.json(), cookie_of(answer)
    assert (answer.status_code, told["account"]["login"], told["csrf"]) == (200, account.login, csrf_of(told["token"]))
    assert cookie.value == told["token"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "strict", "/", "")
    assert (cookie["secure"], int(cookie["max-age"])) == ("", 7 * 24 * 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("").json()["account"]["account_id"] == account.account_id
    secure = client.post(
        "/sign-in", json={"login": account.login, "password": PASSWORD}, headers={"X-Forwarded-Proto": "https"}
    )
    assert cookie_of(secure)["secure"] is True


def test_a_sign_in_has_a_token_of_its_own_and_ends_the_one_before(server: Asked, browser_of: Browsers) -> None:
    """Whoever slipped a browser a token of theirs is not signed in with its owner."""
    account = made(server)
    client = browser_of(account)
    slipped = client.cookies[COOKIE]
    client.post("/sign-in", json={"login": account.login, "password": PASSWORD})
    (kept,) = {cookie.value for cookie in client.cookies.jar} - {slipped}
    assert kept
    for token, status in ((slipped, 401), (kept, 200)):
        answer = httpx.put(
            f"{server.url}{SCHOOL}/password",
            headers={"Authorization": f"Bearer {token}"},
            json={"old": PASSWORD, "new": "quite another"},
        )
        assert answer.status_code == status


def test_wrong_passwords_are_refused_and_then_locked_out(server: Asked, browser_of: Browsers) -> None:
    account, client = made(server), browser_of()
    for _ in range(5):
        answer = client.post("/sign-in", json={"login": account.login, "password": "wrong password"})
        assert refusal(answer) == (401, "SignInRefused")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "set-cookie" not in answer.headers
    answer = client.post("/sign-in", json={"login": account.login, "password": PASSWORD})
    assert refusal(answer) == (429, "TooManyTries")
    assert 0 < int(answer.headers["retry-after"]) <= 60


def test_an_address_that_guesses_is_locked_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guesses, later = Guesses(), datetime.now(UTC) + timedelta(hours=1)
    for _ in range(TRIES):
        guesses.count("127.0.0.1", later)  # so that none is given back by the time of the request
    monkeypatch.setattr("photocall.server.school.routes.Guesses", lambda: guesses)
    with asked(tmp_path) as server:
        answer = server.client.post(f"{SCHOOL}/sign-in", json={"login": "ada", "password": PASSWORD})
    assert refusal(answer) == (429, "TooManyTries")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"login": "ada"}, "password: Field required"),
        ({"login": "ada", "password": 7}, "password: Input should be a valid string"),
        ({"login": "ada", "password": "x" * 1001}, "password: String should have at most 1000 characters"),
        ({"login": "ada", "password": "x", "role": "administrator"}, "role: Extra inputs are not permitted"),
        ([], "the body: "),
    ],
)
def test_a_sign_in_that_is_none_is_told_what_is_wrong(browser_of: Browsers, body: object, said: str) -> None:
    answer = browser_of().post("/sign-in", json=body)
    assert refusal(answer) == (400, "EntryInvalid")
    assert answer.json()["description"].startswith(said)


# --- the token


def test_without_a_token_that_is_good_nobody_is_in(server: Asked, browser_of: Browsers) -> None:
    account = made(server, Role.ADMINISTRATOR)
    good = token_of(server, account)
    over = token_of(server, account, datetime.now(UTC) - timedelta(hours=12))
    altered = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
    for forged in ("", "x", altered, good + "A", over, sign_ins.digest_of(good), f"{account.account_id}", "%00"):
        client = browser_of()
        client.cookies.set(COOKIE, forged)
        answer = client.get("/accounts")
        assert refusal(answer) == (401, "NotSignedIn"), forged
        assert client.get("").json()["account"] is None
        bearer = browser_of().get("/accounts", headers={"Authorization": f"Bearer {forged or 'x'}"})
        assert refusal(bearer) == (401, "NotSignedIn")
    assert browser_of().get("/accounts", headers={"Authorization": f"Bearer {good}"}).status_code == 200
    assert browser_of().get("/accounts", headers={"Authorization": f"bearer  {good}"}).status_code == 200
    for header in (good, f"Basic {good}", "Bearer", ""):
        assert browser_of().get("/accounts", headers={"Authorization": header}).status_code == 401


def test_a_header_that_is_wrong_is_not_made_good_by_a_cookie(server: Asked, browser_of: Browsers) -> None:
    client = browser_of(made(server, Role.ADMINISTRATOR))
    assert client.get("/accounts", headers={"Authorization": "Bearer x"}).status_code == 401


def test_an_api_key_opens_nothing_of_the_school(server: Asked, browser_of: Browsers) -> None:
    from photocall.access import create_api_key
    from photocall.keys import Scope

    _, key = create_api_key(server.service.store, "a script", frozenset(Scope), None, datetime.now(UTC))
    assert browser_of().get("/accounts", headers={"x-api-key": key}).status_code == 401


def test_signing_out_ends_the_token_and_everywhere_every_one(server: Asked, browser_of: Browsers) -> None:
    account = made(server)
    first, second, third = (browser_of(account) for _ in range(3))
    tokens = [client.cookies[COOKIE] for client in (first, second, third)]
    answer = first.delete("/sign-in")
    assert (answer.status_code, answer.content, cookie_of(answer).value) == (204, b"", "")
    assert second.delete("/sign-ins").status_code == 204
    for token in tokens:
        told = browser_of().get("/", headers={"Authorization": f"Bearer {token}"})
        assert told.json()["account"] is None
    assert server.service.school.find(SignIn, account_id=account.account_id) == []


# --- what a page of another origin may make a browser do


def test_a_change_by_cookie_needs_what_only_our_pages_know(server: Asked, browser_of: Browsers) -> None:
    account = made(server, Role.ADMINISTRATOR)
    client, other = browser_of(account, honest=False), token_of(server, account)
    for sent in (None, b"", csrf_of(other).encode(), b"\xc3\xa4"):
        header = {} if sent is None else {b"X-CSRF-Token": sent}
        answer = client.post("/accounts", json=new(), headers=header)
        assert refusal(answer) == (403, "NotAllowed"), header
        assert client.delete("/sign-in", headers=header).status_code == 403
    assert client.get("/accounts").status_code == 200
    right = {"X-CSRF-Token": csrf_of(client.cookies[COOKIE])}
    assert client.post("/accounts", json=new(), headers=right).status_code == 201


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "file://", "http://[", ""]
)
def test_a_change_that_says_it_comes_from_elsewhere_is_refused(
    server: Asked, browser_of: Browsers, origin: str
) -> None:
    account = made(server, Role.ADMINISTRATOR)
    client = browser_of(account)
    assert refusal(client.post("/accounts", json=new(), headers={"Origin": origin})) == (403, "NotAllowed")
    stranger = browser_of().post(
        "/sign-in", json={"login": account.login, "password": PASSWORD}, headers={"Origin": origin}
    )
    assert refusal(stranger) == (403, "NotAllowed")


def test_our_own_origin_is_let_in_and_behind_tls_only_with_it(server: Asked, browser_of: Browsers) -> None:
    client = browser_of(made(server, Role.ADMINISTRATOR))
    plain, tls = server.url, server.url.replace("http:", "https:")
    proxied = {"X-Forwarded-Proto": "https"}
    for headers, status in (
        ({"Origin": plain}, 201),
        ({"Origin": tls} | proxied, 201),
        ({"Origin": plain} | proxied, 403),
    ):
        assert client.post("/accounts", json=new(), headers=headers).status_code == status


def test_a_form_of_another_page_is_no_json(server: Asked, browser_of: Browsers) -> None:
    """Browsers send these without asking first; a token in a header they do not."""
    account = made(server)
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        body = f'{{"login": "{account.login}", "password": "{PASSWORD}"}}'
        answer = browser_of().post("/sign-in", content=body, headers={"Content-Type": kind})
        assert refusal(answer) == (400, "EntryInvalid")


def test_no_page_of_another_origin_may_read_the_answers(server: Asked, browser_of: Browsers) -> None:
    client = browser_of(made(server, Role.ADMINISTRATOR))
    headers = {"Origin": "http://evil.example"}
    asked_first = headers | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-csrf-token"}
    for answer in (client.get("/accounts", headers=headers), client.options("/accounts", headers=asked_first)):
        assert "access-control-allow-origin" not in answer.headers


# --- accounts


def test_an_administrator_makes_changes_and_disables_accounts(server: Asked, browser_of: Browsers) -> None:
    ada = browser_of(made(server, Role.ADMINISTRATOR))
    account = ada.post("/accounts", json=new(courses=["maths"])).json()["account"]
    assert (account["must_change"], account["courses"]) == (True, ["maths"])
    path = f"/accounts/{account['account_id']}"
    changed = ada.patch(path, json={"role": "viewer", "courses": ["art"], "name": None}).json()["account"]
    assert changed == account | {"role": "viewer", "courses": ["art"]}
    assert changed in ada.get("/accounts").json()["accounts"]
    assert ada.patch(path, json={"disabled": True}).json()["account"]["disabled"]
    assert refusal(ada.patch("/accounts/nobody", json={})) == (404, "NotThere")
    assert refusal(ada.post("/accounts", json=new(login=account["login"]))) == (409, "AlreadyThere")
    assert refusal(ada.post("/accounts", json=new(courses=["physics"]))) == (404, "NotThere")
    for wrong in ({"password": "short"}, {"role": "king"}, {"name": "A\x1b[2J"}, {"login": "a b"}, {"name": "a" * 201}):
        assert refusal(ada.post("/accounts", json=new(**wrong))) == (400, "EntryInvalid"), wrong


def test_a_temporary_password_is_good_for_setting_another_one_and_nothing_else(
    server: Asked, browser_of: Browsers
) -> None:
    ada, bob = browser_of(made(server, Role.ADMINISTRATOR)), made(server, Role.ADMINISTRATOR)
    before = browser_of(bob)
    temporary = ada.post(f"/accounts/{bob.account_id}/password").json()["password"]
    assert refusal(before.get("/accounts")) == (401, "NotSignedIn")
    client = browser_of()
    told = client.post("/sign-in", json={"login": bob.login, "password": temporary}).json()
    client.headers["X-CSRF-Token"] = told["csrf"]
    assert told["account"]["must_change"]
    for answer in (client.get("/accounts"), client.post("/accounts", json=new()), client.get("/audit")):
        assert refusal(answer) == (403, "NotAllowed")
    assert client.get("").json()["account"]["login"] == bob.login
    wrong = client.put("/password", json={"old": "wrong password", "new": "quite another"})
    assert refusal(wrong) == (400, "EntryInvalid")
    own = client.put("/password", json={"old": temporary, "new": "quite another"})
    assert (own.status_code, own.json()["account"]["must_change"]) == (200, False)
    assert client.get("/accounts").status_code == 200


@pytest.mark.parametrize("role", [Role.TEACHER, Role.VIEWER])
def test_nobody_else_reaches_what_is_an_administrators(server: Asked, browser_of: Browsers, role: Role) -> None:
    account = made(server, role, courses=("maths",))
    client, path = browser_of(account), f"/accounts/{account.account_id}"
    for answer in (
        client.get("/accounts"),
        client.post("/accounts", json=new()),
        client.patch(path, json={"role": "administrator"}),
        client.post(f"{path}/password"),
        client.get("/audit"),
        client.get("/audit/verify"),
    ):
        assert refusal(answer) == (403, "NotAllowed")
    assert server.service.school.get(Account, account.account_id) == account


def test_a_change_of_role_and_a_disabling_count_at_the_next_request(server: Asked, browser_of: Browsers) -> None:
    ada, bob = browser_of(made(server, Role.ADMINISTRATOR)), made(server, Role.ADMINISTRATOR)
    client, path = browser_of(bob), f"/accounts/{bob.account_id}"
    assert client.get("/accounts").status_code == 200
    ada.patch(path, json={"role": "teacher"})
    assert refusal(client.get("/accounts")) == (403, "NotAllowed")
    ada.patch(path, json={"disabled": True})
    assert refusal(client.delete("/sign-in")) == (401, "NotSignedIn")
    assert refusal(client.post("/sign-in", json={"login": bob.login, "password": PASSWORD})) == (401, "SignInRefused")


def test_the_audit_log_is_read_page_by_page(server: Asked, browser_of: Browsers) -> None:
    ada = browser_of(account := made(server, Role.ADMINISTRATOR))
    newest = ada.get("/audit", params={"limit": 2}).json()["entries"]
    assert [each["subject"] for each in newest] == [account.account_id] * 2
    assert ada.get("/audit", params={"subject": account.account_id}).json()["entries"] == newest
    after = ada.get("/audit", params={"after": 0, "limit": 1}).json()["entries"]
    assert [each["number"] for each in after] == [1]
    assert ada.get("/audit/verify").json() == {
        "entries": newest[0]["number"],
        "whole": True,
        "digest": newest[0]["digest"],
    }
    for wrong in ({"limit": 0}, {"limit": 1001}, {"after": -1}, {"after": "x"}, {"subject": "a\0"}):
        assert refusal(ada.get("/audit", params=wrong)) == (400, "EntryInvalid")


# --- what is told


def test_no_password_and_no_token_is_in_logs_or_errors(
    server: Asked, browser_of: Browsers, caplog: pytest.LogCaptureFixture
) -> None:
    account = made(server, Role.ADMINISTRATOR)
    wrong, client = "hunter2 hunter2", browser_of(account)
    token = client.cookies[COOKIE]
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.post("/sign-in", json={"login": wrong, "password": wrong}),
            client.post("/sign-in", json={"login": ["x"], "password": [wrong]}),
            client.post("/sign-in", json={"login": "x", "password": wrong * 100}),
            client.post(
                "/sign-in", content=f'{{"password": "{wrong}'.encode(), headers={"Content-Type": "application/json"}
            ),
            client.put("/password", json={"old": wrong, "new": wrong + "2"}),
            client.put("/password", json={"old": PASSWORD, "new": "hunter2"}),
            client.post("/accounts", json=new(password="hunter2")),
            client.get("/accounts", headers={"Authorization": "Bearer hunter2"}),
        ]
    assert {answer.status_code for answer in answers} <= {400, 401}
    told = "".join(answer.text + str(answer.headers) for answer in answers)
    told += "".join(str(vars(record)) for record in caplog.records)
    told += "".join(map(repr, server.service.school.find(AuditEntry)))
    assert len(caplog.records) >= len(answers)
    assert not any(secret in told for secret in ("hunter2", token, csrf_of(token), PASSWORD))
