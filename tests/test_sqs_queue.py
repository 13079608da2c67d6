"""The queue in SQS, asked with the real client: the contract, then what only a service of others can suffer."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import boto3
import pytest

from contracts.job_queue import LONG, JobQueueContract, one
from photocall.errors import StoreUnavailable
from photocall.stores.sqs_queue import SqsQueue
from s3_server import CREDENTIALS, free_port, make_queue, running_s3


@pytest.fixture(scope="module")
def sqs() -> Iterator[str]:
    """The address of an SQS, which the environment names, too."""
    with running_s3() as endpoint, pytest.MonkeyPatch.context() as environment:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, value)
        yield endpoint


class TestSqsQueue(JobQueueContract):
    short = 1  # SQS knows whole seconds
    many, processes = 60, 2  # the server of the tests is slow

    def new_name(self, url: str) -> str:
        name = f"queue-{uuid4().hex}"
        make_queue(name)
        return name

    @pytest.fixture
    def url(self, sqs: str) -> str:
        return "sqs://"


@pytest.fixture
def name(sqs: str) -> str:
    name = f"queue-{uuid4().hex}"
    make_queue(name)
    return name


@pytest.fixture
def queue(name: str) -> Iterator[SqsQueue]:
    with closing(opened(name)) as queue:
        yield queue


def opened(name: str) -> SqsQueue:
    return SqsQueue("sqs://", name, lease=LONG, max_receives=3)


def test_a_message_that_somebody_else_has_sent_is_received_as_it_is(queue: SqsQueue, name: str) -> None:
    client = boto3.client("sqs", region_name="us-east-1")
    event = '{"Records": [{"eventName": "ObjectCreated:Put"}]}'
    client.send_message(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=event)
    assert one(queue).body == event


def test_an_event_that_lambda_gave_up_is_a_dead_letter_with_what_was_raised(queue: SqsQueue, name: str) -> None:
    client = boto3.client("sqs", region_name="us-east-1")
    told = {"ErrorMessage": "Not done: no object", "ErrorCode": "200", "RequestID": "1"}
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in told.items()}
    dead = client.get_queue_url(QueueName=f"{name}-dead")["QueueUrl"]
    client.send_message(QueueUrl=dead, MessageBody='{"Records": []}', MessageAttributes=attributes)
    (letter,) = queue.dead(10)
    assert letter.reason == "Not done: no object"
    assert queue.retry(letter.letter_id) and one(queue).body == '{"Records": []}'


def test_a_dead_letter_that_sqs_itself_has_put_there_is_shown_too(queue: SqsQueue, name: str) -> None:
    client = boto3.client("sqs", region_name="us-east-1")
    client.send_message(QueueUrl=client.get_queue_url(QueueName=f"{name}-dead")["QueueUrl"], MessageBody="1")
    (letter,) = queue.dead(10)
    assert (letter.body, letter.receives) == ("1", 3)
    assert "received 3 times" in letter.reason


def test_more_dead_letters_than_one_answer_has_are_found(queue: SqsQueue) -> None:
    for number in range(12):
        queue.send(str(number))
        queue.bury(one(queue), "bad")
    letters = queue.dead(100)
    assert sorted(int(each.body) for each in letters) == list(range(12))
    assert queue.drop(letters[-1].letter_id)
    assert len(queue.dead(100)) == 11


def test_queues_that_are_missing_are_told_with_the_command_that_makes_them(sqs: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"sqs://nowhere: .* make it and nowhere-dead: aws sqs create-queue"):
        opened("nowhere")


def test_an_address_with_more_than_the_scheme_is_refused(sqs: str) -> None:
    with pytest.raises(StoreUnavailable, match="it is sqs:// alone; AWS_REGION says where"):
        SqsQueue("sqs://eu-west-1/jobs", "jobs", lease=LONG, max_receives=3)


def test_a_service_that_does_not_answer_is_told_in_one_line_without_the_secret(
    queue: SqsQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    with pytest.raises(StoreUnavailable, match=r"sqs://jobs: SQS does not answer") as caught:
        opened("jobs")
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_service_without_a_region_or_credentials_is_told(sqs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it has found credentials already
    with pytest.raises(StoreUnavailable, match="nobody said who asks; set AWS_ACCESS_KEY_ID"):
        opened("jobs")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with pytest.raises(StoreUnavailable, match="nobody said which region; set AWS_REGION"):
        opened("jobs")


def test_a_message_whose_attributes_mean_something_else_is_received_as_it_is(queue: SqsQueue, name: str) -> None:
    client = boto3.client("sqs", region_name="us-east-1")
    told = {"Encoding": {"DataType": "String", "StringValue": "base64"}}
    url = client.get_queue_url(QueueName=name)["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="{not base64}", MessageAttributes=told)
    assert one(queue).body == "{not base64}"
