"""The embedded database: both contracts, then what only a file on a disk can suffer."""

import errno
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from contracts.face_store import MODEL, FaceStoreContract, Follower, face, ids
from contracts.register import ADA, BOB, RegisterContract
from photocall.errors import PhotocallError, StoreUnavailable
from photocall.faces import FaceRecord
from photocall.roster import Student
from photocall.stores import sqlite
from photocall.stores.sql import SqlStore
from photocall.stores.sqlite import sqlite_url
from photocall.stores.tables import SCHEMA_VERSION

# Children are forked from a clean process that has imported everything once, so that one starts in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


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


def batch_of(number: int, size: int, of: str = "class") -> list[FaceRecord]:
    return [face(f"{number}-{each}", of=of, seed=each) for each in range(size)]


def filled(path: Path, faces: int = 300) -> Path:
    """A closed database with a class in it."""
    with SqlStore(sqlite_url(path)) as store:
        store.create_collection("class", MODEL)
        store.put_faces("class", batch_of(0, faces))
        store.put_students([ADA, BOB])
    return path


def refusal(path: Path) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        SqlStore(sqlite_url(path))
    assert caught.value.store == str(path)
    return caught.value.reason


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


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


def test_many_processes_may_open_a_new_database_at_once(path: Path) -> None:
    with ProcessPoolExecutor(8, PROCESSES) as processes:
        start = time.time() + 0.5
        outcomes = list(processes.map(open_and_put_a_student, [path] * 8, [start] * 8, range(8)))
    assert outcomes == ["done"] * 8
    with SqlStore(sqlite_url(path)) as store:
        assert len(store.students()) == 8


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


def batches_in(store: SqlStore, collection_id: str, size: int) -> set[int]:
    """The batches in a collection, each of which must be whole."""
    found = ids(store.faces(collection_id))
    whole = {int(face_id.split("-")[0]) for face_id in found}
    assert sorted(found) == sorted(f"{number}-{each}" for number in whole for each in range(size))
    return whole


def test_a_writer_killed_at_any_moment_leaves_whole_batches_and_all_it_promised(path: Path, tmp_path: Path) -> None:
    rng, size, unfinished, promises = random.Random(11), 150, 0, 0
    for attempt in range(22):
        name, log = f"class {attempt}", tmp_path / f"log {attempt}"
        log.touch()
        child = PROCESSES.Process(target=enrol_until_killed, args=(path, name, size, log))
        child.start()
        wait_for_first_line(log)
        time.sleep(rng.uniform(0, 0.06))
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
    assert unfinished == 22
    assert promises > 22


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


# --- files that are not what they should be


def test_random_bytes_are_not_a_database_and_are_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(random.Random(1).randbytes(40_000))
    assert "not a photocall database" in refusal(path)
    assert path.read_bytes() == random.Random(1).randbytes(40_000)


def test_a_directory_in_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    assert "it is a directory" in refusal(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert os.strerror(errno.ENOTDIR) in refusal(tmp_path / "file" / "data" / "photocall.db")


@pytest.mark.parametrize("size", [50, 100, 1000, 4096, 5000, 12_288, 100_000])
def test_a_truncated_database_is_refused(path: Path, size: int) -> None:
    filled(path)
    assert path.stat().st_size > 100_000
    os.truncate(path, size)
    with pytest.raises(StoreUnavailable, match=r"photocall\.db: .*(damaged|restore it)"):
        use_everything(path)


def use_everything(path: Path) -> None:
    with SqlStore(sqlite_url(path)) as store:
        store.create_collection("class", MODEL)
        store.put_faces("class", batch_of(1, 3))
        store.put_students([ADA])
        store.changes("class", 0)
        store.students()
        store.delete_faces("class", [f"0-{each}" for each in range(300)])
        store.delete_collection("class")


def test_whatever_bytes_are_flipped_no_foreign_error_escapes(path: Path, tmp_path: Path) -> None:
    sound, rng, refused = filled(path).read_bytes(), random.Random(5), 0
    for attempt in range(40):
        damaged = bytearray(sound)
        start, length = rng.randrange(len(sound)), rng.choice([1, 16, 4096])
        damaged[start : start + length] = rng.randbytes(len(damaged[start : start + length]))
        copy = tmp_path / f"{attempt}.db"
        copy.write_bytes(damaged)
        try:
            use_everything(copy)
        except PhotocallError:
            refused += 1
    assert refused > 10


def test_a_face_that_lost_its_bytes_is_damage_not_a_face(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE faces SET vector = x'00112233' WHERE face_id = '0-7'")
        connection.commit()
    with SqlStore(sqlite_url(path)) as store, pytest.raises(StoreUnavailable, match="damaged"):
        store.faces("class")


# --- a disk that is full, shut or busy


def test_a_full_database_says_so_and_keeps_what_it_had(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = filled(path).stat().st_size // 4096
    monkeypatch.setattr(sqlite, "PRAGMAS", (*sqlite.PRAGMAS, f"max_page_count = {pages + 20}"))
    with SqlStore(sqlite_url(path)) as store, pytest.raises(StoreUnavailable, match="the disk is full"):
        store.put_faces("class", batch_of(1, 400))
    with SqlStore(sqlite_url(path)) as store:
        assert batches_in(store, "class", 300) == {0}


def put_with_little_space(path: Path, size: int) -> str:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with SqlStore(sqlite_url(path)) as store:
        try:
            store.put_faces("class", batch_of(1, 2000))
        except StoreUnavailable as error:
            return error.reason
    return "it fitted"


def test_a_disk_that_takes_no_more_says_so_and_the_next_process_finds_what_was_there(path: Path) -> None:
    room = filled(path).stat().st_size + 100_000
    with ProcessPoolExecutor(1, PROCESSES) as processes:
        reason = processes.submit(put_with_little_space, path, room).result()
    assert "the disk" in reason
    with SqlStore(sqlite_url(path)) as store:
        assert batches_in(store, "class", 300) == {0}
        store.put_faces("class", batch_of(1, 2000))
    assert integrity(path) == "ok"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the superuser's right to write everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_database_that_may_not_be_written_says_so(open_folder: Path) -> None:
    path = filled(open_folder / "photocall.db")
    path.chmod(0o444)
    open_folder.chmod(0o555)
    with as_nobody():
        assert "may" in refusal(path)


def test_a_database_that_another_program_holds_is_waited_for_and_then_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path)
    monkeypatch.setattr(sqlite, "PRAGMAS", ("busy_timeout = 50", *sqlite.PRAGMAS[1:]))
    with SqlStore(sqlite_url(path)) as store, closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another program kept it locked"):
            store.put_students([ADA])
        assert len(store.faces("class")) == 300  # readers do not wait for a writer
        holder.rollback()
        store.put_students([ADA])


def test_a_name_that_is_not_text_writes_nothing_of_its_batch(store: SqlStore) -> None:
    with pytest.raises(ValueError, match="surrogates"):
        store.put_students([ADA, Student("half a \ud83d")])
    assert store.students() == []


def test_vectors_are_kept_as_little_endian_float32(path: Path) -> None:
    filled(path, faces=1)
    with closing(sqlite3.connect(path)) as connection:
        (kept,) = connection.execute("SELECT vector FROM faces").fetchone()
    assert np.array_equal(np.frombuffer(kept, "<f4"), face("0-0", seed=0).embedding.vector)
