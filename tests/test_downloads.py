"""Fetching a pack's files from a server of this machine: whole, resumed, refused when they are not the right ones."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from photocall.engine.downloads import fetch
from photocall.engine.parts import SourceFile
from photocall.engine.sources import download_place, read_source
from photocall.errors import DownloadFailed, WeightsInvalid

DATA = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
HALF = len(DATA) // 2


class Server(ThreadingHTTPServer):
    """Gives `DATA`, in a way that the path says, and keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        answers: dict[str, Callable[[int], None]] = {
            "/whole": self.give_range,
            "/cut": self.give_half,
            "/other": lambda start: self.give(200, DATA[::-1]),
            "/no-range": lambda start: self.give(200, DATA),
            "/long": lambda start: self.give(200, DATA + b"!"),
            "/endless": self.give_endlessly,
            "/moved": lambda start: self.move("/whole"),
            "/elsewhere": lambda start: self.move("http://photocall.invalid/whole"),
            "/missing": lambda start: self.send_error(404),
        }
        answers[self.path](start)

    def give_range(self, start: int) -> None:
        status, headers = (206, {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"}) if start else (200, {})
        self.give(status, DATA[start:], headers)

    def give(self, status: int, data: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length or len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def give_half(self, start: int) -> None:
        """Promise everything, and hang up in the middle."""
        self.give(200, DATA[:HALF], length=len(DATA))
        self.close_connection = True

    def give_endlessly(self, start: int) -> None:
        """Say no length, and send until nobody listens any more."""
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(DATA)
        except ConnectionError:
            self.close_connection = True

    def move(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def file(server: Server) -> Callable[[str], SourceFile]:
    """A pack's file at a path of the server."""

    def at(path: str) -> SourceFile:
        url = f"http://127.0.0.1:{server.server_port}{path}"
        digest = hashlib.sha256(DATA).hexdigest()
        return SourceFile("embedder", "embedder", "mine", "", "", url, url, "test only", digest, len(DATA))

    return at


At = Callable[[str], SourceFile]


def contents(cache: Path) -> set[str]:
    return {path.name for path in (cache / "downloads").iterdir()} - {".lock"}


@pytest.mark.parametrize("path", ["/whole", "/moved"])
def test_a_file_is_fetched_once_and_read_like_any_other(path: str, file: At, server: Server, tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match="not on this machine yet; photocall models get mine"):
        read_source(file(path), tmp_path)
    arrived: list[int] = []
    assert fetch(file(path), arrived.append, tmp_path)
    assert sum(arrived) == len(DATA)
    assert read_source(file(path), tmp_path) == DATA
    assert contents(tmp_path) == {file(path).sha256}
    asked = len(server.asked)
    assert not fetch(file(path), arrived.append, tmp_path)
    assert len(server.asked) == asked


@pytest.mark.parametrize(("path", "sent"), [("/whole", f"bytes={HALF}-"), ("/no-range", f"bytes={HALF}-")])
def test_after_a_cut_it_goes_on_where_it_stopped(
    path: str, sent: str, file: At, server: Server, tmp_path: Path
) -> None:
    """A server that knows no ranges sends everything again, which is right too."""
    with pytest.raises(DownloadFailed, match=rf"cut after {HALF:,} of {len(DATA):,} bytes; run it again to go on"):
        fetch(file("/cut"), lambda count: None, tmp_path)
    assert contents(tmp_path) == {f"{file(path).sha256}.part"}
    arrived: list[int] = []
    assert fetch(file(path), arrived.append, tmp_path)
    assert server.asked[-1] == (path, sent)
    assert sum(arrived) == len(DATA)
    assert read_source(file(path), tmp_path) == DATA


def test_a_part_that_is_whole_already_is_not_asked_for_again(file: At, server: Server, tmp_path: Path) -> None:
    place = download_place(file("/whole"), tmp_path)
    place.parent.mkdir()
    place.with_name(f"{place.name}.part").write_bytes(DATA)
    assert fetch(file("/whole"), lambda count: None, tmp_path)
    assert server.asked == []


def test_another_file_than_the_published_one_is_deleted(file: At, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"not the published file: SHA-256 \w+, not \w+; it was deleted"):
        fetch(file("/other"), lambda count: None, tmp_path)
    assert contents(tmp_path) == set()


def test_a_fetched_file_that_was_damaged_is_fetched_again(file: At, tmp_path: Path) -> None:
    place = download_place(file("/whole"), tmp_path)
    place.parent.mkdir()
    place.write_bytes(DATA[::-1])
    with pytest.raises(WeightsInvalid, match="not the published file; photocall models get mine fetches it again"):
        read_source(file("/whole"), tmp_path)
    assert fetch(file("/whole"), lambda count: None, tmp_path)
    assert read_source(file("/whole"), tmp_path) == DATA


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/long", r"the server's file has 300,001 bytes, not 300,000 as published"),
        ("/endless", r"the server sends more than the 300,000 bytes of the published file"),
        ("/missing", r"the server answers 404 Not Found"),
        ("/elsewhere", r"http://photocall\.invalid/whole: not fetched: only addresses that begin with https://"),
    ],
)
def test_what_cannot_be_the_file_is_refused(path: str, reason: str, file: At, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=reason):
        fetch(file(path), lambda count: None, tmp_path)
    place = download_place(file(path), tmp_path)
    assert not place.exists()
    part = place.with_name(f"{place.name}.part")
    assert not part.exists() or part.stat().st_size == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/a",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "a",
        "https://",
        "//[",
        "https://a:b/",
        "https://a/\u00e4",
        "https://a/b c",
    ],
)
def test_only_encrypted_addresses_are_fetched_from(url: str, file: At, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"only addresses that begin with https://|not an address"):
        fetch(replace(file("/whole"), url=url), lambda count: None, tmp_path)


def test_a_server_that_is_not_there_is_named(file: At, tmp_path: Path) -> None:
    gone = replace(file("/whole"), url="http://127.0.0.1:1/a")
    with pytest.raises(DownloadFailed, match=r"http://127\.0\.0\.1:1/a: not fetched: the server cannot be reached"):
        fetch(gone, lambda count: None, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(file: At, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DownloadFailed, match="a file, not a directory; PHOTOCALL_CACHE names another directory"):
        fetch(file("/whole"), lambda count: None, tmp_path / "file")
