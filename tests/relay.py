"""A wire between a client and a server on this machine that can be cut: connections stay, and nothing comes through."""

import socket
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

PIECE = 65536


class Relay:
    """Listens on a port of its own and passes everything on to another one."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._whole = Event()
        self._whole.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing through any more, in either direction."""
        self._whole.clear()

    def mend(self) -> None:
        """Let through what has waited, and all that comes."""
        self._whole.set()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for ends in ((client, server), (server, client)):
                    Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with source:  # the thread of the other direction closes the target
            with suppress(OSError):
                while piece := source.recv(PIECE):
                    self._whole.wait()
                    target.sendall(piece)
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._whole.set()
