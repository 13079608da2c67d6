"""A listening socket, and uvicorn behind it: how the server starts, bears slow clients, and stops.

The first SIGTERM or SIGINT stops listening and lets what is in flight be answered; a second one ends the process at
once, which loses nothing that was committed.
"""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from photocall.errors import SettingInvalid
from photocall.media.files import reason
from photocall.server.http import make_http
from photocall.server.logs import start_log
from photocall.server.memory import give_back_large_blocks
from photocall.server.school import clock
from photocall.server.service import Service, open_service
from photocall.settings import Settings

HEAD_SECONDS = 10
"""How long a client may take from its connection, or from its next request's first byte, to the end of the headers."""

MAX_HEAD_BYTES = 64 * 2**10
"""Of a request line with all headers, and of what may follow a body; h11's limit."""

IDLE_SECONDS = 30
"""How long a connection is kept for another request."""

WRITE_SECONDS = 30
"""How long a client may take none of its answer."""

LINGER_SECONDS = 30
"""How long a client may go on sending a body that has been refused."""

STOP_SECONDS = 25
"""What is in flight may take so long when the server stops; Kubernetes and Docker kill after 30 and 10."""

MAX_CONNECTIONS = 2000
"""Beyond it requests are refused without a look at them."""

BACKLOG = 512
"""Connections that may wait to be accepted."""


class Protocol(HttpToolsProtocol):
    """HTTP with a limit of time on every step that waits for the client, and of size on headers."""

    _due: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _head = 0  # bytes that came since something was complete
    _in_head = True
    _went_on = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._give(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._give(None)
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, if its headers, and what may follow its body, are not too long."""
        self._went_on = False
        super().data_received(data)
        self._head = 0 if self._went_on else self._head + len(data)
        if self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The request's headers are too long.")

    def on_message_begin(self) -> None:
        """Begin to wait for the headers."""
        super().on_message_begin()
        self._in_head = True
        self._give(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; there may be some after a body, too, which nobody reads."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer; how long the body may take is for `Limits` to say."""
        self._in_head, self._went_on = False, True
        self._give(None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Know that a refused body is through."""
        self._went_on = True
        self._give(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Give a client that was refused time to send the rest of its body."""
        if self.cycle.more_body:
            self._give(LINGER_SECONDS)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to wait for the client to take its answer, whatever it sends meanwhile."""
        super().pause_writing()
        self._watch(None)

    def resume_writing(self) -> None:
        """Go on."""
        self._stop_watching()
        super().resume_writing()

    def _give(self, seconds: float | None) -> None:
        """Close the connection after so many seconds, instead of what was set before."""
        if self._due is not None:
            self._due.cancel()
        self._due = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)

    def _watch(self, before: int | None) -> None:
        """Close the connection if the client takes nothing of its answer for a while."""
        left = self.transport.get_write_buffer_size()
        if before is not None and left >= before:
            self.transport.abort()
        else:
            self._stalled = self.loop.call_later(WRITE_SECONDS, self._watch, left)

    def _stop_watching(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()


class Server(uvicorn.Server):
    """uvicorn, stopped by `stop`; tells when it listens, and ends when there can be no engine."""

    def __init__(self, config: uvicorn.Config, service: Service, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._listening = service, listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell it."""
        await super().startup(sockets)
        self._listening()

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop."""
        return await super().on_tick(counter) or self._service.failure is not None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `stopping`: uvicorn's own way ends a stopped process by the signal, as if it had failed."""
        yield

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Stop; called again, end the process."""
        if self.should_exit:
            os._exit(128 + number)
        self.should_exit = True


@contextmanager
def _stopping(server: Server) -> Iterator[None]:
    """The signals that ask for a stop go to the server."""
    before = {number: signal.signal(number, server.stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(settings: Settings, announce: Callable[[str, Service], None]) -> None:
    """Answer requests until a signal says to stop.

    Args:
        settings: of this process.
        announce: told the address, and what answers there, as soon as it does.

    Raises:
        SettingInvalid: nothing can listen on this host and port.
        StoreUnavailable: the database or the folder for photos cannot be opened.
        PhotocallError: the engine cannot be loaded.
    """
    with listen(settings.host, settings.port) as listener:
        start_log(debug=settings.debug)
        give_back_large_blocks()
        with open_service(settings) as service:
            server = Server(_config(service), service, lambda: announce(address_of(listener), service))
            with _stopping(server), clock.running(service):
                server.run([listener])
                if service.failure is not None:
                    raise service.failure


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, for whoever asks the operating system which address a name is.

    Raises:
        SettingInvalid: it is no address of this machine, or the port is taken or not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise SettingInvalid("host", f"{host!r} is no name or address of this machine; try 127.0.0.1") from error
    try:
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except PermissionError as error:
        raise SettingInvalid("port", f"{port} is for the system's own services; take 1024 or more") from error
    except OSError as error:
        raise _cannot_listen(host, port, error) from error


def _cannot_listen(host: str, port: int, error: OSError) -> SettingInvalid:
    match error.errno:
        case errno.EADDRINUSE:
            return SettingInvalid("port", f"{port} is taken by another program; take another, or 0 for any free one")
        case errno.EADDRNOTAVAIL:
            return SettingInvalid("host", f"{host!r} is no address of this machine; try 127.0.0.1")
    return SettingInvalid("host", f"nothing can listen on {host!r}: {reason(error)}")


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket, with the port that it really has."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        make_http(service),
        http=Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
