"""What is counted for Prometheus: read by its own parser, and bounded whatever is asked."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inside import Client, inside
from people import MODEL, person, record
from photocall.errors import StoreUnavailable
from photocall.ports import Depth
from photocall.server.http import make_http
from photocall.server.metrics import Metrics
from photocall.server.service import Service, open_service
from photocall.settings import Settings

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(Settings(data=tmp_path)) as service:
        yield service


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with inside(make_http(service)) as client:
        yield client


def samples(client: Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}


def value(client: Client, name: str, **labels: str) -> float:
    return samples(client)[name, frozenset(labels.items())]


def wire(client: Client, operation: str) -> None:
    headers = {"x-amz-target": f"RekognitionService.{operation}", "content-type": "application/x-amz-json-1.1"}
    client.post("/", content=b"{}", headers=headers)


def test_requests_are_counted_by_route_operation_and_status(client: Client) -> None:
    wire(client, "ListCollections")
    wire(client, "DescribeCollection")
    client.get("/v1/info")
    client.get("/v1/info")
    counted = "photocall_requests_total"
    assert value(client, counted, route="/", operation="ListCollections", method="POST", status="200") == 1
    assert value(client, counted, route="/", operation="DescribeCollection", method="POST", status="400") == 1
    assert value(client, counted, route="/v1/info", operation="", method="GET", status="200") == 2
    assert value(client, "photocall_request_seconds_count", route="/v1/info", operation="") == 2


def test_whatever_is_asked_the_number_of_series_stays_the_same(client: Client) -> None:
    def ask(name: str) -> None:
        client.get(f"/{name}")
        client.get(f"/v1/index/{name}?{name}={name}")
        client.request(name.upper(), "/v1/info")
        wire(client, name)

    ask("ada")
    samples(client)
    before = samples(client).keys()
    for name in ("bea", "cleo", "dora"):
        ask(name)
    assert samples(client).keys() == before
    assert not [labels for _, labels in before if "ada" in str(labels).lower()]


def test_faces_and_distances_are_counted_by_whoever_answers(service: Service, client: Client) -> None:
    service.metrics.faces.labels("found").inc(3)
    service.metrics.best_distance.observe(0.42)
    assert value(client, "photocall_faces_total", what="found") == 3
    assert value(client, "photocall_faces_total", what="searched") == 0
    assert value(client, "photocall_best_distance_bucket", le="0.4") == 0
    assert value(client, "photocall_best_distance_bucket", le="0.45") == 1


def test_faces_in_memory_are_counted(service: Service, client: Client) -> None:
    assert value(client, "photocall_gallery_faces") == 0
    service.store.create_collection("class", MODEL)
    service.store.put_faces("class", [record("ada", person(0)), record("bea", person(1))])
    service.gallery("class")
    assert value(client, "photocall_gallery_faces") == 2


def test_the_engine_and_the_process_are_told(service: Service, client: Client) -> None:
    assert service.engine.model
    assert value(client, "photocall_engine_load_seconds") > 0
    assert value(client, "process_resident_memory_bytes") > 2**20
    assert value(client, "photocall_requests_in_flight") == 1  # this one
    assert value(client, "photocall_threads_wanted") == 0


def test_a_queue_that_fails_or_hangs_is_left_out_and_holds_nothing_up(
    service: Service, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StoreUnavailable("nats://nats.example", "it is gone")

    name, labels = "photocall_queue_messages", frozenset({("state", "waiting")})
    assert samples(client)[name, labels] == 0
    may_answer, depth = Event(), service.queue.depth

    def hang() -> Depth:
        may_answer.wait()
        return depth()

    for wrong in (fail, hang):
        monkeypatch.setattr(service.queue, "depth", wrong)
        monkeypatch.setattr("photocall.server.metrics.FLEET_SECONDS", 0.05)
        found = samples(client)
        assert (name, labels) not in found and found["photocall_requests_in_flight", frozenset()] == 1
    monkeypatch.setattr(service.queue, "depth", depth)
    may_answer.set()
    while (name, labels) not in samples(client):
        pass


def test_two_servers_in_one_process_count_for_themselves() -> None:
    one, other = (Metrics(gallery_faces=lambda: 0) for _ in range(2))
    one.faces.labels("found").inc()
    assert other.registry.get_sample_value("photocall_faces_total", {"what": "found"}) == 0
