"""An object put into a bucket of S3 is all it takes: the bucket tells a queue of SQS, and a worker does the rest."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from commandline import data_with
from crew import at_work
from photocall.app import open_queue
from photocall.demo import Demo
from photocall.ports import Depth
from photocall.settings import Settings
from s3_server import CREDENTIALS, make_queue, running_s3

PATIENCE = 60
"""Seconds after which a CSV that must come has not."""


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A client of an S3 whose input bucket tells the queue of jobs of new objects; the environment names it, too."""
    with running_s3() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            environment.setenv(name, value)
        client = boto3.client("s3")
        for bucket in ("photocall-input", "photocall-output", "photocall-data"):
            client.create_bucket(Bucket=bucket)
        make_queue("photocall-jobs")
        wanted = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:photocall-jobs", "Events": ["s3:ObjectCreated:*"]}
        client.put_bucket_notification_configuration(
            Bucket="photocall-input", NotificationConfiguration={"QueueConfigurations": [wanted]}
        )
        yield client


@pytest.fixture(scope="module")
def settings(s3: object, tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Settings:
    """The demo class, with everything else at that S3."""
    data = data_with(tmp_path_factory.mktemp("data"), demo.enroll)
    return Settings(data=data, objects="s3://photocall-data", queue="sqs://", video_fps=1)


def output(s3: Any, key: str) -> str:
    """An object of the output bucket, once it is there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket="photocall-output").get("Contents", [])]
        if key in keys:
            return str(s3.get_object(Bucket="photocall-output", Key=key)["Body"].read().decode())
        time.sleep(0.1)
    pytest.fail(f"there is no {key}")


def put_in_parts(s3: Any, key: str, data: bytes) -> None:
    upload = {"Bucket": "photocall-input", "Key": key}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=data)["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"ETag": part, "PartNumber": 1}]})


def drained(settings: Settings) -> Depth:
    """What the queue holds once nothing waits in it or is being done."""
    deadline = time.monotonic() + PATIENCE
    with closing(open_queue(settings)) as queue:
        while (depth := queue.depth()).waiting + depth.delayed + depth.leased and time.monotonic() < deadline:
            time.sleep(0.1)
        return depth


def test_a_video_put_into_the_input_bucket_becomes_a_csv_in_the_output_bucket(
    s3: Any, settings: Settings, demo: Demo
) -> None:
    with at_work(settings):
        s3.put_object(Bucket="photocall-input", Key="märz/lesson 1+2.mp4", Body=demo.clip.read_bytes())
        put_in_parts(s3, "parts.mp4", demo.clip.read_bytes())
        names = {line.split(",")[0] for line in output(s3, "märz/lesson 1+2.csv").splitlines()[1:]}
        assert names == {path.stem for path in Path(demo.enroll).iterdir()}
        assert output(s3, "parts.csv") == output(s3, "märz/lesson 1+2.csv")
        assert drained(settings) == Depth(0, 0, 0, 0)
    keys = {each["Key"] for each in s3.list_objects_v2(Bucket="photocall-output")["Contents"]}
    assert keys == {"märz/lesson 1+2.csv", "parts.csv"}
