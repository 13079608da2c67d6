"""Files as the user gives and takes them: checked before they are read, whole or absent after they are written.

Reading refuses what is no plain file (a directory, a pipe, a device that never ends) and what is too large before a
byte is read. Writing goes to a temporary file beside the target, so that nobody ever sees half a result.
"""

import errno
import os
import secrets
import stat
from pathlib import Path

from photocall.errors import OutputUnwritable

_WORDS = {
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "it is a directory",
    errno.EEXIST: "a part of its path is a file, not a directory",
    errno.ENOTDIR: "a part of its path is a file, not a directory",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the disk is read-only",
}


def reason(error: OSError) -> str:
    """What went wrong with a file, in plain words without its name."""
    return _WORDS.get(error.errno or 0, error.strerror or "it cannot be accessed")


def read_file(path: Path, limit: int | None = None, *, head: int | None = None) -> bytes:
    """The content of a plain file.

    Args:
        path: a regular file, or a link to one.
        limit: the largest size allowed, in bytes; any size without it.
        head: read no more than so many bytes from the start; everything without it.

    Raises:
        OSError: it is missing, unreadable, empty, too large or no plain file; `reason` says which.
    """
    try:
        status = path.stat()
    except ValueError as error:  # a NUL byte in the name
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
    _check(status, limit)
    with path.open("rb") as file:
        return file.read(-1 if head is None else head)


def _check(status: os.stat_result, limit: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file")
    if status.st_size == 0:
        raise OSError(errno.EINVAL, "it is empty")
    if limit is not None and status.st_size > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit / 2**20:.0f} MiB")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, even after a power cut; missing directories are made.

    Raises:
        OutputUnwritable: with the reason; the target is as it was before and no temporary file is left.
    """
    if not path.name:
        raise OutputUnwritable(str(path), "it names no file")
    try:
        target = Path(os.path.realpath(path))  # a link stays a link, and what it points to is written
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():  # a pipe or a device would be replaced by a plain file
            raise OutputUnwritable(str(path), "it is a directory" if target.is_dir() else "it is not a plain file")
        _write_and_rename(target, data)
    except OSError as error:
        raise OutputUnwritable(str(path), reason(error)) from error
    except ValueError as error:
        raise OutputUnwritable(str(path), "its name holds a NUL character") from error


def _write_and_rename(path: Path, data: bytes) -> None:
    # Same directory, so that the rename stays within one file system; "x" gives the usual permissions, unlike mkstemp.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
