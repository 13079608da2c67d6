"""Fetching the files of a pack that come from an address: resumed after a cut, kept only if they are the right ones.

What arrives goes into `<sha256>.part` beside its place, which holds only whole files whose SHA-256 is the pack's. No
more is read than the pack says the file has.
"""

import fcntl
import hashlib
import ipaddress
import os
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from ssl import SSLError
from typing import IO, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from photocall.engine.parts import SourceFile
from photocall.engine.sources import CACHE_VARIABLE, cache_root, download_place
from photocall.errors import DownloadFailed
from photocall.media.files import reason

_TIMEOUT = 30  # seconds without a byte
_CHUNK = 1 << 16
_LOCK = ".lock"

Advance = Callable[[int], object]
"""Told how many more bytes are there."""


def fetch(file: SourceFile, advance: Advance, cache_dir: Path | None = None) -> bool:
    """Fetch one file, or the rest of it; False if it was there already.

    Args:
        file: with an address.
        advance: called with the number of bytes, of what a fetch that was cut left and of every part that arrives.
        cache_dir: where it is kept; by default `cache_root()`.

    Raises:
        DownloadFailed: it cannot be fetched, or is not the file that the pack names.
    """
    place = download_place(file, cache_dir or cache_root())
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with (place.parent / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one process at a time; it ends with the process, however that ends
            if place.is_file() and place.stat().st_size == file.bytes and _digest(place) == file.sha256:
                return False
            _fetch(file, place, advance)
            return True
    except HTTPError as error:  # a kind of OSError, as is URLError
        raise DownloadFailed(file.url, f"the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise DownloadFailed(file.url, f"the server cannot be reached: {error.reason}") from error
    except (TimeoutError, ConnectionError, SSLError, HTTPException) as error:
        raise DownloadFailed(file.url, f"the connection was cut ({error}); run it again to go on") from error
    except OSError as error:
        why = f"cannot be kept in {place.parent}: {reason(error)}; {CACHE_VARIABLE} names another directory"
        raise DownloadFailed(file.url, why) from error


def _fetch(file: SourceFile, place: Path, advance: Advance) -> None:
    part = place.with_name(f"{place.name}.part")
    if part.exists() and part.stat().st_size > file.bytes:
        part.unlink()
    with part.open("ab") as kept:
        if kept.tell() < file.bytes:
            _receive(file, kept, advance)
        kept.flush()
        os.fsync(kept.fileno())
        size = kept.tell()
    if size < file.bytes:
        why = f"the connection was cut after {size:,} of {file.bytes:,} bytes; run it again to go on"
        raise DownloadFailed(file.url, why)
    found = _digest(part)
    if found != file.sha256:
        part.unlink()
        why = f"what came is not the published file: SHA-256 {found}, not {file.sha256}; it was deleted"
        raise DownloadFailed(file.url, why)
    part.replace(place)


def _receive(file: SourceFile, kept: BinaryIO, advance: Advance) -> None:
    """Append what is missing."""
    _check_address(file.url)
    there = kept.tell()
    headers = {"User-Agent": "photocall", "Accept-Encoding": "identity"}
    if there:
        headers["Range"] = f"bytes={there}-"
    with build_opener(_Redirects()).open(Request(file.url, headers=headers), timeout=_TIMEOUT) as answer:  # noqa: S310
        if there and (answer.status != 206 or not _continues(answer.headers, there)):
            there = 0  # the server knows no ranges: from the start
            kept.truncate(0)
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and there + int(length) != file.bytes:
            why = f"the server's file has {there + int(length):,} bytes, not {file.bytes:,} as published"
            raise DownloadFailed(file.url, why)
        advance(there)
        while chunk := answer.read(_CHUNK):
            there += len(chunk)
            if there > file.bytes:
                kept.truncate(0)
                raise DownloadFailed(
                    file.url, f"the server sends more than the {file.bytes:,} bytes of the published file"
                )
            kept.write(chunk)
            advance(len(chunk))


def _continues(headers: HTTPMessage, there: int) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {there}-")


def _check_address(url: str) -> None:
    """Only encrypted, but for this machine itself. Raises `DownloadFailed`."""
    try:
        address = urlsplit(url)
        host, _ = address.hostname or "", address.port  # a wrong port raises, too
    except ValueError as error:
        raise DownloadFailed(url, "not an address") from error
    if not url.isascii() or not url.isprintable() or " " in url:
        raise DownloadFailed(url, "not an address; write what is not ASCII, and spaces, as %20 and the like")
    if not host or not (address.scheme == "https" or (address.scheme == "http" and _is_this_machine(host))):
        raise DownloadFailed(url, "only addresses that begin with https:// are fetched from")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Redirects(HTTPRedirectHandler):
    """Follows to other addresses that may be fetched from, and to no others."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
