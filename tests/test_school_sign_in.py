"""Signing in: what guessing costs, what a token is good for, and until when."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher

from either_database import IN_BOTH, opened
from photocall.ports import Register
from photocall.school import accounts, sign_ins
from photocall.school.errors import EntryInvalid, NotSignedIn, SignInRefused, TooManyTries
from photocall.school.guessing import FAILURES, TRIES, Guesses
from photocall.school.records import Account, AuditEntry, SignIn
from photocall.stores.sql import SqlStore

NOW = datetime(2030, 5, 17, 8, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PASSWORD = "correct horse"


class Counting(PasswordHasher):
    """A quick one that counts how often it looked at a password."""

    def __init__(self, passes: int = 1) -> None:
        super().__init__(passes, 8, 1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  # its name there
        self.verified += 1
        return super().verify(hash, password)


QUICK = Counting()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    with opened(request, tmp_path) as store:
        yield store


@pytest.fixture
def ada(store: Register) -> Account:
    return accounts.create_first_administrator(store, "ada", "Ada Lovelace", PASSWORD, NOW, QUICK)


@pytest.fixture
def guesses() -> Guesses:
    return Guesses()


def enter(
    store: Register,
    guesses: Guesses,
    password: str = PASSWORD,
    login: str = "ada",
    now: datetime = NOW,
    address: str = "192.0.2.1",
    hasher: PasswordHasher = QUICK,
) -> str:
    return sign_ins.sign_in(store, login, password, now, guesses, address=address, browser="b" * 300, hasher=hasher)[1]


def fail(store: Register, guesses: Guesses, times: int, login: str = "ada", now: datetime = NOW) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            enter(store, guesses, "wrong password", login, now)


def wait(store: Register, guesses: Guesses, login: str = "ada", now: datetime = NOW, password: str = PASSWORD) -> int:
    with pytest.raises(TooManyTries) as caught:
        enter(store, guesses, password, login, now)
    return caught.value.seconds


# --- the password


def test_login_and_password_give_a_token_of_which_the_register_keeps_a_digest(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    tokens = [enter(store, guesses, login=login) for login in ("ada", "ADA", "Ada")]
    assert len(set(tokens)) == 3
    assert all(len(token) >= 43 for token in tokens)
    assert {sign_ins.account_of(store, token, NOW) for token in tokens} == {ada}
    kept = store.find(SignIn)
    assert {each.digest for each in kept} == {sign_ins.digest_of(token) for token in tokens}
    assert not any(token in repr(kept) for token in tokens)
    assert all(len(each.browser) == sign_ins.MOST_BROWSER for each in kept)


@IN_BOTH
def test_nobody_is_told_whether_login_or_password_is_wrong_and_both_take_one_look(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    for login in ("ada", "nobody", "", "a\0b", "' OR 1=1 --", "\ud83d"):
        before = QUICK.verified
        with pytest.raises(SignInRefused, match=r"^Login or password are wrong$"):
            enter(store, guesses, "wrong password", login)
        assert QUICK.verified == before + 1


def test_a_disabled_account_is_refused_in_the_same_words_after_as_much_work(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    store.put(replace(ada, disabled=True))
    before = QUICK.verified
    with pytest.raises(SignInRefused, match=r"^Login or password are wrong$"):
        enter(store, guesses)
    assert QUICK.verified == before + 1


def test_the_token_of_a_disabled_account_is_none(store: Register, ada: Account, guesses: Guesses) -> None:
    token = enter(store, guesses)
    store.put(replace(ada, disabled=True))
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, token, NOW)


def test_a_hash_that_is_damaged_is_no_way_in(store: Register, ada: Account, guesses: Guesses) -> None:
    for password in ("", "plain text", ada.password[:-9]):
        store.put(replace(ada, password=password))
        with pytest.raises(SignInRefused):
            enter(store, guesses)


def test_a_password_hashed_as_of_old_is_hashed_anew_at_the_next_sign_in(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    stronger = Counting(passes=2)
    enter(store, guesses, hasher=stronger)
    (after,) = store.find(Account)
    assert "t=1" in ada.password and "t=2" in after.password
    enter(store, guesses, hasher=stronger)
    assert store.find(Account) == [after]


def test_a_password_that_was_reset_while_the_old_one_was_looked_at_opens_nothing(store: Register, ada: Account) -> None:
    sign_ins.reset_password(store, ada, ada.account_id, NOW, QUICK)
    with pytest.raises(SignInRefused):
        sign_ins.open_sign_in(store, ada, ada.password, NOW)
    assert store.find(SignIn) == []


# --- guessing


def test_five_wrong_passwords_lock_a_login_for_a_minute_and_each_further_one_for_twice_as_long(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    fail(store, guesses, FAILURES)
    now, minutes = NOW, [1, 2, 4, 8, 16, 32, 60, 60]
    for each in minutes:
        assert wait(store, guesses, now=now) == each * 60  # the right password is not looked at
        assert wait(store, guesses, now=now + each * MINUTE - SECOND) == 1
        now += each * MINUTE
        fail(store, guesses, 1, now=now)
    locked = [each.details["failures"] for each in store.find(AuditEntry, action="account.locked")]
    assert locked == list(range(FAILURES, FAILURES + len(minutes) + 1))


def test_the_right_password_after_a_lock_lifts_it_and_begins_to_count_anew(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    fail(store, guesses, FAILURES)
    later = NOW + MINUTE
    enter(store, guesses, now=later)
    fail(store, guesses, FAILURES - 1, now=later)
    enter(store, guesses, now=later)
    (after,) = store.find(Account)
    assert (after.failures, after.locked_until) == (0, None)


def test_a_login_that_nobody_has_is_locked_just_so(store: Register, ada: Account, guesses: Guesses) -> None:
    fail(store, guesses, FAILURES, "nobody")
    assert wait(store, guesses, "nobody") == 60
    fail(store, guesses, 1, "nobody", NOW + MINUTE)
    assert wait(store, guesses, "nobody", NOW + MINUTE) == 120
    enter(store, guesses, now=NOW + MINUTE)


def test_a_locked_login_takes_no_look_at_the_password(store: Register, ada: Account, guesses: Guesses) -> None:
    fail(store, guesses, FAILURES)
    before = QUICK.verified
    wait(store, guesses)
    assert QUICK.verified == before


def test_an_administrator_lifts_a_lock_with_a_new_password(store: Register, ada: Account, guesses: Guesses) -> None:
    fail(store, guesses, FAILURES)
    temporary = sign_ins.reset_password(store, ada, ada.account_id, NOW, QUICK)
    enter(store, guesses, temporary)


@IN_BOTH
def test_many_guesses_at_once_are_no_way_around_the_lock(store: Register, ada: Account) -> None:
    """Each from its own address and process, so that nothing but the register counts them."""
    start, before = threading.Barrier(12), QUICK.verified

    def guess(number: int) -> str:
        start.wait()
        try:
            enter(store, Guesses(), f"wrong password {number}", address=f"192.0.2.{number}")
        except (SignInRefused, TooManyTries) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(12) as threads:
        told = list(threads.map(guess, range(12)))
    assert told.count("SignInRefused") == QUICK.verified - before == FAILURES
    assert told.count("TooManyTries") == 12 - FAILURES


def test_an_address_may_be_wrong_thirty_times_a_minute_whosever_the_logins_are(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    for number in range(TRIES):
        fail(store, guesses, 1, f"login-{number}")
    assert wait(store, guesses) == 2
    assert wait(store, guesses, "login-0") == 2
    assert enter(store, guesses, address="192.0.2.2")
    assert enter(store, guesses, now=NOW + 2 * SECOND)
    assert enter(store, guesses, now=NOW + 2 * SECOND)  # right ones cost nothing


def test_of_ipv6_a_network_counts_as_one_address(store: Register, ada: Account, guesses: Guesses) -> None:
    for number in range(TRIES):
        guesses.count(f"2001:db8::{number:x}", NOW)
    with pytest.raises(TooManyTries):
        guesses.count("2001:db8::ffff:1", NOW)
    guesses.count("2001:db8:0:1::1", NOW)


# --- the token


@IN_BOTH
def test_a_token_that_was_never_given_is_none(store: Register, ada: Account) -> None:
    for token in ("", "x", "x" * 43, "\0", "ä" * 43, "' OR 1=1 --", "x" * 100_000, "\ud83d"):
        with pytest.raises(NotSignedIn):
            sign_ins.account_of(store, token, NOW)


def test_a_token_that_was_altered_or_is_its_own_digest_is_none(store: Register, ada: Account, guesses: Guesses) -> None:
    token = enter(store, guesses)
    swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for forged in (swapped, token[:-1], token + "A", token.swapcase(), sign_ins.digest_of(token)):
        with pytest.raises(NotSignedIn):
            sign_ins.account_of(store, forged, NOW)


@IN_BOTH
def test_a_token_is_good_for_twelve_hours_after_its_last_use(store: Register, ada: Account, guesses: Guesses) -> None:
    token = enter(store, guesses)
    sign_ins.account_of(store, token, NOW + 11 * HOUR)
    sign_ins.account_of(store, token, NOW + 22 * HOUR)
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, token, NOW + 34 * HOUR)


def test_a_token_is_good_for_seven_days_at_most(store: Register, ada: Account, guesses: Guesses) -> None:
    token, week = enter(store, guesses), timedelta(days=7)
    for hour in range(10, 7 * 24, 10):
        sign_ins.account_of(store, token, NOW + hour * HOUR)
    sign_ins.account_of(store, token, NOW + week - SECOND)
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, token, NOW + week)


def test_a_token_is_not_written_anew_at_every_use(store: Register, ada: Account, guesses: Guesses) -> None:
    token = enter(store, guesses)
    (before,) = store.find(SignIn)
    sign_ins.account_of(store, token, NOW + 4 * MINUTE)
    assert store.find(SignIn) == [before]
    sign_ins.account_of(store, token, NOW + 5 * MINUTE)
    assert store.find(SignIn) == [replace(before, expires=NOW + 12 * HOUR + 5 * MINUTE)]


def test_tokens_that_are_over_are_forgotten_at_the_next_sign_in(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    enter(store, guesses)
    enter(store, guesses, now=NOW + 13 * HOUR)
    assert [each.created for each in store.find(SignIn)] == [NOW + 13 * HOUR]


@IN_BOTH
def test_signing_out_ends_one_token_and_everywhere_all_of_the_account(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    accounts.create_account(store, ada, "bob", "Bob", ada.role, PASSWORD, (), NOW, must_change=False, hasher=QUICK)
    first, second, third, bobs = (enter(store, guesses, login=login) for login in ("ada", "ada", "ada", "bob"))
    sign_ins.sign_out(store, first)
    sign_ins.sign_out(store, first)
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, first, NOW)
    sign_ins.account_of(store, second, NOW)
    assert sign_ins.sign_out_everywhere(store, ada, ada.account_id, NOW) == 2
    for token in (second, third):
        with pytest.raises(NotSignedIn):
            sign_ins.account_of(store, token, NOW)
    sign_ins.account_of(store, bobs, NOW)


@IN_BOTH
def test_a_use_that_comes_while_one_signs_out_does_not_bring_the_token_back(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    for _ in range(5):
        token, start = enter(store, guesses), threading.Barrier(2)

        def use(token: str = token, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                sign_ins.account_of(store, token, NOW + HOUR)
            except NotSignedIn:
                return

        thread = threading.Thread(target=use)
        thread.start()
        start.wait()
        sign_ins.sign_out(store, token)
        thread.join()
        with pytest.raises(NotSignedIn):
            sign_ins.account_of(store, token, NOW + HOUR)


# --- one's own password


def test_a_new_password_keeps_this_sign_in_and_ends_all_others(store: Register, ada: Account, guesses: Guesses) -> None:
    here, elsewhere = enter(store, guesses), enter(store, guesses)
    changed = sign_ins.set_password(store, here, PASSWORD, "quite another", NOW, guesses, QUICK)
    assert sign_ins.account_of(store, here, NOW) == changed
    with pytest.raises(NotSignedIn):
        sign_ins.account_of(store, elsewhere, NOW)
    fail(store, guesses, 1)
    with pytest.raises(SignInRefused):
        enter(store, guesses)
    enter(store, guesses, "quite another")


def test_a_temporary_password_must_be_changed_and_is_not_kept(store: Register, ada: Account, guesses: Guesses) -> None:
    temporary = sign_ins.reset_password(store, ada, ada.account_id, NOW, QUICK)
    token = enter(store, guesses, temporary)
    assert sign_ins.account_of(store, token, NOW).must_change
    with pytest.raises(EntryInvalid, match="new: it must be another one"):
        sign_ins.set_password(store, token, temporary, temporary, NOW, guesses, QUICK)
    assert not sign_ins.set_password(store, token, temporary, "my own one", NOW, guesses, QUICK).must_change


def test_whoever_took_a_browser_over_cannot_guess_the_old_password_for_ever(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    token = enter(store, guesses)
    for _ in range(FAILURES):
        with pytest.raises(EntryInvalid, match="old: it is not your password"):
            sign_ins.set_password(store, token, "wrong password", "quite another", NOW, guesses, QUICK)
    with pytest.raises(TooManyTries):
        sign_ins.set_password(store, token, PASSWORD, "quite another", NOW, guesses, QUICK)


def test_a_new_password_that_cannot_be_one_is_no_wrong_guess(store: Register, ada: Account, guesses: Guesses) -> None:
    token = enter(store, guesses)
    for _ in range(FAILURES + 1):
        with pytest.raises(EntryInvalid, match="10 to 200"):
            sign_ins.set_password(store, token, PASSWORD, "short", NOW, guesses, QUICK)
    enter(store, guesses)


def test_what_a_page_must_send_follows_from_the_token_and_tells_nothing_of_it(
    store: Register, ada: Account, guesses: Guesses
) -> None:
    first, second = enter(store, guesses), enter(store, guesses)
    assert sign_ins.csrf_of(first) == sign_ins.csrf_of(first) != sign_ins.csrf_of(second)
    assert sign_ins.csrf_of(first) not in (first, sign_ins.digest_of(first))
