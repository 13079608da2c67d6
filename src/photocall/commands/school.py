"""The commands school and live: what the school decided, its demo class, and what its operator sees."""

import argparse
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from photocall.app import open_app, open_store
from photocall.commands.school_portraits import enrolment_of
from photocall.console import counted, say, say_json, show_rows
from photocall.demo import make_class_photo
from photocall.errors import NotCalibrated, SettingInvalid
from photocall.media.files import write_atomically
from photocall.school import choices, demo_class
from photocall.school import live as seen
from photocall.school.accounts import COMMAND_LINE, has_administrator
from photocall.school.courses import course_json
from photocall.school.unknown_faces import group_json, unknown_groups
from photocall.settings import load_settings


def school(options: argparse.Namespace) -> int:
    """Show or change what the school decided, or load the demo class."""
    return {"show": _show, "change": _change, "demo": _demo}[options.action](options)


def live(options: argparse.Namespace) -> int:
    """Say how many faces were known lately, and which strangers came again."""
    with open_app(load_settings(data=options.data, pack=options.pack)) as app:
        store, engine = app.school, app.engine
        groups = []
        with suppress(NotCalibrated):
            groups = unknown_groups(store, engine.model, engine.metric, engine.calibration.d80)
        hours = [seen.hour_json(each) for each in seen.recognised(store, _now())]
        rate = seen.done_per_minute(store, _now())
    if options.json:
        told = [group_json(each) for each in groups]
        say_json({"done_per_minute": rate, "recognised": hours, "unknown_groups": told})
        return 0
    say(f"{rate:.1f} photos and videos a minute")
    show_rows([each for each in hours if each["known"] or each["unknown"]])
    for group in groups:
        again = f"{counted(len(group.seen), 'time')} in {counted(len(group.lessons), 'lesson')}"
        say(f"{'alert' if group.is_alert else 'unknown'}: {group.group}, {again}, last {group.last.isoformat()}")
    return 0


def _show(options: argparse.Namespace) -> int:
    with open_store(load_settings(data=options.data)) as store:
        told = asdict(choices.choices(store)) | {"has_administrator": has_administrator(store)}
    _tell(told, options)
    return 0


def _change(options: argparse.Namespace) -> int:
    typed = {name: getattr(options, name) for name in asdict(choices.Choices())}
    changes = {name: value for name, value in typed.items() if value is not None}
    if not changes:
        raise SettingInvalid("school change", "nothing to change; give --name, --time-zone or days")
    with open_store(load_settings(data=options.data)) as store:
        changed = choices.choose(store, COMMAND_LINE.account_id, _now(), **changes)
    _tell(asdict(changed), options)
    return 0


def _tell(told: dict[str, Any], options: argparse.Namespace) -> None:
    if options.json:
        say_json(told)
    else:
        show_rows([{"": name.replace("_", " "), "is": value} for name, value in told.items()])


def _demo(options: argparse.Namespace) -> int:
    settings = load_settings(data=options.data, pack=options.pack)
    archives = demo_class.checked(settings.demo_archives)  # before the engine is loaded
    with open_app(settings) as app:
        made = demo_class.load_demo_class(enrolment_of(app), COMMAND_LINE, archives, _now())
    if options.photo:
        write_atomically(options.photo, make_class_photo(archives))
    if options.json:
        say_json(course_json(made))
    else:
        say(f"{made.course_id}: {made.name}")
    return 0


def _now() -> datetime:
    return datetime.now(UTC)
