"""Accounts: who may make and change them, and that an administrator is always left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from either_database import IN_BOTH, opened
from photocall.ports import Register
from photocall.school import accounts, audit, guessing, passwords, sign_ins
from photocall.school.errors import AlreadyThere, EntryInvalid, NotAllowed, NotSignedIn, NotThere
from photocall.school.records import Account, AuditEntry, Course, Role, SignIn
from photocall.stores.sql import SqlStore

NOW = datetime(2030, 5, 17, 8, tzinfo=UTC)
QUICK = PasswordHasher(1, 8, 1)
PASSWORD = "correct horse"


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    with opened(request, tmp_path) as store:
        store.put(Course("maths", "Mathematics"), Course("art", "Art"))
        yield store


@pytest.fixture
def ada(store: Register) -> Account:
    return accounts.create_first_administrator(store, "Ada", "Ada Lovelace", PASSWORD, NOW, QUICK)


def make(
    store: Register, by: Account, login: str = "bob", role: Role = Role.TEACHER, courses: tuple[str, ...] = ()
) -> Account:
    return accounts.create_account(store, by, login, "Bob", role, PASSWORD, courses, NOW, hasher=QUICK)


def signed_in(store: Register, account: Account) -> str:
    return sign_ins.open_sign_in(store, account, account.password, NOW)[1]


def actions(store: Register) -> list[tuple[str, str, object]]:
    return [(each.account_id, each.action, each.details) for each in store.find(AuditEntry)]


# --- the first one


def test_the_first_administrator_is_made_once(store: Register, ada: Account) -> None:
    assert (ada.login, ada.role, ada.must_change) == ("ada", Role.ADMINISTRATOR, False)
    assert accounts.has_administrator(store)
    with pytest.raises(AlreadyThere):
        accounts.create_first_administrator(store, "eve", "Eve", PASSWORD, NOW, QUICK)
    assert store.find(Account) == [ada]


@IN_BOTH
def test_of_many_who_come_first_at_once_one_becomes_administrator(store: Register) -> None:
    def come(number: int) -> str:
        try:
            return accounts.create_first_administrator(store, f"a{number}", "A", PASSWORD, NOW, QUICK).login
        except AlreadyThere:
            return ""

    with ThreadPoolExecutor(6) as threads:
        made = [login for login in threads.map(come, range(6)) if login]
    assert [each.login for each in store.find(Account)] == made
    assert len(made) == 1


# --- making them


def test_an_account_is_kept_with_its_courses_and_without_its_password(store: Register, ada: Account) -> None:
    bob = make(store, ada, "Böb", courses=("maths", "art", "maths"))
    assert (bob.login, bob.must_change, bob.role) == ("böb", True, Role.TEACHER)
    assert accounts.courses_given(store, bob.account_id) == ["art", "maths"]
    assert bob.password.startswith("$argon2id$") and PASSWORD not in bob.password
    assert accounts.account_by_login(store, "BÖB") == bob
    assert accounts.everybody(store) == [ada, bob]
    assert accounts.account_json(bob, ["maths"]) == {
        "account_id": bob.account_id,
        "login": "böb",
        "name": "Bob",
        "role": "teacher",
        "created": "2030-05-17T08:00:00+00:00",
        "disabled": False,
        "must_change": True,
        "locked_until": None,
        "courses": ["maths"],
    }


@IN_BOTH
def test_a_login_belongs_to_one_account_however_it_is_typed(store: Register, ada: Account) -> None:
    for login in ("ada", "ADA", "\uff41\uff44\uff41"):  # the last one is of wide letters
        with pytest.raises(AlreadyThere):
            make(store, ada, login)


@pytest.mark.parametrize("login", ["", "a b", "a\nb", "a" * 101, "a\u202eb"])
def test_a_login_that_cannot_be_typed_is_refused(store: Register, ada: Account, login: str) -> None:
    with pytest.raises(EntryInvalid, match="login: it must be 1 to 100 printable characters"):
        make(store, ada, login)


def test_a_name_that_moves_the_cursor_is_refused(store: Register, ada: Account) -> None:
    with pytest.raises(EntryInvalid, match="name: it must be 1 to 200 printable characters"):
        accounts.change_account(store, ada, ada.account_id, NOW, name="A\x1b[2J")


@pytest.mark.parametrize("password", ["", "too short", "a" * 201, "longlogin!", "LongLogin!", "half a \ud83d"])
def test_a_password_must_have_ten_to_200_characters_and_not_be_the_login(password: str) -> None:
    with pytest.raises(EntryInvalid, match="password: it") as caught:
        passwords.hashed(password, "longlogin!", QUICK)
    assert not password or password not in str(caught.value)


def test_any_other_password_will_do_however_its_letters_are_composed() -> None:
    for password in ("aaaaaaaaaa", "a" * 200, "né à Zürich", "密码密码密码密码密码", " spaces  too "):
        assert passwords.is_right(passwords.hashed(password, "ada", QUICK), password, QUICK)
    composed, decomposed = "n\u00e9 \u00e0 Z\u00fcrich", "ne\u0301 a\u0300 Zu\u0308rich"
    assert passwords.is_right(passwords.hashed(composed, "ada", QUICK), decomposed, QUICK)


def test_temporary_passwords_may_be_passwords_and_are_never_the_same() -> None:
    made = {passwords.temporary() for _ in range(100)}
    assert len(made) == 100
    assert all(passwords.LEAST <= len(each) <= 20 for each in made)


def test_a_course_that_is_not_there_makes_no_account(store: Register, ada: Account) -> None:
    with pytest.raises(NotThere, match="class 'physics'"):
        make(store, ada, courses=("maths", "physics"))
    assert store.find(Account) == [ada]


# --- changing them


def test_a_change_counts_at_once_for_whoever_is_signed_in(store: Register, ada: Account) -> None:
    bob = make(store, ada, courses=("maths",))
    token = signed_in(store, bob)
    accounts.change_account(store, ada, bob.account_id, NOW, role=Role.VIEWER, courses=["art"], name="Robert")
    found = sign_ins.account_of(store, token, NOW)
    assert (found.role, found.name, found.login) == (Role.VIEWER, "Robert", "bob")
    assert accounts.courses_given(store, bob.account_id) == ["art"]


def test_a_disabled_account_is_out_at_once_and_may_come_back_with_a_new_sign_in(store: Register, ada: Account) -> None:
    bob = make(store, ada)
    token = signed_in(store, bob)
    accounts.change_account(store, ada, bob.account_id, NOW, disabled=True)
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, token, NOW)
    enabled = accounts.change_account(store, ada, bob.account_id, NOW, disabled=False)
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, token, NOW)
    assert sign_ins.account_of(store, signed_in(store, enabled), NOW) == enabled


def test_changing_nothing_leaves_an_account_as_it_was(store: Register, ada: Account) -> None:
    bob = make(store, ada, courses=("maths",))
    assert accounts.change_account(store, ada, bob.account_id, NOW) == bob
    assert accounts.courses_given(store, bob.account_id) == ["maths"]


def test_the_last_administrator_cannot_be_disabled_or_demoted(store: Register, ada: Account) -> None:
    second = make(store, ada, role=Role.ADMINISTRATOR)
    accounts.change_account(store, ada, second.account_id, NOW, disabled=True)
    for act in ({"disabled": True}, {"role": Role.TEACHER}):
        with pytest.raises(NotAllowed, match="last administrator"):
            accounts.change_account(store, ada, ada.account_id, NOW, **act)
    assert store.get(Account, ada.account_id) == ada
    accounts.change_account(store, ada, second.account_id, NOW, disabled=False)
    accounts.change_account(store, ada, ada.account_id, NOW, role=Role.TEACHER)


def test_while_there_is_no_administrator_the_command_line_may_change_others(store: Register) -> None:
    bob = make(store, accounts.COMMAND_LINE)
    assert accounts.change_account(store, accounts.COMMAND_LINE, bob.account_id, NOW, disabled=True).disabled


@IN_BOTH
def test_two_administrators_who_demote_each_other_at_once_leave_one(store: Register, ada: Account) -> None:
    eve = make(store, ada, "eve", Role.ADMINISTRATOR)

    def demote(pair: tuple[Account, Account]) -> bool:
        try:
            accounts.change_account(store, pair[0], pair[1].account_id, NOW, role=Role.VIEWER)
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(demote, [(ada, eve), (eve, ada)])) == [False, True]
    assert len(store.find(Account, role=Role.ADMINISTRATOR)) == 1


@pytest.mark.parametrize("role", [Role.TEACHER, Role.VIEWER])
def test_nobody_but_an_administrator_changes_accounts(store: Register, ada: Account, role: Role) -> None:
    bob = make(store, ada, role=role)
    with pytest.raises(NotAllowed):
        make(store, bob, "eve", Role.ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        accounts.change_account(store, bob, bob.account_id, NOW, role=Role.ADMINISTRATOR)
    with pytest.raises(NotAllowed):
        sign_ins.reset_password(store, bob, ada.account_id, NOW, QUICK)
    assert store.find(Account) == sorted([ada, bob], key=lambda each: each.account_id)


def test_an_account_that_is_not_there_is_named(store: Register, ada: Account) -> None:
    with pytest.raises(NotThere, match="account 'nobody'"):
        accounts.change_account(store, ada, "nobody", NOW, role=Role.VIEWER)
    with pytest.raises(NotThere, match="account 'nobody'"):
        sign_ins.reset_password(store, ada, "nobody", NOW, QUICK)
    with pytest.raises(NotThere, match="account 'nobody'"):
        accounts.account_named(store, "nobody")


# --- what is written down


def test_every_change_is_in_the_audit_log_without_names_or_passwords(store: Register, ada: Account) -> None:
    bob = make(store, accounts.COMMAND_LINE, courses=("maths",))
    accounts.change_account(store, ada, bob.account_id, NOW, role=Role.VIEWER, disabled=True, courses=[])
    accounts.change_account(store, ada, bob.account_id, NOW, name="Robert", disabled=False)
    temporary = sign_ins.reset_password(store, ada, bob.account_id, NOW, QUICK)
    found = accounts.existing(store, bob.account_id)
    own, token = "quite another", signed_in(store, found)
    sign_ins.set_password(store, token, temporary, own, NOW, guessing.Guesses(), QUICK)
    sign_ins.sign_out_everywhere(store, found, found.account_id, NOW)
    assert actions(store) == [
        (ada.account_id, "account.created", {"role": "administrator"}),
        ("cli", "account.created", {"role": "teacher", "courses": ["maths"]}),
        (ada.account_id, "account.changed", {"role": "viewer", "disabled": True, "courses": []}),
        (ada.account_id, "account.changed", {"renamed": True, "disabled": False}),
        (ada.account_id, "account.password-reset", {}),
        (bob.account_id, "account.signed-in", {}),
        (bob.account_id, "account.password-set", {}),
        (bob.account_id, "account.signed-out", {"sign_ins": 1}),
    ]
    assert store.find(SignIn) == []
    log = "".join(map(repr, store.find(AuditEntry)))
    assert not any(
        secret in log for secret in ("ada", "bob", "Bob", "Robert", PASSWORD, temporary, own, token, "argon")
    )
    assert audit.verify(store) == 8


def test_a_change_that_is_refused_is_not_in_the_audit_log(store: Register, ada: Account) -> None:
    with pytest.raises(NotAllowed):
        accounts.change_account(store, ada, ada.account_id, NOW, disabled=True)
    assert len(actions(store)) == 1


def test_entries_are_shown_newest_first_or_after_a_number_and_of_one_subject(store: Register) -> None:
    for number in range(1, 8):
        audit.noted(store, "cli", "a", f"s-{number % 2}", NOW)

    def numbers(subject: str | None, after: int | None, limit: int) -> list[int]:
        return [each.number for each in audit.entries(store, subject, after, limit)]

    assert numbers(None, None, 3) == [7, 6, 5]
    assert numbers(None, None, 100) == [7, 6, 5, 4, 3, 2, 1]
    assert numbers(None, 2, 3) == [3, 4, 5]
    assert numbers("s-1", None, 2) == [7, 5]
    assert numbers("s-1", 1, 2) == [3, 5]
    assert numbers("s-9", 0, 2) == []
