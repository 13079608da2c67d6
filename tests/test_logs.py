"""The log: a line of JSON a request, ids that lead to it, failures without what they quote, and nobody's face."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request

from inside import Client, inside
from photocall.errors import StoreUnavailable
from photocall.server import rekognition
from photocall.server.http import make_http
from photocall.server.logs import JsonLines, exception_json
from photocall.server.service import Service, open_service
from photocall.settings import Settings

SECRET = "Ada Lovelace"


class Log:
    """What was logged, line by line."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with open_service(Settings(data=tmp_path_factory.mktemp("data"))) as service:
        yield service


@pytest.fixture
def http(service: Service) -> FastAPI:
    """The application, with a route that fails and one that leaves what it knows."""
    http = make_http(service)

    @http.get("/fails/{name}")
    def fails(name: str) -> None:
        try:
            raise KeyError(name)
        except KeyError as error:
            raise ValueError(f"{name} is not enrolled") from error

    @http.get("/knows")
    def knows(request: Request) -> None:
        request.state.key_id, request.state.error = "key-1", "KeyRefused"

    return http


@pytest.fixture
def client(http: FastAPI) -> Iterator[Client]:
    with inside(http) as client:
        yield client


@pytest.fixture
def log() -> Iterator[Log]:
    log, logger = Log(), logging.getLogger("photocall")
    handler = logging.StreamHandler(log.stream)
    handler.setFormatter(JsonLines())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield log
    logger.setLevel(before)
    logger.removeHandler(handler)


def wire(operation: str) -> dict[str, str]:
    """Headers of Rekognition's protocol."""
    return {"x-amz-target": f"RekognitionService.{operation}", "content-type": "application/x-amz-json-1.1"}


def test_every_request_has_a_line_that_says_what_was_asked_and_answered(client: Client, log: Log) -> None:
    answer = client.post("/", content=b"{}", headers=wire("ListCollections"))
    (line,) = log.lines
    assert line.pop("time").endswith("+00:00")
    assert line.pop("ms") > 0
    assert line == {
        "level": "info",
        "message": "request",
        "request_id": answer.headers["x-request-id"],
        "method": "POST",
        "route": "/",
        "operation": "ListCollections",
        "status": 200,
        "bytes_in": 2,
    }


def test_a_line_says_whose_key_it_was_and_which_error_was_answered(client: Client, log: Log) -> None:
    client.get("/knows")
    assert (log.lines[0]["key_id"], log.lines[0]["error"]) == ("key-1", "KeyRefused")


def test_a_line_has_the_template_of_a_route_and_nothing_that_was_sent(client: Client, log: Log) -> None:
    client.get(f"/v1/index/{SECRET}?name={SECRET}", headers={"x-api-key": SECRET})
    client.get(f"/{SECRET}?name={SECRET}")
    client.request("ADA", "/")
    assert [line["route"] for line in log.lines] == ["/v1/index/{filename}", "unknown", "/"]
    assert log.lines[2]["method"] == "other"
    assert "Ada" not in log.text


@pytest.mark.parametrize("given", ["abc", "A.b_c-1", "x" * 64])
def test_a_sane_id_of_the_caller_s_is_kept(client: Client, log: Log, given: str) -> None:
    assert client.get("/v1/info", headers={"x-request-id": given}).headers["x-request-id"] == given
    assert log.lines[0]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "é", "a\tb"])
def test_any_other_id_is_replaced_by_a_new_one(client: Client, given: str) -> None:
    answer = client.get("/v1/info", headers=[(b"x-request-id", given.encode())])
    assert uuid.UUID(answer.headers["x-request-id"]).version == 4


def test_every_answer_has_an_id_also_where_there_is_no_route(client: Client) -> None:
    first, second = (client.get("/nowhere").headers["x-request-id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_what_asks_every_few_seconds_is_told_in_debug_only(client: Client, log: Log, path: str) -> None:
    client.get(path)
    assert log.lines == []
    logging.getLogger("photocall").setLevel(logging.DEBUG)
    client.get(path, headers={"user-agent": "probe/1"})
    assert log.lines[0]["agent"] == "probe/1"
    assert log.lines[0]["client"] == "127.0.0.1"


# --- failures


def test_a_defect_is_answered_with_500_and_the_process_goes_on(client: Client, log: Log) -> None:
    answer = client.get(f"/fails/{SECRET}")
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "InternalServerError",
        "description": "The service failed; its log has the reason",
    }
    assert {line["request_id"] for line in log.lines} == {answer.headers["x-request-id"]}
    assert log.lines[0]["status"] == 500
    assert client.get("/v1/info").status_code == 200


def test_a_defect_is_told_by_its_type_and_frames_without_what_they_held(client: Client, log: Log) -> None:
    client.get(f"/fails/{SECRET}")
    told = log.lines[1]["exception"]
    assert (told["type"], told["cause"]["type"]) == ("ValueError", "KeyError")
    assert told["frames"][-1].endswith(" fails")
    assert "Ada" not in log.text


def test_a_defect_in_rekognition_s_protocol_is_answered_in_it(
    client: Client, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(rekognition, "_answer", fail)
    answer = client.post("/", headers=wire("DetectFaces"))
    assert answer.status_code == 500
    assert answer.json()["__type"] == "InternalServerError"
    assert answer.headers["x-amzn-requestid"] == answer.headers["x-request-id"] == log.lines[0]["request_id"]
    assert log.lines[0]["operation"] == "DetectFaces"
    assert "Ada" not in log.text + answer.text


def test_a_store_that_fails_is_the_server_s_fault_and_told_without_what_it_said(
    client: Client, log: Log, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise StoreUnavailable("postgresql://ada@db.example/faces", SECRET)

    monkeypatch.setattr(service.store, "collections", fail)
    assert client.post("/", content=b"{}", headers=wire("ListCollections")).status_code == 500
    (line,) = log.lines
    assert line["exception"]["type"] == "StoreUnavailable"
    assert line["exception"]["frames"][-1].endswith(" fail")
    assert "ada" not in log.text.lower()


def test_an_exception_raised_from_none_has_no_cause() -> None:
    try:
        try:
            raise KeyError("a")
        except KeyError:
            raise ValueError("b") from None
    except ValueError as error:
        assert set(exception_json(error)) == {"type", "frames"}


def test_a_record_without_a_request_is_a_line_too(tmp_path: Path) -> None:
    record = logging.LogRecord("photocall", logging.WARNING, __file__, 1, "so %s", ("it\nis",), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "so it\nis"
