"""The commands accounts and audit, as they are typed."""

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commandline import Answer, photocall, process
from photocall.school import audit, passwords
from photocall.school.records import Account, AuditEntry, Course
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with store_of(tmp_path) as store:
        store.put(Course("maths", "Mathematics"), Course("art", "Art"))
    return tmp_path


def store_of(data: Path) -> SqlStore:
    return SqlStore(sqlite_url(data / "photocall.db"))


def run(data: Path, *arguments: object) -> Answer:
    return photocall(*arguments, "--data", data)


def kept(data: Path, login: str) -> Account:
    with store_of(data) as store:
        return store.find(Account, login=login)[0]


def send(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))


def test_create_prints_a_temporary_password_that_must_be_changed(data: Path) -> None:
    answer = run(data, "accounts", "create", "Ada", "--name", "Ada Lovelace", "--role", "administrator")
    assert answer.code == 0
    account, password = kept(data, "ada"), answer.out.strip()
    assert passwords.is_right(account.password, password)
    assert (account.name, account.role, account.must_change) == ("Ada Lovelace", "administrator", True)
    assert "shown this once" in answer.err and password not in answer.err


def test_an_account_is_made_changed_listed_disabled_and_enabled(data: Path) -> None:
    made = run(data, "accounts", "create", "bob", "--class", "maths", "--class", "art", "--json").values[0]
    assert (made["role"], made["courses"], made["must_change"]) == ("teacher", ["art", "maths"], True)
    assert passwords.is_right(kept(data, "bob").password, made.pop("password"))
    assert run(data, "accounts", "list", "--json").values == [[made]]
    changed = run(data, "accounts", "change", "BOB", "--role", "viewer", "--no-class", "--name", "Bob", "--json")
    assert changed.values == [made | {"role": "viewer", "courses": [], "name": "Bob"}]
    assert run(data, "accounts", "change", "bob", "--class", "art", "--json").values[0]["courses"] == ["art"]
    assert run(data, "accounts", "disable", "bob").out == "bob (Bob): viewer, disabled\n"
    assert kept(data, "bob").disabled
    assert "disabled" in run(data, "accounts", "list").out
    assert run(data, "accounts", "enable", "bob").out == "bob (Bob): viewer\n"


def test_a_password_comes_from_standard_input_and_need_not_be_changed(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(monkeypatch, "correct horse\nsomething else")
    answer = run(data, "accounts", "create", "ada", "--ask")
    assert (answer.code, answer.out, answer.err) == (0, "ada (ada): teacher\n", "")
    assert passwords.is_right(kept(data, "ada").password, "correct horse")
    assert not kept(data, "ada").must_change
    send(monkeypatch, "another horse")
    assert "password" not in run(data, "accounts", "password", "ada", "--ask", "--json").values[0]
    assert passwords.is_right(kept(data, "ada").password, "another horse")


def test_a_password_that_is_typed_is_asked_for_twice_and_not_shown(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = ["correct horse", "correct house", "correct horse", "correct horse"]
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("photocall.commands.school_accounts.getpass", lambda _: typed.pop(0))
    answer = run(data, "accounts", "create", "ada", "--ask")
    assert (answer.code, answer.problems) == (1, ["photocall: password: the two are not the same"])
    assert run(data, "accounts", "create", "ada", "--ask").code == 0
    assert passwords.is_right(kept(data, "ada").password, "correct horse")


def test_a_new_temporary_password_is_printed(data: Path) -> None:
    first = run(data, "accounts", "create", "ada").out.strip()
    second = run(data, "accounts", "password", "ada").out.strip()
    assert first != second
    assert passwords.is_right(kept(data, "ada").password, second)


def test_what_cannot_be_is_said_in_a_line_and_changes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(data, "accounts", "create", "ada", "--role", "administrator")
    for arguments, reason in (
        (("create", "a b"), "login: it must be 1 to 100 printable characters without spaces"),
        (("create", "ada"), "There is a login 'ada' already"),
        (("create", "bob", "--class", "physics"), "There is no class 'physics'"),
        (("create", "bob", "--ask"), "password: it must have 10 to 200 characters"),
        (("change", "nobody", "--role", "viewer"), "There is no account 'nobody'"),
        (("disable", "ada"), "The last administrator must stay one; make another one first"),
        (("change", "ada", "--role", "teacher"), "The last administrator must stay one; make another one first"),
    ):
        send(monkeypatch, "short\n")
        answer = run(data, "accounts", *arguments)
        assert (answer.code, answer.out, answer.err) == (1, "", f"photocall: {reason}\n")
    with store_of(data) as store:
        assert [each.login for each in store.find(Account)] == ["ada"]
        assert len(store.find(AuditEntry)) == 1


def test_no_password_is_ever_an_argument(data: Path) -> None:
    assert run(data, "accounts", "create", "ada", "--password", "correct horse").code == 2
    assert run(data, "accounts", "password", "ada", "correct horse").code == 2


def written(data: Path) -> None:
    """Three entries."""
    with store_of(data) as store:
        for number in range(3):
            audit.noted(store, "cli", "account.created", f"id-{number}", datetime.now(UTC), role="teacher")


def test_the_audit_log_is_listed_and_verified(data: Path) -> None:
    written(data)
    (newest_first,) = run(data, "audit", "list", "--json").values
    assert [each["number"] for each in newest_first] == [3, 2, 1]
    assert {each["account_id"] for each in newest_first} == {"cli"}
    subject = newest_first[1]["subject"]
    assert run(data, "audit", "list", "--json", "--subject", subject).values == [[newest_first[1]]]
    assert run(data, "audit", "list", "--json", "--after", "1", "--limit", "1").values == [[newest_first[1]]]
    assert "account.created" in run(data, "audit", "list").out
    assert run(data, "audit", "verify").out.startswith("3 entries, all as they were written\n")
    assert run(data, "audit", "verify", "--json").values == [
        {"entries": 3, "whole": True, "digest": newest_first[0]["digest"]}
    ]
    assert (run(data, "audit", "list", "--limit", "0").code, run(data, "audit", "list", "--after", "-1").code) == (2, 2)


def test_a_broken_audit_log_is_told_with_its_first_broken_entry(data: Path) -> None:
    written(data)
    with closing(sqlite3.connect(data / "photocall.db")) as connection, connection:
        connection.execute("DROP TRIGGER audit_entries_stay")
        connection.execute("UPDATE audit_entries SET account_id = 'nobody' WHERE number = 2")
    answer = run(data, "audit", "verify")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "photocall: The audit log is broken at entry 2: it is not what was written\n"
    answer = run(data, "audit", "verify", "--json")
    (told,) = answer.values
    assert (answer.code, told["whole"], told["broken_at"], told["entries"]) == (1, False, 2, 1)


def test_the_password_of_another_process_comes_through_its_pipe(data: Path) -> None:
    answer = process("accounts", "create", "ada", "--ask", "--data", data, input="correct horse\n")
    assert (answer.code, answer.err) == (0, "")
    assert passwords.is_right(kept(data, "ada").password, "correct horse")
    assert process("accounts", "create", "bob", "--ask", "--data", data, input="").code == 1
