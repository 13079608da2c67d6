"""What the tests with real processes share."""

from collections.abc import Iterator

import pytest

from killable import Commands


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    """Processes that run commands and may be killed; ended after the module."""
    commands = Commands()
    yield commands
    commands.close()
