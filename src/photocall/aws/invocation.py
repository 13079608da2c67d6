"""What a function is given, as a worker sees it: messages that Lambda took from a queue, and events without one."""

import sys
from typing import TYPE_CHECKING

from photocall.ports import Delivery

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord


def delivery_of(record: "SQSRecord") -> Delivery:
    """A message of SQS as other queues hand it out."""
    return Delivery(record.body, record.receipt_handle, int(record.attributes.approximate_receive_count))


class Invocation:
    """The `Inbox` of an event that Lambda keeps by itself and tries again.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html

    Attributes:
        failures: why it failed, or what of it did.
    """

    lease: float = 12 * 3600
    max_receives: int = sys.maxsize  # how often Lambda tries is its own affair

    def __init__(self) -> None:
        self.failures: list[str] = []

    def receive(self, limit: int = 1, wait: float = 0) -> list[Delivery]:
        """Nothing: the event was handed over."""
        return []

    def extend(self, delivery: Delivery) -> bool:
        """Nobody else gets the event meanwhile."""
        return True

    def delete(self, delivery: Delivery) -> None:
        """Lambda forgets an event that did not fail."""

    def release(self, delivery: Delivery, reason: str, delay: float = 0) -> None:
        """Note why something failed."""
        self.failures.append(reason)

    def bury(self, delivery: Delivery, reason: str) -> None:
        """Note why something failed; Lambda tries what is hopeless again, too, and keeps it in the end."""
        self.failures.append(reason)
