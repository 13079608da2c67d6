"""The whole path on AWS: videos put into a bucket, a queue, environments of the function from none to three and back.

Real processes of AWS's runtime; S3, SQS and DynamoDB are moto's server.
"""

import csv
import io
import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from aws_account import Account, opened_account
from commandline import data_with
from event_source import Function
from photocall.demo import STUDENTS, Demo
from photocall.ports import Depth
from whole_path import JOBS, Run, run_path

VIDEOS, MOST = 6, 3

PATIENCE = 200
"""Seconds after which all must be done, on a machine that is busy."""

POISON = {"broken.mp4": b"no video", "empty.mp4": b""}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, demo: Demo) -> Iterator[Account]:
    """An account with the demo class enrolled, whose input bucket tells the queue of jobs."""
    data = tmp_path_factory.mktemp("data")
    with opened_account(data, video_fps="0.5") as account:
        data_with(data, demo.enroll, "--students", demo.students)
        account.let_tell("photocall-input", JOBS)
        yield account


@pytest.fixture(scope="module")
def run(account: Account, demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Ten videos and two that are none; every event comes twice, a message is no job, an environment is killed."""
    clip = demo.clip.read_bytes()
    objects = {f"lessons/test {number}+.mp4": clip for number in range(VIDEOS)} | POISON
    folder = tmp_path_factory.mktemp("environments")
    return run_path(account, folder, objects, most=MOST, patience=PATIENCE, meanwhile=lambda one: disturb(account, one))


def disturb(account: Account, function: Function) -> None:
    """Send what is no job, and kill the first environment that works."""
    queue = account.sqs.get_queue_url(QueueName=JOBS)["QueueUrl"]
    account.sqs.send_message(QueueUrl=queue, MessageBody="no job")
    while not function.kill():
        time.sleep(0.05)


def test_every_video_has_its_csv_with_who_is_in_it_and_what_the_table_of_students_says(run: Run, demo: Demo) -> None:
    assert run.outputs.keys() == {f"lessons/test {number}+.csv" for number in range(VIDEOS)}
    students = {student["name"]: (student["major"], student["year"]) for student in STUDENTS}
    expected = {path.stem: students[path.stem] for path in demo.enroll.iterdir()}
    for table in run.outputs.values():
        rows = csv.DictReader(io.StringIO(table.decode()))
        assert {row["name"]: (row["major"], row["year"]) for row in rows} == expected


def test_what_can_never_be_done_is_a_dead_letter_with_the_reason_and_nothing_else_is(run: Run) -> None:
    reasons = sorted(letter.reason for letter in run.letters)
    assert len(reasons) == len(POISON) + 1
    told = ("The message is no job: it is no JSON", "broken.mp4: not a readable", "empty.mp4: not a readable")
    assert all(reason.startswith(start) for reason, start in zip(reasons, told, strict=True))
    assert run.depth == Depth(0, 0, 0, len(reasons))


def test_environments_come_with_the_work_never_more_than_allowed_and_go_after_it(run: Run) -> None:
    environments = [moment.environments for moment in run.curve]
    assert max(environments) == MOST and environments[-1] == 0
    assert run.started > MOST  # one was killed


def test_every_job_has_one_result_however_often_it_was_told(account: Account, run: Run) -> None:
    results = [json.loads(data) for key, data in account.objects("photocall-data").items() if key.count("/") == 1]
    assert Counter(result["status"] for result in results) == {"done": VIDEOS, "failed": len(POISON)}
