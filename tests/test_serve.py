"""The command serve, in a process of its own: how it starts, what it logs, and how it ends."""

import argparse
import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from commandline import Answer, photocall, process
from photocall.commands import serve
from photocall.server.service import open_service
from photocall.settings import EngineKind, Settings
from serving import Served, served

WIRE = {"content-type": "application/x-amz-json-1.1"}
BODY = b'{"MaxResults": 10}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve") / "data") as server:
        yield server


def wire(url: str, operation: str, **asked: object) -> httpx.Response:
    with httpx.Client(base_url=url, timeout=60) as client:
        return ask(client, operation, **asked)


def ask(client: httpx.Client, operation: str, **asked: object) -> httpx.Response:
    headers = {**WIRE, "x-amz-target": f"RekognitionService.{operation}"}
    return client.post("/", content=json.dumps(asked), headers=headers)


def wait_until_ready(url: str) -> None:
    while httpx.get(url + "/readyz").status_code != 200:
        pass


# --- starting


def test_it_says_where_it_listens_and_answers_there(server: Served) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert httpx.get(server.url + "/healthz").status_code == 200
    wait_until_ready(server.url)
    assert wire(server.url, "ListCollections").json()["CollectionIds"] == []


def announced(capsys: pytest.CaptureFixture[str], tmp_path: Path, *, as_json: bool, **settings: str) -> str:
    """What is said of a server with these settings, which listens nowhere."""
    options = argparse.Namespace(json=as_json, data=tmp_path / "my data")
    with open_service(Settings(data=tmp_path, engine=EngineKind.REKOGNITION, **settings)) as service:
        serve._announce("http://127.0.0.1:8000", service, options)
    return capsys.readouterr().out


def test_without_keys_it_says_only_where_it_listens(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = announced(capsys, tmp_path, as_json=False)
    assert said == "photocall listens on http://127.0.0.1:8000 (Ctrl-C stops it)\n"


def test_where_keys_are_needed_it_says_how_to_make_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = announced(capsys, tmp_path, as_json=False, host="0.0.0.0")
    assert said.splitlines()[1] == f"Requests need a key: photocall keys create NAME --data '{tmp_path}/my data'"


def test_that_everybody_may_do_everything_is_said_loudly(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    said = announced(capsys, tmp_path, as_json=False, host="0.0.0.0", auth="off")
    assert said.splitlines()[1].startswith("WARNING: anybody who reaches this address")
    assert "keys are off" in caplog.text


def test_machines_are_told_in_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = announced(capsys, tmp_path, as_json=True, host="0.0.0.0")
    assert json.loads(said) == {"url": "http://127.0.0.1:8000", "needs_key": True}


def test_options_count_before_the_environment(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--host", "localhost", "--json", host="192.0.2.1") as server:
        assert httpx.get(server.url + "/healthz").status_code == 200


# --- what keeps it from starting


def refused(answer: Answer, code: int, start: str) -> None:
    assert (answer.code, answer.out) == (code, "")
    (line,) = answer.problems
    assert line.startswith(f"photocall: {start}"), line


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(photocall("serve", "--port", port, "--data", tmp_path), 2, f"port: {port} is taken")


def test_a_port_that_cannot_be_is_told(tmp_path: Path) -> None:
    refused(photocall("serve", "--port", 70000, "--data", tmp_path), 2, "port: 70000 is not allowed")


def test_a_data_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(process("serve", "--port", 0, "--data", tmp_path / "file"), 1, str(tmp_path / "file"))


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "fastapi" else name)
    refused(photocall("serve", "--data", tmp_path), 1, "serve: a package for it is missing; pip install")


def test_without_an_engine_it_does_not_go_on(tmp_path: Path) -> None:
    answer = process("serve", "--port", 0, "--data", tmp_path, "--pack", "nonsense")
    assert answer.code == 1
    assert "nonsense" in answer.err.splitlines()[-1]
    assert "Traceback" not in answer.err


# --- the log


def test_its_log_is_lines_of_json_in_which_nothing_of_a_request_stands(server: Served) -> None:
    httpx.post(
        server.url + "/v1/search?who=Ada", content=b"Ada", headers={"x-request-id": "search-1", "x-api-key": "Ada"}
    )
    while "search-1" not in server.log.read_text():  # it is told after the answer
        pass
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == "search-1"]
    assert (line["route"], line["bytes_in"]) == ("/v1/search", 3)
    assert "Ada" not in server.log.read_text()


def test_what_is_no_http_is_refused_and_the_server_goes_on(server: Served) -> None:
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port or 0)) as connection:
        connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    assert httpx.get(server.url + "/healthz").status_code == 200


# --- stopping


def half_asked(server: Served) -> http.client.HTTPConnection:
    """A request whose body has half come, and which the server has begun to read."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.putrequest("POST", "/")
    headers = {**WIRE, "x-amz-target": "RekognitionService.ListCollections", "content-length": str(len(BODY))}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(BODY[:5])
    while "photocall_requests_in_flight 2.0" not in httpx.get(server.url + "/metrics").text:
        pass
    return connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_answers_what_is_in_flight_and_nothing_new(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path / "data") as server:
        wait_until_ready(server.url)
        connection = half_asked(server)
        server.process.send_signal(number)
        with pytest.raises(httpx.TransportError):  # refused, or cut off in the queue of the socket
            while True:
                httpx.get(server.url + "/healthz")
        assert server.process.poll() is None
        connection.send(BODY[5:])
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["CollectionIds"]) == (200, [])
        connection.close()
        assert server.process.wait(30) == 0
    assert "Traceback" not in server.log.read_text()


def test_asked_twice_it_ends_at_once(tmp_path: Path) -> None:
    with served(tmp_path / "data") as server:
        connection = half_asked(server)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.TransportError):  # refused, or cut off in the queue of the socket
            while True:
                httpx.get(server.url + "/healthz")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 128 + signal.SIGTERM
        connection.close()


def test_killed_it_has_lost_nothing_that_it_had_answered(tmp_path: Path) -> None:
    made: list[str] = []
    with served(tmp_path / "data") as server:
        wait_until_ready(server.url)
        enough = threading.Event()

        def make(thread: int) -> None:
            with httpx.Client(base_url=server.url, timeout=60) as client, suppress(httpx.TransportError):
                for number in range(10_000):
                    name = f"collection-{thread}-{number}"
                    assert ask(client, "CreateCollection", CollectionId=name).status_code == 200
                    made.append(name)
                    if len(made) > 40:
                        enough.set()

        threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        os.kill(server.process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join()
    with served(tmp_path / "data") as server:
        wait_until_ready(server.url)
        kept = wire(server.url, "ListCollections", MaxResults=4096).json()["CollectionIds"]
    assert set(made) <= set(kept)
    assert len(set(kept) - set(made)) <= 4  # committed, and killed before the answer
