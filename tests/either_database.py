"""The database of a test in a file, or on a real PostgreSQL where two may act at once.

A test's module makes `store` from `opened`; a test with the mark `IN_BOTH` runs with each.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore

IN_BOTH = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)


@contextmanager
def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[SqlStore]:
    """An empty database, closed at the end."""
    in_file = getattr(request, "param", "sqlite") == "sqlite"
    url = sqlite_url(folder / "photocall.db") if in_file else request.getfixturevalue("postgres").new_database()
    with SqlStore(url) as store:
        yield store
