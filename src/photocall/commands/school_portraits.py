"""The command portraits: photos that students are known by, from files, folders and ZIPs."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from photocall.app import SCHOOL_COLLECTION, App, open_app, open_store
from photocall.commands.school_privacy import places_of
from photocall.console import complain, counted, failing, progress, say, say_json, show_rows
from photocall.errors import FileUnreadable
from photocall.gallery import Gallery
from photocall.media import files, signatures
from photocall.school import zips
from photocall.school.accounts import COMMAND_LINE
from photocall.school.errors import EntryInvalid
from photocall.school.portrait_archives import add_portraits
from photocall.school.portraits import MAX_BYTES, Added, Enrolment, check_may_add, try_portrait
from photocall.school.records import Portrait
from photocall.school.zips import Entry
from photocall.settings import load_settings


def portraits(options: argparse.Namespace) -> int:
    """Add photos of students, or list them; how many could not be added."""
    return _add(options) if options.action == "add" else _list(options)


def _add(options: argparse.Namespace) -> int:
    settings = load_settings(data=options.data, pack=options.pack)
    failures = 0
    with open_app(settings) as app:
        enrolment = _enrolment(app)
        if options.student:
            check_may_add(app.store, COMMAND_LINE, options.student)
        for path in progress(options.paths, "adding"):
            with failing() as failed:
                failures += sum(_told(each, options) for each in _added(enrolment, path, options.student))
            failures += failed()
    return failures


def _enrolment(app: App) -> Enrolment:
    settings, gallery = app.settings, app.gallery(SCHOOL_COLLECTION)
    places = places_of(settings, app.store)
    return Enrolment(places, app.engine, lambda: _refreshed(gallery), settings.quality_filter, settings.keep_photos)


def _refreshed(gallery: Gallery) -> Gallery:
    gallery.refresh()
    return gallery


def _added(enrolment: Enrolment, path: Path, student_id: str | None) -> Iterator[Added]:
    """What became of every photo of a path. Raises `EntryInvalid`, `FileUnreadable`."""
    if not _is_zip(path):
        yield from _all(enrolment, _entries(path), student_id)
        return
    with path.open("rb") as file:
        yield from _all(enrolment, zips.entries(file, path.name), student_id)


def _all(enrolment: Enrolment, entries: Iterator[Entry], student_id: str | None) -> Iterator[Added]:
    if student_id is None:
        yield from add_portraits(enrolment, COMMAND_LINE, entries, _now())
        return
    for entry in entries:
        try:
            yield try_portrait(enrolment, COMMAND_LINE, student_id, entry.read(MAX_BYTES), entry.path, _now())
        except EntryInvalid as error:
            yield Added(entry.path, problem=str(error), student_id=student_id)


def _is_zip(path: Path) -> bool:
    """Raises `FileUnreadable`."""
    try:
        return not path.is_dir() and signatures.kind(files.read_file(path, head=signatures.HEAD)) == "ZIP"
    except OSError as error:
        raise FileUnreadable(str(path), files.reason(error)) from error


def _entries(path: Path) -> Iterator[Entry]:
    """A file, or every file in a folder and its folders, but for hidden ones and links."""
    if not path.is_dir():
        yield Entry(path.name, partial(_read, path))
        return
    folder = path.resolve()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder.parent).as_posix()
        is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not file.is_symlink() and not is_hidden:
            yield Entry(name, partial(_read, file))


def _read(path: Path, most: int) -> bytes:
    try:
        return files.read_file(path, most)
    except OSError as error:
        raise EntryInvalid(path.name, files.reason(error)) from error


def _told(added: Added, options: argparse.Namespace) -> bool:
    """Say what became of a photo; whether it could not be added."""
    if options.json:
        say_json(_json(added))
    elif added.problem:
        complain(added.problem)
    else:
        other = added.portrait.resembles if added.portrait else ""
        say(f"{added.file}: {added.student_id}{f', resembles {other}' if other else ''}")
    return bool(added.problem)


def _json(added: Added) -> dict[str, Any]:
    portrait = added.portrait
    return {
        "file": added.file,
        "student_id": added.student_id or None,
        "portrait_id": portrait.portrait_id if portrait else None,
        "problem": added.problem or None,
        "reasons": list(added.reasons),
        "resembles": (portrait.resembles or None) if portrait else None,
    }


def _list(options: argparse.Namespace) -> int:
    with open_store(load_settings(data=options.data)) as store:
        found = store.find(Portrait)
    rows = [_row(each) for each in sorted(found, key=lambda each: (each.student_id, each.added))]
    if options.json:
        say_json(rows)
    elif rows:
        show_rows([row | {"resembles": row["resembles"] or ""} for row in rows])
    else:
        say(counted(0, "photo"))
    return 0


def _row(portrait: Portrait) -> dict[str, Any]:
    return {
        "student_id": portrait.student_id,
        "portrait_id": portrait.portrait_id,
        "added": portrait.added.isoformat(timespec="seconds"),
        "resembles": portrait.resembles or None,
    }


def _now() -> datetime:
    return datetime.now(UTC)
