"""The embedded database: what is removed is gone from the disk, at once and without the store being closed."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contracts.face_store import MODEL, face
from contracts.register import ADA, BOB
from photocall.faces import FaceRecord
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photocall.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    with SqlStore(sqlite_url(path)) as opened:
        yield opened


def on_disk(path: Path) -> bytes:
    """The database and its logs."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.iterdir()) if each.is_file())


def traces(path: Path, faces: list[FaceRecord]) -> list[str]:
    """The faces whose vector, or any eight floats of it, can be found."""
    content = on_disk(path)
    vectors = {record.face_id: record.embedding.vector.tobytes() for record in faces}
    return [
        name for name, vector in vectors.items() if any(vector[at : at + 32] in content for at in range(0, 512, 32))
    ]


def two_classes(store: SqlStore) -> tuple[list[FaceRecord], list[FaceRecord]]:
    """The faces of "class", and those of "side" with the same ids and another model."""
    mine = [face(f"face {number}", seed=number) for number in range(40)]
    theirs = [face(f"face {number}", of="side", model="another", seed=100 + number) for number in range(40)]
    store.create_collection("class", MODEL)
    store.put_faces("class", mine)
    store.create_collection("side", "another")
    store.put_faces("side", theirs)
    return mine, theirs


@pytest.mark.parametrize(
    "erase",
    [
        lambda store: store.delete_faces("class", [f"face {number}" for number in range(40)]),
        lambda store: store.delete_collection("class"),
        lambda store: store.adopt_faces("class", "side", store.changes("class", 0).version),
    ],
    ids=["faces", "collection", "adoption"],
)
def test_an_erased_face_is_nowhere_on_the_disk_while_the_store_is_open(
    path: Path, store: SqlStore, erase: Callable[[SqlStore], object]
) -> None:
    mine, theirs = two_classes(store)
    assert len(traces(path, mine)) == len(traces(path, theirs)) == 40
    erase(store)
    assert traces(path, mine) == []
    assert len(traces(path, theirs)) == 40
    store.close()
    assert traces(path, mine) == []


def test_an_erased_name_is_nowhere_on_the_disk(path: Path, store: SqlStore) -> None:
    two_classes(store)
    store.put_faces("class", [face("secret")])
    store.put_students([ADA, BOB])
    assert b"Ada secret" in on_disk(path)
    assert ADA.name.encode() in on_disk(path)
    store.delete_faces("class", ["secret"])
    store.delete_student(ADA.name)
    assert b"Ada secret" not in on_disk(path)
    assert ADA.name.encode() not in on_disk(path)
    assert BOB.name.encode() in on_disk(path)


def test_whatever_was_done_to_them_before_erased_faces_leave_nothing(path: Path, store: SqlStore) -> None:
    """Pages are split, joined and refilled while faces come in any order, are associated and go again."""
    rng, everything = random.Random(4), [face(f"face {number}", seed=number) for number in range(1500)]
    store.create_collection("class", MODEL)
    store.add_user("class", "a user with a name that makes a row longer")
    present = set[str]()
    for _ in range(60):
        some = rng.sample(everything, 60)
        names = [record.face_id for record in some]
        match rng.randrange(4):
            case 0 | 1:
                store.put_faces("class", some)
                present |= set(names)
            case 2:
                store.associate_faces("class", "a user with a name that makes a row longer", names, 5000)
            case _:
                store.delete_faces("class", names)
                present -= set(names)
    store.delete_faces("class", ["face 0"])
    assert len(present) > 300
    assert set(traces(path, everything)) == present - {"face 0"}


def test_a_reader_of_long_ago_delays_the_erasure_from_the_log_until_the_next_write(path: Path, store: SqlStore) -> None:
    mine, _ = two_classes(store)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM faces").fetchone()
        store.delete_collection("class")
        assert len(traces(path, mine)) == 40  # the reader can still see them
        reader.rollback()
    store.put_students([ADA])
    assert traces(path, mine) == []
