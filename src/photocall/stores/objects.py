"""Files by name, wherever they lie: obstore behind the ObjectStore port.

The address says where: `file:///srv/photos`, `memory:///`. Others that obstore knows come when something needs them.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore

from photocall.errors import ObjectNotFound, StoreUnavailable
from photocall.ports import StoredObject

FRAGMENT_SECONDS = 3600
"""A file that has been half written for so long has no writer any more."""

_FRAGMENT = re.compile(r"#\d+$")
_EXPECTED = "not the address of an object store, such as file:///home/ada/photos or memory:///"


class ObStore:
    """An ObjectStore at an address; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Open the store; a local one is made on first use, its owner's alone.

        Raises:
            StoreUnavailable: it is no such address, or its folder cannot be made.
        """
        self._url = url
        self._store = _open(url)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, or replace it; nobody ever sees half of one."""
        with self._failing(key):
            obstore.put(self._store, key, data)

    def get(self, key: str) -> bytes:
        """The content of an object. Raises `ObjectNotFound`."""
        with self._failing(key):
            return bytes(obstore.get(self._store, key).bytes())

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object below `prefix`, which is whole parts of a key: "faces/a" does not find "faces/ab/1".

        In a folder, what killed writers left half written goes on this occasion.
        """
        with self._failing(prefix):
            if isinstance(self._store, LocalStore):
                _remove_fragments(Path(str(self._store.prefix)) / prefix)
            for page in obstore.list(self._store, prefix):
                yield from (StoredObject(each["path"], each["last_modified"]) for each in page)

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        try:
            with self._failing(key):
                obstore.delete(self._store, key)
        except ObjectNotFound:
            return

    @contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        if not all(map(_is_part, key.split("/"))):
            raise ValueError(f"{key!r} is not the key of an object: parts with slashes between them, such as a/b.jpg")
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectNotFound(key) from error
        # Not every failure is obstore's own class: some come as Python's.
        except (BaseError, OSError) as error:
            raise StoreUnavailable(self._url, f"{key}: {_first_line(error)}") from error


def _is_part(name: str) -> bool:
    """Whether it is a part of a key: neither empty, nor another folder, nor unprintable."""
    return name.isprintable() and name not in ("", ".", "..")


def _open(url: str) -> LocalStore | MemoryStore:
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.netloc:
        raise StoreUnavailable(url, _EXPECTED)
    if parts.scheme == "memory":
        return MemoryStore()
    path = unquote(parts.path)
    if parts.scheme != "file" or not path.startswith("/") or "\0" in path:
        raise StoreUnavailable(url, _EXPECTED)
    return _open_folder(Path(path))


def _open_folder(folder: Path) -> LocalStore:
    try:
        # Faces are personal data: a directory made for them is its owner's alone.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder for photos cannot be made or entered: {error.strerror}; choose another"
        raise StoreUnavailable(str(folder), reason) from error
    return LocalStore(folder)  # not with automatic_cleanup: making a folder would race with its removal


def _remove_fragments(folder: Path) -> None:
    """Remove files that obstore had begun to write, `name#1`, when its process died; it lists them to nobody."""
    long_ago = time.time() - FRAGMENT_SECONDS
    for path in folder.rglob("*#*"):
        with suppress(FileNotFoundError):  # another process may be quicker
            if _FRAGMENT.search(path.name) and path.stat().st_mtime < long_ago:
                path.unlink()


def _first_line(error: Exception) -> str:
    """What obstore says, without the dump of its insides that follows."""
    return str(error).partition("\n")[0]
