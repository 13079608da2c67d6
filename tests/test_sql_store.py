"""The embedded database: both contracts, then what only a file on a disk can suffer."""

import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from contracts.face_store import MODEL, FaceStoreContract, Follower, batch_of, face, ids
from contracts.register import ADA, BOB, RegisterContract
from databases import PROCESSES, batches_in, filled, integrity, refusal
from photocall.errors import StoreUnavailable
from photocall.roster import Student
from photocall.stores.sql import SqlStore
from photocall.stores.sqlite import sqlite_url
from photocall.stores.tables import SCHEMA_VERSION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "photocall.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    with SqlStore(sqlite_url(path)) as opened:
        yield opened


class TestFacesInSqlite(FaceStoreContract):
    """With the fixture `store` above."""


class TestRegisterInSqlite(RegisterContract):
    """With the fixture `store` above."""


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


def test_many_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(12, PROCESSES) as processes:
        for attempt in range(4):
            path, start = tmp_path / f"{attempt}.db", time.time() + 0.05
            outcomes = processes.map(open_and_put_a_student, [path] * 12, [start] * 12, range(12))
            assert list(outcomes) == ["done"] * 12
            with SqlStore(sqlite_url(path)) as store:
                assert len(store.students()) == 12


def open_and_put_a_student(path: Path, start: float, number: int) -> str:
    time.sleep(max(0.0, start - time.time()))
    try:
        with SqlStore(sqlite_url(path)) as store:
            store.put_students([Student(f"student {number}")])
    except StoreUnavailable as error:
        return str(error)
    return "done"


def test_a_database_of_a_newer_photocall_is_left_alone(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE photocall_schema SET version = ?", [SCHEMA_VERSION + 1])
        connection.commit()
    before = path.read_bytes()
    assert "newer photocall" in refusal(path)
    assert path.read_bytes() == before


def test_a_database_of_the_first_schema_is_brought_up_to_date_by_whoever_opens_it(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE collections DROP COLUMN threshold_shift")
        connection.execute("UPDATE photocall_schema SET version = 1")
        connection.commit()
    with ThreadPoolExecutor(4) as threads:
        stores = list(threads.map(lambda _: SqlStore(sqlite_url(path)), range(4)))
    assert [store.collection("class").threshold_shift for store in stores] == [0] * 4
    assert len(stores[0].faces("class")) == 300
    stores[0].shift_threshold("class", 0.25)
    assert stores[1].collection("class").threshold_shift == 0.25
    for store in stores:
        store.close()


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "not a photocall database" in refusal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("bookmarks",)]


# --- erasing


def test_a_deleted_face_leaves_no_bytes_in_the_file(path: Path, store: SqlStore) -> None:
    store.create_collection("class", MODEL)
    secret, name = face("secret"), b"Ada secret"
    store.put_faces("class", [face("other"), secret])
    vector = secret.embedding.vector.tobytes()
    everything = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert vector in everything
    assert name in everything
    store.delete_faces("class", ["secret"])
    store.close()
    assert vector not in path.read_bytes()
    assert name not in path.read_bytes()


# --- a process that dies


def enrol_until_killed(path: Path, collection_id: str, size: int, log: Path) -> None:
    """Put batch after batch, take every third away again, and write down what has been promised."""
    with SqlStore(sqlite_url(path)) as store, log.open("ab", buffering=0) as promised:
        store.create_collection(collection_id, MODEL)
        for number in count():
            batch = batch_of(number, size, of=collection_id)
            store.put_faces(collection_id, batch)
            promised.write(b"put %d\n" % number)
            if number % 3 == 0:
                store.delete_faces(collection_id, ids(batch))
                promised.write(b"deleted %d\n" % number)


def test_a_writer_killed_at_any_moment_leaves_whole_batches_and_all_it_promised(path: Path, tmp_path: Path) -> None:
    rng, size, unfinished, promises = random.Random(11), 150, 0, 0
    for attempt in range(30):
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
    assert unfinished == 30
    assert promises > 30


def wait_for_first_line(log: Path) -> None:
    deadline = time.monotonic() + 20
    while not log.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.002)


def assert_kept(promised: list[str], whole: set[int]) -> None:
    """What was promised is there; beyond it at most the one thing that was being done."""
    put = {int(line.split()[1]) for line in promised if line.startswith("put")}
    deleted = {int(line.split()[1]) for line in promised if line.startswith("deleted")}
    in_doubt = {max(put), max(put) + 1}
    assert (put - deleted) ^ whole <= in_doubt


# --- many processes


def enrol_beside_others(path: Path, process: int) -> int:
    with SqlStore(sqlite_url(path)) as store:
        store.create_collection("class", MODEL)
        reader = Follower(store)
        for number in range(20):
            store.put_faces("class", [face(f"{process}-{number}-{each}", size=16) for each in range(5)])
            if number % 4 == 0:
                assert store.delete_faces("class", [f"{process}-{number}-0"]) == [f"{process}-{number}-0"]
            reader.catch_up()
        return reader.version


def test_four_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    with ProcessPoolExecutor(4, PROCESSES) as processes:
        versions = list(processes.map(enrol_beside_others, [path] * 4, range(4)))
    with SqlStore(sqlite_url(path)) as store:
        assert len(store.faces("class")) == 4 * (20 * 5 - 5)
        # One version for each of the 4 x (20 + 5) transactions: none was lost or counted twice.
        assert store.changes("class", 0).version == max(versions) == 100
        assert len(Follower(store).catch_up()) == 380
    assert integrity(path) == "ok"


# --- what is written


def test_a_name_that_is_not_text_writes_nothing_of_its_batch(store: SqlStore) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        store.put_students([ADA, Student("half a \ud83d")])
    assert store.students() == []


def test_vectors_are_kept_as_little_endian_float32(path: Path) -> None:
    filled(path, faces=1)
    with closing(sqlite3.connect(path)) as connection:
        (kept,) = connection.execute("SELECT vector FROM faces").fetchone()
    assert np.array_equal(np.frombuffer(kept, "<f4"), face("0-0", seed=0).embedding.vector)
