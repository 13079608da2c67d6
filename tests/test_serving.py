"""Connections: clients that are slow, silent or endless are let go, and headers have an end."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from photocall.errors import SettingInvalid
from photocall.server import serving
from photocall.server.serving import MAX_HEAD_BYTES, Protocol, address_of, listen

LARGE = 64 * 2**20


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, without a look at the body: /large with many bytes, anything else with the headers' names."""
    names = b" ".join(name for name, _ in scope["headers"])
    if scope["path"] == "/trailers":
        while (await receive()).get("more_body"):
            pass
        names = b" ".join(name for name, _ in scope["headers"])
    body = bytes(LARGE) if scope["path"] == "/large" else names
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def listening() -> Iterator[tuple[int, uvicorn.Server]]:
    """A server with this protocol, and its port."""
    config = uvicorn.Config(application, http=Protocol, lifespan="off", ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield listener.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def connected(sent: bytes, **patience: float) -> Iterator[socket.socket]:
    """A connection over which something was sent, to a server that has as much patience."""
    with server_and_connection(sent, **patience) as (_, connection):
        yield connection


@contextmanager
def server_and_connection(sent: bytes, **patience: float) -> Iterator[tuple[uvicorn.Server, socket.socket]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, seconds in patience.items():
            patch.setattr(serving, name, seconds)
        with listening() as (port, server), closing(socket.create_connection(("127.0.0.1", port), 30)) as connection:
            connection.sendall(sent)
            yield server, connection


def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(2**20):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_who_does_not_finish_the_headers_is_let_go(sent: bytes) -> None:
    with connected(sent, HEAD_SECONDS=0.05) as connection:
        assert everything(connection) == b""


def test_who_begins_another_request_and_does_not_finish_it_is_let_go() -> None:
    with connected(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", HEAD_SECONDS=0.05) as connection:
        assert connection.recv(2**16).endswith(b"\r\n\r\nhost")
        connection.sendall(b"GET / HTTP")
        assert everything(connection) == b""


def test_a_request_that_comes_in_time_is_answered_after_a_silence() -> None:
    with connected(b"", HEAD_SECONDS=60) as connection:
        connection.sendall(b"GET / HT")
        connection.sendall(b"TP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert everything(connection).endswith(b"\r\n\r\nhost connection")


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nx: ", b"GET /", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100])
def test_headers_without_end_are_refused(start: bytes) -> None:
    with connected(start) as connection:
        connection.sendall(b"x" * (MAX_HEAD_BYTES + 1))
        assert everything(connection).startswith(b"HTTP/1.1 400 ")


def test_a_long_body_and_the_beginning_of_another_request_are_no_headers() -> None:
    body = b"x" * (2 * MAX_HEAD_BYTES)
    first = b"POST /trailers HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
    with connected(first + body + b"GET / HT") as connection:
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"TP/1.1\r\nconnection: close\r\n\r\n")
        assert everything(connection).endswith(b"\r\n\r\nconnection")


def test_what_follows_a_body_is_no_header() -> None:
    headers, body = b"connection: close\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n0\r\nlate: x\r\n\r\n"
    with connected(b"POST /trailers HTTP/1.1\r\n" + headers + body) as connection:
        assert everything(connection).endswith(b"\r\n\r\nconnection transfer-encoding")


def test_a_trailer_without_end_is_refused() -> None:
    head = b"POST /trailers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nlate: "
    with connected(head) as connection, pytest.raises(OSError):
        for _ in range(2 * LARGE // 2**16):
            connection.sendall(b"x" * 2**16)


def test_who_takes_nothing_of_an_answer_is_let_go_though_another_request_came_meanwhile() -> None:
    asked = b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n"
    with server_and_connection(asked, WRITE_SECONDS=0.2) as (server, connection):
        assert connection.recv(1)
        connection.sendall(asked)
        while server.server_state.connections:
            time.sleep(0.01)
        assert len(everything(connection)) < LARGE


def test_who_takes_nothing_of_an_answer_is_let_go() -> None:
    asked = b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with server_and_connection(asked, WRITE_SECONDS=0.05) as (server, connection):
        while not server.server_state.total_requests or server.server_state.connections:
            time.sleep(0.01)
        assert len(everything(connection)) < LARGE


def test_who_takes_an_answer_slowly_gets_all_of_it() -> None:
    with connected(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", WRITE_SECONDS=5) as connection:
        assert len(everything(connection)) > LARGE


def test_who_was_answered_and_goes_on_sending_a_body_is_let_go() -> None:
    sent = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    with connected(sent, LINGER_SECONDS=0.05) as connection:
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"1\r\nx\r\n")
        assert everything(connection) == b""


# --- addresses


def test_the_address_has_the_port_that_is_really_listened_on() -> None:
    with listen("127.0.0.1", 0) as listener:
        host, port = listener.getsockname()
        assert address_of(listener) == f"http://127.0.0.1:{port}"
        with pytest.raises(SettingInvalid, match=rf"port: {port} is taken by another program"):
            listen(host, port)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_stands_in_brackets() -> None:
    with listen("::1", 0) as listener:
        assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


@pytest.mark.parametrize("host", ["192.0.2.1", "x" * 70, "a\0b"])
def test_an_address_that_is_not_this_machine_s_is_told(host: str) -> None:
    with pytest.raises(SettingInvalid, match=r"host: .* no (name or )?address of this machine; try 127\.0\.0\.1"):
        listen(host, 0)
