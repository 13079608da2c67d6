"""ZIP files from outside: their entries one by one, and nothing of them on the disk, under no name of theirs.

Nothing that a ZIP says of itself is believed: its directory is small or it is not read, an entry is read up to a limit
whatever size it claims, and all of them together have a limit, too.
"""

import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from photocall.media import signatures
from photocall.school.errors import EntryInvalid

MOST_ENTRIES = 5000

MOST_DIRECTORY = 2 * 2**20
"""Bytes of a ZIP's directory; 5,000 entries with long names take less."""

MOST_PATH = 1000
"""Characters of a file's name with its folders."""

MOST_BYTES = 4 * 2**30
"""Of all entries that are read, unpacked."""

_END = b"PK\5\6"
_END_64 = b"PK\6\7"
_END_BYTES = 22
_LOCATOR_BYTES = 20
_COMMENT_BYTES = 65535
"""The end of a ZIP: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.15 and 4.3.16."""

_FAILURES = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, KeyError)
"""What Python's module is seen to raise on damaged, encrypted or exotic entries."""

_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that came with others.

    Attributes:
        path: its name with its folders, as it was sent; it may be anything.
        read: gives its content, at most so many bytes. Raises `InputError`.
    """

    path: str
    read: Callable[[int], bytes]


def entries(file: BinaryIO, name: str) -> Iterator[Entry]:
    """The files in a ZIP, each to be read before the next; folders, and what systems put beside files, are left out.

    Args:
        file: open, and open until the last one was read.
        name: what errors call it.

    Raises:
        EntryInvalid: it is no ZIP, is damaged, or has too many entries.
    """
    _check_directory(file, name)
    try:
        archive = zipfile.ZipFile(file)
    except _FAILURES as error:
        raise EntryInvalid(name, "it is no ZIP, or a damaged one") from error
    with archive:
        found = [info for info in archive.infolist() if not info.is_dir() and not _is_junk(info.orig_filename)]
        if len(found) > MOST_ENTRIES:
            raise EntryInvalid(name, f"it has more than {MOST_ENTRIES} files; make several ZIPs of it")
        left = _Room(MOST_BYTES)
        for info in found:
            yield Entry(info.orig_filename, lambda most, info=info: _read(archive, info, most, left))  # type: ignore[misc]


def check_path(path: str) -> list[str]:
    """The parts of a path. Raises `EntryInvalid` for one that could lead anywhere else."""
    shown = ascii(path[:100])[1:-1]
    if "\\" in path or path.startswith("/") or _DRIVE.match(path):
        raise EntryInvalid(shown, "its path is that of a whole disk; names must be such as Ada Lovelace/1.jpg")
    if len(path) > MOST_PATH:
        raise EntryInvalid(shown, f"its path has more than {MOST_PATH} characters")
    parts = path.split("/")
    if not all(part.isprintable() and part.strip() not in ("", ".", "..") for part in parts):
        raise EntryInvalid(shown, "its path leads elsewhere; names must be such as Ada Lovelace/1.jpg")
    return parts


@dataclass
class _Room:
    """How many bytes may still be unpacked."""

    left: int


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, room: _Room) -> bytes:
    name = ascii(info.orig_filename[:100])[1:-1]
    if stat.S_ISLNK(info.external_attr >> 16):
        raise EntryInvalid(name, "it is a link; put the photo itself into the ZIP")
    if info.flag_bits & 1:
        raise EntryInvalid(name, "it is encrypted; make a ZIP without a password")
    try:
        with archive.open(info) as file:
            data = file.read(max(0, min(most, room.left)) + 1)
    except _FAILURES as error:
        raise EntryInvalid(name, "it is damaged, or packed in a way that is not read") from error
    if len(data) > most:
        raise EntryInvalid(name, f"it has more than {most // 2**20} MiB; make it smaller")
    room.left -= len(data)
    if room.left < 0:
        raise EntryInvalid(name, "the ZIP unpacks to more bytes than are taken; make several of it")
    return _no_zip(data, name)


def _no_zip(data: bytes, name: str) -> bytes:
    if signatures.kind(data[: signatures.HEAD]) == "ZIP":
        raise EntryInvalid(name, "it is a ZIP inside a ZIP; send it by itself")
    return data


def _is_junk(path: str) -> bool:
    parts = path.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") and "\\" not in part for part in parts)
    return hidden or parts[0] == "__MACOSX" or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def _check_directory(file: BinaryIO, name: str) -> None:
    """Raises `EntryInvalid` unless the directory is small: reading one takes memory, whatever its entries are."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _COMMENT_BYTES - _END_BYTES - _LOCATOR_BYTES))
    tail = file.read()
    file.seek(0)
    at = len(tail) - _END_BYTES  # in the order in which Python looks for it
    if at < 0 or tail[at : at + 4] != _END or tail[-2:] != b"\0\0":
        at = tail.rfind(_END)
    if at < 0 or at + _END_BYTES > len(tail):
        raise EntryInvalid(name, "it is no ZIP, or a damaged one")
    count, directory = int.from_bytes(tail[at + 10 : at + 12], "little"), tail[at + 12 : at + 16]
    is_long = tail[max(0, at - _LOCATOR_BYTES) : at].startswith(_END_64)
    if is_long or count > MOST_ENTRIES or int.from_bytes(directory, "little") > MOST_DIRECTORY:
        raise EntryInvalid(name, f"it has more than {MOST_ENTRIES} files; make several ZIPs of it")
