"""The embedded database where its file is damaged, and its disk full, shut or busy."""

import os
import random
import resource
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from contracts.face_store import MODEL, batch_of
from contracts.register import ADA
from databases import PROCESSES, batches_in, filled, integrity, refusal
from nobody import as_nobody
from photocall.errors import PhotocallError, StoreUnavailable
from photocall.settings import sqlite_url
from photocall.stores import sqlite
from photocall.stores.sql import SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "photocall.db"


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
    (tmp_path / "file").touch()
    assert "its folder cannot be made" in refusal(tmp_path / "file" / "data" / "photocall.db")


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


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, which pytest's are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        Path(name).chmod(0o755)


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


def test_a_new_database_that_another_program_holds_is_waited_for(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # SQLite by itself would not wait for this one before it turns to WAL
        release = threading.Timer(0.3, holder.rollback)
        release.start()
        assert filled(path).is_file()
        release.join()
