"""Keys: what makes them good, what does not, and how often they may be used; and the commands around them."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commandline import photocall
from photocall.access import Meter, check_api_key, check_scope, create_access_key, create_api_key, revoke_key
from photocall.errors import KeyNotFound, KeyRefused, TooManyRequests
from photocall.keys import Key, Plan, Scope
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
BOTH = frozenset(Scope)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(sqlite_url(tmp_path / "photocall.db")) as store:
        yield store


def api_key(store: SqlStore, plan: Plan | None = None, scopes: frozenset[Scope] = BOTH) -> tuple[Key, str]:
    return create_api_key(store, "Ada", scopes, plan, NOON)


def refusals(meter: Meter, key: Key, times: int, now: datetime) -> int:
    refused = 0
    for _ in range(times):
        try:
            meter.use(key, now)
        except TooManyRequests:
            refused += 1
    return refused


def test_a_new_key_is_good_for_what_it_was_made_for(store: SqlStore) -> None:
    key, text = api_key(store, Plan(), frozenset({Scope.READ}))
    assert check_api_key(store, text, Scope.READ) == key
    with pytest.raises(KeyRefused, match="not for write"):
        check_api_key(store, text, Scope.WRITE)


def test_the_secret_of_an_api_key_is_nowhere_in_the_database(store: SqlStore, tmp_path: Path) -> None:
    key, text = api_key(store)
    secret = text.removeprefix(f"pc_{key.key_id}_")
    store.close()
    assert len(secret) == 43
    kept = [path.read_bytes() for path in tmp_path.iterdir()]
    assert any(key.key_id.encode() in content for content in kept)
    assert not any(secret.encode() in content for content in kept)


def test_no_two_keys_are_alike(store: SqlStore) -> None:
    assert len({api_key(store)[1] for _ in range(20)}) == 20


def test_an_access_key_looks_like_amazons(store: SqlStore) -> None:
    key, secret = create_access_key(store, "boto3", BOTH, None, NOON)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key.key_id)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", secret)
    kept = store.key(key.key_id)
    assert kept is not None and kept.secret == secret


@pytest.mark.parametrize("wrong", ["", "pc_", "x", "pc_aaaaaaaaaaaa_" + "a" * 43, "pc_é_ü", "pc_" + "a" * 10_000])
def test_what_is_no_key_is_refused(store: SqlStore, wrong: str) -> None:
    api_key(store)
    with pytest.raises(KeyRefused, match="there is no such key"):
        check_api_key(store, wrong, Scope.READ)


def test_one_wrong_letter_in_a_secret_is_enough(store: SqlStore) -> None:
    _, text = api_key(store)
    with pytest.raises(KeyRefused, match="there is no such key"):
        check_api_key(store, text[:-1] + ("a" if text[-1] != "a" else "b"), Scope.READ)


def test_the_pair_of_an_amazon_client_is_no_api_key(store: SqlStore) -> None:
    key, secret = create_access_key(store, "boto3", BOTH, None, NOON)
    for text in (secret, key.key_id, f"pc_{key.key_id}_{secret}"):
        with pytest.raises(KeyRefused):
            check_api_key(store, text, Scope.READ)


def test_a_revoked_key_is_good_for_nothing_and_stays_revoked(store: SqlStore) -> None:
    key, text = api_key(store)
    revoked = revoke_key(store, key.key_id, NOON)
    assert revoke_key(store, key.key_id, NOON + timedelta(days=1)) == revoked == replace(key, revoked=NOON)
    with pytest.raises(KeyRefused, match="it was revoked"):
        check_api_key(store, text, Scope.READ)
    with pytest.raises(KeyRefused, match="it was revoked"):
        check_scope(revoked, Scope.READ)


def test_the_readable_secret_of_an_access_key_goes_when_it_is_revoked(store: SqlStore) -> None:
    key, secret = create_access_key(store, "boto3", BOTH, None, NOON)
    revoke_key(store, key.key_id, NOON)
    kept = store.key(key.key_id)
    assert kept is not None
    assert secret not in repr(kept)
    assert kept.revoked == NOON


def test_only_a_key_that_is_there_can_be_revoked(store: SqlStore) -> None:
    with pytest.raises(KeyNotFound):
        revoke_key(store, "nobody", NOON)


# --- usage plans


def test_a_burst_is_allowed_and_then_the_rate(store: SqlStore) -> None:
    key, _ = api_key(store, Plan(per_day=None, burst=25, rate=10))
    meter = Meter(store)
    assert refusals(meter, key, 40, NOON) == 15
    assert refusals(meter, key, 40, NOON + timedelta(seconds=1)) == 30
    assert refusals(meter, key, 40, NOON + timedelta(seconds=100)) == 15


def test_who_asks_too_often_is_told_when_to_ask_again(store: SqlStore) -> None:
    key, _ = api_key(store, Plan(per_day=None, burst=1, rate=0.1))
    meter = Meter(store)
    meter.use(key, NOON)
    with pytest.raises(TooManyRequests, match=r"0\.1 requests a second, 1 at once; try again in 10 s") as caught:
        meter.use(key, NOON)
    assert caught.value.seconds == 10
    meter.use(key, NOON + timedelta(seconds=10))


def test_a_clock_that_is_set_back_gives_and_takes_nothing(store: SqlStore) -> None:
    key, _ = api_key(store, Plan(per_day=None, burst=2, rate=1))
    meter = Meter(store)
    assert refusals(meter, key, 1, NOON) == 0
    assert refusals(meter, key, 3, NOON - timedelta(hours=1)) == 2


def test_a_day_has_so_many_requests_over_every_process_and_begins_at_midnight_utc(
    store: SqlStore, tmp_path: Path
) -> None:
    key, _ = api_key(store, Plan(per_day=10, burst=100, rate=100))
    with SqlStore(sqlite_url(tmp_path / "photocall.db")) as other:
        here, there = Meter(store), Meter(other)
        assert refusals(here, key, 6, NOON) == 0
        assert refusals(there, key, 6, NOON) == 2
        with pytest.raises(TooManyRequests, match="10 requests a day") as caught:
            here.use(key, NOON)
        assert caught.value.seconds == 12 * 3600
        assert refusals(there, key, 12, NOON + timedelta(hours=12)) == 2


def test_refused_bursts_do_not_count_for_the_day(store: SqlStore) -> None:
    key, _ = api_key(store, Plan(per_day=10, burst=5, rate=1))
    meter = Meter(store)
    refusals(meter, key, 100, NOON)
    assert refusals(meter, key, 5, NOON + timedelta(seconds=5)) == 0


def test_keys_do_not_use_up_each_others_plans(store: SqlStore) -> None:
    (a, _), (b, _) = (api_key(store, Plan(per_day=3, burst=3, rate=1)) for _ in range(2))
    meter = Meter(store)
    assert [refusals(meter, key, 4, NOON) for key in (a, b)] == [1, 1]


def test_a_key_without_a_plan_may_be_used_any_number_of_times(store: SqlStore) -> None:
    key, _ = api_key(store)
    assert refusals(Meter(store), key, 5000, NOON) == 0


# --- commands


def made(data: Path, *arguments: str) -> dict[str, object]:
    answer = photocall("keys", "create", *arguments, "--json", "--data", data)
    assert (answer.code, answer.err) == (0, "")
    value: dict[str, object] = answer.values[0]
    return value


def test_a_made_key_is_printed_alone_so_that_a_script_can_keep_it(tmp_path: Path) -> None:
    answer = photocall("keys", "create", "Ada", "--data", tmp_path)
    assert re.fullmatch(r"pc_[a-z0-9]{12}_[A-Za-z0-9]{43}\n", answer.out)
    assert answer.problems == ["photocall: the secret: keep it now, it is shown this once"]


def test_an_access_key_is_printed_as_amazons_own_files_have_it(tmp_path: Path) -> None:
    answer = photocall("keys", "create", "Ada", "--access", "--data", tmp_path)
    assert re.fullmatch(r"aws_access_key_id=AKIA\w{16}\naws_secret_access_key=\w{40}\n", answer.out)


def test_a_key_gets_the_scope_and_plan_that_were_asked_for(tmp_path: Path) -> None:
    usual = {"per_day": 500, "burst": 25, "rate": 10.0}
    assert made(tmp_path, "a")["plan"] == usual
    assert made(tmp_path, "a")["scopes"] == ["read", "write"]
    assert made(tmp_path, "a", "--scope", "read")["scopes"] == ["read"]
    assert made(tmp_path, "a", "--per-day", "7", "--rate", "0.5")["plan"] == usual | {"per_day": 7, "rate": 0.5}
    assert made(tmp_path, "a", "--unlimited")["plan"] is None
    assert made(tmp_path, "a", "--access")["plan"] is None
    assert made(tmp_path, "a", "--access", "--burst", "3")["plan"] == {"per_day": None, "burst": 3, "rate": 10.0}


def test_the_list_shows_every_key_and_no_secret(tmp_path: Path) -> None:
    keys = [made(tmp_path, "Ada"), made(tmp_path, "boto3", "--access")]
    photocall("keys", "revoke", str(keys[0]["key_id"]), "--data", tmp_path)
    listed = photocall("keys", "list", "--json", "--data", tmp_path)
    assert [(key["name"], key["revoked"] is not None) for key in listed.values[0]] == [("Ada", True), ("boto3", False)]
    shown = listed.out + photocall("keys", "list", "--data", tmp_path).out
    assert "Ada" in shown
    assert not any(str(key.get("key") or key.get("secret"))[-40:] in shown for key in keys)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["create", " "], "NAME: must be 1 to 128 printable characters"),
        (["create", "a\nb"], "NAME: must be"),
        (["create", "a", "--per-day", "0"], "--per-day: must be 1 to"),
        (["create", "a", "--rate", "nan"], "--rate: must be 0.001 to"),
        (["create", "a", "--unlimited", "--burst", "3"], "--unlimited: cannot go with"),
        (["revoke", "nobody"], "There is no key 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_and_makes_no_key(tmp_path: Path, arguments: list[str], problem: str) -> None:
    answer = photocall("keys", *arguments, "--data", tmp_path)
    assert answer.code in (1, 2) and problem in answer.err and not answer.out
    assert photocall("keys", "list", "--json", "--data", tmp_path).values == [[]]


def test_an_image_becomes_one_line_of_text_or_the_body_of_a_request(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    line = photocall("base64", image)
    assert line.code == 0 and line.out.count("\n") == 1
    body = photocall("base64", image, "--json")
    assert json.loads(body.out) == {"image_data": f"data:image/png;base64,{line.out.strip()}"}


def test_what_is_no_image_does_not_become_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    for name, reason in (("a.txt", "it is none of JPEG"), ("b.jpg", "no such file")):
        answer = photocall("base64", tmp_path / name)
        assert answer.code == 1 and reason in answer.err and not answer.out
