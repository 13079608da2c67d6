"""Tables of DynamoDB as docs/stores.md has them; the environment says where."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import SimpleNamespace
from typing import Any

import boto3

from s3_server import CREDENTIALS

CHEAP = {"BillingMode": "PAY_PER_REQUEST"}


def dynamodb() -> Any:
    """A client that knows nothing of photocall."""
    return _client(os.environ["AWS_ENDPOINT_URL"])


def make_tables(name: str, student_key: str = "name", kind: str = "S") -> None:
    """A table, that of its students, and that of its faces."""
    _make(name, pk="S", sk="S")
    _make(f"{name}-students", **{student_key: kind})
    _make(f"{name}-faces", FaceId="S")


@contextmanager
def hearing(listener: Callable[[str], Any]) -> Iterator[None]:
    """Tell a listener the name of every question that clients made meanwhile ask, before it is sent.

    What the listener raises ends the question, what it gives (status, answer) is the answer, None sends it.
    """
    lock = Lock()

    def heard(model: Any, **_: object) -> Any:
        with lock:
            answer = listener(model.name)
        return answer and (SimpleNamespace(status_code=answer[0]), answer[1])

    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    events = boto3.DEFAULT_SESSION.events  # of which a client takes a copy
    events.register("before-call.dynamodb", heard)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb", heard)


@cache
def _client(endpoint: str) -> Any:
    return boto3.client("dynamodb", region_name=CREDENTIALS["AWS_REGION"], endpoint_url=endpoint)


def items(table: str) -> list[dict[str, Any]]:
    """Everything in a table, as DynamoDB gives it."""
    return [item for page in dynamodb().get_paginator("scan").paginate(TableName=table) for item in page["Items"]]


def refill(table: str, wanted: list[dict[str, Any]]) -> None:
    """Let a table hold these items and no others."""
    key = [each["AttributeName"] for each in dynamodb().describe_table(TableName=table)["Table"]["KeySchema"]]
    for item in items(table):
        if item not in wanted:
            dynamodb().delete_item(TableName=table, Key={name: item[name] for name in key})
    there = items(table)
    for item in wanted:
        if item not in there:
            dynamodb().put_item(TableName=table, Item=item)


def _make(name: str, /, **key: str) -> None:
    schema = [{"AttributeName": each, "KeyType": kind} for each, kind in zip(key, ("HASH", "RANGE"), strict=False)]
    types = [{"AttributeName": each, "AttributeType": kind} for each, kind in key.items()]
    dynamodb().create_table(TableName=name, KeySchema=schema, AttributeDefinitions=types, **CHEAP)
