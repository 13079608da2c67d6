"""An account of AWS on this machine: buckets that tell queues, queues with dead letters, tables, and their settings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from s3_server import CREDENTIALS, make_queue, running_s3

ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Account:
    """An account, which the environment of this process names, too.

    Attributes:
        variables: of every function in it.
    """

    variables: dict[str, str]
    s3: Any = field(default_factory=lambda: boto3.client("s3"))
    sqs: Any = field(default_factory=lambda: boto3.client("sqs"))

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        self.s3.create_bucket(Bucket=name)

    def let_tell(self, bucket: str, queue: str) -> None:
        """Let a bucket tell a queue of every new object; it begins with the test event."""
        wanted = {"QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}", "Events": ["s3:ObjectCreated:*"]}
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [wanted]}
        )

    def set_visibility(self, queue: str, seconds: int) -> None:
        """Set for how long whoever receives a message of a queue has it at first."""
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Put an object."""
        self.s3.put_object(Bucket=bucket, Key=key, Body=data)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Every object of a bucket, up to a thousand."""
        keys = [each["Key"] for each in self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def messages(self, queue: str) -> list[Any]:
        """What waits in a queue, as JSON says it; it is taken out."""
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        found = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found


def make_table(table: str, **key: str) -> None:
    """Make a table of DynamoDB with such a key, all of it text."""
    boto3.client("dynamodb").create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in key],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in key.items()],
        BillingMode="PAY_PER_REQUEST",
    )


@contextmanager
def opened_account(temporary: Path, **settings: str) -> Iterator[Account]:
    """An account with the buckets, queues and tables of photocall's defaults.

    Args:
        temporary: where functions keep what Lambda's /tmp is for.
        settings: what functions are told beside, by name in small letters, such as name_suffix=".txt".
    """
    with running_s3() as endpoint, pytest.MonkeyPatch.context() as environment:
        place = {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in place.items():
            environment.setenv(name, value)
        own = {"database": "dynamodb://photocall", "objects": "s3://photocall-data", "queue": "sqs://"}
        told = {**own, "data": str(temporary), "threads": "1", **settings}
        account = Account({**place, **{f"PHOTOCALL_{name.upper()}": value for name, value in told.items()}})
        for name in ("database", "objects"):
            environment.setenv(f"PHOTOCALL_{name.upper()}", told[name])
        make_table("photocall", pk="HASH", sk="RANGE")
        make_table("photocall-students", name="HASH")
        for queue in ("photocall-jobs", "photocall-responses"):
            make_queue(queue)
        for bucket in ("photocall-output", "photocall-data", "photocall-school", "photocall", "photocall-input"):
            account.make_bucket(bucket)
        yield account
