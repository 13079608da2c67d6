"""The file of keys that templates are sealed under: one a line, the newest first, its owner's alone.

It is apart from the database, so that a copy of one is of no use without the other. A line is the key's id (8
hexadecimal digits), the key (64) and when it was made; what follows a # is for people.
"""

import os
import re
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from photocall.errors import StoreUnavailable
from photocall.media.files import reason

HEADING = """# The keys that templates of faces are sealed under, the newest first.
# Without them nobody can recognise anybody: keep a copy, but not beside a copy of the database.
"""

KEY_BYTES = 32
"""AES-256."""

ID_BYTES = 4

MAX_FILE_BYTES = 64 * 2**10

_LINE = re.compile(rf"([0-9a-f]{{{2 * ID_BYTES}}}) ([0-9a-f]{{{2 * KEY_BYTES}}}) (\S+)")


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """A key of AES-256.

    Attributes:
        key_id: random; stands before what is sealed under it.
        secret: `KEY_BYTES` random bytes.
        created: with a time zone.
    """

    key_id: bytes
    secret: bytes = field(repr=False)
    created: datetime


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where the keys are.

    Attributes:
        path: of the file; None where nothing is sealed.
        may_be_made: whether it is made if it is missing and nothing is sealed yet.
    """

    path: Path | None
    may_be_made: bool = False


NO_KEYS = KeyFile(None)
"""Nothing is sealed."""


def new_key() -> TemplateKey:
    """A key that nobody has seen yet."""
    created = datetime.now(UTC).replace(microsecond=0)
    return TemplateKey(secrets.token_bytes(ID_BYTES), secrets.token_bytes(KEY_BYTES), created)


def read_keys(path: Path) -> list[TemplateKey]:
    """The keys in a file, the newest first; there is at least one.

    Raises:
        FileNotFoundError: there is no such file.
        StoreUnavailable: it cannot be read, others may read it, or it is no file of keys.
    """
    try:
        with path.open("rb") as file:
            _check(path, os.fstat(file.fileno()))
            text = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        told = reason(error) if isinstance(error, OSError) else "no file can have that name"
        raise StoreUnavailable(str(path), f"the keys of templates cannot be read: {told}") from error
    return _parsed(path, text)


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreUnavailable(str(path), "the keys of templates must be in a plain file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise StoreUnavailable(str(path), f"others may use the keys in it (its mode is {mode:04o}); chmod 600 it")


def _parsed(path: Path, text: bytes) -> list[TemplateKey]:
    keys = []
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), start=1):
        told = line.partition("#")[0].strip()
        if told:
            keys.append(_key(path, number, told))
    if not keys or len({key.key_id for key in keys}) < len(keys) or len(text) > MAX_FILE_BYTES:
        raise StoreUnavailable(str(path), "it is no file of keys: lines like ID KEY CREATED, each id once")
    return keys


def _key(path: Path, number: int, line: str) -> TemplateKey:
    """The key in a line; the line itself, which is secret, is in no message."""
    match = _LINE.fullmatch(line)
    try:
        created = datetime.fromisoformat(match[3]) if match else None
    except ValueError:
        created = None
    if match is None or created is None or created.tzinfo is None:
        told = f"line {number} is not an id of 8 and a key of 64 hexadecimal digits, and a time; restore it from a copy"
        raise StoreUnavailable(str(path), told)
    return TemplateKey(bytes.fromhex(match[1]), bytes.fromhex(match[2]), created)


def make_keys(path: Path) -> None:
    """Make a file with one key, unless another process is faster. Raises `StoreUnavailable`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put(path, [new_key()], replace=False)
    except FileExistsError:
        return
    except OSError as error:
        raise _not_written(path, error) from error


def write_keys(path: Path, keys: Sequence[TemplateKey]) -> None:
    """Let a file hold these keys, the newest first: all or, even after a power cut, those that it held before.

    Raises:
        StoreUnavailable: it cannot be written.
    """
    try:
        _put(Path(os.path.realpath(path)), keys, replace=True)  # a link stays a link
    except OSError as error:
        raise _not_written(path, error) from error


def _put(path: Path, keys: Sequence[TemplateKey], *, replace: bool) -> None:
    lines = [f"{key.key_id.hex()} {key.secret.hex()} {key.created.isoformat()}\n" for key in keys]
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write((HEADING + "".join(lines)).encode())
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # unlike a rename, it replaces nothing
    finally:
        temporary.unlink(missing_ok=True)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    """Let the names in a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _not_written(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(str(path), f"the keys of templates cannot be written: {reason(error)}")
