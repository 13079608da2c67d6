"""A server that needs keys has no way in without one: by other methods, paths written otherwise, or another's key."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from photocall.access import create_access_key, create_api_key, revoke_key
from photocall.keys import Key, Plan, Scope
from servers import Asked, asked

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")

OPEN = {"/docs", "/healthz", "/jobs", "/metrics", "/openapi.json", "/readyz"}
"""What needs no key."""

PATHS = [
    "/v1/index",
    "/v1/index/",
    "/v1/index/a.jpg",
    "/v1/index/a.jpg/faces",
    "/v1/index//faces",
    "/v1/search",
    "/v1/info",
    "/encode",
    "/detect",
    "/compare",
    "//v1/info",
    "/v1//info",
    "/v1/./info",
    "/v1/../v1/info",
    "/docs/../v1/info",
    "/healthz/../v1/info",
    "/%2e/v1/info",
    "/%76%31/info",
    "/V1/info",
    "/v1/info/",
    "/v1/info;a=b",
    "/v1/info%2f",
    "/v1/info%00",
    "/v1/info?x-api-key=a",
    "//encode",
    "/encode/",
    "/docs/v1/info",
    "//",
    "/./",
    "/redoc",
    "/static/",
]

SIGNED = {"X-Amz-Target": "RekognitionService.ListCollections", "Content-Type": "application/x-amz-json-1.1"}


@dataclass
class Pair:
    """A key, and what its user sends or signs with."""

    key: Key
    secret: str


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("locked"), auth="on") as server:
        yield server


@pytest.fixture
def api_key(locked: Asked) -> Pair:
    return Pair(*create_api_key(locked.service.store, "Ada", frozenset(Scope), None, datetime.now(UTC)))


@pytest.fixture
def access_key(locked: Asked) -> Pair:
    return Pair(*create_access_key(locked.service.store, "Ada", frozenset(Scope), None, datetime.now(UTC)))


def signed(url: str, key_id: str, secret: str, headers: dict[str, str] = SIGNED) -> dict[str, str]:
    request = AWSRequest("POST", f"{url}/", headers, b"{}")
    SigV4Auth(Credentials(key_id, secret), "rekognition", "us-east-1").add_auth(request)
    return dict(request.headers)


def wire(server: Asked, headers: dict[str, str], path: str = "/", body: bytes = b"{}") -> str:
    """What an operation answers: "ok", or the code of its error."""
    answer = server.client.post(path, content=body, headers=headers)
    return "ok" if answer.status_code == 200 else str(answer.json().get("__type", answer.status_code))


def rest(server: Asked, headers: dict[str, str]) -> int:
    return server.client.get("/v1/info", headers=headers).status_code


@pytest.mark.parametrize("path", PATHS)
def test_no_method_and_no_path_leads_around_the_key(locked: Asked, path: str) -> None:
    for method in METHODS:
        connection = http.client.HTTPConnection(urlsplit(locked.url).netloc, timeout=30)
        connection.request(method, path)  # httpx would tidy the path
        answer = connection.getresponse()
        assert answer.status in (400, 401, 404, 405), (method, path)
        connection.close()


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_needs_no_key_tells_nothing_of_the_rest(locked: Asked, path: str, tmp_path: Path) -> None:
    answer = locked.client.get(path)
    assert answer.status_code == 200
    assert str(locked.service.settings.data) not in answer.text


def test_a_slash_too_many_is_not_sent_on_to_an_address_without_tls(locked: Asked, api_key: Pair) -> None:
    answer = locked.client.get("/v1/info/", headers={"x-api-key": api_key.secret, "host": "faces.example.org"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "target",
    [
        "ListCollections",
        "rekognitionservice.ListCollections",
        "RekognitionService.listcollections",
        "RekognitionService.",
        "RekognitionService.RekognitionService.ListCollections",
        "RekognitionService.ListCollections,RekognitionService.ListCollections",
        "",
    ],
)
def test_an_operation_has_one_name(locked: Asked, access_key: Pair, target: str) -> None:
    headers = {**SIGNED, "X-Amz-Target": target}
    good = signed(locked.url, access_key.key.key_id, access_key.secret, headers)
    assert wire(locked, good) == "UnknownOperationException"


def test_what_was_signed_is_answered_and_nothing_else(locked: Asked, access_key: Pair) -> None:
    good = signed(locked.url, access_key.key.key_id, access_key.secret)
    assert wire(locked, good) == "ok"
    for changed in (
        wire(locked, good, path="/?a=b"),
        wire(locked, good, body=b""),
        wire(locked, good, body=b'{"MaxResults": 1}'),
        wire(locked, {**good, "X-Amz-Target": "RekognitionService.CreateCollection"}),
        wire(locked, {**good, "host": "faces.example.org"}),
        wire(locked, {**good, "X-Amz-Security-Token": "a"}),
    ):
        assert changed == "InvalidSignatureException"


def test_each_kind_of_key_is_good_for_its_own_protocol_alone(locked: Asked, api_key: Pair, access_key: Pair) -> None:
    assert rest(locked, {"x-api-key": api_key.secret}) == 200
    for text in (access_key.secret, access_key.key.key_id, api_key.key.key_id, api_key.key.secret):
        assert rest(locked, {"x-api-key": text}) == 403
    assert rest(locked, signed(locked.url, access_key.key.key_id, access_key.secret)) == 401
    for secret in (api_key.secret, api_key.secret.rpartition("_")[2], api_key.key.secret):
        assert wire(locked, signed(locked.url, api_key.key.key_id, secret)) == "UnrecognizedClientException"
    assert wire(locked, {**SIGNED, "x-api-key": api_key.secret}) == "MissingAuthenticationTokenException"


def test_a_key_that_is_revoked_while_its_user_is_connected_opens_nothing_more(
    locked: Asked, api_key: Pair, access_key: Pair
) -> None:
    good = signed(locked.url, access_key.key.key_id, access_key.secret)
    assert (rest(locked, {"x-api-key": api_key.secret}), wire(locked, good)) == (200, "ok")
    for pair in (api_key, access_key):
        revoke_key(locked.service.store, pair.key.key_id, datetime.now(UTC))
    assert rest(locked, {"x-api-key": api_key.secret}) == 403
    assert wire(locked, good) == "UnrecognizedClientException"


def test_a_plan_holds_for_an_access_key_as_well(locked: Asked) -> None:
    plan = Plan(per_day=2)
    key, secret = create_access_key(locked.service.store, "Ada", frozenset(Scope), plan, datetime.now(UTC))
    answers = [wire(locked, signed(locked.url, key.key_id, secret)) for _ in range(3)]
    assert answers == ["ok", "ok", "ThrottlingException"]


def test_where_a_request_says_it_comes_from_does_not_count(locked: Asked) -> None:
    said = {
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "localhost",
        "forwarded": "for=127.0.0.1;host=localhost",
    }
    assert rest(locked, said) == 401
    assert httpx.get(locked.url + "/v1/info", headers={**said, "host": "localhost"}).status_code == 401
