"""The topic of a video job: an SNS of moto's with a queue that has subscribed to it."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

import photocall.aws
from clips import write
from photocall.jobs import Job, Kind
from photocall.video_handlers import tell_topic
from s3_server import CREDENTIALS, running_s3
from servers import asked
from wire.clients import client
from wire.video_jobs import Place, video, working

MISSING = "arn:aws:sns:us-east-1:000000000000:nobody"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of services like Amazon's, which the environment names."""
    with running_s3() as address, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": address}.items():
            environment.setenv(name, value)
        yield address


@pytest.fixture
def subscribed(endpoint: str) -> tuple[str, Any, str]:
    """A topic's ARN, and client and address of a queue that gets what it is told."""
    sns, sqs = (boto3.client(name, region_name="us-east-1") for name in ("sns", "sqs"))
    topic = sns.create_topic(Name="AmazonRekognitionLessons")["TopicArn"]
    url = sqs.create_queue(QueueName="lessons")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, sqs, url


def received(sqs: Any, url: str) -> Any:
    """What a queue was told by its topic next."""
    (told,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=told["ReceiptHandle"])
    return json.loads(json.loads(told["Body"])["Message"])


def job(topic: str, **options: str) -> Job:
    return Job(Kind.FACE_SEARCH, "lessons", "a.mp4", "once", options={"topic": topic, **options})


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_topic_is_told_in_rekognitions_words(subscribed: tuple[str, Any, str], succeeded: bool) -> None:
    topic, sqs, url = subscribed
    tell_topic(job(topic, tag="first lesson"), succeeded=succeeded)
    message = received(sqs, url)
    assert 1.6e12 < message.pop("Timestamp") < 1e13
    assert message == {
        "JobId": job(topic, tag="first lesson").job_id,
        "Status": "SUCCEEDED" if succeeded else "FAILED",
        "API": "StartFaceSearch",
        "JobTag": "first lesson",
        "Video": {"S3ObjectName": "a.mp4", "S3Bucket": "lessons"},
    }


def test_the_end_of_a_job_is_told_once_its_result_is_there(subscribed: tuple[str, Any, str], tmp_path: Path) -> None:
    topic, sqs, url = subscribed
    with asked(tmp_path / "data") as server:
        place = Place(server.service, client(server.url))
        place.put("empty.mp4", write(tmp_path / "empty.mp4", 5, rate=5).read_bytes())
        place.put("text.mp4", b"no video")
        channel = {"SNSTopicArn": topic, "RoleArn": "arn:aws:iam::000000000000:role/lessons"}
        start = partial(place.rekognition.start_face_detection, NotificationChannel=channel)
        done, failed = (start(Video=video(key))["JobId"] for key in ("empty.mp4", "text.mp4"))
        expected = {done: "SUCCEEDED", failed: "FAILED"}
        with working(server.service):
            for _ in expected:
                told = received(sqs, url)
                found = place.rekognition.get_face_detection(JobId=told["JobId"])
                assert found["JobStatus"] == told["Status"] == expected[told["JobId"]]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        (MISSING, "it was refused (NotFound)"),
        ("no topic", "it is not the ARN of a topic"),
        ("arn:aws:sns:no region:000000000000:x", "(InvalidRegionError)"),
    ],
)
def test_a_topic_that_cannot_be_told_is_a_line_in_the_log(
    endpoint: str, topic: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    tell_topic(job(topic), succeeded=True)
    assert reason in caplog.text and job(topic).job_id in caplog.text


def test_without_credentials_nobody_is_told_and_the_log_says_so(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    tell_topic(job(MISSING), succeeded=True)
    assert "it could not be reached (NoCredentialsError)" in caplog.text


def test_without_boto3_nobody_is_told_and_the_log_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "photocall.aws.notifications", raising=False)
    monkeypatch.delattr(photocall.aws, "notifications", raising=False)
    tell_topic(job(MISSING), succeeded=True)
    assert "pip install 'photocall[aws]'" in caplog.text


def test_a_job_without_a_channel_tells_nobody(caplog: pytest.LogCaptureFixture) -> None:
    tell_topic(Job(Kind.RECOGNIZE, "lessons", "a.mp4"), succeeded=True)
    assert caplog.text == ""
