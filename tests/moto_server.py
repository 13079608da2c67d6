"""moto's server, whose SQS and DynamoDB are made safe for several clients at once.

As it comes, two threads of it may both lease a message, a message sent while another one is deleted may be lost, and a
transaction that fails takes back what others wrote meanwhile, since it puts a copy of the whole table back.
"""

import copy
import json
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, RLock
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend, table
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.responses import DynamoResult
from moto.server import main
from moto.sqs.models import SQSBackend

ALONE = Lock()
RECEIVE = SQSBackend.receive_message
TABLES = RLock()
TRANSACT = DynamoDBBackend.transact_write_items


def alone(method: Callable[..., Any], lock: Any = ALONE) -> Callable[..., Any]:
    def locked(*arguments: Any, **named: Any) -> Any:
        with lock:
            return method(*arguments, **named)

    return locked


def receive_message(
    backend: SQSBackend, queue_name: str, count: int, wait_seconds_timeout: int, *others: Any, **named: Any
) -> Any:
    """Ask again and again, and let others at the queue in between."""
    deadline = time.monotonic() + wait_seconds_timeout
    while True:
        with ALONE:
            found = RECEIVE(backend, queue_name, count, 0, *others, **named)
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(0.02)


def transact(backend: Any, parts: list[dict[str, Any]]) -> None:
    """Put only the items back that a transaction was about, if it fails."""
    with TABLES:
        before = [(part, item(backend, part)) for kinds in parts for part in kinds.values()]
        try:
            TRANSACT(backend, parts)
        except Exception:
            for part, old in before:
                restore(backend, part, old)
            raise


def item(backend: Any, part: dict[str, Any]) -> Any:
    return copy.deepcopy(backend.get_item(part["TableName"], key(backend, part)))


def key(backend: Any, part: dict[str, Any]) -> dict[str, Any]:
    names = backend.get_table(part["TableName"]).table_key_attrs
    given = part.get("Key") or part["Item"]
    return {name: given[name] for name in names if name}


def restore(backend: Any, part: dict[str, Any], old: Any) -> None:
    if old is not None:
        backend.put_item(part["TableName"], old.to_json()["Attributes"])
        return
    its = backend.get_table(part["TableName"])
    with suppress(KeyError):
        its.delete_item(*backend.get_keys_value(its, key(backend, part)))


def copied(value: Any) -> Any:
    """A deep copy, but for a table, and for items that were found: nobody changes those."""
    if isinstance(value, table.Table):
        return value
    is_found = isinstance(value, list) and value and isinstance(value[0], Item)
    return list(value) if is_found else copy.deepcopy(value)


def answered(result: DynamoResult, context: Any) -> Any:
    """What was read as DynamoDB sends it: it is so already, and looking at every value by the model takes long."""
    if context.operation_model.name not in ("Query", "GetItem", "BatchGetItem", "TransactGetItems"):
        return ActionResult.execute_result(result, context)
    told = {name: value for name, value in vars(result)["_result"].items() if value is not None}
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(told, default=as_text)


def as_text(value: bytes) -> str:
    return b64encode(value).decode()


if __name__ == "__main__":
    for name in ("send_message", "delete_message", "change_message_visibility"):  # those for batches call these
        setattr(SQSBackend, name, alone(getattr(SQSBackend, name)))
    setattr(SQSBackend, "receive_message", receive_message)  # noqa: B010
    for name in ("get_item", "query", "scan", "put_item", "update_item", "delete_item"):
        setattr(DynamoDBBackend, name, alone(getattr(DynamoDBBackend, name), TABLES))
    setattr(DynamoDBBackend, "transact_write_items", transact)  # noqa: B010
    setattr(DynamoResult, "execute_result", answered)  # noqa: B010
    for module in (models, table):
        setattr(module, "copy", SimpleNamespace(copy=copy.copy, deepcopy=copied))  # noqa: B010
    main()
