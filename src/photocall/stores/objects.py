"""Files by name, wherever they lie: obstore behind the ObjectStore port.

The address says where: `file:///srv/photos`, `memory:///name`, `s3://bucket/prefix`. S3 is whatever speaks its
protocol: the environment's AWS_* variables say where it is and who asks.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, S3Store

from photocall.errors import (
    BucketNotFound,
    ObjectKeyInvalid,
    ObjectNotFound,
    ObjectTooLarge,
    OutputUnwritable,
    StoreUnavailable,
)
from photocall.media.files import reason
from photocall.ports import StoredObject

if TYPE_CHECKING:
    from obstore import Bytes, GetOptions, ObjectMeta

FRAGMENT_SECONDS = 3600
"""A file that has been half written for so long has no writer any more."""

MAX_KEY_BYTES = 1024
"""Of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

S3_SECONDS = 20
"""How long S3 may take to answer, with what is asked again after a failure."""

_RETRIES = 3
_PIECE = 2**20  # bytes that are read at once
_RANGE = 16 * 2**20  # bytes of one request to S3, all of which must be answered within `S3_SECONDS`
_PIECES = 2  # of obstore's 5 MiB each, that are uploaded at once
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

_FRAGMENT = re.compile(r"#\d+$")
_EXPECTED = "not the address of an object store, such as file:///home/ada/photos, s3://bucket/photos or memory:///"
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")

_NO_FOLDER = re.compile(r"\(os error (20|21)\)")  # a part of the key is a file, or all of it is a folder
_TAKEN = re.compile(r"rename.*\(os error (20|21|39)\)")  # a folder has the name
_NO_NAME = re.compile(r"\(os error 36\)|are not supported")  # no file can be called so


class ObStore:
    """An ObjectStore at an address; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Open the store; a local one is made on first use, its owner's alone, and S3 is not asked before it is used.

        Raises:
            StoreUnavailable: it is no such address, or its folder cannot be made.
        """
        self._url = url
        self._store = _open(url)

    @property
    def is_remote(self) -> bool:
        """Whether it is in S3, where buckets are, rather than on this machine."""
        return isinstance(self._store, S3Store)

    def put(self, key: str, data: bytes) -> None:
        """Write an object, or replace it; nobody ever sees half of one."""
        with self._failing(key):
            obstore.put(self._store, key, data)

    def upload(self, key: str, file: BinaryIO) -> None:
        """Write an object as `put` does, from an open file, a piece at a time."""
        with self._failing(key):
            obstore.put(self._store, key, file, max_concurrency=_PIECES)

    def get(self, key: str, max_bytes: int | None = None) -> bytes:
        """The content of an object. Raises `ObjectNotFound`; `ObjectTooLarge` before anything of it is read."""
        with self._failing(key):
            found = obstore.get(self._store, key)
            size = found.meta["size"]
            if max_bytes is not None and size > max_bytes:
                raise ObjectTooLarge(key, size, max_bytes)
            return bytes(found.bytes())

    def download(self, key: str, path: Path, max_bytes: int) -> None:
        """Write the content of an object into a file, a piece at a time. Raises as `get`, and `OutputUnwritable`."""
        with self._failing(key):
            found = obstore.get(self._store, key)
            size = found.meta["size"]
            if size > max_bytes:
                raise ObjectTooLarge(key, size, max_bytes)
            pieces = self._ranges(key, found.meta) if self.is_remote and size > _RANGE else found.stream(_PIECE)
            try:
                file = path.open("wb")
            except OSError as error:
                raise OutputUnwritable(str(path), reason(error)) from error
            with file:
                for piece in pieces:
                    _write(file, piece)

    def _ranges(self, key: str, meta: "ObjectMeta") -> "Iterator[Bytes]":
        """The content of an object by several requests; it fails if the object is replaced meanwhile."""
        for start in range(0, meta["size"], _RANGE):
            end = min(start + _RANGE, meta["size"])
            options: GetOptions = {"range": (start, end), "if_match": meta["e_tag"]}
            yield obstore.get(self._store, key, options=options).bytes()

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

    def has(self, prefix: str) -> bool:
        """Whether there is an object below `prefix`, or in a folder at least the folder."""
        if isinstance(self._store, LocalStore) and (Path(str(self._store.prefix)) / prefix).is_dir():
            return True
        return any(True for _ in self.list(prefix))

    @contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        if not _is_key(key):
            raise ObjectKeyInvalid(key)
        try:
            yield
        except FileNotFoundError as error:
            self._check_bucket(error)
            raise ObjectNotFound(key) from error
        # Not every failure is obstore's own class: some come as Python's.
        except (BaseError, OSError) as error:
            self._check_bucket(error)
            raise self._told(key, error) from error

    def _told(self, key: str, error: Exception) -> Exception:
        line = _first_line(error)
        if isinstance(self._store, LocalStore) and (_NO_NAME.search(line) or _TAKEN.search(line)):
            return ObjectKeyInvalid(key)
        if isinstance(self._store, LocalStore) and _NO_FOLDER.search(line) and "rename" not in line:
            return ObjectNotFound(key)
        return StoreUnavailable(self._url, f"{key}: {line}")

    def _check_bucket(self, error: Exception) -> None:
        if self.is_remote and "<Code>NoSuchBucket</Code>" in str(error):
            raise BucketNotFound(urlsplit(self._url).netloc) from error


class Bucket:
    """An ObjectStore below a prefix of another one: what a bucket is where there are no others.

    Putting something into it makes it. Until then, reading raises `BucketNotFound`.
    """

    def __init__(self, objects: ObStore, prefix: str, name: str) -> None:
        self._objects, self._prefix, self._name = objects, f"{prefix}/{name}", name

    def put(self, key: str, data: bytes) -> None:
        """Write an object, or replace it; nobody ever sees half of one."""
        self._objects.put(self._full(key), data)

    def upload(self, key: str, file: BinaryIO) -> None:
        """Write an object as `put` does, from an open file, a piece at a time."""
        self._objects.upload(self._full(key), file)

    def get(self, key: str, max_bytes: int | None = None) -> bytes:
        """The content of an object. Raises `BucketNotFound`, `ObjectNotFound`, `ObjectTooLarge`."""
        with self._named(key):
            return self._objects.get(self._full(key), max_bytes)

    def download(self, key: str, path: Path, max_bytes: int) -> None:
        """Write the content of an object into a file. Raises as `get`, and `OutputUnwritable`."""
        with self._named(key):
            self._objects.download(self._full(key), path, max_bytes)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Every object below `prefix`, whole parts of a key. Raises `BucketNotFound`."""
        self._check()
        for each in self._objects.list(self._full(prefix)):
            yield StoredObject(each.key.removeprefix(self._prefix + "/"), each.written)

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        self._objects.delete(self._full(key))

    @contextmanager
    def _named(self, key: str) -> Iterator[None]:
        """Let errors speak of the bucket and its keys."""
        try:
            yield
        except ObjectNotFound:
            self._check()
            raise ObjectNotFound(key) from None
        except ObjectTooLarge as error:
            raise ObjectTooLarge(key, error.size, error.limit) from None

    def _full(self, key: str) -> str:
        if not _is_key(key):
            raise ObjectKeyInvalid(key)
        return f"{self._prefix}/{key}"

    def _check(self) -> None:
        if not self._objects.has(self._prefix):
            raise BucketNotFound(self._name)


def open_bucket(url: str, prefix: str, name: str) -> ObStore | Bucket:
    """A bucket.

    Args:
        url: of the object store of this process.
        prefix: below which its buckets are, if it is no S3.
        name: of the bucket.

    Raises:
        BucketNotFound: no bucket can have such a name; that there is none shows when it is read.
        StoreUnavailable: `url` cannot be opened.
    """
    if not _BUCKET.fullmatch(name):
        raise BucketNotFound(name)
    objects = ObStore(url)
    return ObStore(f"s3://{name}") if objects.is_remote else Bucket(objects, prefix, name)


def _is_key(key: str) -> bool:
    return len(key.encode(errors="replace")) <= MAX_KEY_BYTES and all(map(_is_part, key.split("/")))


def _is_part(name: str) -> bool:
    """Whether it is a part of a key: neither empty, nor another folder, nor unprintable."""
    return name.isprintable() and "\\" not in name and name not in ("", ".", "..")


def _open(url: str) -> LocalStore | MemoryStore | S3Store:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.query or parts.fragment or "\0" in path:
        raise StoreUnavailable(url, _EXPECTED)
    if parts.scheme == "s3" and _BUCKET.fullmatch(parts.netloc):
        return _open_s3(parts.netloc, path.strip("/"))
    if parts.netloc or parts.scheme not in ("file", "memory") or not path.startswith("/"):
        raise StoreUnavailable(url, _EXPECTED)
    return _open_memory(path) if parts.scheme == "memory" else _open_folder(Path(path))


@cache
def _open_memory(path: str) -> MemoryStore:
    """The one store of this address in this process."""
    return MemoryStore()


def _open_s3(bucket: str, prefix: str) -> S3Store:
    """A bucket of S3; obstore reads AWS_ACCESS_KEY_ID and the like, or asks the machine's role, when it is used."""
    seconds = timedelta(seconds=S3_SECONDS)
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options={"allow_http": _is_plain_http(os.environ), "timeout": seconds},
        retry_config={"max_retries": _RETRIES, "retry_timeout": seconds},
    )


def _is_plain_http(environment: Mapping[str, str]) -> bool:
    """Whether whoever set the endpoint chose one without encryption."""
    endpoints = (environment[name] for name in _ENDPOINTS if environment.get(name))
    return next(endpoints, "").startswith("http://")


def _open_folder(folder: Path) -> LocalStore:
    try:
        # Faces are personal data: a directory made for them is its owner's alone.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = f"the folder for photos cannot be made or entered: {error.strerror}; choose another"
        raise StoreUnavailable(str(folder), why) from error
    return LocalStore(folder)  # not with automatic_cleanup: making a folder would race with its removal


def _remove_fragments(folder: Path) -> None:
    """Remove files that obstore had begun to write, `name#1`, when its process died; it lists them to nobody."""
    long_ago = time.time() - FRAGMENT_SECONDS
    for path in folder.rglob("*#*"):
        with suppress(FileNotFoundError):  # another process may be quicker
            if _FRAGMENT.search(path.name) and path.stat().st_mtime < long_ago:
                path.unlink()


def _write(file: BinaryIO, piece: "Bytes | bytes") -> None:
    try:
        file.write(piece)
    except OSError as error:
        raise OutputUnwritable(file.name, reason(error)) from error


def _first_line(error: Exception) -> str:
    """What obstore says, without the dump of its insides that follows."""
    return str(error).partition("\n")[0]
