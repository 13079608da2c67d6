"""Tables of DynamoDB: questions, writes and transactions, and in plain words why one failed.

Every read is strongly consistent. A transaction is made of parts (`putting`, `deleting`, `checking`), each of which may
depend on what its item holds; if one does not hold any more, nothing of the transaction is done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from photocall.errors import StoreUnavailable
from photocall.stores.aws_client import code_of
from photocall.stores.dynamo.connection import CHANGING, THROTTLED, Connection, attempts, failing
from photocall.stores.dynamo.values import Item, decoded, encoded

Key = Mapping[str, str]
Part = dict[str, Any]
"""A part of a transaction."""

READ_TOGETHER = 100
"""The most items of one question by keys:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""

WRITTEN_TOGETHER = 25
"""The most items of one write that is no transaction:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""

PARTS = 100
"""The most parts of a transaction:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

LONGEST = {"pk": 2048, "sk": 1024}
"""Bytes of the two parts of a key:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

BYTES = 3 * 2**20
"""Of a transaction, of which DynamoDB takes 4 MB."""

_NOT_NOW = {"ConditionalCheckFailed", "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}
"""Why a transaction was not done that may be, a moment later:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html"""


class Table:
    """One table; safe to share between threads."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection, self.name = connection, name
        self._client = connection.client

    @property
    def address(self) -> str:
        """As messages name it."""
        return f"dynamodb://{self.name}"

    # --- questions

    def get(self, key: Key) -> Item | None:
        """The item with this key."""
        if not _is_possible(key):
            return None
        with failing(self.name):
            found = self._client.get_item(TableName=self.name, Key=encoded(key), ConsistentRead=True)
        return decoded(found["Item"]) if "Item" in found else None

    def get_together(self, keys: Sequence[Key]) -> list[Item | None]:
        """The items with these keys, of which there are few, as of one moment between transactions."""
        asked = [{"Get": {"TableName": self.name, "Key": encoded(key)}} for key in keys]
        for _ in attempts():
            with failing(self.name):
                try:
                    found = self._client.transact_get_items(TransactItems=asked)["Responses"]
                except ClientError as error:  # a transaction that changes them is under way
                    if code_of(error) != "TransactionCanceledException":
                        raise
                    continue
            return [decoded(each["Item"]) if each.get("Item") else None for each in found]
        raise StoreUnavailable(self.address, CHANGING)

    def get_all(self, keys: Sequence[Key]) -> list[Item]:
        """The items with these keys that are there, in no order; no key may be there twice."""
        keys = [key for key in keys if _is_possible(key)]
        blocks = [keys[start : start + READ_TOGETHER] for start in range(0, len(keys), READ_TOGETHER)]
        return [item for found in self.connection.at_once(self._block, blocks) for item in found]

    def query(
        self,
        partition: str,
        *,
        after: str = "",
        prefix: str = "",
        names: Sequence[str] = (),
        limit: int | None = None,
        having: str | None = None,
    ) -> Iterator[Item]:
        """The items of a partition, by their sort keys, page by page as they are taken.

        Args:
            partition: the value of `pk`.
            after: only those whose `sk` is greater.
            prefix: only those whose `sk` begins so; not with `after`.
            names: attributes; all without it.
            limit: how many at most.
            having: only those with this attribute.
        """
        page = _question(partition, after, prefix, names, having) | {"TableName": self.name, "ConsistentRead": True}
        left = limit
        while True:
            with failing(self.name):
                found = self._client.query(**page, **({} if left is None else {"Limit": left}))
            yield from map(decoded, found["Items"])
            left = None if left is None else left - len(found["Items"])
            if left == 0 or "LastEvaluatedKey" not in found:
                return
            page["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def scan(self) -> Iterator[dict[str, Any]]:
        """Every item of the table, as DynamoDB gives it, page by page as they are taken."""
        page: dict[str, Any] = {"TableName": self.name, "ConsistentRead": True}
        while True:
            with failing(self.name):
                found = self._client.scan(**page)
            yield from found["Items"]
            if "LastEvaluatedKey" not in found:
                return
            page["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def schema(self) -> tuple[list[str], dict[str, str]]:
        """The attributes that are the key, and the type of each that has one: S, N or B."""
        with failing(self.name):
            told = self._client.describe_table(TableName=self.name)["Table"]
        types = {each["AttributeName"]: each["AttributeType"] for each in told["AttributeDefinitions"]}
        return [each["AttributeName"] for each in told["KeySchema"]], types

    # --- writes

    def put(self, item: Item, only_if: Mapping[str, object] | None = None) -> bool:
        """Write an item, or replace it; False, and nothing is done, unless it holds what `only_if` says."""
        with failing(self.name):
            return self._done(self._client.put_item, self.putting(item, only_if)["Put"])

    def delete(self, key: Mapping[str, object]) -> bool:
        """Remove an item; False if there was none."""
        with failing(self.name):
            gone = self._client.delete_item(TableName=self.name, Key=encoded(key), ReturnValues="ALL_OLD")
        return bool(gone.get("Attributes"))

    def count(self, key: Key, name: str) -> int:
        """Add one to a number of an item, which is made if it is not there; what it is then."""
        counting = {"ExpressionAttributeNames": {"#c": name}, "ExpressionAttributeValues": {":one": {"N": "1"}}}
        adding = {"UpdateExpression": "ADD #c :one", "ReturnValues": "UPDATED_NEW", **counting}
        with failing(self.name):
            answer = self._client.update_item(TableName=self.name, Key=encoded(key), **adding)
        return int(answer["Attributes"][name]["N"])

    def write_all(self, put: Sequence[Item] = (), deleted: Sequence[Key] = ()) -> None:
        """Write and remove items whatever was there, in no order, and some of them even if it fails."""
        requests: list[Part] = [{"PutRequest": {"Item": encoded(item)}} for item in put]
        requests += [{"DeleteRequest": {"Key": encoded(key)}} for key in deleted]
        for start in range(0, len(requests), WRITTEN_TOGETHER):
            self._write(requests[start : start + WRITTEN_TOGETHER])

    def transact(self, parts: Sequence[Part]) -> bool:
        """Do all parts, which may be of other tables too, or none; False if others were faster, or are at it.

        Raises:
            ValueError: an item would be larger than DynamoDB takes.
            StoreUnavailable: it was refused for another reason.
        """
        tables = sorted({each["TableName"] for part in parts for each in part.values()})
        with failing(" or ".join(tables)):
            try:
                self._client.transact_write_items(TransactItems=list(parts))
            except ClientError as error:
                if not _may_be_done_later(error):
                    raise
                return False
        return True

    # --- parts of transactions

    def putting(self, item: Item, only_if: Mapping[str, object] | None = None) -> Part:
        """Writes an item, or replaces it, if that one holds what `only_if` says; None there says: no such attribute."""
        return {"Put": {"TableName": self.name, "Item": encoded(item), **_condition(only_if)}}

    def deleting(self, key: Mapping[str, object], only_if: Mapping[str, object] | None = None) -> Part:
        """Removes an item, if it holds what `only_if` says."""
        return {"Delete": {"TableName": self.name, "Key": encoded(key), **_condition(only_if)}}

    def checking(self, key: Key, only_if: Mapping[str, object]) -> Part:
        """Changes nothing; the item must hold what `only_if` says."""
        return {"ConditionCheck": {"TableName": self.name, "Key": encoded(key), **_condition(only_if)}}

    # --- answers in parts

    def _block(self, keys: Sequence[Key]) -> list[Item]:
        found = list[Item]()
        asked: dict[str, Any] = {self.name: {"Keys": [encoded(key) for key in keys], "ConsistentRead": True}}
        for _ in attempts():
            with failing(self.name):
                answer = self._client.batch_get_item(RequestItems=asked)
            found += map(decoded, answer["Responses"].get(self.name, []))
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return found
        raise StoreUnavailable(self.address, THROTTLED)

    def _write(self, requests: Sequence[Part]) -> None:
        asked: dict[str, Any] = {self.name: list(requests)}
        for _ in attempts():
            with failing(self.name):
                asked = self._client.batch_write_item(RequestItems=asked).get("UnprocessedItems") or {}
            if not asked:
                return
        raise StoreUnavailable(self.address, THROTTLED)

    @staticmethod
    def _done(write: Callable[..., object], request: Mapping[str, Any]) -> bool:
        try:
            write(**request)
        except ClientError as error:
            if code_of(error) not in ("ConditionalCheckFailedException", "TransactionConflictException"):
                raise
            return False
        return True


def _may_be_done_later(error: ClientError) -> bool:
    """Whether a transaction failed because others were faster, or are at it."""
    reasons = {each.get("Code") for each in error.response.get("CancellationReasons", [])} - {"None", None}
    return bool(reasons) and reasons <= _NOT_NOW


def _is_possible(key: Key) -> bool:
    """Whether an item can have such a key; callers ask for what their own callers give them."""
    return all(0 < len(part.encode()) <= LONGEST.get(name, LONGEST["pk"]) for name, part in key.items())


def _condition(only_if: Mapping[str, object] | None) -> Part:
    """An expression that holds if every attribute has its value, or for None is not there."""
    if not only_if:
        return {}
    there = {f":c{at}": value for at, value in enumerate(only_if.values()) if value is not None}
    tests = [
        f"#c{at} = :c{at}" if f":c{at}" in there else f"attribute_not_exists(#c{at})" for at in range(len(only_if))
    ]
    names = {f"#c{at}": name for at, name in enumerate(only_if)}
    values = {"ExpressionAttributeValues": encoded(there)} if there else {}
    return {"ConditionExpression": " AND ".join(tests), "ExpressionAttributeNames": names, **values}


def _question(partition: str, after: str, prefix: str, names: Sequence[str], having: str | None) -> Part:
    values, expression, called = {":pk": partition}, "#pk = :pk", {"#pk": "pk"}
    if after or prefix:
        values[":sk"], called["#sk"] = after or prefix, "sk"
        expression += " AND #sk > :sk" if after else " AND begins_with(#sk, :sk)"
    asked: Part = {"KeyConditionExpression": expression, "ExpressionAttributeValues": encoded(values)}
    if names:
        called |= {f"#n{at}": name for at, name in enumerate(names)}
        asked["ProjectionExpression"] = ", ".join(f"#n{at}" for at in range(len(names)))
    if having:
        called["#having"] = having
        asked["FilterExpression"] = "attribute_exists(#having)"
    return asked | {"ExpressionAttributeNames": called}
