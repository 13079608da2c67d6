"""Names: a server without keys answers to this machine's own, so that no web page can borrow it by another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inside import Client, inside
from photocall.server.http import is_own, make_http
from photocall.server.service import open_service
from photocall.settings import AuthMode, EngineKind, Settings

WIRE = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "RekognitionService.ListCollections"}
REBOUND = {"host": "evil.example:8000"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Of a server without keys."""
    settings = Settings(data=tmp_path, engine=EngineKind.REKOGNITION)
    with open_service(settings) as service, inside(make_http(service)) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:8000", "127.8.9.10", "[::1]", "[::1]:80", "a.localhost:1"],
)
def test_this_machine_has_these_names(host: str) -> None:
    assert is_own(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "192.0.2.1",
        "0.0.0.0",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "localhost@evil.example",
        "localhost:8000:1",
        "localhost:x",
        "::1",
        "[::1",
        "[::1]x",
        "[2001:db8::1]",
    ],
)
def test_others_are_foreign(host: str) -> None:
    assert not is_own(host)


def test_a_request_by_a_foreign_name_is_refused_in_the_protocol_of_its_sender(client: Client) -> None:
    wire = client.post("/", headers=WIRE | REBOUND)
    assert (wire.status_code, wire.json()["__type"]) == (400, "AccessDeniedException")
    archive = client.get("/v1/index", headers=REBOUND)
    assert (archive.status_code, archive.json()["error"]) == (421, "MisdirectedRequest")
    faces = client.post("/encode", headers=REBOUND)
    assert (faces.status_code, faces.json()["success"]) == (421, False)
    assert client.get("/metrics", headers=REBOUND).status_code == 421


def test_a_request_by_an_own_name_or_none_is_answered(client: Client) -> None:
    for host in ("localhost:8000", "127.0.0.1", ""):
        assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("given", [{"auth": AuthMode.ON}, {"host": "0.0.0.0"}, {"host": "0.0.0.0", "auth": "off"}])
def test_a_server_that_asks_for_keys_or_is_open_to_all_has_any_name(tmp_path: Path, given: dict[str, str]) -> None:
    settings = Settings(data=tmp_path, engine=EngineKind.REKOGNITION, **given)
    with open_service(settings) as service, inside(make_http(service)) as client:
        assert client.get("/healthz", headers=REBOUND).status_code == 200
