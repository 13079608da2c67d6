"""The verbs of signing in: a password for a token, and what the token is good for until it is none any more.

A token has 256 random bits; the register keeps its SHA-256, so that nobody who reads the register can sign in. Every
try counts as a wrong one until its password has proved right: many at once are no way around the lock.
"""

import hmac
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from argon2 import PasswordHasher

from photocall.school import accounts, audit, guessing, passwords
from photocall.school.accounts import lock_of
from photocall.school.errors import EntryInvalid, NotSignedIn, SignInRefused
from photocall.school.guessing import Guesses
from photocall.school.passwords import HASHER
from photocall.school.permissions import check_administrator
from photocall.school.records import Account, SignIn
from photocall.school.register import Between, Records, SchoolRegister

IDLE = timedelta(hours=12)
"""A sign-in that is not used for so long is over: a school day, and not the night."""

LONGEST = timedelta(days=7)
"""So long after it, every sign-in is over."""

STEP = timedelta(minutes=5)
"""A sign-in is prolonged no more often than this."""

MOST_BROWSER = 200
"""Characters that are kept of what a browser calls itself."""


def sign_in(
    register: SchoolRegister,
    login: str,
    password: str,
    now: datetime,
    guesses: Guesses,
    *,
    address: str = "",
    browser: str = "",
    hasher: PasswordHasher = HASHER,
) -> tuple[Account, str]:
    """The account of login and password, and a new token for it.

    Args:
        register: where accounts are.
        login: as it was typed.
        password: as it was typed.
        now: with a time zone.
        guesses: what this process has seen.
        address: where the try comes from.
        browser: what that calls itself.
        hasher: of passwords; those hashed otherwise are hashed anew.

    Raises:
        SignInRefused: there is no such login, or it has another password, or it is disabled: nobody is told which.
        TooManyTries: the login is locked, or too many came from the address.
    """
    guesses.count(address, now)
    account = _tried(register, login, now, guesses)
    right = passwords.is_right(account.password if account else None, password, hasher)
    if account is None or account.disabled or not right:
        _note_lock(register, account, now)
        raise SignInRefused
    found = open_sign_in(register, _rehashed(account, password, hasher), account.password, now, browser)
    guesses.forgive(address, now)
    return found


def open_sign_in(
    register: SchoolRegister, account: Account, proved: str, now: datetime, browser: str = ""
) -> tuple[Account, str]:
    """Sign in whoever has proved to be an account's.

    Args:
        register: where accounts are.
        account: whose; its password is put.
        proved: the hash that a password was right for; another one by now refuses.
        now: with a time zone.
        browser: what it calls itself.
    """
    token = secrets.token_urlsafe(32)
    with register.changing(lock_of(account.account_id), audit.LOCK) as records:
        there = accounts.existing(records, account.account_id)
        if there.disabled or there.password != proved:
            raise SignInRefused
        there = replace(there, password=account.password, failures=0, locked_until=None)
        records.put(there, SignIn(digest_of(token), there.account_id, now, now + IDLE, browser[:MOST_BROWSER]))
        records.remove(SignIn, expires=Between(datetime.min.replace(tzinfo=UTC), now))
        audit.note(records, there.account_id, "account.signed-in", there.account_id, now)
    return there, token


def account_of(register: SchoolRegister, token: str, now: datetime) -> Account:
    """Whose token it is, as the account is now; using it prolongs it. Raises `NotSignedIn`."""
    found = register.get(SignIn, digest_of(token))
    if found is None or now >= found.expires:
        raise NotSignedIn
    account = register.get(Account, found.account_id)
    if account is None or account.disabled:
        raise NotSignedIn
    until = min(now + IDLE, found.created + LONGEST)
    if until - found.expires >= STEP:
        _prolong(register, found, until)
    return account


def sign_out(register: SchoolRegister, token: str) -> None:
    """Make a token good for nothing; one that was none already is no error."""
    found = register.get(SignIn, digest_of(token))
    if found is not None:
        with register.changing(lock_of(found.account_id)) as records:
            records.remove(SignIn, digest=found.digest)


def sign_out_everywhere(register: SchoolRegister, by: Account, account_id: str, now: datetime) -> int:
    """Make every token of an account good for nothing; how many there were.

    Raises:
        NotAllowed: it is another one's account, and no administrator asks.
        NotThere: there is no such account.
    """
    if account_id != by.account_id:
        check_administrator(by)
    with register.changing(lock_of(account_id), audit.LOCK) as records:
        accounts.existing(records, account_id)
        ended = records.remove(SignIn, account_id=account_id)
        audit.note(records, by.account_id, "account.signed-out", account_id, now, sign_ins=ended)
    return ended


def set_password(
    register: SchoolRegister,
    token: str,
    old: str,
    new: str,
    now: datetime,
    guesses: Guesses,
    hasher: PasswordHasher = HASHER,
) -> Account:
    """Give the account of a token another password; it stays signed in here, and nowhere else.

    Raises:
        NotSignedIn: the token is none.
        TooManyTries: the old one was wrong too often.
        EntryInvalid: the old one is wrong, or the new one cannot be one.
    """
    login = account_of(register, token, now).login
    if new == old:
        raise EntryInvalid("new", "it must be another one than before")
    changed = passwords.hashed(new, login, hasher)  # before the try, which would count as a wrong one
    account = _tried(register, login, now, guesses)
    if account is None or not passwords.is_right(account.password, old, hasher):
        _note_lock(register, account, now)
        raise EntryInvalid("old", "it is not your password")
    with register.changing(lock_of(account.account_id), audit.LOCK) as records:
        there = accounts.existing(records, account.account_id)
        if there.password != account.password:
            raise NotSignedIn
        there = _with_password(records, there, changed, must_change=False, keep=digest_of(token))
        audit.note(records, there.account_id, "account.password-set", there.account_id, now)
    return there


def reset_password(
    register: SchoolRegister, by: Account, account_id: str, now: datetime, hasher: PasswordHasher = HASHER
) -> str:
    """A temporary password for an account, good for setting another one; it is signed out everywhere.

    Raises:
        NotAllowed: somebody else than an administrator asks.
        NotThere: there is no such account.
    """
    password = passwords.temporary()
    give_password(register, by, account_id, password, now, must_change=True, hasher=hasher)
    return password


def give_password(
    register: SchoolRegister,
    by: Account,
    account_id: str,
    password: str,
    now: datetime,
    *,
    must_change: bool,
    hasher: PasswordHasher = HASHER,
) -> Account:
    """Give an account a password, and sign it out everywhere; a lock is lifted. Raises as `reset_password`."""
    check_administrator(by)
    changed = passwords.hashed(password, accounts.existing(register, account_id).login, hasher)
    with register.changing(lock_of(account_id), audit.LOCK) as records:
        there = _with_password(records, accounts.existing(records, account_id), changed, must_change=must_change)
        audit.note(records, by.account_id, "account.password-reset", account_id, now)
    return there


def csrf_of(token: str) -> str:
    """What a page must send with every change, and no other page can know: it follows from the token."""
    return hmac.new(_bytes(token), b"photocall csrf", sha256).hexdigest()


def digest_of(token: str) -> str:
    """How the register knows a token."""
    return sha256(_bytes(token)).hexdigest()


def _bytes(token: str) -> bytes:
    return token.encode(errors="surrogatepass")  # what is no text at all is no token either


def _tried(register: SchoolRegister, login: str, now: datetime, guesses: Guesses) -> Account | None:
    """The account of a login, with one more failure, to be taken back if there is none; None if nobody has it."""
    found = accounts.account_by_login(register, login)
    if found is None:
        guesses.count_stranger(login, now)
        return None
    guessing.check_lock(found.locked_until, now)
    with register.changing(lock_of(found.account_id)) as records:
        there = accounts.existing(records, found.account_id)
        guessing.check_lock(there.locked_until, now)
        failures = there.failures + 1
        there = replace(there, failures=failures, locked_until=guessing.locked_until(failures, now))
        records.put(there)
    return there


def _note_lock(register: SchoolRegister, account: Account | None, now: datetime) -> None:
    if account is not None and account.locked_until is not None:
        audit.noted(register, "", "account.locked", account.account_id, now, failures=account.failures)


def _rehashed(account: Account, password: str, hasher: PasswordHasher) -> Account:
    if not passwords.is_outdated(account.password, hasher):
        return account
    return replace(account, password=hasher.hash(passwords.plain(password)))


def _with_password(records: Records, account: Account, changed: str, *, must_change: bool, keep: str = "") -> Account:
    """The account with another password, and without its sign-ins but the one of the digest `keep`."""
    account = replace(account, password=changed, must_change=must_change, failures=0, locked_until=None)
    records.put(account)
    ended = [each.digest for each in records.find(SignIn, account_id=account.account_id) if each.digest != keep]
    records.remove(SignIn, digest=ended)
    return account


def _prolong(register: SchoolRegister, found: SignIn, until: datetime) -> None:
    with register.changing(lock_of(found.account_id)) as records:
        if records.get(SignIn, found.digest) is not None:  # else it was signed out meanwhile
            records.put(replace(found, expires=until))
