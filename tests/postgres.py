"""A real PostgreSQL server for tests, in a folder of its own and gone afterwards."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from sqlalchemy import URL

NUMBERS = count()

SETTINGS = {
    "fsync": "off",  # a server that is killed keeps its word; a machine that is cut off is not tested here
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "logging_collector": "off",
}


def postgres_programs() -> Path | None:
    """The folder with `initdb` and `postgres`; Debian keeps them beside the path."""
    places = [Path(found).parent for name in ("initdb", "postgres") if (found := shutil.which(name))]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


class PostgresServer:
    """A server on a free port; databases are reached by a user with a password."""

    def __init__(self, programs: Path) -> None:
        self._programs, self._password = programs, secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="photocall-postgres-"))
        self.port = _free_port()
        self._user, self._group, self._groups = _owner(self._folder)
        self._initialise()
        self.start()

    def _initialise(self) -> None:
        password = self._folder / "password"
        password.write_text(self._password)
        password.chmod(0o644)
        where = ["-D", str(self._folder / "data"), "-U", "ada", "--pwfile", str(password)]
        how = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        ended = self._begin("initdb", *where, *how).wait()
        assert ended == 0, (self._folder / "log").read_text()

    def _begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(self._programs / program), *arguments]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._group,
                extra_groups=self._groups,
            )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**SETTINGS, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process = self._begin("postgres", "-D", str(self._folder / "data"), *options)
        deadline = time.monotonic() + 60
        while not self._answers():
            log_text = (self._folder / "log").read_text()
            assert self._process.poll() is None and time.monotonic() < deadline, log_text
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: at once by SIGINT, in the middle of everything by SIGQUIT."""
        self._process.send_signal(how)
        self._process.wait(30)

    def _answers(self) -> bool:
        try:
            self.run()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str, password: str | None = None) -> str:
        """The address of a database."""
        url = URL.create("postgresql", "ada", password or self._password, "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    def run(self, *statements: str) -> None:
        """Run SQL outside of every transaction, in the server's own database."""
        with psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=10) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def new_database(self, *options: str) -> str:
        """The address of a new, empty database."""
        name = f"photocall_{next(NUMBERS)}"
        self.run(" ".join([f"CREATE DATABASE {name} TEMPLATE template0", *options]))
        return self.url(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _owner(folder: Path) -> tuple[int | None, int | None, list[int] | None]:
    """Whom a program that refuses to be root's may belong to, and then the folder too: user, group, other groups."""
    if os.geteuid() != 0:
        return None, None, None
    names = {each.pw_name for each in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return user.pw_uid, user.pw_gid, []
