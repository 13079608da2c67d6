"""Whether the server lives and can answer: always told at once, whatever the workers and the stores do."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inside import inside
from photocall.errors import StoreUnavailable
from photocall.server import health
from photocall.server.http import make_http
from photocall.server.service import Service, open_service
from photocall.settings import Settings

READY = {"ready": True, "engine": "ready", "store": "ready", "objects": "ready"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(Settings(data=tmp_path)) as service:
        yield service


def test_a_server_is_ready_when_its_engine_is_loaded_and_its_stores_answer(service: Service) -> None:
    assert service.engine.model
    with inside(make_http(service)) as client:
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, READY)


def test_until_the_engine_is_loaded_the_server_lives_and_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_load = threading.Event()
    load = Service._open_engine

    def wait_and_load(service: Service) -> object:
        may_load.wait()
        return load(service)

    monkeypatch.setattr(Service, "_open_engine", wait_and_load)
    with open_service(Settings(data=tmp_path)) as service, inside(make_http(service)) as client:
        live, ready = client.get("/healthz"), client.get("/readyz")
        may_load.set()
        assert (live.status_code, live.json()) == (200, {"status": "live"})
        assert (ready.status_code, ready.json()) == (503, {**READY, "ready": False, "engine": "loading"})
        assert service.engine.model
        assert client.get("/readyz").json() == READY


def test_an_engine_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    with open_service(Settings(data=tmp_path, pack="nonsense")) as service, inside(make_http(service)) as client:
        while service.failure is None:
            pass
        assert client.get("/readyz").json()["engine"] == "failed"


@pytest.mark.parametrize("part", ["store", "objects"])
def test_a_store_that_fails_is_named_without_saying_where_it_is(
    service: Service, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("postgresql://ada@db.example/faces", "it is gone")

    monkeypatch.setattr(getattr(service, part), "key" if part == "store" else "list", fail)
    assert service.engine.model
    with inside(make_http(service)) as client:
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {**READY, "ready": False, part: "failed"})
    assert "ada" not in answer.text


def test_a_store_that_hangs_is_asked_once_however_many_want_to_know(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer, asked = threading.Event(), []

    def hang(key_id: str) -> None:
        asked.append(key_id)
        may_answer.wait()

    monkeypatch.setattr(service.store, "key", hang)
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.05)

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(make_http(service))) as client:
            ready = [client.get("http://localhost/readyz") for _ in range(5)]
            return [*await asyncio.gather(*ready), await client.get("http://localhost/healthz")]

    *ready, live = asyncio.run(ask())
    may_answer.set()
    assert {answer.status_code for answer in ready} == {503}
    assert live.status_code == 200
    assert len(asked) == 1


def test_health_is_told_while_every_worker_is_busy(service: Service) -> None:
    http, may_answer = make_http(service), threading.Event()

    @http.get("/waits")
    def waits() -> str:
        may_answer.wait()
        return "done"

    async def ask() -> None:
        transport = httpx.ASGITransport(http)
        async with (
            http.router.lifespan_context(http),
            httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client,
        ):
            waiting = [asyncio.create_task(client.get("/waits")) for _ in range(service.workers + 3)]
            while "photocall_threads_wanted 3.0" not in (await client.get("/metrics")).text:
                await asyncio.sleep(0.01)
            assert f"photocall_threads_busy {service.workers}.0" in (await client.get("/metrics")).text
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code in (200, 503)
            may_answer.set()
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}

    asyncio.run(ask())
