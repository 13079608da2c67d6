"""A server that needs keys: signed requests of unchanged clients, and nobody else."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import Served, served
from wire.clients import client


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signed") / "data"


@pytest.fixture(scope="module")
def guarded(data: Path) -> Iterator[Served]:
    with served(data, auth="on", region="eu-central-1") as server:
        yield server


def made_key(data: Path, *options: str) -> dict[str, Any]:
    import json

    command = [sys.executable, "-m", "photocall", "keys", "create", "Ada", "--access", "--json", "--data", str(data)]
    printed = subprocess.run([*command, *options], capture_output=True, text=True, check=True).stdout
    made: dict[str, Any] = json.loads(printed)
    return made


def refusal(asking: Any) -> str:
    with pytest.raises(asking.exceptions.ClientError) as refused:
        asking.list_collections()
    return str(refused.value.response["Error"]["Code"])


def test_a_key_opens_the_server_until_it_is_revoked(guarded: Served, data: Path) -> None:
    key = made_key(data)
    pair = {"key": key["key_id"], "secret": key["secret"]}
    asking = client(guarded.url, **pair, region="eu-central-1")
    asking.create_collection(CollectionId="signed")
    assert "signed" in asking.list_collections()["CollectionIds"]
    assert (
        refusal(client(guarded.url, **pair | {"secret": "wrong"}, region="eu-central-1")) == "InvalidSignatureException"
    )
    assert refusal(client(guarded.url, **pair, region="us-east-1")) == "InvalidSignatureException"
    revoke = [sys.executable, "-m", "photocall", "keys", "revoke", key["key_id"], "--data", str(data)]
    subprocess.run(revoke, check=True, capture_output=True)
    assert refusal(asking) == "UnrecognizedClientException"


def test_nobody_else_is_answered(guarded: Served) -> None:
    assert refusal(client(guarded.url, region="eu-central-1")) == "UnrecognizedClientException"
    headers = {"X-Amz-Target": "RekognitionService.ListCollections", "Content-Type": "application/x-amz-json-1.1"}
    answer = httpx.post(guarded.url, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["__type"]) == (400, "MissingAuthenticationTokenException")


def test_a_key_for_reading_changes_nothing(guarded: Served, data: Path) -> None:
    key = made_key(data, "--scope", "read")
    asking = client(guarded.url, key=key["key_id"], secret=key["secret"], region="eu-central-1")
    asking.list_collections()
    with pytest.raises(asking.exceptions.AccessDeniedException):
        asking.create_collection(CollectionId="mine")


def test_secrets_are_in_no_log(guarded: Served, data: Path) -> None:
    key = made_key(data)
    asking = client(guarded.url, key=key["key_id"], secret=key["secret"], region="eu-central-1")
    asking.list_collections()
    deadline = time.monotonic() + 30
    while key["key_id"] not in (log := guarded.log.read_text()):  # it is told after the answer
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert key["secret"] not in log
    assert "Signature=" not in log
