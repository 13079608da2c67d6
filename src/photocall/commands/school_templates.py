"""The command templates: under which keys templates of faces are sealed, and new keys for all."""

import argparse
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from photocall.app import open_store
from photocall.console import counted, progress, say, say_json, show_rows
from photocall.errors import SettingInvalid
from photocall.school import audit
from photocall.settings import PREFIX, Settings, load_settings
from photocall.templates import KeyUse, use_json


def templates(options: argparse.Namespace) -> int:
    """Tell of the keys, or make a new one."""
    act = {"status": _status, "rotate": _rotate}[options.action]
    act(load_settings(data=options.data), options)
    return 0


def _status(settings: Settings, options: argparse.Namespace) -> None:
    with open_store(settings) as store:
        uses = store.template_keys()
    if options.json:
        say_json({"keys": [use_json(use) for use in uses], "file": _file(settings)})
        return
    say(f"keys: {_file(settings) or 'none, so that nothing new is sealed'}")
    show_rows([{**use_json(use), "key_id": use.key_id or "not sealed", "state": _state(use)} for use in uses])


def _rotate(settings: Settings, options: argparse.Namespace) -> None:
    if settings.template_keys_file is None:
        raise SettingInvalid(f"{PREFIX}TEMPLATE_KEYS", "is none; let it name a file of keys, which is then made")
    with open_store(settings, makes_keys=True) as store:
        audit.noted(store, audit.COMMAND_LINE, "templates.rotating", "", datetime.now(UTC))
        done = store.rotate_templates(_watch)
        dropped, now = list(done.dropped), datetime.now(UTC)
        counts = {"templates": done.templates, "dropped": dropped}
        audit.noted(store, audit.COMMAND_LINE, "templates.rotated", done.key_id, now, **counts)
    if options.json:
        say_json({"key_id": done.key_id, **counts, "resumed": done.resumed})
        return
    if done.resumed:
        say("an earlier change of keys had been interrupted: this was its end, and no other key was made")
    say(f"{counted(done.templates, 'template')} sealed anew, now all under the key {done.key_id}")
    say(f"keep a copy of {_file(settings)}, apart from copies of the database")


def _watch(steps: Sequence[int]) -> Iterable[int]:
    return progress(steps, "sealing anew")


def _state(use: KeyUse) -> str:
    if not use.key_id:
        return "photocall templates rotate seals them"
    if use.created is None:
        return "missing in the file: restore it from a copy"
    return "seals what is new" if use.newest else "photocall templates rotate ends its use"


def _file(settings: Settings) -> str | None:
    return None if settings.template_keys_file is None else str(settings.template_keys_file)
