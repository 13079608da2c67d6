"""What may be typed or sent of classes and students: names, ids, fields. The same limits hold whichever way it came."""

import unicodedata
from collections.abc import Mapping
from uuid import uuid4

from photocall.school.errors import EntryInvalid
from photocall.students import clean_name

MOST_NAME = 200
"""Characters of a name."""

MOST_ID = 128
"""Characters of an id; those of school information systems have 36 or fewer."""

MOST_FIELDS = 50
"""Fields of a student or class."""

MOST_KEY = 50
"""Characters of a field's name."""

MOST_VALUE = 500
"""Characters of a field."""

ROSTER = "roster"
"""What whoever changes classes, students, or who belongs to what, must have locked."""


def name_of(what: str, name: str) -> str:
    """A name, so that the same one is the same text. Raises `EntryInvalid`."""
    try:
        cleaned = clean_name(name)
    except ValueError as error:
        raise EntryInvalid(what, str(error)) from error
    if len(cleaned) > MOST_NAME:
        raise EntryInvalid(what, f"it has more than {MOST_NAME} characters")
    return cleaned


def id_of(what: str, given: str | None) -> str:
    """An id that was given, or a new random one. Raises `EntryInvalid`.

    It stands in addresses and in the names of kept photos, so it is one printable part of a path.
    """
    cleaned = unicodedata.normalize("NFC", given or "").strip()
    if not cleaned:
        return str(uuid4())
    if len(cleaned) > MOST_ID:
        raise EntryInvalid(what, f"it has more than {MOST_ID} characters")
    if not cleaned.isprintable() or set(cleaned) & set("/\\") or cleaned in (".", ".."):
        raise EntryInvalid(what, "it must be printable characters other than / and \\, such as s-1042")
    return cleaned


def fields_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields without white space around them, in their order. Raises `EntryInvalid`."""
    if len(fields) > MOST_FIELDS:
        raise EntryInvalid("fields", f"there are more than {MOST_FIELDS}")
    cleaned: dict[str, str] = {}
    for key, value in fields.items():
        key = _field(key, "a name", MOST_KEY).strip()
        if not key:
            raise EntryInvalid("fields", "one has no name")
        if key.lower() == "name":
            raise EntryInvalid("fields", f"{key!r} is no name for a field: a name is no field")
        if key in cleaned:
            raise EntryInvalid("fields", f"there are two called {key!r}")
        cleaned[key] = _field(value, key, MOST_VALUE, "\t\r\n").strip()
    return cleaned


def filled(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields that say something."""
    return {key: value for key, value in fields.items() if value}


def _field(text: str, what: str, most: int, allowed: str = "") -> str:
    if len(text) > most:
        raise EntryInvalid("fields", f"{what[:MOST_KEY]!r} has more than {most} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in allowed for letter in text):
        raise EntryInvalid("fields", f"{what[:MOST_KEY]!r} holds a control character")
    return unicodedata.normalize("NFC", text)
