"""A JobQueue in Amazon SQS: a queue and, beside it, one for the dead letters, whose name ends in `-dead`.

Who and where is asked of the environment (AWS_*), as every program does that uses boto3. Times are whole seconds here,
rounded up. Messages of others, such as events of S3, are received as they are.
"""

import base64
import math
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from photocall.errors import StoreUnavailable
from photocall.ports import DeadLetter, Delivery, Depth
from photocall.stores.aws_client import client, code_of, reason_of
from photocall.stores.lost import lost

DEAD = "-dead"
"""What the name of a queue for dead letters ends in."""

LONGEST_WAIT = 5
"""Seconds of one question for messages, of which SQS allows 20: no answer is then noticed sooner."""

BATCH = 10
"""The most messages of one answer:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""

LOOK_SECONDS = 30
"""How long dead letters are hidden from others who look through them at the same time."""

_LONG_AGO = 3600  # seconds; whoever had that lease has died

_CONFIG = Config(
    connect_timeout=3, read_timeout=LONGEST_WAIT + 5, retries={"mode": "standard", "total_max_attempts": 2}
)

_LOST = ("MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue")
"""What SQS answers where a receipt means nothing any more."""

_MISSING = ("NonExistentQueue", "QueueDoesNotExist")

_PLAIN = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
"""What SQS takes as a body:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""

Answer = TypeVar("Answer")


class SqsQueue:
    """Safe to share between threads; each process opens its own."""

    def __init__(self, url: str, name: str, *, lease: float, max_receives: int) -> None:
        """Find the queue of this name and the one for its dead letters.

        Args:
            url: sqs://, nothing else.
            name: of the queue.
            lease: seconds that a receiver has a message for.
            max_receives: how often a message is received before it is given up.

        Raises:
            StoreUnavailable: one of the two is not there, or SQS cannot be asked.
        """
        if url.rstrip("/") != "sqs:":
            raise StoreUnavailable("PHOTOCALL_QUEUE", "it is sqs:// alone; AWS_REGION says where that is")
        self.lease, self.max_receives = lease, max_receives
        self._name, self._lock = f"sqs://{name}", Lock()
        self._leased: dict[str, float] = {}  # until when, by receipt
        with self._failing():
            self._client = client("sqs", _CONFIG)
            self._queue = self._client.get_queue_url(QueueName=name)["QueueUrl"]
            self._dead = self._client.get_queue_url(QueueName=name + DEAD)["QueueUrl"]

    def send(self, body: str, delay: float = 0) -> None:
        """Add a message."""
        self._put(self._queue, body, {}, delay)

    def receive(self, limit: int = 1, wait: float = 0) -> list[Delivery]:
        """Lease messages; waits for the first one."""
        deadline = time.monotonic() + wait
        while True:
            left = min(LONGEST_WAIT, max(0, math.ceil(deadline - time.monotonic())))
            messages = self._get(self._queue, limit, self.lease, left)
            found = [delivery for message in messages if (delivery := self._look(message))]
            if found or (not messages and time.monotonic() >= deadline):
                return found

    def extend(self, delivery: Delivery) -> bool:
        """Begin the lease anew; False if it had ended and the message is somebody else's, done or dead."""
        return self._change(delivery, self.lease)

    def delete(self, delivery: Delivery) -> None:
        """Remove a message that was done; also after the lease has ended, as far as SQS still knows the receipt."""
        self._forget(delivery)
        self._remove(self._queue, delivery.receipt)

    def release(self, delivery: Delivery, reason: str, delay: float = 0) -> None:
        """Give a message back before its lease ends, or give it up if it had its last receive."""
        if delivery.receives >= self.max_receives:
            self.bury(delivery, reason)
        elif self._change(delivery, delay):
            self._forget(delivery)

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Give a message up that will never succeed. Nothing happens if the lease has ended."""
        if self._change(delivery, self.lease):
            self._bury(delivery, reason)

    def depth(self) -> Depth:
        """How many messages there are, of each kind, as near as SQS tells; released with a delay counts as leased."""
        waiting, delayed, leased = self._count(self._queue)
        return Depth(waiting, delayed, leased, sum(self._count(self._dead)))

    def dead(self, limit: int) -> list[DeadLetter]:
        """Some of the dead letters, in no certain order; those that somebody else is looking at are left out."""
        with closing(self._letters()) as messages:
            return [_letter(message, self.max_receives) for message in islice(messages, limit)]

    def retry(self, letter_id: str) -> bool:
        """Send a dead letter once more, as if it were new; False if there is none of this id."""
        return self._take_letter(letter_id, lambda message: self._put(self._queue, _body(message), {}, 0))

    def drop(self, letter_id: str) -> bool:
        """Remove a dead letter for good; False if there is none of this id."""
        return self._take_letter(letter_id, lambda _: None)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # --- leases

    def _look(self, message: dict[str, Any]) -> Delivery | None:
        """What a receiver gets of a message; None if it was received too often."""
        receives = int(message["Attributes"]["ApproximateReceiveCount"])
        delivery = Delivery(_body(message), message["ReceiptHandle"], receives)
        if receives > self.max_receives:
            self._bury(Delivery(delivery.body, delivery.receipt, self.max_receives), lost(self.max_receives))
            return None
        self._remember(delivery)
        return delivery

    def _change(self, delivery: Delivery, seconds: float) -> bool:
        """Let a lease end in some seconds; False if it has ended.

        SQS itself would let an old receipt end somebody else's lease, so this process remembers its own.
        """
        with self._lock:
            if self._leased.get(delivery.receipt, math.inf) < _now():
                return False
        done = self._set_visible(self._queue, delivery.receipt, math.ceil(seconds))
        if done:
            self._remember(delivery)
        return done

    def _remember(self, delivery: Delivery) -> None:
        """Note when a lease ends that began just now; forget those that ended long ago."""
        now = _now()
        with self._lock:
            for receipt in [each for each, end in self._leased.items() if end < now - _LONG_AGO]:
                del self._leased[receipt]
            self._leased[delivery.receipt] = now + math.ceil(self.lease)

    def _forget(self, delivery: Delivery) -> None:
        with self._lock:
            self._leased.pop(delivery.receipt, None)

    def _bury(self, delivery: Delivery, reason: str) -> None:
        told = {"Reason": _attribute(_encoded(reason)[0] or " "), "Receives": _attribute(str(delivery.receives))}
        if _encoded(reason)[1]:
            told["ReasonEncoding"] = _attribute("base64")
        self._put(self._dead, delivery.body, told, 0)
        self.delete(delivery)

    # --- dead letters

    def _letters(self) -> Generator[dict[str, Any], None, None]:
        """Every dead letter; they are hidden from others meanwhile, and can be received again at the end."""
        seen: list[dict[str, Any]] = []
        try:
            # Without waiting, SQS asks only some of its machines.
            while sum(self._count(self._dead)) and (messages := self._get(self._dead, BATCH, LOOK_SECONDS, 1)):
                seen += messages
                yield from messages
        finally:
            for message in seen:
                self._set_visible(self._dead, message["ReceiptHandle"], 0)

    def _take_letter(self, letter_id: str, first: Callable[[dict[str, Any]], None]) -> bool:
        with closing(self._letters()) as messages:
            found = next((message for message in messages if message["MessageId"] == letter_id), None)
            if found is not None:
                first(found)
                self._remove(self._dead, found["ReceiptHandle"])
        return found is not None

    # --- questions to SQS

    def _put(self, queue: str, body: str, attributes: dict[str, Any], delay: float) -> None:
        text, is_encoded = _encoded(body)
        if is_encoded:
            attributes = {**attributes, "Encoding": _attribute("base64")}
        message = {"MessageBody": text, "MessageAttributes": attributes, "DelaySeconds": math.ceil(delay)}
        with self._failing():
            self._client.send_message(QueueUrl=queue, **message)

    def _get(self, queue: str, limit: int, seconds: float, wait: int) -> list[dict[str, Any]]:
        wish = {
            "MaxNumberOfMessages": limit,
            "VisibilityTimeout": math.ceil(seconds),
            "WaitTimeSeconds": wait,
            "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
            "MessageAttributeNames": ["All"],
        }
        with self._failing():
            found: list[dict[str, Any]] = self._client.receive_message(QueueUrl=queue, **wish).get("Messages", [])
        return found

    def _count(self, queue: str) -> tuple[int, int, int]:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "Delayed", "NotVisible")]
        with self._failing():
            counts = self._client.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        waiting, delayed, leased = (int(counts[name]) for name in names)
        return waiting, delayed, leased

    def _set_visible(self, queue: str, receipt: str, seconds: int) -> bool:
        """Let a message be received again in some seconds; False if SQS does not know the receipt any more."""
        with self._failing():
            try:
                to = {"ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                self._client.change_message_visibility(QueueUrl=queue, **to)
            except ClientError as error:
                if code_of(error) not in _LOST:
                    raise
                return False
        return True

    def _remove(self, queue: str, receipt: str) -> None:
        with self._failing():
            try:
                self._client.delete_message(QueueUrl=queue, ReceiptHandle=receipt)
            except ClientError as error:
                if code_of(error) not in _LOST:
                    raise

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise StoreUnavailable(self._name, _reason(self._name, error)) from None


def _reason(name: str, error: Exception) -> str:
    """Why it failed, in plain words."""
    if isinstance(error, ClientError) and code_of(error) in _MISSING:
        queue = name.removeprefix("sqs://")
        return f"there is no such queue; make it and {queue}{DEAD}: aws sqs create-queue --queue-name NAME"
    return reason_of("SQS", error)


def _encoded(text: str) -> tuple[str, bool]:
    """A text as SQS takes it, and whether it had to be encoded for that."""
    if _PLAIN.fullmatch(text):
        return text, False
    return base64.b64encode(text.encode()).decode() or "=", True


def _decoded(text: str, is_encoded: bool) -> str:
    if not is_encoded:
        return text
    try:
        return base64.b64decode(text.strip("=") and text).decode()
    except ValueError:  # somebody else's message, who means something else by that attribute
        return text


def _attribute(text: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": text}


def _told(message: dict[str, Any], name: str) -> str:
    attributes: dict[str, dict[str, str]] = message.get("MessageAttributes", {})
    return attributes.get(name, {}).get("StringValue", "")


def _body(message: dict[str, Any]) -> str:
    return _decoded(message["Body"], _told(message, "Encoding") == "base64")


def _letter(message: dict[str, Any], max_receives: int) -> DeadLetter:
    """A dead letter; one that SQS itself has put there has no reason with it, one of Lambda's has what was raised.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    reason = _decoded(_told(message, "Reason"), _told(message, "ReasonEncoding") == "base64")
    reason = reason or _told(message, "ErrorMessage")
    receives = int(_told(message, "Receives") or max_receives)
    died = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
    return DeadLetter(message["MessageId"], _body(message), reason or lost(receives), receives, died)


def _now() -> float:
    """Seconds since the machine started, also while it sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
