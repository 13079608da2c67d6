"""The queue in a real NATS JetStream: the contract, then what only a server can suffer."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import uuid4

import pytest

from contracts.job_queue import LONG, JobQueueContract, one
from nats_server import NatsServer
from photocall.errors import StoreUnavailable
from photocall.ports import Depth
from photocall.stores import nats_connection
from photocall.stores.nats_queue import NatsQueue
from s3_server import free_port


class TestNatsQueue(JobQueueContract):
    @pytest.fixture
    def url(self, nats_server: NatsServer) -> str:
        return nats_server.url


@pytest.fixture
def name() -> str:
    return f"queue-{uuid4().hex}"


@pytest.fixture
def queue(nats_server: NatsServer, name: str) -> Iterator[NatsQueue]:
    with closing(opened(nats_server.url, name)) as queue:
        yield queue


def opened(url: str, name: str, lease: float = LONG) -> NatsQueue:
    return NatsQueue(url, name, lease=lease, max_receives=3)


@contextmanager
def stopped(server: NatsServer, how: signal.Signals) -> Iterator[None]:
    server.stop(how)
    try:
        yield
    finally:
        server.start()


def test_a_server_that_was_killed_is_told_and_has_lost_nothing(
    nats_server: NatsServer, queue: NatsQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_connection, "PATIENCE", 0.5)
    for number in range(20):
        queue.send(str(number))
    with stopped(nats_server, signal.SIGKILL):
        for ask in (queue.receive, queue.depth, lambda: queue.send("never")):
            with pytest.raises(StoreUnavailable, match=r"nats://127\.0\.0\.1:\d+: it cannot be reached") as caught:
                ask()
            assert "hush" not in str(caught.value)
    monkeypatch.undo()
    assert sorted(int(one(queue).body) for _ in range(20)) == list(range(20))
    assert queue.receive() == []


def test_a_server_that_starts_anew_is_not_noticed(nats_server: NatsServer, queue: NatsQueue) -> None:
    queue.send("1")
    delivery = one(queue)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(queue.receive, wait=30)
        with stopped(nats_server, signal.SIGTERM):
            extended = threads.submit(queue.extend, delivery)
            time.sleep(0.3)
        assert extended.result()
        queue.send("2")
        assert [each.body for each in waiting.result()] == ["2"]
    queue.delete(delivery)
    assert queue.depth() == Depth(0, 0, 1, 0)


def test_a_server_that_answers_nothing_is_told(
    nats_server: NatsServer, queue: NatsQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_connection, "PATIENCE", 0.3)
    nats_server.pause()
    try:
        with pytest.raises(StoreUnavailable, match="no answer within"):
            queue.send("1")
    finally:
        nats_server.go_on()


def test_a_server_that_is_not_there_is_told_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_connection, "PATIENCE", 0.3)
    with pytest.raises(StoreUnavailable, match=r"nats://127\.0\.0\.1:\d+: it cannot be reached") as caught:
        opened(f"nats://ada:hush@127.0.0.1:{free_port()}", "jobs")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("who", ["", "ada:wrong@", "nobody:hush@", "token@"])
def test_a_password_that_is_refused_is_told_at_once(nats_server: NatsServer, who: str) -> None:
    with pytest.raises(StoreUnavailable, match="it refuses this user or password") as caught:
        opened(f"nats://{who}127.0.0.1:{nats_server.port}", "jobs")
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["nats://", "nats://:4222", "nats://host:port", "nats://ada:hush@h/path", "tls://h?a=b"]
)
def test_an_address_that_is_none_is_refused_with_one_that_is_right(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"such as nats://127\.0\.0\.1:4222") as caught:
        opened(url, "jobs")
    assert "hush" not in str(caught.value)


def test_streams_that_were_lost_are_made_anew(nats_server: NatsServer, queue: NatsQueue) -> None:
    async def lose(server: object) -> None:
        for stream in (queue._jobs, queue._dead, queue._notes.stream):
            await server.js.delete_stream(stream)  # type: ignore[attr-defined]

    queue.send("lost")
    queue._run(lose)
    queue.send("1")
    assert one(queue).body == "1"
    assert queue.depth() == Depth(0, 0, 1, 0)


def test_a_delay_may_be_longer_than_the_lease(nats_server: NatsServer, name: str) -> None:
    with closing(opened(nats_server.url, name, lease=0.2)) as queue:
        began = time.monotonic()
        queue.send("1", delay=1)
        assert queue.receive() == []
        assert queue.depth() == Depth(0, 1, 0, 0)
        delivery = one(queue)
        assert time.monotonic() - began >= 0.9
        assert delivery.receives == 1
        queue.delete(delivery)
        assert queue.depth() == Depth(0, 0, 0, 0)


def test_a_message_whose_delay_is_over_waits_though_nobody_has_looked(queue: NatsQueue) -> None:
    queue.send("1")
    queue.release(one(queue), "busy", delay=0.2)
    queue.send("2", delay=0.2)
    assert queue.depth() == Depth(0, 2, 0, 0)
    time.sleep(0.3)
    assert queue.depth() == Depth(2, 0, 0, 0)
    assert {one(queue).body, one(queue).body} == {"1", "2"}
    assert queue.depth() == Depth(0, 0, 2, 0)


def test_the_last_one_who_opens_a_queue_decides_how_long_leases_are(nats_server: NatsServer, queue: NatsQueue) -> None:
    name = queue._jobs.removeprefix("photocall_jobs_")
    with closing(opened(nats_server.url, name, lease=0.2)) as other:
        other.send("1")
        assert one(other).receives == 1
        assert one(queue).receives == 2


def test_a_queue_that_was_closed_says_so(nats_server: NatsServer, name: str) -> None:
    queue = opened(nats_server.url, name)
    queue.close()
    queue.close()
    with pytest.raises(StoreUnavailable, match="the queue was closed"):
        queue.receive()


@pytest.mark.parametrize("delay", ["soon", "nan", "inf", "-1"])
def test_a_message_with_a_delay_that_means_nothing_is_received_at_once(queue: NatsQueue, name: str, delay: str) -> None:
    told = {"Photocall-Delay": delay}
    queue._run(lambda server: server.js.publish(f"photocall.jobs.{name}", b"job", headers=told))
    assert one(queue).body == "job"
