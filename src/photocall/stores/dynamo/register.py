"""Keys, their uses and request tokens in DynamoDB.

pk                  sk                  what
keys                key_id              a key
uses/KEY_ID         day, ISO 8601       how often it was used
tokens/TOKEN        -                   the fingerprint of the request that has it; DynamoDB removes it in time
"""

import json
from dataclasses import asdict
from datetime import date, datetime, timedelta

from photocall.errors import StoreUnavailable
from photocall.keys import Key, KeyKind, Plan, Scope
from photocall.stores.dynamo.changing import Changing
from photocall.stores.dynamo.connection import CHANGING, attempts
from photocall.stores.dynamo.values import Item

KEYS = "keys"

MIDNIGHT = timedelta(days=1)
"""For how long after a day its uses are kept: clocks differ, and somebody's midnight comes later."""

TOKEN_DAYS = timedelta(days=1)
"""After so long DynamoDB may remove a request token by itself; it was forgotten long before."""


class RegisterInDynamo(Changing):
    """The part of a PeopleRegister that deals with keys and request tokens."""

    def put_key(self, key: Key) -> None:
        """Add a key, or replace the one with its `key_id`."""
        self._table.put(_key_item(key))

    def key(self, key_id: str) -> Key | None:
        """The key of this id, revoked or not."""
        found = self._table.get({"pk": KEYS, "sk": key_id})
        return next(iter(self._decoded(_key_of, [found] if found else [])), None)

    def keys(self) -> list[Key]:
        """Every key, oldest first."""
        found = self._decoded(_key_of, list(self._table.query(KEYS)))
        return sorted(found, key=lambda each: (each.created, each.key_id))

    def count_use(self, key_id: str, day: date) -> int:
        """Count one use of a key on a day; how many that makes, over every process that uses the register."""
        partition = f"uses/{key_id}"
        uses = self._table.count({"pk": partition, "sk": day.isoformat()}, "uses")
        if uses == 1:
            kept = (day - MIDNIGHT).isoformat()
            old = [use for use in self._table.query(partition, names=("pk", "sk")) if use["sk"] < kept]
            self._table.write_all(deleted=old)
        return uses

    def claim_token(self, token: str, fingerprint: str, now: datetime, expired: datetime) -> str:
        """Claim a request token for a request; the fingerprint of the request that has it, the first one's.

        Tokens claimed before `expired` are forgotten.
        """
        claimed, key = now.timestamp(), _token_key(token)
        new = {**key, "fingerprint": fingerprint, "claimed": claimed}
        new["expires"] = int((now + TOKEN_DAYS).timestamp())
        for _ in attempts():
            found = self._table.get(key)
            if found is not None and found["claimed"] >= expired.timestamp():
                return str(found["fingerprint"])
            if self._table.put(new, {"claimed": found and found["claimed"]}):
                return fingerprint
        raise StoreUnavailable(self._table.address, CHANGING)

    def release_token(self, token: str) -> None:
        """Forget a request token; nothing happens if there is none."""
        self._table.delete(_token_key(token))


def _token_key(token: str) -> dict[str, str]:
    return {"pk": f"tokens/{token}", "sk": "-"}


def _key_item(key: Key) -> Item:
    return {
        "pk": KEYS,
        "sk": key.key_id,
        "name": key.name,
        "kind": key.kind.value,
        "secret": key.secret,
        "scopes": sorted(key.scopes),
        "plan": None if key.plan is None else json.dumps(asdict(key.plan)),
        "created": key.created.isoformat(),
        "revoked": None if key.revoked is None else key.revoked.isoformat(),
    }


def _key_of(item: Item) -> Key:
    plan, revoked = item.get("plan"), item.get("revoked")
    return Key(
        key_id=item["sk"],
        name=item["name"],
        kind=KeyKind(item["kind"]),
        secret=item["secret"],
        scopes=frozenset(map(Scope, item["scopes"])),
        plan=None if plan is None else Plan(**json.loads(plan)),
        created=datetime.fromisoformat(item["created"]),
        revoked=None if revoked is None else datetime.fromisoformat(revoked),
    )
