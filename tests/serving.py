"""A real `photocall serve` in a process of its own, for tests."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs.

    Attributes:
        url: without a slash at the end.
        process: its own.
        log: the file with what it says on standard error.
    """

    url: str
    process: "subprocess.Popen[str]"
    log: Path


@contextmanager
def served(data: Path, *arguments: str, log: Path | None = None, **settings: str) -> Iterator[Served]:
    """A server on a free port of this machine, ended at the end.

    Args:
        data: its data directory.
        arguments: of the command, beside --data and --port.
        log: where its standard error goes; by default beside the data.
        settings: by name in small letters, such as auth="on".
    """
    command = [sys.executable, "-m", "photocall", "serve", "--port", "0", "--data", str(data), *arguments]
    with running(command, log or data.with_suffix(".log"), settings) as server:
        yield server


@contextmanager
def running(command: Sequence[str], log: Path, settings: dict[str, str]) -> Iterator[Served]:
    """The process of a server whose first lines name its address; ended at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PHOTOCALL_")}
    cache = {name: os.environ[name] for name in ("PHOTOCALL_CACHE",) if name in os.environ}
    environment |= cache | {f"PHOTOCALL_{name.upper()}": value for name, value in settings.items()}
    with (
        log.open("w") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process,
    ):
        try:
            yield Served(_address(process, log), process, log)
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(process: "subprocess.Popen[str]", log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://[^\s\"/]+:\d+", line)
        if found:
            return found[0]
    raise AssertionError(f"the server said no address; it said: {log.read_text()}")
