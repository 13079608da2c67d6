"""Limits around the application: of bodies, of patience, and of requests at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from photocall.server import limits
from photocall.server.limits import MAX_BODY_BYTES, MAX_WIRE_BYTES, Limits
from photocall.server.logs import RequestLog
from photocall.server.metrics import Metrics

PIECE = 2**20


class Application:
    """Answers how many bytes came, as soon as it may; knows how many requests it has begun to read."""

    def __init__(self) -> None:
        self.metrics = Metrics(gallery_faces=lambda: 0)
        self.may_answer, self.begun, self.swallows = asyncio.Event(), 0, False
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        response: Response = PlainTextResponse(str(len(await self._body(scope, receive))))
        await self.may_answer.wait()
        await response(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        try:
            return await Request(scope, receive).body()
        except limits.BodyRefused:
            if not self.swallows:
                raise
            return b"what frameworks make of a body that fails"

    def client(self) -> httpx.AsyncClient:
        around = RequestLog(Limits(self, self.metrics), self.metrics)
        return httpx.AsyncClient(transport=httpx.ASGITransport(around), base_url="http://photocall")

    def refused(self, limit: str) -> float:
        return self.metrics.registry.get_sample_value("photocall_requests_refused_total", {"limit": limit}) or 0.0


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body whose sender does not say how long it will be."""
    for start in range(0, size, PIECE):
        yield bytes(min(PIECE, size - start))


@contextmanager
def at_most(name: str, value: float) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, name, value)
        yield


@pytest.mark.parametrize("content", [bytes, pieces])
@pytest.mark.parametrize(("path", "limit"), [("/", MAX_WIRE_BYTES), ("/encode", MAX_BODY_BYTES)])
def test_a_body_as_large_as_allowed_is_read_and_a_larger_one_is_refused(
    path: str, limit: int, content: Callable[[int], bytes | AsyncIterator[bytes]]
) -> None:
    async def ask() -> None:
        async with (application := Application()).client() as client:
            assert (await client.post(path, content=content(limit))).text == str(limit)
            assert (await client.post(path, content=content(limit + 1))).status_code == 413
        assert application.refused("PayloadTooLarge") == 1

    asyncio.run(ask())


def test_a_body_whose_sender_says_that_it_is_too_large_is_not_looked_at() -> None:
    async def ask() -> None:
        async with (application := Application()).client() as client:
            await client.post("/encode", content=b"", headers={"content-length": str(MAX_BODY_BYTES + 1)})
        assert application.begun == 0

    asyncio.run(ask())


def test_a_refusal_is_told_whatever_the_application_makes_of_a_body_that_fails() -> None:
    async def ask() -> None:
        application = Application()
        application.swallows = True
        async with application.client() as client:
            answer = await client.post("/encode", content=pieces(MAX_BODY_BYTES + 1))
        assert answer.status_code == 413
        assert "larger than the 32 MiB allowed" in answer.json()["message"]

    asyncio.run(ask())


def test_a_refusal_has_the_form_of_the_protocol_in_which_was_asked() -> None:
    async def ask() -> None:
        async with Application().client() as client:
            answers = [
                await client.post(path, content=pieces(MAX_BODY_BYTES + 1)) for path in ("/", "/encode", "/v1/x")
            ]
        wire, face, other = answers
        assert wire.headers["content-type"] == "application/x-amz-json-1.1"
        assert wire.headers["x-amzn-requestid"] == wire.headers["x-request-id"]
        assert set(wire.json()) == {"__type", "Code", "Message", "Logref"}
        assert set(face.json()) == {"success", "message"}
        assert set(other.json()) == {"error", "description"}

    asyncio.run(ask())


Tasks = list[asyncio.Task[httpx.Response]]


async def held(client: httpx.AsyncClient, application: Application, count: int, content: bytes) -> Tasks:
    """Requests that have been read and wait for an answer."""
    application.may_answer.clear()
    tasks = [asyncio.create_task(client.post("/encode", content=content)) for _ in range(count)]
    while application.begun < count:
        await asyncio.sleep(0)
    return tasks


def test_beyond_so_many_requests_at_once_others_are_sent_away_and_told_to_come_back() -> None:
    async def ask() -> None:
        async with (application := Application()).client() as client:
            tasks = await held(client, application, 3, b"")
            refused, wire = await client.post("/v1/search"), await client.post("/")
            application.may_answer.set()
            assert [task.status_code for task in await asyncio.gather(*tasks)] == [200, 200, 200]
            assert (await client.post("/v1/search")).status_code == 200
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert (wire.status_code, wire.headers["retry-after"]) == (400, "1")
        assert wire.json()["__type"] == "ThrottlingException"
        assert application.refused("ServiceUnavailable") == 2

    with at_most("MAX_REQUESTS", 3):
        asyncio.run(ask())


def test_requests_with_files_count_for_themselves_since_they_wait_for_long() -> None:
    async def ask() -> None:
        form = {"content-type": "multipart/form-data; boundary=x"}
        async with (application := Application()).client() as client:
            tasks = await held(client, application, 3, b"")
            with_file = [asyncio.create_task(client.post(path, headers=form)) for path in ("/", "/v1/jobs")]
            while application.begun < 5:
                await asyncio.sleep(0)
            for path, headers in (("/", form), ("/v1/jobs", form), ("/v1/search", form), ("/v1/jobs", {})):
                assert (await client.post(path, headers=headers)).status_code == 503
            application.may_answer.set()
            assert {task.status_code for task in await asyncio.gather(*tasks, *with_file)} == {200}

    with at_most("MAX_REQUESTS", 3), at_most("MAX_UPLOADS", 2):
        asyncio.run(ask())


def test_only_forms_with_files_for_jobs_may_be_larger_than_memory_bears() -> None:
    def limit(method: str, path: str, content_type: bytes = b"Multipart/Form-Data; boundary=x") -> int:
        headers = [(b"content-type", content_type)]
        return limits.limit_of({"type": "http", "method": method, "path": path, "headers": headers})

    assert limit("POST", "/v1/jobs") == limits.MAX_UPLOAD_BYTES
    others = [limit("POST", "/v1/jobs", b"video/mp4"), limit("PUT", "/v1/jobs"), limit("POST", "/v1/jobs/")]
    assert {*others, limit("POST", "/encode")} == {MAX_BODY_BYTES}
    assert limit("POST", "/") == MAX_WIRE_BYTES


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_answered_though_nothing_else_is(path: str) -> None:
    async def ask() -> None:
        async with Application().client() as client:
            assert (await client.get(path)).status_code == 200
            assert (await client.get("/v1/info")).status_code == 503

    with at_most("MAX_REQUESTS", 0):
        asyncio.run(ask())


@pytest.mark.parametrize("content", [bytes, pieces])
def test_bodies_that_wait_hold_a_bounded_amount_of_memory_together(
    content: Callable[[int], bytes | AsyncIterator[bytes]],
) -> None:
    async def ask() -> None:
        async with (application := Application()).client() as client:
            tasks = await held(client, application, 2, bytes(4 * PIECE))
            assert (await client.post("/encode", content=content(3 * PIECE))).status_code == 503
            application.may_answer.set()
            await asyncio.gather(*tasks)
            assert (await client.post("/encode", content=content(3 * PIECE))).status_code == 200

    with at_most("MAX_HELD_BYTES", 10 * PIECE):
        asyncio.run(ask())


def test_who_does_not_send_what_was_promised_is_not_waited_for() -> None:
    async def nothing_more() -> AsyncIterator[bytes]:
        yield b"the beginning"
        await asyncio.Event().wait()

    async def ask() -> None:
        async with Application().client() as client:
            answer = await client.post("/v1/search", content=nothing_more())
        assert (answer.status_code, answer.json()["error"]) == (408, "RequestTimeout")

    with at_most("FIRST_SECONDS", 0.01):
        asyncio.run(ask())


def test_a_slow_line_that_goes_on_sending_is_waited_for() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(PIECE)  # worth a minute of patience
            await asyncio.sleep(0.03)

    async def ask() -> None:
        async with Application().client() as client:
            assert (await client.post("/v1/search", content=slowly())).text == str(3 * PIECE)

    with at_most("FIRST_SECONDS", 0.01), at_most("LEAST_RATE", PIECE / 60):
        asyncio.run(ask())


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 30, "", "٣"])
def test_a_length_that_is_no_number_is_not_believed(length: str) -> None:
    async def ask() -> None:
        async with Application().client() as client:
            answer = await client.post("/encode", content=b"12345", headers={b"content-length": length.encode()})
        assert answer.text == "5"

    asyncio.run(ask())
