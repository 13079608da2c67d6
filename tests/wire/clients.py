"""Unchanged clients that hold every answer against the service model."""

from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from wire.answers import REQUEST_ID, check_answer

Client = Any
"""A boto3 client, whose methods are made at run time."""


def client(url: str, *, key: str = "any", secret: str = "any", region: str = "us-east-1") -> Client:
    """boto3's client for a server; answers that the service model does not allow fail."""
    made: BaseClient = boto3.client(
        "rekognition",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, read_timeout=120),
    )
    made.meta.events.register("before-parse.rekognition", _check)
    return made


def _check(operation_model: Any, response_dict: dict[str, Any], **_: object) -> None:
    check_answer(operation_model, response_dict["status_code"], response_dict["body"])
    assert REQUEST_ID.fullmatch(response_dict["headers"]["x-amzn-RequestId"])
    assert response_dict["headers"]["content-type"] == "application/x-amz-json-1.1"
