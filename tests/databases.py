"""A database file to test with, and what can be asked of it from outside."""

import multiprocessing
import sqlite3
import time
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from contracts.face_store import MODEL, batch_of, ids
from contracts.register import ADA, BOB
from photocall.errors import StoreUnavailable
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore

# Children are forked from a clean process that has imported everything once, so that one starts in milliseconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["pytest", "photocall.stores.sql"])


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


def integrity(path: Path) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def batches_in(store: SqlStore, collection_id: str, size: int) -> set[int]:
    """The batches in a collection, each of which must be whole."""
    found = ids(store.faces(collection_id))
    whole = {int(face_id.split("-")[0]) for face_id in found}
    assert sorted(found) == sorted(f"{number}-{each}" for number in whole for each in range(size))
    return whole


def enrol_for_ever(store: SqlStore, collection_id: str, size: int, log: Path) -> None:
    """Put batch after batch, take every third away again, and write down what has been promised."""
    store.create_collection(collection_id, MODEL)
    with log.open("ab", buffering=0) as promised:
        for number in count():
            batch = batch_of(number, size, of=collection_id)
            store.put_faces(collection_id, batch)
            promised.write(b"put %d\n" % number)
            if number % 3 == 0:
                store.delete_faces(collection_id, ids(batch))
                promised.write(b"deleted %d\n" % number)


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
