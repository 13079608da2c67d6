"""A database file to test with, and what can be asked of it from outside."""

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from contracts.face_store import MODEL, batch_of, ids
from contracts.register import ADA, BOB
from photocall.errors import StoreUnavailable
from photocall.stores.sql import SqlStore
from photocall.stores.sqlite import sqlite_url

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
