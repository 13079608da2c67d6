"""Messages become jobs: photocall's own, the events of S3 as they were recorded, and whatever else lies in a queue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photocall.errors import JobInvalid
from photocall.jobs import Job, Kind, message, parse
from photocall.ports import MAX_MESSAGE_BYTES
from photocall.settings import Settings
from photocall.worker import kind_of
from s3_server import running_s3

EVENTS = Path(__file__).parent / "events"
INPUT = "photocall-input"


def jobs(body: str) -> list[Job]:
    """As a worker with the default settings takes them."""
    return parse(body, lambda bucket: kind_of(bucket, Settings()))


def event(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text()


def record(**s3: Any) -> str:
    """An event with one record."""
    return json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": s3}]})


# --- own messages


def test_a_job_is_the_same_after_its_message() -> None:
    job = Job(Kind.FACE_SEARCH, "lessons", "2026/märz 14.mp4", "7", "0f" * 32, {"collection_id": "class"})
    (again,) = parse(message(job), lambda bucket: Kind.INDEX)
    assert again == job and again.job_id == job.job_id


def test_the_id_of_a_job_follows_from_all_that_it_is_and_never_changes() -> None:
    job = Job(Kind.RECOGNIZE, "a", "b.mp4")
    others = [
        Job(Kind.INDEX, "a", "b.mp4"),
        Job(Kind.RECOGNIZE, "c", "b.mp4"),
        Job(Kind.RECOGNIZE, "a", "c.mp4"),
        Job(Kind.RECOGNIZE, "a", "b.mp4", request_id="1"),
        Job(Kind.RECOGNIZE, "a", "b.mp4", digest="1"),
        Job(Kind.RECOGNIZE, "a", "b.mp4", options={"c": "d"}),
    ]
    assert len({each.job_id for each in (job, *others)}) == 1 + len(others)
    # Results of years ago are found by it.
    assert job.job_id == "d6c14a8a-4c8b-5263-847d-d51e0610802f"
    assert UUID(job.job_id).version == 5


def test_the_order_of_options_means_nothing() -> None:
    one = Job(Kind.FACE_DETECTION, "a", "b", options={"x": "1", "y": "2"})
    other = Job(Kind.FACE_DETECTION, "a", "b", options={"y": "2", "x": "1"})
    assert one.job_id == other.job_id


@pytest.mark.parametrize(
    ("key", "stem"),
    [
        ("test_0.mp4", "test_0"),
        ("a/b.c/lesson.final.mp4", "a/b.c/lesson.final"),
        ("a.b/lesson", "a.b/lesson"),
        (".hidden", ".hidden"),
    ],
)
def test_results_are_named_by_the_key_without_the_ending_of_its_file_name(key: str, stem: str) -> None:
    assert Job(Kind.RECOGNIZE, INPUT, key).stem == stem


# --- events of S3


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("s3-put", "lessons/müller c++.mp4"),
        ("s3-put-moto", "lessons/a b+ü.mp4"),
        ("s3-put-localstack", "lessons/a b+ü.mp4"),
        ("s3-multipart", "lecture.mp4"),
    ],
)
def test_an_object_that_was_put_is_one_job_with_its_key_as_it_was_typed(name: str, key: str) -> None:
    (job,) = jobs(event(name))
    assert (job.kind, job.bucket, job.key) == (Kind.RECOGNIZE, INPUT, key)


def test_every_record_of_an_event_is_a_job_and_what_was_deleted_is_none() -> None:
    assert [(job.kind, job.bucket, job.key) for job in jobs(event("s3-several"))] == [
        (Kind.RECOGNIZE, INPUT, "a.mp4"),
        (Kind.INDEX, "photocall", "Ada Lovelace.jpg"),
    ]


@pytest.mark.parametrize("name", ["s3-test", "s3-delete"])
def test_the_test_event_and_deleted_objects_are_no_work_and_no_error(name: str) -> None:
    assert jobs(event(name)) == []


def test_what_a_console_shows_as_a_folder_is_no_work_and_no_error() -> None:
    put = json.loads(event("s3-put"))
    put["Records"][0]["s3"]["object"]["key"] = "lessons/"
    assert jobs(json.dumps(put)) == []


def test_a_repeated_event_is_the_same_job_and_another_put_another_one() -> None:
    (first,), (again,) = jobs(event("s3-put")), jobs(event("s3-put"))
    assert first.job_id == again.job_id
    (later,) = jobs(event("s3-put").replace("0055AED6DCD90281E5", "0055AED6DCD90281E6"))
    assert later.job_id != first.job_id and later.key == first.key


def test_where_no_order_is_told_the_time_tells_one_put_from_the_next() -> None:
    (first,), (again,) = jobs(event("s3-put-moto")), jobs(event("s3-put-moto"))
    (later,) = jobs(event("s3-put-moto").replace("53.805Z", "54.000Z"))
    assert first.job_id == again.job_id != later.job_id


# --- what is no job


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no JSON object"),
        ('"recognize"', "no JSON object"),
        ("{}", "its job is not one of recognize, index"),
        ('{"job": "erase", "bucket": "a", "key": "b"}', "its job is not one of"),
        ('{"job": ["recognize"], "bucket": "a", "key": "b"}', "its job is not one of"),
        ('{"job": {"a": 1}, "bucket": "a", "key": "b"}', "its job is not one of"),
        ('{"job": "index", "bucket": "a"}', "it needs bucket and key"),
        ('{"job": "index", "bucket": "a", "key": 7}', "it needs bucket and key"),
        ('{"job": "index", "bucket": "a", "key": "b", "options": []}', "its options are not a JSON object of texts"),
        ('{"job": "index", "bucket": "a", "key": "b", "options": {"c": 1}}', "its options are not"),
        ('{"Records": {}}', "its job is not one of"),
        ('{"Records": [7]}', "no s3.bucket.name and s3.object.key"),
        ('{"Records": [{"s3": null}]}', "no s3.bucket.name and s3.object.key"),
        ('{"Records": [{"eventName": null}]}', "no s3.bucket.name and s3.object.key"),
        (record(bucket={"name": INPUT}, object={"key": ["a"]}), "no s3.bucket.name and s3.object.key"),
        (record(bucket={"name": INPUT}, object={"key": ""}), "no s3.bucket.name and s3.object.key"),
        (record(bucket={"name": INPUT}, object={"key": "%ff"}), "no s3.bucket.name and s3.object.key"),
        (record(bucket={"name": [INPUT]}, object={"key": "a"}), "no s3.bucket.name and s3.object.key"),
        (record(bucket={"name": "elsewhere"}, object={"key": "a"}), "bucket 'elsewhere' are not worked on"),
        (" " * (MAX_MESSAGE_BYTES + 1), "more than 262144 bytes"),
    ],
)
def test_what_is_no_job_is_refused_with_the_reason(body: str, reason: str) -> None:
    with pytest.raises(JobInvalid) as caught:
        jobs(body)
    assert reason in str(caught.value)


def test_a_key_is_never_a_way_out_of_its_bucket() -> None:
    """It is taken as it is; the object store refuses it, which the worker tells."""
    (job,) = jobs(record(bucket={"name": INPUT}, object={"key": "..%2F..%2Fetc%2Fpasswd"}))
    assert job.key == "../../etc/passwd"


_TEXTS = st.text(max_size=8) | st.sampled_from([INPUT, "recognize", "ObjectCreated:Put", "a%2Fb", "%", "\ud800"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_OBJECT = _VALUES | st.fixed_dictionaries({"key": _VALUES, "eTag": _VALUES})
_S3 = _VALUES | st.fixed_dictionaries({"bucket": st.fixed_dictionaries({"name": _VALUES}), "object": _OBJECT})
_RECORDS = _VALUES | st.fixed_dictionaries({"s3": _S3}, optional={"eventName": _VALUES, "eventTime": _VALUES})
_OWN = st.fixed_dictionaries({"job": _VALUES, "bucket": _VALUES, "key": _VALUES}, optional={"options": _VALUES})
_BODIES = _VALUES | _OWN | st.fixed_dictionaries({"Records": st.lists(_RECORDS, max_size=3)})


@given(_BODIES)
def test_whatever_a_message_is_it_gives_jobs_or_a_reason(body: object) -> None:
    try:
        found = jobs(json.dumps(body))
    except JobInvalid:
        return
    assert all(isinstance(job.key, str) and job.key and UUID(job.job_id) and job.stem for job in found)


# --- S3 itself


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Any, Any, str]]:
    """An S3 that tells a queue of SQS what happens in the input bucket: clients of both, and the queue's address."""
    with running_s3() as endpoint:
        options = {"endpoint_url": endpoint, "region_name": "us-east-1"}
        options |= {"aws_access_key_id": "tests", "aws_secret_access_key": "tests"}
        s3, sqs = boto3.client("s3", **options), boto3.client("sqs", **options)
        queue = sqs.create_queue(QueueName="jobs")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        s3.create_bucket(Bucket=INPUT)
        wanted = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}
        s3.put_bucket_notification_configuration(
            Bucket=INPUT, NotificationConfiguration={"QueueConfigurations": [wanted]}
        )
        yield s3, sqs, queue


def received(sqs: Any, queue: str) -> list[Job]:
    """The jobs of all messages in a queue."""
    found: list[Job] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for each in messages:
            found += jobs(each["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
    return found


def test_what_s3_sends_straight_to_a_queue_is_understood(told: tuple[Any, Any, str]) -> None:
    s3, sqs, queue = told
    s3.put_object(Bucket=INPUT, Key="lessons/a b+ü%2F.mp4", Body=b"1")
    s3.delete_object(Bucket=INPUT, Key="lessons/a b+ü%2F.mp4")
    (job,) = received(sqs, queue)
    assert (job.kind, job.bucket, job.key) == (Kind.RECOGNIZE, INPUT, "lessons/a b+ü%2F.mp4")


def test_an_upload_in_parts_is_work_on_one_object_however_often_it_is_told(told: tuple[Any, Any, str]) -> None:
    s3, sqs, queue = told
    upload = {"Bucket": INPUT, "Key": "big.mp4"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"1")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"ETag": part, "PartNumber": 1}]})
    assert {(job.key, job.stem) for job in received(sqs, queue)} == {("big.mp4", "big")}
