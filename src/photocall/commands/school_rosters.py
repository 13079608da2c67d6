"""The command roster: students and classes from files, and to files."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photocall.app import open_store
from photocall.console import complain, say, say_json, show_rows
from photocall.errors import RosterInvalid, SettingInvalid
from photocall.media.files import read_file, reason, write_atomically
from photocall.ports import Register
from photocall.school import exports, imports
from photocall.school.accounts import COMMAND_LINE
from photocall.school.imports import preview_json
from photocall.school.roster_files import MAX_BYTES
from photocall.settings import load_settings


def roster(options: argparse.Namespace) -> int:
    """Bring students and classes in, or give them out; how many rows are bad."""
    with open_store(load_settings(data=options.data)) as store:
        return (_import if options.action == "import" else _export)(store, options)


def _import(store: Register, options: argparse.Namespace) -> int:
    files, now = [_read(path) for path in options.files], datetime.now(UTC)
    found = imports.preview(store, COMMAND_LINE, files, now)
    told = preview_json(found)
    for bad in found.plan.bad:
        complain(f"{bad.file}: row {bad.row}: {bad.reason}")
    if options.confirm:
        imports.confirm(store, COMMAND_LINE, found.import_id, now)
    if options.json:
        say_json({**told, "confirmed": options.confirm})
    else:
        _show(told, confirmed=options.confirm)
    return len(found.plan.bad)


def _show(told: dict[str, Any], *, confirmed: bool) -> None:
    rows = [_row("new", each) for each in told["new"]] + [_row("changed", each) for each in told["changed"]]
    if rows:
        show_rows(rows)
    counts = f"{len(told['new'])} new, {len(told['changed'])} changed, {told['unchanged']} unchanged"
    bad = f", {len(told['bad'])} bad rows left out" if told["bad"] else ""
    say(f"{counts}{bad}{'' if confirmed else '; nothing was done: --confirm does it'}")


def _row(state: str, each: dict[str, Any]) -> dict[str, str]:
    changes = [f"{key}: {before!r} -> {after!r}" for key, (before, after) in each.get("changes", {}).items()]
    moves = [f"{verb} {', '.join(each[verb])}" for verb in ("joins", "leaves") if each.get(verb)]
    return {"": state, "what": each["what"], "id": each["id"], "name": each["name"], "how": "; ".join(changes + moves)}


def _export(store: Register, options: argparse.Namespace) -> int:
    kind, now = options.file.suffix.lower(), datetime.now(UTC)
    if kind == ".csv":
        made = exports.students_csv(store, COMMAND_LINE, options.course, now).encode()
    elif kind == ".zip" and options.course is None:
        made = exports.oneroster_zip(store, COMMAND_LINE, now)
    elif kind == ".zip":
        raise SettingInvalid("--class", "goes with a CSV alone; OneRoster has all classes")
    else:
        raise SettingInvalid("FILE", "must end with .csv, or with .zip for OneRoster")
    write_atomically(options.file, made)
    return 0


def _read(path: Path) -> tuple[str, bytes]:
    try:
        return path.name, read_file(path, MAX_BYTES)
    except OSError as error:
        raise RosterInvalid(str(path), reason(error)) from error
