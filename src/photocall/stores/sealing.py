"""Templates sealed: AES-256-GCM under a key that is not in the database.

What is sealed is a version (1 byte), the id of the key (4), a random nonce (12), the encrypted template and a tag (16).
The place of a template in the database is authenticated with it: moved to another row, it cannot be opened. A plain
template is whole float32 numbers, so its length, unlike that of a sealed one, can be divided by 4; both may be in one
database.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from photocall.errors import StoreUnavailable
from photocall.stores.template_keys import ID_BYTES, KeyFile, TemplateKey, make_keys, new_key, read_keys, write_keys

VERSION = b"\1"
PREFIX = len(VERSION) + ID_BYTES
"""Bytes that say under which key something is sealed."""

NONCE = 12
"""Bytes of a nonce: random ones do for 2^32 templates under one key (NIST SP 800-38D, 8.3)."""

TAG = 16
OVERHEAD = PREFIX + NONCE + TAG

_START = PREFIX + NONCE

NUMBER = 4
"""Bytes of a float32."""


class Sealer:
    """Seals and opens templates; safe from many threads.

    It notices when another process has changed the file of keys. Keys that it has seen it remembers for opening, even
    if the file has lost them since.
    """

    def __init__(self, file: KeyFile) -> None:
        """Nothing is read yet: `begin` does that."""
        self._file = file
        self._lock = Lock()
        self._newest: TemplateKey | None = None
        self._ciphers: dict[bytes, AESGCM] = {}
        self._made: dict[bytes, datetime] = {}
        self._state: tuple[int, ...] | None = None

    @property
    def seals(self) -> bool:
        """Whether new templates are sealed."""
        return self._file.path is not None

    def begin(self, anything_sealed: Callable[[], bool]) -> None:
        """Read the keys, making them if they are missing and may be made.

        Args:
            anything_sealed: whether there are templates whose keys must be somewhere, so that new ones must not hide
                that they are lost.

        Raises:
            StoreUnavailable: there is no file of keys and it may not be made, or it cannot be used.
        """
        path = self._file.path
        if path is None:
            return
        if not _is_there(path):
            if anything_sealed():
                told = "the keys are missing that templates in the database are sealed under; put the file back, or "
                raise StoreUnavailable(str(path), told + "let PHOTOCALL_TEMPLATE_KEYS name the one that has them")
            if not self._file.may_be_made:
                told = "there is no such file of keys; make it with: photocall templates rotate, or let "
                raise StoreUnavailable(str(path), told + "PHOTOCALL_TEMPLATE_KEYS name the one that there is")
            make_keys(path)
        self.refresh()

    def refresh(self) -> None:
        """Know what is in the file of keys now. Raises `StoreUnavailable`."""
        if self._file.path is None:
            return
        with self._lock:
            state = _state(self._file.path)
            if state is None or state != self._state:
                self._learn(self._read(self._file.path))
                self._state = state

    def _read(self, path: Path) -> list[TemplateKey]:
        try:
            return read_keys(path)
        except FileNotFoundError:
            raise StoreUnavailable(str(path), "the file of keys is gone; put it back") from None

    def _learn(self, keys: Sequence[TemplateKey]) -> None:
        self._ciphers |= {key.key_id: AESGCM(key.secret) for key in keys}
        self._made = {key.key_id: key.created for key in keys}
        self._newest = keys[0]

    def keys(self) -> dict[bytes, datetime]:
        """When each key in the file was made, by its id, the newest first. Raises `StoreUnavailable`."""
        self.refresh()
        return self._made

    def add_key(self) -> None:
        """Let a new key seal from now on. Raises `StoreUnavailable`. Only while nobody else changes the file."""
        if self._file.path is not None:
            write_keys(self._file.path, [new_key(), *self._read(self._file.path)])
            self.refresh()

    def drop_keys(self) -> list[bytes]:
        """Forget all but the newest key; the ids of the others. Raises `StoreUnavailable`.

        Only while nobody else seals or changes the file, and nothing is sealed under another one.
        """
        if self._file.path is None:
            return []
        newest, *others = self._read(self._file.path)
        if others:
            write_keys(self._file.path, [newest])
            self.refresh()
        return [key.key_id for key in others]

    @property
    def prefix(self) -> bytes:
        """What stands before everything that is sealed under the newest key; empty where nothing is sealed."""
        return VERSION + self._newest.key_id if self._newest else b""

    def seal(self, template: bytes, *place: str) -> bytes:
        """A template for its place in the database; as it is if it is empty, or nothing is to be sealed.

        Args:
            template: float32 numbers.
            place: where it will be: the table, and the key of the row.

        Raises:
            ValueError: its length is not one of whole numbers.
        """
        newest = self._newest
        if newest is None or not template:
            return template
        if len(template) % NUMBER:
            raise ValueError(f"a template is whole numbers of {NUMBER} bytes, not {len(template)} bytes")
        nonce = os.urandom(NONCE)
        sealed = self._ciphers[newest.key_id].encrypt(nonce, template, place_of(*place))
        return VERSION + newest.key_id + nonce + sealed

    def open(self, kept: bytes, *place: str) -> bytes:
        """The template that is kept at a place, sealed or plain.

        Raises:
            StoreUnavailable: its key is missing, or it is not what was sealed for this place.
        """
        if not is_sealed(kept):
            return kept
        key_id = kept[len(VERSION) : PREFIX]
        cipher = self._ciphers.get(key_id) or self._found(key_id)
        try:
            return cipher.decrypt(kept[PREFIX:_START], kept[_START:], place_of(*place))
        except InvalidTag:
            told = f"a template is not what was sealed there under the key {key_id.hex()}: the row was changed by"
            told += " another program, or the keys are not those of this database; restore both from copies"
            raise StoreUnavailable(self._name, told) from None

    def open_all(self, kept: Sequence[bytes], table: str, owner: str, names: Sequence[str]) -> Sequence[bytes]:
        """The templates that are kept in a table at the places (owner, name), sealed or plain. Raises as `open`."""
        sealed = set(map(is_sealed, kept))
        if True not in sealed:
            return kept
        start, keys = place_of(table, owner), {each[:PREFIX] for each in kept}
        cipher = self._ciphers.get(keys.pop()[len(VERSION) :]) if len(keys) == 1 and False not in sealed else None
        if cipher is not None:  # as almost always: half the time of what is below
            try:
                pairs = zip(kept, names, strict=True)
                return [cipher.decrypt(each[PREFIX:_START], each[_START:], start + _part(name)) for each, name in pairs]
            except InvalidTag:
                pass  # told below
        return [self.open(each, table, owner, name) for each, name in zip(kept, names, strict=True)]

    def _found(self, key_id: bytes) -> AESGCM:
        """The cipher of a key that another process may have added."""
        self.refresh()
        if key_id in self._ciphers:
            return self._ciphers[key_id]
        if self.seals:
            told = f"it lacks the key {key_id.hex()}, which templates are sealed under; restore it from a copy, or let"
            raise StoreUnavailable(self._name, f"{told} PHOTOCALL_TEMPLATE_KEYS name the file that has it")
        told = f"they are sealed under the key {key_id.hex()}; let PHOTOCALL_TEMPLATE_KEYS name the file that has it"
        raise StoreUnavailable(self._name, told)

    @property
    def _name(self) -> str:
        """What a message is about."""
        return str(self._file.path or "templates")


def is_sealed(kept: bytes) -> bool:
    """Whether a template is sealed: a plain one has another length."""
    return len(kept) > OVERHEAD and len(kept) % NUMBER == OVERHEAD % NUMBER and kept[:1] == VERSION


def place_of(*names: str) -> bytes:
    """A place in the database as bytes that no other place has."""
    return b"".join(map(_part, names))


def _part(name: str) -> bytes:
    encoded = name.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(encoded), encoded)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):  # whoever reads it says why
        return True
    return True


def _state(path: Path) -> tuple[int, ...] | None:
    """What changes whenever a file is replaced; None if it cannot be told."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
