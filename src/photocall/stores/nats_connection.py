"""A connection to a NATS server for code that is not asynchronous: one thread with an event loop, and plain errors.

It reconnects for ever. What is asked during an outage is asked again until `PATIENCE` is over, so a server that only
starts anew is not noticed, and fails after that; the connection is as good as before once the server is back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from nats.aio.client import Client
from nats.errors import AuthorizationError, Error, MaxPayloadError, NoRespondersError
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError, ServiceUnavailableError

from photocall.errors import StoreUnavailable

PATIENCE = 4.0
"""Seconds until an operation that cannot be done fails."""

ANSWER_SECONDS = 2.0
"""How long one answer of the server is awaited."""

_PAUSE = 0.1  # seconds between two attempts
_PASSING = (NotFoundError, ServiceUnavailableError)  # of the server's answers: it may just have started
_EXPECTED = "not the address of a NATS server, such as nats://127.0.0.1:4222 or tls://user:password@host:4222"

Answer = TypeVar("Answer")


class NatsConnection:
    """Safe to share between threads; each process opens its own, and none survives a fork."""

    def __init__(self, url: str) -> None:
        """Name the server; it is connected to when it is first asked.

        Raises:
            StoreUnavailable: it is no such address.
        """
        self._where, self.name = _parse(url)
        self._client: Client | None = None
        self._problem: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._connecting = asyncio.Lock()
        self._thread = Thread(target=self._loop.run_forever, name="photocall-nats", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Client], Awaitable[Answer]], wait: float = 0) -> Answer:
        """What `work` answers; it may be begun more than once.

        Args:
            work: asks the server.
            wait: seconds that it may take by its nature.

        Raises:
            StoreUnavailable: the server could not be asked, or answered with an error.
        """
        if self._loop.is_closed():
            raise StoreUnavailable(self.name, "the queue was closed")
        future = asyncio.run_coroutine_threadsafe(self._persist(work, wait), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # for whoever was interrupted; else it is done

    def close(self) -> None:
        """Cut the connection; closing twice is closing once."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _persist(self, work: Callable[[Client], Awaitable[Answer]], wait: float) -> Answer:
        deadline = self._loop.time() + wait + PATIENCE
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    return await work(await self._connected())
            except (Error, OSError) as error:
                if not _passes(error) or self._loop.time() + _PAUSE > deadline:
                    raise StoreUnavailable(self.name, self._reason(error)) from None
            await asyncio.sleep(_PAUSE)

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                self._client = await self._connect()
        while not self._client.is_connected:
            if self._client.is_closed:  # the server refuses us
                raise self._problem or ConnectionError
            await asyncio.sleep(0.02)
        return self._client

    async def _connect(self) -> Client:
        client, failed = Client(), asyncio.Event()

        async def take_note(error: Exception) -> None:
            self._problem = error
            failed.set()

        connecting = asyncio.ensure_future(client.connect(**self._how(), error_cb=take_note))
        failing = asyncio.ensure_future(failed.wait())
        try:
            await asyncio.wait({connecting, failing}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done() and self._problem is not None:
                raise self._problem
            await connecting
            return client
        finally:
            failing.cancel()
            if not connecting.done() or connecting.cancelled() or connecting.exception():
                connecting.cancel()
                await client.close()

    def _how(self) -> dict[str, Any]:
        user, password = unquote(self._where.username or ""), self._where.password
        who = {"user": user, "password": unquote(password)} if password is not None else {"token": user or None}
        return {
            "servers": [self.name],
            **who,
            "connect_timeout": ANSWER_SECONDS,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _PAUSE,
            "ping_interval": 5,  # seconds; a server that was cut off is noticed after three of them
            "pending_size": 0,  # what could not be sent is not sent later, behind the back of who was told so
        }

    async def _disconnect(self) -> None:
        if self._client is not None:
            await self._client.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _reason(self, error: Exception) -> str:
        """Why it failed, in plain words."""
        if isinstance(error, TimeoutError) and self._client is not None and not self._client.is_connected:
            error = self._problem or error
        if _is_refusal(error):
            return "it refuses this user or password; mend the address of the queue"
        if isinstance(error, MaxPayloadError):
            return "the message is larger than its max_payload; raise that to 1MB"
        if isinstance(error, TimeoutError):
            return f"no answer within {PATIENCE:.0f} s; look whether it is overloaded or cut off"
        if isinstance(error, NoRespondersError | NoStreamResponseError | ServiceUnavailableError):
            return "its JetStream does not answer; start it with `jetstream` in its configuration, or -js"
        if isinstance(error, APIError):
            return f"it answered: {error.description}"
        return "it cannot be reached; start it, or mend the address of the queue"


def _passes(error: Exception) -> bool:
    """Whether asking again may help."""
    return isinstance(error, _PASSING) or not (_is_refusal(error) or isinstance(error, MaxPayloadError | APIError))


def _is_refusal(error: Exception) -> bool:
    """At the beginning of a connection the client raises no error of its own for this."""
    return isinstance(error, AuthorizationError) or "authorization violation" in str(error).lower()


def _parse(url: str) -> tuple[SplitResult, str]:
    """An address in its parts, and as it may be shown: without user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 4222
    except ValueError:
        host = None
    if not host or parts.scheme not in ("nats", "tls") or parts.path.strip("/") or parts.query or parts.fragment:
        raise StoreUnavailable("PHOTOCALL_QUEUE", _EXPECTED)
    return parts, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
