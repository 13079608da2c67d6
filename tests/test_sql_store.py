"""The embedded database: both contracts, then what only a file on a disk can suffer."""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contracts.face_store import FaceStoreContract, Follower
from contracts.register import ADA, BOB, PeopleRegisterContract
from contracts.school_register import SchoolRegisterContract
from contracts.sql_store import SqlStoreContract
from contracts.user_store import UserStoreContract
from databases import (
    PROCESSES,
    assert_kept,
    batches_in,
    enrol_for_ever,
    filled,
    integrity,
    refusal,
    wait_for_first_line,
)
from photocall.errors import StoreUnavailable
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore
from photocall.stores.tables import SCHEMA_VERSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "photocall.db"


@pytest.fixture
def url(path: Path) -> str:
    path.parent.mkdir(mode=0o700)
    return sqlite_url(path)


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with SqlStore(url) as opened:
        yield opened


class TestFacesInSqlite(FaceStoreContract):
    """With the fixture `store` above."""


class TestUsersInSqlite(UserStoreContract):
    """With the fixture `store` above."""


class TestSqlInSqlite(SqlStoreContract):
    """With the fixtures `url` and `store` above."""


class TestRegisterInSqlite(PeopleRegisterContract):
    """With the fixture `store` above."""


class TestSchoolRegisterInSqlite(SchoolRegisterContract):
    """With the fixtures `url` and `store` above."""


# --- opening


def test_everything_is_there_when_the_database_is_opened_again(path: Path) -> None:
    filled(path)
    assert list(path.parent.iterdir()) == [path]
    assert path.parent.stat().st_mode & 0o777 == 0o700  # its owner's alone
    with SqlStore(sqlite_url(path)) as store:
        assert store.students() == [ADA, BOB]
        assert Follower(store).catch_up().keys() == {f"0-{each}" for each in range(300)}


@pytest.mark.parametrize("name", ["what?", "100%", "a#b", "a%20b", "Zoë's class", "a&b=c"])
def test_a_path_may_hold_what_an_address_reserves(tmp_path: Path, name: str) -> None:
    path = filled(tmp_path / name / "photocall.db", faces=1)
    assert path.is_file()
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////tmp/x.db?mode=ro",
        "mysql://ada:secret@localhost/x",
        "photocall.db",
    ],
)
def test_an_address_that_names_no_database_file_is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="not the address of a database file, such as sqlite:///") as caught:
        SqlStore(url)
    assert "secret" not in str(caught.value)


def test_a_database_of_a_newer_photocall_is_left_alone(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE photocall_schema SET version = ?", [SCHEMA_VERSION + 1])
        connection.commit()
    before = path.read_bytes()
    assert "newer photocall" in refusal(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "not a photocall database" in refusal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("bookmarks",)]


# --- a process that dies


def enrol_until_killed(path: Path, collection_id: str, size: int, log: Path) -> None:
    with SqlStore(sqlite_url(path)) as store:
        enrol_for_ever(store, collection_id, size, log)


def test_a_writer_killed_at_any_moment_leaves_whole_batches_and_all_it_promised(path: Path, tmp_path: Path) -> None:
    rng, size, unfinished, promises = random.Random(11), 150, 0, 0
    for attempt in range(12):
        name, log = f"class {attempt}", tmp_path / f"log {attempt}"
        log.touch()
        child = PROCESSES.Process(target=enrol_until_killed, args=(path, name, size, log))
        child.start()
        wait_for_first_line(log)
        time.sleep(rng.uniform(0, 0.08))
        child.kill()
        child.join()
        unfinished += path.with_name("photocall.db-wal").exists()
        with SqlStore(sqlite_url(path)) as store:
            whole = batches_in(store, name, size)
            promised = log.read_bytes().decode().splitlines()
            assert_kept(promised, whole)
            store.delete_collection(name)
        assert integrity(path) == "ok"
        promises += len(promised)
    assert unfinished == 12
    assert promises > 12
