"""API keys on the REST routes: who may ask for what, and how often (S3.5)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from photocall.access import create_access_key, create_api_key, revoke_key
from photocall.faces import ByteArray
from photocall.keys import Plan, Scope
from servers import Asked, asked, jpeg

NOW = datetime.now(UTC)
BOTH = frozenset(Scope)


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    """The portraits as files."""
    return {name: jpeg(image) for name, image in portraits.items()}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server that wants keys."""
    with asked(tmp_path_factory.mktemp("locked"), auth="on") as server:
        yield server


def test_without_a_key_nothing_is_done(locked: Asked, photos: dict[str, bytes]) -> None:
    for method, path in (
        ("PUT", "/v1/index/a.jpg"),
        ("GET", "/v1/index/a.jpg"),
        ("GET", "/v1/index/a.jpg/faces"),
        ("DELETE", "/v1/index/a.jpg"),
        ("GET", "/v1/index"),
        ("POST", "/v1/search"),
        ("GET", "/v1/search"),
        ("GET", "/v1/info"),
        ("POST", "/v1/info"),
    ):
        answered = locked.client.request(method, path, content=photos["biden"])
        assert (answered.status_code, answered.json()["error"]) == (401, "KeyMissing"), path
    for path in ("/encode", "/detect", "/compare"):
        answered = locked.client.post(path, json={})
        assert answered.status_code == 401 and answered.json()["success"] is False


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json"])
def test_what_needs_no_key(locked: Asked, path: str) -> None:
    assert locked.service.engine
    assert locked.client.get(path).status_code == 200


def test_a_key_for_reading_may_search_and_not_store(locked: Asked, photos: dict[str, bytes]) -> None:
    _, text = create_api_key(locked.service.store, "reader", frozenset({Scope.READ}), Plan(), NOW)
    key = {"x-api-key": text}
    assert locked.client.post("/v1/search", content=photos["biden"], headers=key).status_code == 200
    assert locked.client.post("/compare", json={"encoding": [0.0] * 128, "known_encodings": []}, headers=key).is_success
    refused = locked.client.put("/v1/index/a.jpg", content=photos["biden"], headers=key)
    assert (refused.status_code, refused.json()["error"]) == (403, "KeyRefused")
    assert text not in refused.text
    assert locked.client.delete("/v1/index/a.jpg", headers=key).status_code == 403


def test_a_revoked_key_is_refused_at_once(locked: Asked) -> None:
    key, text = create_api_key(locked.service.store, "gone", BOTH, Plan(), NOW)
    assert locked.client.get("/v1/info", headers={"x-api-key": text}).status_code == 200
    revoke_key(locked.service.store, key.key_id, NOW)
    refused = locked.client.get("/v1/info", headers={"x-api-key": text})
    assert refused.status_code == 403 and "revoked" in refused.json()["description"]


def test_strange_keys_are_refused_and_hurt_nobody(locked: Asked) -> None:
    pair, secret = create_access_key(locked.service.store, "boto3", BOTH, None, NOW)
    for text in ("x", pair.key_id, secret, "pc_" + "a" * 5000, "pc_\xe9", "' OR 1=1 --"):
        answered = locked.client.get("/v1/info", headers=[(b"x-api-key", text.encode("latin-1"))])
        assert answered.status_code == 403, text


def test_who_asks_more_than_the_plan_allows_is_told_when_to_try_again(locked: Asked) -> None:
    _, text = create_api_key(locked.service.store, "eager", BOTH, Plan(per_day=2, burst=25, rate=10), NOW)
    key = {"x-api-key": text}
    assert [locked.client.get("/v1/info", headers=key).status_code for _ in range(3)] == [200, 200, 429]
    refused = locked.client.post("/encode", json={}, headers=key)
    assert refused.status_code == 429 and "2 requests a day" in refused.json()["message"]
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
