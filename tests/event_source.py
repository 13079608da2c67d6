"""Lambda's scaling, on this machine: a function with as many environments as there are events, fed from a queue of SQS.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Self

import boto3

from runtime_api import Environment, FunctionFailed

IDLE_SECONDS = 1.0
"""After which an environment without an event ends; Lambda itself waits for minutes, and does not say how many."""


@dataclass(frozen=True, slots=True)
class _Idle:
    environment: Environment
    since: float


class Function:
    """A function that has no environment until there is an event, and one for each that is handled at the same time."""

    def __init__(self, handler: str, folder: Path, variables: Mapping[str, str], *, seconds: float = 60) -> None:
        """Get ready; nothing is started.

        Args:
            handler: such as photocall.aws.jobs.worker.
            folder: where the logs of its environments go.
            variables: of every environment.
            seconds: its timeout.
        """
        self._handler, self._folder, self._variables, self._seconds = handler, folder, variables, seconds
        self._numbers, self._lock = count(), Lock()
        self._idle: list[_Idle] = []
        self._environments: set[Environment] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shrink(0)

    @property
    def environments(self) -> int:
        """How many there are now."""
        return len(self._environments)

    @property
    def started(self) -> list[Path]:
        """The logs of all environments that have ever been, the first one's first."""
        return sorted(self._folder.glob("environment-*.log"))

    def invoke(self, event: Any) -> Any:
        """The answer to an event, from an environment that is idle or else a new one. Raises `FunctionFailed`."""
        environment = self._take()
        try:
            return environment.invoke(event)
        finally:
            self._give_back(environment)

    def kill(self) -> bool:
        """End an environment that has an event to handle; False if there is none."""
        with self._lock:
            idle = {each.environment for each in self._idle}
            busy = next(iter(self._environments - idle), None)
        if busy is not None:
            busy.kill()
        return busy is not None

    def shrink(self, seconds: float) -> None:
        """End the environments that have been idle for so long."""
        with self._lock:
            gone = [each for each in self._idle if time.monotonic() - each.since >= seconds]
            self._idle = [each for each in self._idle if each not in gone]
        for each in gone:
            self._end(each.environment)

    def _take(self) -> Environment:
        with self._lock:
            if self._idle:
                return self._idle.pop().environment
            log = self._folder / f"environment-{next(self._numbers):03}.log"
            made = Environment(self._handler, log, self._variables, seconds=self._seconds)
            self._environments.add(made)
            return made

    def _give_back(self, environment: Environment) -> None:
        if not environment.lives:
            self._end(environment)
            return
        with self._lock:
            self._idle.append(_Idle(environment, time.monotonic()))

    def _end(self, environment: Environment) -> None:
        environment.close()
        self._environments.discard(environment)


class QueueSource:
    """Hands the messages of a queue to a function, while `with` lasts; then waits for those that are being handled.

    A message that the function is through with is deleted, others are left until they are visible again. As a reminder
    that SQS delivers at least once, each can be handed over twice.
    """

    def __init__(self, function: Function, queue: str, *, most: int, batch: int = 1, twice: bool = False) -> None:
        """Get ready.

        Args:
            function: its answer says which messages failed, as `batchItemFailures`.
            queue: its name; the environment says where it is (AWS_*).
            most: how many batches are handled at the same time.
            batch: how many messages are handed over together.
            twice: whether each of them is handed over twice, one time after the other.
        """
        self._function, self._batch, self._times = function, batch, 1 + twice
        self._client = boto3.client("sqs")
        self._queue = self._client.get_queue_url(QueueName=queue)["QueueUrl"]
        self._name, self._ended = queue, Event()
        self._polling = [Thread(target=self._poll) for _ in range(most)]

    def __enter__(self) -> Self:
        for thread in self._polling:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._polling:
            thread.join()
        self._client.close()

    def _poll(self) -> None:
        while not self._ended.is_set():
            wanted = {"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]}
            told = self._client.receive_message(
                QueueUrl=self._queue, MaxNumberOfMessages=self._batch, WaitTimeSeconds=1, **wanted
            )
            if messages := told.get("Messages", []):
                self._hand_over(messages)
            self._function.shrink(IDLE_SECONDS)

    def _hand_over(self, messages: list[dict[str, Any]]) -> None:
        event = {"Records": [_record(message, self._name) for message in messages]}
        try:
            *_, answer = [self._function.invoke(event) for _ in range(self._times)]
        except FunctionFailed:
            return  # all of them come again
        failed = {each["itemIdentifier"] for each in (answer or {}).get("batchItemFailures", [])}
        for message in messages:
            if message["MessageId"] not in failed:
                self._client.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])


def _record(message: dict[str, Any], queue: str) -> dict[str, Any]:
    """A message as Lambda tells it to a function."""
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {name: _small_first(each) for name, each in attributes.items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
        "awsRegion": "us-east-1",
    }


def _small_first(attribute: dict[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in attribute.items()}
