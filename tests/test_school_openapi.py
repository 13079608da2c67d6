"""Whatever an administrator's program sends to the routes of the school, the answer is as described, and never 500."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from photocall.school import accounts, sign_ins
from photocall.school.records import Account
from servers import Asked, asked
from test_openapi import can_be_wrong

EXAMPLES = 3
"""Requests to a route of each kind; a run of thousands is for releases."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with asked(tmp_path_factory.mktemp("data")) as server:
        assert server.service.engine  # so that no photo waits for it
        yield server


@pytest.fixture(scope="module")
def ada(server: Asked) -> Account:
    hasher = PasswordHasher(1, 8, 1)
    return accounts.create_first_administrator(
        server.service.school, "ada", "Ada", "correct horse", datetime.now(UTC), hasher
    )


def token_of(server: Asked, account: Account) -> str:
    """A new one, since some routes end all that there are."""
    store = server.service.school
    there = accounts.existing(store, account.account_id)
    return sign_ins.open_sign_in(store, there, there.password, datetime.now(UTC))[1]


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_whatever_an_administrator_sends_the_answer_is_as_described_and_never_500(
    server: Asked, ada: Account, mode: str
) -> None:
    generated = schemathesis.GenerationMode(mode)
    seen: Counter[int] = Counter()
    for found in schemathesis.openapi.from_url(f"{server.url}/openapi.json").get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]  # the description is right, as is tested elsewhere
        if not is_asked(operation) or (mode == "negative" and not can_be_wrong(operation)):
            continue

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=generated))
        def send(case: Any) -> None:
            headers = {"Authorization": f"Bearer {token_of(server, ada)}"}
            answer = case.call(headers=headers, timeout=60)
            seen[answer.status_code] += 1
            assert answer.status_code < 500, (case.operation.label, answer.text)
            case.validate_response(answer, excluded_checks=[ignored_auth, positive_data_acceptance])

        send()
    assert seen[400] and sum(seen.values()) > 30
    assert mode == "negative" or seen[200]


def is_asked(operation: Any) -> bool:
    """Whether it is the school's; the demo class takes seconds to compose, and has tests of its own."""
    return operation.path.startswith("/v1/school") and "demo-class" not in operation.path
