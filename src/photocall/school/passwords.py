"""Passwords: what may be one, how one is kept, and whether one is right.

They are kept as argon2id hashes (RFC 9106). As NIST SP 800-63B advises, only their length is asked for: rules about
digits and signs make people choose worse ones.
"""

import secrets
import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from photocall.school.errors import EntryInvalid

HASHER = PasswordHasher()
"""With the library's parameters, which are the second choice of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes."""

LEAST, MOST = 10, 200
"""Characters of a password. NIST SP 800-63B wants at least 8, and at least 64 allowed."""

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else on paper


def hashed(password: str, login: str, hasher: PasswordHasher = HASHER) -> str:
    """How the register keeps a password. Raises `EntryInvalid`."""
    text = plain(password)
    if not LEAST <= len(text) <= MOST:
        raise EntryInvalid("password", f"it must have {LEAST} to {MOST} characters")
    if text.casefold() == login.casefold():
        raise EntryInvalid("password", "it must be another word than the login")
    try:
        return hasher.hash(text)
    except UnicodeEncodeError:
        raise EntryInvalid("password", "it holds half a character; type it anew") from None


def is_right(kept: str | None, password: str, hasher: PasswordHasher = HASHER) -> bool:
    """Whether a password is the one that is kept; where none is, it takes as long to say no."""
    try:
        hasher.verify(kept or _nobodys(hasher), plain(password))
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return kept is not None


def is_outdated(kept: str, hasher: PasswordHasher = HASHER) -> bool:
    """Whether a hash was made with other parameters than are good today."""
    return hasher.check_needs_rehash(kept)


def temporary() -> str:
    """A password to tell somebody, who then sets another one: 74 random bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))


def plain(password: str) -> str:
    """A password as any keyboard types it: letters with accents may come as one character or as two."""
    return unicodedata.normalize("NFKC", password)


@lru_cache(4)
def _nobodys(hasher: PasswordHasher) -> str:
    return hasher.hash(secrets.token_hex())
