"""What the adapters of Amazon's services share: a client, and why it failed in plain words.

Who and where is asked of the environment (AWS_*), as every program does that uses boto3.
"""

import os
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

_ONE_AT_A_TIME = Lock()
"""Clients may be shared by threads, making them may not:
https://docs.aws.amazon.com/boto3/latest/guide/clients.html"""


def client(service: str, config: Config) -> Any:
    """A client of a service, safe to share between threads. Raises botocore's errors."""
    with _ONE_AT_A_TIME:
        return boto3.client(service, region_name=os.environ.get("AWS_REGION") or None, config=config)


def code_of(error: ClientError) -> str:
    """The name of an answer; older ones have a longer form, such as AWS.SimpleQueueService.NonExistentQueue."""
    return str(error.response["Error"]["Code"]).rpartition(".")[2]


def reason_of(service: str, error: Exception) -> str:
    """Why a service could not be asked, or what it answered."""
    if isinstance(error, ClientError):
        return f"{service} answered {code_of(error)}: {error.response['Error'].get('Message', '')}"
    if isinstance(error, NoRegionError):
        return "nobody said which region; set AWS_REGION"
    if isinstance(error, NoCredentialsError):
        return "nobody said who asks; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError):
        return f"{service} does not answer; look at the network, AWS_REGION and AWS_ENDPOINT_URL"
    return f"{service} could not be asked ({type(error).__name__})"
