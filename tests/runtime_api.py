"""AWS Lambda's side of a function, on this machine: the Runtime API on loopback, for real processes of `awslambdaric`.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. Between two events a process is frozen, as it is there.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self
from uuid import uuid4

ARN = "arn:aws:lambda:us-east-1:123456789012:function:photocall"

_VERSION = "/2018-06-01/runtime/"
_LOOK = 0.1  # seconds between two looks whether a process that works still lives


class FunctionFailed(Exception):
    """An event that was not handled.

    Attributes:
        kind: the `errorType` of it: the exception's name, Sandbox.Timedout, Runtime.ExitError ...
        told: all that Lambda tells of it: errorMessage, errorType, stackTrace.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['errorType']}: {told['errorMessage']}")
        self.kind, self.told = str(told["errorType"]), told


@dataclass(slots=True)
class _Invocation:
    """An event on its way to a process and back.

    Attributes:
        event: JSON.
        request_id: names it.
        deadline: seconds since 1970, from the moment when the process was given it.
        answer: what the process answered, JSON.
    """

    event: bytes
    request_id: str = field(default_factory=lambda: str(uuid4()))
    deadline: float = float("inf")
    answer: "Future[bytes]" = field(default_factory=Future)


class Environment:
    """One execution environment of a function: a process that is given one event after another. Ended by `close`.

    Attributes:
        log: the file with all that the process wrote to standard output and standard error.
    """

    def __init__(
        self,
        handler: str,
        log: Path,
        variables: Mapping[str, str] | None = None,
        *,
        seconds: float = 60,
        folder: Path | None = None,
        program: Sequence[str] = (sys.executable, "-m", "awslambdaric"),
    ) -> None:
        """Start the process; it imports its handler now, and is given events by `invoke`.

        Args:
            handler: such as photocall.aws.jobs.worker.
            log: file that is written.
            variables: what its environment has beside what every process needs; PHOTOCALL_* and AWS_* are not handed
                down, but for PHOTOCALL_CACHE.
            seconds: the function's timeout; importing does not count.
            folder: that it runs in, from which modules can be imported, too.
            program: what runs the handler, which is its last argument.
        """
        self.log, self._seconds = log, seconds
        self._waiting: SimpleQueue[_Invocation | None] = SimpleQueue()
        self._given: dict[str, _Invocation] = {}
        self._init_error: dict[str, Any] | None = None
        self._server = _Server(self)
        told = _environment(self._server.server_port, handler, variables or {})
        command = [*program, handler]
        with log.open("ab") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said, env=told, cwd=folder)
        self._serving = Thread(target=self._server.serve_forever, args=(0.02,))
        self._serving.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def lives(self) -> bool:
        """Whether it can be given another event."""
        return self._process.poll() is None

    def invoke(self, event: Any) -> Any:
        """The answer of the function to an event, both as JSON has them. Raises `FunctionFailed`."""
        invocation = _Invocation(json.dumps(event).encode())
        self._waiting.put(invocation)
        while True:
            try:
                return json.loads(invocation.answer.result(_LOOK) or b"null")
            except TimeoutError:
                self._look(invocation)

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self._process.kill()

    def close(self) -> None:
        """End the process at once, as Lambda does, and let go of everything."""
        self._process.kill()
        self._process.wait()
        self._waiting.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()

    def _look(self, invocation: _Invocation) -> None:
        """Fail an event whose process has ended, or takes too long."""
        if time.time() > invocation.deadline:
            self._process.kill()
            raise _failed("Sandbox.Timedout", f"Task timed out after {self._seconds:.2f} seconds")
        if self._process.poll() is not None and not invocation.answer.done():
            ended = f"Runtime exited with code {self._process.returncode}"
            raise FunctionFailed(self._init_error) if self._init_error else _failed("Runtime.ExitError", ended)

    # --- what the process asks for

    def next(self) -> _Invocation | None:
        """The next event, for which it waits frozen; None at the end."""
        self._signal(signal.SIGSTOP)
        invocation = self._waiting.get()
        self._signal(signal.SIGCONT)
        if invocation is not None:
            invocation.deadline = time.time() + self._seconds
            self._given[invocation.request_id] = invocation
        return invocation

    def told(self, what: str, body: bytes) -> None:
        """Take in what the process says: `init/error`, `invocation/ID/response` or `invocation/ID/error`."""
        if what == "init/error":
            self._init_error = json.loads(body)
            return
        _, request_id, kind = what.split("/")
        answer = self._given.pop(request_id).answer
        if kind == "response":
            answer.set_result(body)
        else:
            answer.set_exception(FunctionFailed(json.loads(body)))

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


class _Server(ThreadingHTTPServer):
    """The Runtime API of one environment, on a free port."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        super().__init__(("127.0.0.1", 0), _Request)


class _Request(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a small answer waits for 40 ms
    wbufsize = -1

    def handle(self) -> None:
        with suppress(ConnectionError):  # the process was ended
            super().handle()

    def do_GET(self) -> None:
        invocation = self.server.environment.next()
        if invocation is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Lambda-Runtime-Aws-Request-Id", invocation.request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(1000 * invocation.deadline)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
        self.send_header("Content-Length", str(len(invocation.event)))
        self.end_headers()
        self.wfile.write(invocation.event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.environment.told(self.path.removeprefix(_VERSION), body)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def _failed(kind: str, message: str) -> FunctionFailed:
    return FunctionFailed({"errorType": kind, "errorMessage": message})


def _environment(port: int, handler: str, variables: Mapping[str, str]) -> dict[str, str]:
    """What Lambda sets: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PHOTOCALL_", "AWS_"))}
    cache = {name: os.environ[name] for name in ("PHOTOCALL_CACHE",) if name in os.environ}
    own = {
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_NAME": "photocall",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return {**kept, **cache, **own, **variables}
