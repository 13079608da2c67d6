"""Commands that can be killed at any moment of their work."""

import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageOps

from photocall.faces import ByteArray

SERVER = """
import os, sys
import photocall.commands.migrate, photocall.commands.people, photocall.commands.videos
from photocall.cli import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(main(line.rstrip("\\n").split("\\t")))
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Loads everything once, and runs each command it reads in a child, which so begins to work at once.

The child's number stays taken until another line comes, so that a kill that is late hits nobody else.
"""


class Commands:
    """Commands in processes of their own that begin in milliseconds, so that a kill hits their work."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", SERVER]
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        assert self._server.stdin is not None and self._server.stdout is not None
        self._to, self._from = self._server.stdin, self._server.stdout

    def start(self, *arguments: object) -> int:
        """Begin a command; its process."""
        self._to.write("\t".join(map(str, arguments)) + "\n")
        self._to.flush()
        return int(self._from.readline())

    def end(self) -> int:
        """Wait for the command; its exit code, or the signal that killed it as a negative number."""
        self._to.write("\n")
        self._to.flush()
        return int(self._from.readline())

    def close(self) -> None:
        with self._server:
            self._to.close()


def write_class(folder: Path, portraits: dict[str, ByteArray]) -> None:
    """A class of three in ten photos, for enrolment."""
    who = {"obama": "Barack Obama", "obama2": "Barack Obama", "obama3": "Barack Obama"}
    who |= {"biden": "Joe Biden", "astronaut": "Eileen Collins"}
    for name, person in who.items():
        (folder / person).mkdir(exist_ok=True)
        picture = Image.fromarray(portraits[name])
        picture.thumbnail((700, 700))
        picture.save(folder / person / f"{name}.jpg")
        ImageOps.mirror(picture).save(folder / person / f"{name} mirrored.jpg")
