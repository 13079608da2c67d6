"""The functions for one picture, in the real runtime, answer as the routes that do the same (S0.1 to S0.4, S0.7)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_account import Account, opened_account
from photocall.aws import environment as aws
from photocall.aws.remembered import Remembered
from photocall.faces import ByteArray
from photocall.sent_images import MAX_IMAGE_BYTES
from requested import function_url, http_api, rest_api, said
from runtime_api import Environment, FunctionFailed
from servers import Asked, asked, data_url, in_base64, jpeg

Json = dict[str, Any]

FUNCTIONS = {"/encode": "encode_face", "/detect": "detect_faces", "/compare": "compare_faces"}
SLOW = ("fastapi", "starlette", "boto3", "sqlalchemy", "av", "rich", "pydantic", "obstore", "photocall.settings")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with opened_account(tmp_path_factory.mktemp("tmp")) as account:
        yield account


@pytest.fixture(scope="module")
def functions(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Environment]]:
    """The three functions by the route that each stands for."""
    folder = tmp_path_factory.mktemp("functions")
    variables = {name: value for name, value in account.variables.items() if name != "PHOTOCALL_THREADS"}
    running = {
        route: Environment(f"photocall.aws.pictures.{name}", folder / name, variables)
        for route, name in FUNCTIONS.items()
    }
    try:
        yield running
    finally:
        for one in running.values():
            one.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    return {name: jpeg(image) for name, image in portraits.items()}


def lines(environment: Environment) -> list[Json]:
    """What the function wrote to its log."""
    return [json.loads(line) for line in environment.log.read_text().splitlines()]


# --- the same answers


@pytest.mark.parametrize("as_event", [rest_api, http_api, function_url])
def test_each_function_answers_what_its_route_does(
    functions: dict[str, Environment], server: Asked, photos: dict[str, bytes], as_event: Any
) -> None:
    known = server.client.post("/detect", json={"image_data": data_url(photos["obama"])}).json()["encodings"]
    bodies: dict[str, Json] = {
        "/encode": {"image_data": data_url(photos["obama2"])},
        "/detect": {"image_data": in_base64(photos["obama2"])},
        "/compare": {"image_data": data_url(photos["obama2"]), "known_encodings": known, "tolerance": 0.5},
    }
    for route, body in bodies.items():
        told = functions[route].invoke(as_event("POST", route, json.dumps(body).encode()))
        assert said(told) == (200, server.client.post(route, json=body).json())
        assert said(told)[1]["success"] is True


def test_vectors_are_compared_without_a_picture(functions: dict[str, Environment], server: Asked) -> None:
    body: Json = {"encoding": [0.0] * 128, "known_encodings": [[0.6, *[0] * 127], [0.61, *[0.0] * 127]]}
    told = functions["/compare"].invoke(rest_api("POST", "/compare", json.dumps(body).encode()))
    assert said(told) == (200, server.client.post("/compare", json=body).json())
    assert [each["match"] for each in said(told)[1]["results"]] == [True, False]


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"image_data": 3}',
        b'{"image_data": "%%%", "known_encodings": []}',
        b'{"image_data": "aaaa", "known_encodings": []}',
        b'{"image_data": "a.jpg", "bucket": "../objects", "known_encodings": []}',
        b'{"image_data": "\\ud800", "known_encodings": []}',
        b"\xff\xfe{",
        b"[" * 100_000,
        json.dumps({"image_data": in_base64(b"%PDF-1.7 and so on"), "known_encodings": []}).encode(),
        json.dumps({"encoding": [0.0] * 128, "known_encodings": [[0.0] * 127]}).encode(),
        json.dumps({"encoding": [True] * 128, "known_encodings": []}).encode(),
        b'{"encoding": [%s], "known_encodings": []}' % b", ".join([b"1" + b"0" * 400] * 128),
        b'{"known_encodings": [%s]}' % b",".join([b"[]"] * 1_000_000),
    ],
)
def test_what_is_no_request_is_refused_as_by_the_route(
    functions: dict[str, Environment], server: Asked, route: str, body: bytes
) -> None:
    told = said(functions[route].invoke(rest_api("POST", route, body)))
    by_route = server.client.post(route, content=body)
    assert told == (by_route.status_code, by_route.json())
    assert told[0] == 400 and told[1]["success"] is False


def test_a_picture_may_be_an_object_in_s3(
    functions: dict[str, Environment], account: Account, photos: dict[str, bytes]
) -> None:
    account.put("photocall", "student_photos/17 ä.jpg", photos["biden"])
    account.put("photocall", "large.jpg", photos["biden"] + bytes(MAX_IMAGE_BYTES))
    account.put("photocall-school", "17.jpg", photos["biden"])

    def encoded(key: str, bucket: str = "photocall") -> tuple[int, Json]:
        body = json.dumps({"image_data": key, "bucket": bucket}).encode()
        return said(functions["/encode"].invoke(rest_api("POST", "/encode", body)))

    sent = {"image_data": data_url(photos["biden"])}
    assert encoded("student_photos/17 ä.jpg") == said(
        functions["/encode"].invoke(rest_api("POST", "/encode", json.dumps(sent).encode()))
    )
    assert encoded("18.jpg") == (404, {"success": False, "message": "There is no object '18.jpg'"})
    assert encoded("17.jpg", "nowhere")[0] == 404
    assert encoded("17.jpg", "photocall-school")[0] == 404
    assert encoded("large.jpg")[0] == 413


# --- around the answers


@pytest.mark.parametrize("route", FUNCTIONS)
def test_a_page_of_any_origin_may_ask(functions: dict[str, Environment], route: str) -> None:
    before = functions[route].invoke(rest_api("OPTIONS", route, Origin="https://school.example"))
    assert before["statusCode"] == 200
    assert before["headers"]["Access-Control-Allow-Origin"] == "*"
    assert "POST" in before["headers"]["Access-Control-Allow-Methods"]
    assert "x-api-key" in before["headers"]["Access-Control-Allow-Headers"]
    refused = functions[route].invoke(rest_api("POST", route, b"{}"))
    assert refused["headers"]["Access-Control-Allow-Origin"] == "*"


def test_another_path_or_method_is_refused_with_the_one_that_is_right(functions: dict[str, Environment]) -> None:
    elsewhere = functions["/encode"].invoke(rest_api("POST", "/detect", b"{}"))
    assert said(elsewhere) == (404, {"success": False, "message": "Not Found: this function answers /encode"})
    looked = functions["/encode"].invoke(rest_api("GET", "/encode"))
    assert (looked["statusCode"], looked["headers"]["Allow"]) == (405, "POST")
    assert said(functions["/encode"].invoke(function_url("POST", "/", b"{}")))[0] == 400


def test_an_event_that_is_no_request_fails_and_says_so(functions: dict[str, Environment]) -> None:
    events: list[Any] = [{"image_data": "aaaa"}, [], {"requestContext": {}}]
    for event in events:
        with pytest.raises(FunctionFailed, match="no request of API Gateway"):
            functions["/encode"].invoke(event)


def test_the_log_tells_a_request_and_counts_it_without_anything_of_the_face(
    account: Account, photos: dict[str, bytes], tmp_path: Path
) -> None:
    body = json.dumps({"image_data": data_url(photos["obama3"])}).encode()
    switched_on = {"POWERTOOLS_LOGGER_LOG_EVENT": "true", "AWS_LAMBDA_FUNCTION_NAME": "encode-face"}
    with Environment("photocall.aws.pictures.encode_face", tmp_path / "log", account.variables | switched_on) as one:
        told = one.invoke(rest_api("POST", "/encode", body))
        request, counted = lines(one)
    assert request["message"] == "request" and request["route"] == "/encode" and request["status"] == 200
    assert request["request_id"] == told["headers"]["X-Request-Id"]
    assert counted["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "photocall"
    assert counted["service"] == "encode-face" and counted["Faces"] == [1] and counted["Duration"][0] > 0
    written = (tmp_path / "log").read_text()
    assert len(written) < 1000 and str(said(told)[1]["encoding"][0])[:8] not in written


def test_a_picture_that_comes_again_is_not_looked_at_again(
    functions: dict[str, Environment], photos: dict[str, bytes]
) -> None:
    first = [{"image_data": form(photos["astronaut"])} for form in (data_url, in_base64)]
    told = [functions["/detect"].invoke(rest_api("POST", "/detect", json.dumps(body).encode())) for body in first]
    assert said(told[0]) == said(told[1])
    again = [line["again"] for line in lines(functions["/detect"]) if "again" in line]
    assert again[-2:] == [False, True]


def test_the_answers_asked_for_longest_ago_are_forgotten_first() -> None:
    remembered, looked = Remembered(2), []

    def look(picture: bytes) -> Json:
        looked.append(picture)
        return {"picture": picture}

    for picture in (b"a", b"b", b"a", b"c", b"a", b"b"):
        assert remembered.answer("encode", picture, look) == {"picture": picture}
    assert looked == [b"a", b"b", b"c", b"b"] and remembered.hits == 2
    remembered.answer("detect", b"b", look)
    assert looked[-1] == b"b" and len(looked) == 5


# --- how it starts


def test_nothing_slow_is_imported_for_a_picture(photos: dict[str, bytes]) -> None:
    event = rest_api("POST", "/encode", json.dumps({"image_data": in_base64(photos["biden"])}).encode())
    script = f"""if True:
        import json, sys
        from types import SimpleNamespace
        from photocall.aws.pictures import encode_face
        answer = encode_face(json.load(sys.stdin), SimpleNamespace(aws_request_id="1"))
        assert answer["statusCode"] == 200, answer
        print([name for name in {SLOW} if name in sys.modules])
    """
    command = [sys.executable, "-c", script]
    told = subprocess.run(command, input=json.dumps(event), capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("variable", "value"), [("PHOTOCALL_MIN_FACE", "5"), ("PHOTOCALL_THREADS", "many")])
def test_a_wrong_setting_ends_the_function_before_the_first_event(tmp_path: Path, variable: str, value: str) -> None:
    with (
        Environment("photocall.aws.pictures.encode_face", tmp_path / "log", {variable: value}) as one,
        pytest.raises(FunctionFailed, match=f"{variable}.*'?{value}") as failed,
    ):
        one.invoke(rest_api("POST", "/encode", b"{}"))
    assert failed.value.kind == "SettingInvalid"


@pytest.mark.parametrize(
    ("memory", "processors"), [("128", 1), ("1024", 1), ("1769", 1), ("3008", 2), ("10240", 6), ("", 8)]
)
def test_it_computes_on_as_many_processors_as_its_memory_brings(
    monkeypatch: pytest.MonkeyPatch, memory: str, processors: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
    assert aws.processors() == processors
