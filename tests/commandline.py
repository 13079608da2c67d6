"""Commands as they are typed: in this process, which is quick, or in one of their own where that is what matters."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photocall.cli import main

COMMAND = (sys.executable, "-m", "photocall")

_PROBLEM = re.compile(r"photocall: \S.*?: \S.*")


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines of standard error, each of which must be `photocall: <what>: <reason>` and harmless to show."""
        *lines, rest = self.err.split("\n")
        assert not rest, rest
        for line in lines:
            assert _PROBLEM.fullmatch(line), self.err
            assert line.isprintable(), ascii(line)
        return lines

    @property
    def values(self) -> list[Any]:
        """The lines of standard output as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    def names(self, expected: Mapping[Path, str]) -> bool:
        """Whether there is one problem for each file, in this order, that gives it the reason."""
        found = self.problems
        assert len(found) == len(expected), self.err
        for line, (path, reason) in zip(found, expected.items(), strict=True):
            assert line.startswith(f"photocall: {path}: "), line
            assert reason in line, line
        return True


def photocall(*arguments: object) -> Answer:
    """Run a command in this process, with the streams that a terminal in a UTF-8 locale gives it."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code: object = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
    assert isinstance(code, int)
    return Answer(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def process(*arguments: object, **options: Any) -> Answer:
    """Run a command in a process of its own; `options` are those of `subprocess.run`."""
    command = [*COMMAND, *map(str, arguments)]
    settings: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "encoding": "utf-8",
        "timeout": 60,
    } | options
    done = subprocess.run(command, check=False, **settings)
    return Answer(done.returncode, done.stdout or "", done.stderr or "")


def data_with(folder: Path, *arguments: object) -> Path:
    """A data directory in which `photocall enroll` was run with the arguments, without a problem."""
    answer = photocall("enroll", *arguments, "--data", folder)
    assert (answer.code, answer.err) == (0, "")
    return folder


def everybody(data: Path) -> dict[str, int]:
    """How many faces of each student are enrolled in a data directory."""
    answer = photocall("students", "--data", data, "--json")
    assert (answer.code, answer.err) == (0, "")
    return {student["name"]: student["faces"] for student in answer.values[0]}
