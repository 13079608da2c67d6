"""Templates at rest: under which key how many of them are sealed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key that templates are sealed under, or none.

    Attributes:
        key_id: of the key, 8 hexadecimal digits; empty for templates that are not sealed.
        created: when it was made; None if it is not in the file of keys.
        newest: whether it seals what is new.
        templates: how many templates are sealed under it.
    """

    key_id: str
    created: datetime | None
    newest: bool
    templates: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a change of keys has done.

    Attributes:
        key_id: of the key that everything is sealed under now.
        templates: how many were sealed anew.
        dropped: ids of the keys that were needed no more.
        resumed: whether an earlier change, which had been interrupted, was brought to its end, and no key made.
    """

    key_id: str
    templates: int
    dropped: tuple[str, ...]
    resumed: bool


def use_json(use: KeyUse) -> dict[str, object]:
    """A key and what it is used for; it is not the key itself."""
    created = None if use.created is None else use.created.isoformat()
    return {"key_id": use.key_id, "created": created, "newest": use.newest, "templates": use.templates}
