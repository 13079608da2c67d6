"""A folder whose files are work: which of them are complete, and when to look again.

Nothing is remembered on disk. What has been sent shows in the results, since a job's id follows from the file's name,
size and time: whoever looks at the folder anew sends nothing twice, and again only what has changed.
"""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

QUIET_SECONDS = 1.0
"""A file that has not changed for so long is complete; who copies slower over a network writes beside and renames."""

LOOK_SECONDS = 60.0
"""A folder is looked at so often even if the system reports no change, since network drives report none."""

_WAKE_SECONDS = 0.25  # for reports of changes, or to see whether something has become complete

_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".swp", "~")
"""How programs that copy, download or edit name what they have not finished."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it was when the folder was looked at.

    Attributes:
        path: where it is.
        key: its path below the folder, parts separated by slashes.
        modified: when it was last written, nanoseconds since 1970.
        size: in bytes.
    """

    path: Path
    key: str
    modified: int
    size: int

    @property
    def request_id(self) -> str:
        """Another one if the file changes, else the same for ever."""
        return f"{self.modified}-{self.size}"


class WatchedFolder:
    """The files of a folder and of the folders in it, as far as nobody has dealt with them.

    Hidden files, those named like unfinished ones, empty ones and links are left alone.
    """

    def __init__(self, folder: Path, quiet: float = QUIET_SECONDS) -> None:
        """Look at nothing yet.

        Args:
            folder: need not be there all the time.
            quiet: seconds without a change after which a file is complete.
        """
        self._folder, self._quiet = folder, quiet
        self._settled: set[FoundFile] = set()
        self._since: dict[FoundFile, float] = {}

    @property
    def is_settled(self) -> bool:
        """Whether the last look left nothing to be done."""
        return not self._since

    def complete(self) -> list[FoundFile]:
        """Look at every file; those that are complete and have not been settled, by key."""
        now, found = time.monotonic(), set(_files(self._folder))
        self._settled &= found
        self._since = {file: self._since.get(file, now) for file in found - self._settled}
        return sorted((file for file, since in self._since.items() if now - since >= self._quiet), key=_key)

    def settle(self, file: FoundFile) -> None:
        """Leave a file alone from now on, until it changes."""
        self._since.pop(file, None)
        self._settled.add(file)


def wake_ups(folder: Path, stopping: Event, waiting: WatchedFolder) -> Iterator[None]:
    """Come back whenever it is time to look at a folder: first almost at once, and no more when told to stop.

    Args:
        folder: that is watched, with the folders in it.
        stopping: ends the iteration.
        waiting: has its files looked at again soon, while it is not settled.
    """
    from watchfiles import watch  # an extra

    pause, looked = round(1000 * _WAKE_SECONDS), float("-inf")
    # From its first round on, the system reports changes: no file is overlooked between a look and the next.
    for changes in watch(
        folder, watch_filter=None, debounce=pause, rust_timeout=pause, stop_event=stopping, yield_on_timeout=True
    ):
        if changes or time.monotonic() - looked >= (LOOK_SECONDS if waiting.is_settled else QUIET_SECONDS / 2):
            looked = time.monotonic()
            yield


def _files(folder: Path) -> Iterator[FoundFile]:
    for place, folders, names in os.walk(folder):
        folders[:] = filter(_is_wanted, folders)
        for name in filter(_is_wanted, names):
            path = Path(place, name)
            try:
                status = path.lstat()  # not what a link points to, which may be anybody's
            except OSError:  # it has just gone
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size:
                yield FoundFile(path, path.relative_to(folder).as_posix(), status.st_mtime_ns, status.st_size)


def _is_wanted(name: str) -> bool:
    return not name.startswith((".", "~$", "#")) and not name.lower().endswith(_UNFINISHED)


def _key(file: FoundFile) -> str:
    return file.key
