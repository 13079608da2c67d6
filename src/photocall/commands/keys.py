"""Commands for those who use the server's API: keys, and base64, which turns an image into text for a request."""

import argparse
import base64 as encoding
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photocall.access import create_access_key, create_api_key, revoke_key
from photocall.app import open_people
from photocall.console import complain, say, say_json, show_rows
from photocall.errors import ImageUnreadable, SettingInvalid
from photocall.keys import Key, Plan, Scope
from photocall.media import files, signatures
from photocall.ports import PeopleRegister
from photocall.settings import load_settings

MAX_NAME = 128
"""Characters of a key's name."""

SCOPES = {"read": frozenset({Scope.READ}), "write": frozenset({Scope.READ, Scope.WRITE})}
"""What `--scope` gives: who may write may read."""

MAX_IMAGE_BYTES = 20 * 2**20
"""Of an image for a request, as the server has it."""


def keys(options: argparse.Namespace) -> int:
    """Make, list or revoke keys."""
    act = {"create": _create, "list": _list, "revoke": _revoke}[options.action]
    with open_people(load_settings(data=options.data)) as store:
        act(store, options)
    return 0


def _create(store: PeopleRegister, options: argparse.Namespace) -> None:
    name, plan = _name(options.name), _plan(options)
    make = create_access_key if options.access else create_api_key
    key, secret = make(store, name, SCOPES[options.scope], plan, datetime.now(UTC))
    if options.json:
        say_json(key_json(key) | {"secret" if options.access else "key": secret})
    elif options.access:
        say(f"aws_access_key_id={key.key_id}")
        say(f"aws_secret_access_key={secret}")
    else:
        say(secret)
    if not options.json:
        complain("the secret: keep it now, it is shown this once")


def _list(store: PeopleRegister, options: argparse.Namespace) -> None:
    rows = [key_json(key) for key in store.keys()]  # noqa: SIM118  # no dictionary
    if options.json:
        say_json(rows)
    else:
        show_rows(
            [
                {**row, "scopes": " ".join(row["scopes"]), "plan": _told(row["plan"]), "revoked": row["revoked"] or ""}
                for row in rows
            ]
        )


def _revoke(store: PeopleRegister, options: argparse.Namespace) -> None:
    key = revoke_key(store, options.key_id, datetime.now(UTC))
    if options.json:
        say_json(key_json(key))
    else:
        say(f"{key.key_id} ({key.name}): revoked")


def key_json(key: Key) -> dict[str, Any]:
    """A key without its secret."""
    plan = key.plan and {"per_day": key.plan.per_day, "burst": key.plan.burst, "rate": key.plan.rate}
    return {
        "key_id": key.key_id,
        "name": key.name,
        "kind": key.kind.value,
        "scopes": sorted(key.scopes),
        "plan": plan,
        "created": key.created.isoformat(timespec="seconds"),
        "revoked": key.revoked and key.revoked.isoformat(timespec="seconds"),
    }


def base64(options: argparse.Namespace) -> int:
    """Print an image as one line of base64, or as the body of a request to /encode and /detect."""
    try:
        data = files.read_file(Path(options.image), MAX_IMAGE_BYTES)
    except OSError as error:
        raise ImageUnreadable(options.image, files.reason(error)) from error
    kind = signatures.kind(data[: signatures.HEAD])
    if kind not in signatures.IMAGES:
        raise ImageUnreadable(options.image, f"it is none of {', '.join(signatures.IMAGES)}")
    text = encoding.b64encode(data).decode()
    if options.json:
        say_json({"image_data": f"data:image/{kind.lower()};base64,{text}"})
    else:
        say(text)
    return 0


def _name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise SettingInvalid("NAME", f"must be 1 to {MAX_NAME} printable characters that say who the key is for")
    return name


def _plan(options: argparse.Namespace) -> Plan | None:
    """The plan that was typed; the default one for an API key, none for an access key."""
    given = {
        name: getattr(options, name) for name in ("per_day", "burst", "rate") if getattr(options, name) is not None
    }
    if options.unlimited:
        if given:
            raise SettingInvalid("--unlimited", "cannot go with --per-day, --burst or --rate")
        return None
    for name, value in given.items():
        least = 1 if name != "rate" else 0.001
        if not (math.isfinite(value) and least <= value <= 10**9):
            raise SettingInvalid(f"--{name.replace('_', '-')}", f"must be {least} to 1000000000, not {value}")
    if options.access and not given:
        return None
    if options.access:
        given.setdefault("per_day", None)
    return Plan(**given)


def _told(plan: dict[str, Any] | None) -> str:
    if plan is None:
        return "unlimited"
    day = "" if plan["per_day"] is None else f"{plan['per_day']} a day, "
    return f"{day}{plan['rate']:g} a second, {plan['burst']} at once"
