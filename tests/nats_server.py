"""A real NATS server with JetStream for tests, in a folder of its own and gone afterwards."""

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from s3_server import free_port

CONFIGURATION = """
host: 127.0.0.1
port: {port}
http: 127.0.0.1:{monitor}
jetstream {{ store_dir: "{folder}/jetstream" }}
authorization {{ users: [ {{
  user: ada, password: "{password}",
  permissions: {{ publish: ["photocall.>", "$JS.>"], subscribe: "_INBOX.>" }}
}} ] }}
"""

PASSWORD = "hush%2Fhush"
"""As it is written in an address; what it means is hush/hush."""


def nats_program() -> Path | None:
    """The server; Debian keeps it beside the path of those who are not root."""
    found = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


class NatsServer:
    """A server on a free port, which it keeps over restarts; asked by a user with a password."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="photocall-nats-"))
        self.port, self._monitor = free_port(), free_port()
        self.start()

    @property
    def url(self) -> str:
        """The address, with user and password."""
        return f"nats://ada:{PASSWORD}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until JetStream is ready."""
        config = self._folder / "nats.conf"
        written = {"port": self.port, "monitor": self._monitor, "folder": self._folder, "password": "hush/hush"}
        config.write_text(CONFIGURATION.format(**written))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self._program, "-c", config], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._is_ready():
            log_text = (self._folder / "log").read_text()
            assert self._process.poll() is None and time.monotonic() < deadline, log_text
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it: in good order by SIGTERM, in the middle of everything by SIGKILL."""
        self._process.send_signal(how)
        self._process.wait(30)

    def pause(self) -> None:
        """Let it hold its connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._process.send_signal(signal.SIGCONT)

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self._monitor}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._folder)
