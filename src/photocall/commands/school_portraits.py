"""The command portraits: photos that students are known by, from files, folders and ZIPs."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from photocall.app import SCHOOL_COLLECTION, App, open_app, open_places, open_store
from photocall.console import complain, counted, failing, progress, say, say_json, show_rows
from photocall.errors import FileUnreadable
from photocall.gallery import Gallery
from photocall.media import files, signatures
from photocall.media.images import read_image
from photocall.school import looks, zips
from photocall.school.accounts import COMMAND_LINE
from photocall.school.errors import EntryInvalid
from photocall.school.portrait_archives import add_portraits
from photocall.school.portraits import (
    MAX_BYTES,
    MAX_PIXELS,
    Added,
    Enrolment,
    check_may_add,
    portrait_photo,
    remove_portrait,
    try_portrait,
)
from photocall.school.records import Portrait
from photocall.school.zips import Entry
from photocall.settings import load_settings


def portraits(options: argparse.Namespace) -> int:
    """Look at photos of students, add, list, save or erase them; for how many that failed."""
    act = {"look": _look, "add": _add, "list": _list, "picture": _picture, "remove": _remove}[options.action]
    return act(options)


def _look(options: argparse.Namespace) -> int:
    """Say of each photo whether it would do; how many cannot be read."""
    failures = 0
    with open_app(load_settings(data=options.data, pack=options.pack)) as app:
        for path in progress(options.files, "looking"):
            with failing() as failed:
                image = read_image(path, max_pixels=MAX_PIXELS)
                found = looks.look(app.engine, image, app.settings.quality_filter)
                told = {"good": found.good, "faces": found.faces, "advice": found.advice}
                if options.json:
                    say_json({"file": path.name, **told, "reasons": list(found.reasons)})
                else:
                    say(f"{path.name}: {found.advice}")
            failures += failed()
    return failures


def _add(options: argparse.Namespace) -> int:
    settings = load_settings(data=options.data, pack=options.pack)
    failures = 0
    with open_app(settings) as app:
        enrolment = enrolment_of(app)
        if options.student:
            check_may_add(app.school, COMMAND_LINE, options.student)
        for path in progress(options.paths, "adding"):
            with failing() as failed:
                failures += sum(_told(each, options) for each in _added(enrolment, path, options.student))
            failures += failed()
    return failures


def enrolment_of(app: App) -> Enrolment:
    """What photos of students are looked at with."""
    settings, gallery = app.settings, app.gallery(SCHOOL_COLLECTION)
    places = open_places(settings, app.school)
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


def _picture(options: argparse.Namespace) -> int:
    settings = load_settings(data=options.data)
    with open_store(settings) as store:
        data = portrait_photo(open_places(settings, store), COMMAND_LINE, options.portrait, _now())
    files.write_atomically(options.out, data)
    if options.json:
        say_json({"portrait_id": options.portrait, "file": str(options.out), "bytes": len(data)})
    else:
        say(f"{options.portrait}: {options.out}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    settings = load_settings(data=options.data)
    failures = 0
    with open_store(settings) as store:
        places = open_places(settings, store)
        for portrait_id in options.portraits:
            with failing() as failed:
                remove_portrait(places, COMMAND_LINE, portrait_id, _now())
                if options.json:
                    say_json({"portrait_id": portrait_id, "deleted": True})
                else:
                    say(f"{portrait_id}: erased, with its face")
            failures += failed()
    return failures


def _row(portrait: Portrait) -> dict[str, Any]:
    return {
        "student_id": portrait.student_id,
        "portrait_id": portrait.portrait_id,
        "added": portrait.added.isoformat(timespec="seconds"),
        "resembles": portrait.resembles or None,
    }


def _now() -> datetime:
    return datetime.now(UTC)
