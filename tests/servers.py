"""Servers to ask: the real application in this process, behind a real socket, with stores of its own."""

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg
from photocall.server.http import make_http
from photocall.server.service import Service, open_service
from photocall.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """A server that runs.

    Attributes:
        client: sends requests to it.
        service: what it answers with.
    """

    client: httpx.Client
    service: Service

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return str(self.client.base_url).rstrip("/")


@contextmanager
def asked(data: Path, **settings: Any) -> Iterator[Asked]:
    """A server with these settings on a free port of this machine, ended at the end."""
    with open_service(Settings(data=data, **settings)) as service:
        server = uvicorn.Server(uvicorn.Config(make_http(service), port=0, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                yield Asked(client, service)
        finally:
            server.should_exit = True
            thread.join()


def jpeg(image: ByteArray) -> bytes:
    """A photo of an image, uint8 RGB, shape (h, w, 3)."""
    return encode_jpeg(image, 95)


def in_base64(data: bytes) -> str:
    """As requests carry it."""
    return base64.b64encode(data).decode()


def data_url(data: bytes) -> str:
    """As browsers send a picture."""
    return f"data:image/jpeg;base64,{in_base64(data)}"
