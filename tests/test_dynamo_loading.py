"""Reading a collection out of DynamoDB: in one pass, then what changed, and of a large one a snapshot and its tail."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from contracts.face_store import MODEL, face, ids
from contracts.user_store import VectorFollower, as_vectors
from dynamo import hearing, items, make_tables
from photocall.errors import CollectionNotFound, StoreUnavailable
from photocall.faces import FaceRecord
from photocall.gallery import Gallery
from photocall.ports import ObjectStore
from photocall.stores.dynamo.store import DynamoStore
from photocall.stores.objects import ObStore

LARGE = 150
"""Faces of a large collection here; `dynamo.snapshots.FACES` is 10,000."""


@pytest.fixture
def name(aws: str) -> str:
    name = f"photocall-{uuid4().hex}"
    make_tables(name)
    return name


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObStore((tmp_path / "objects").as_uri())


@pytest.fixture
def asked() -> Iterator[Counter[str]]:
    """How often everything was asked of DynamoDB."""
    asked = Counter[str]()
    with hearing(lambda question: asked.update([question])):
        yield asked


@pytest.fixture
def store(asked: Counter[str], name: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> DynamoStore:
    monkeypatch.setattr("photocall.stores.dynamo.snapshots.FACES", LARGE - 1)
    monkeypatch.setattr("photocall.stores.dynamo.snapshots.TAIL", 3)
    return DynamoStore(f"dynamodb://{name}", "class", objects=objects)


def filled(store: DynamoStore, count: int) -> list[str]:
    """A collection of so many faces; their ids."""
    store.create_collection("class", MODEL)
    faces = [face(f"face {number}", seed=number, size=16) for number in range(count)]
    store.put_faces("class", faces)
    return ids(faces)


def keys(objects: ObjectStore) -> list[str]:
    return [each.key for each in objects.list("snapshots")]


def test_a_collection_is_read_in_one_pass_of_pages_side_by_side(store: DynamoStore, asked: Counter[str]) -> None:
    names = filled(store, LARGE - 1)
    asked.clear()
    found = store.vectors("class", 0)
    assert found.face_ids == names
    expected = np.stack([face("x", seed=number, size=16).embedding.vector for number in range(LARGE - 1)])
    assert np.array_equal(found.vectors, expected)
    # The row, a page of every shard, and the row again.
    assert asked == {"GetItem": 1, "Query": 8, "TransactGetItems": 1}


@pytest.mark.parametrize("count", [20, 140])
def test_following_costs_as_many_questions_however_large_the_collection_is(
    store: DynamoStore, asked: Counter[str], count: int
) -> None:
    filled(store, count)
    gallery = Gallery(store, "class", MODEL)
    asked.clear()
    gallery.refresh()
    assert asked == {"GetItem": 2}  # the collection, and its version
    store.put_faces("class", [face("new", size=16)])
    store.delete_faces("class", ["face 1"])
    asked.clear()
    gallery.refresh()
    assert len(gallery) == count
    assert asked == {"GetItem": 3, "Query": 1, "BatchGetItem": 1, "TransactGetItems": 1}


# --- overtaken by a writer


def overtaken(name: str, question: str, number: int, write: Callable[[DynamoStore], object]) -> DynamoStore:
    """A store that is overtaken by another one's write just before it asks a question the so-manieth time.

    Its first Query is for garbage, when it first writes.
    """
    asked, other = list[str](), DynamoStore(f"dynamodb://{name}", "class")

    def overtake(each: str) -> None:
        asked.append(each)
        if each == question and asked.count(question) == number:
            write(other)

    with hearing(overtake):
        return DynamoStore(f"dynamodb://{name}", "class")


def of_seed(seed: int, names: Iterable[str] = "abcdefgh") -> list[FaceRecord]:
    return [face(name, seed=seed, size=4) for name in names]


@pytest.mark.parametrize(("question", "number"), [("Query", 2), ("Query", 5), ("Query", 9), ("TransactGetItems", 1)])
def test_a_reader_that_is_overtaken_sees_all_of_a_change_or_nothing(
    name: str, question: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocall.stores.dynamo.connection.THREADS", 1)  # the shards one after another
    store = overtaken(name, question, number, lambda other: other.put_faces("class", of_seed(1)))
    store.create_collection("class", MODEL)
    store.put_faces("class", of_seed(0))
    assert len({vector.tobytes() for vector in store.vectors("class", 0).vectors}) == 1


@pytest.mark.parametrize(("question", "number"), [("Query", 2), ("BatchGetItem", 3), ("TransactGetItems", 1)])
def test_a_follower_that_is_overtaken_sees_all_of_a_change_or_nothing(name: str, question: str, number: int) -> None:
    store = overtaken(name, question, number, lambda other: other.put_faces("class", of_seed(2)))
    store.create_collection("class", MODEL)
    store.put_faces("class", of_seed(0))  # asks for what is there
    store.put_faces("class", of_seed(1, "ab"))  # likewise
    found = store.vectors("class", 1)
    assert found.version in (2, 3)
    assert len({vector.tobytes() for vector in found.vectors}) == 1
    assert len(found.face_ids) == (2 if found.version == 2 else 8)


def adopt(store: DynamoStore) -> None:
    store.create_collection("side", "another")
    store.put_faces("side", [face(each, of="side", model="another", size=8) for each in "ax"])
    store.adopt_faces("class", "side", store.changes("class", 0).version)


@pytest.mark.parametrize("number", [2, 3, 9])
def test_a_reader_whose_faces_are_exchanged_meanwhile_sees_the_new_ones(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocall.stores.dynamo.connection.THREADS", 1)
    store = overtaken(name, "Query", number, adopt)
    store.create_collection("class", MODEL)
    store.put_faces("class", of_seed(0))
    found = store.changes("class", 0)
    assert ids(found.put) == ["a", "x"]
    assert set(found.deleted) <= set("bcdefgh")


def test_a_reader_whose_collection_goes_meanwhile_is_told(name: str) -> None:
    store = overtaken(name, "Query", 3, lambda other: other.delete_collection("class"))
    store.create_collection("class", MODEL)
    store.put_faces("class", of_seed(0))
    with pytest.raises(CollectionNotFound):
        store.faces("class")


# --- snapshots


def test_whoever_reads_a_large_collection_leaves_a_snapshot_for_the_next_one(
    store: DynamoStore, asked: Counter[str], objects: ObjectStore
) -> None:
    filled(store, LARGE)
    first = store.vectors("class", 0)
    assert len(keys(objects)) == 1
    asked.clear()
    second = store.vectors("class", 0)
    assert asked == {"GetItem": 1, "Query": 1, "TransactGetItems": 1}  # the row, the log since, and the row again
    assert (second.face_ids, second.owners, second.user_ids) == (first.face_ids, first.owners, first.user_ids)
    assert np.array_equal(second.vectors, first.vectors)


def test_after_a_snapshot_only_its_tail_is_read(store: DynamoStore, asked: Counter[str], objects: ObjectStore) -> None:
    filled(store, LARGE)
    store.vectors("class", 0)
    store.add_user("class", "ada")
    store.associate_faces("class", "ada", ["face 7"], 100)
    store.put_faces("class", [face("new", size=16)])
    asked.clear()
    follower = VectorFollower(store)
    assert follower.catch_up() == as_vectors(store)
    assert asked["BatchGetItem"] == 1
    assert follower.faces["face 7"][1] == "ada"


def test_a_long_tail_is_taken_into_a_new_snapshot_and_the_old_one_goes(
    store: DynamoStore, objects: ObjectStore
) -> None:
    filled(store, LARGE)
    store.vectors("class", 0)
    old = keys(objects)
    for number in range(4):
        store.put_faces("class", [face(f"new {number}", size=16)])
    assert len(store.vectors("class", 0).face_ids) == LARGE + 4
    assert len(keys(objects)) == 1
    assert keys(objects) != old


@pytest.mark.parametrize(
    "erase",
    [
        lambda store: store.delete_faces("class", ["face 3"]),
        lambda store: store.delete_collection("class"),
    ],
    ids=["a face", "the collection"],
)
def test_nothing_that_was_erased_stays_in_a_snapshot(store: DynamoStore, objects: ObjectStore, erase: object) -> None:
    filled(store, LARGE)
    store.vectors("class", 0)
    assert callable(erase)
    erase(store)
    assert keys(objects) == []


def test_a_vector_that_was_replaced_does_not_stay_in_a_snapshot(store: DynamoStore, objects: ObjectStore) -> None:
    filled(store, LARGE)
    store.vectors("class", 0)
    store.put_faces("class", [face("face 3", seed=3, size=16)])  # as it is
    assert len(keys(objects)) == 1
    store.put_faces("class", [face("face 3", seed=4, size=16)])
    assert keys(objects) == []


def test_a_snapshot_that_was_read_before_an_erasure_is_not_kept(
    name: str, objects: ObjectStore, store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(store, LARGE)
    put = ObStore.put

    def put_late(self: ObStore, key: str, data: bytes) -> None:
        with DynamoStore(f"dynamodb://{name}", "class") as other:
            other.delete_faces("class", ["face 3"])
        put(self, key, data)

    with monkeypatch.context() as patched:
        patched.setattr(ObStore, "put", put_late)
        store.vectors("class", 0)
    assert keys(objects) == []
    assert "face 3" not in store.vectors("class", 0).face_ids


def test_a_snapshot_that_was_taken_for_left_behind_is_not_kept(
    name: str, objects: ObjectStore, store: DynamoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(store, LARGE)
    put = ObStore.put

    def put_slowly(self: ObStore, key: str, data: bytes) -> None:
        put(self, key, data)
        with DynamoStore(f"dynamodb://{name}", "class", objects=objects) as other:
            other.shift_threshold("class", 0.5)  # whoever comes next sweeps
        put(self, key, data)

    with monkeypatch.context() as patched:
        patched.setattr("photocall.stores.dynamo.garbage.UNFINISHED_SECONDS", 0)
        patched.setattr(ObStore, "put", put_slowly)
        assert len(store.vectors("class", 0).face_ids) == LARGE
    assert keys(objects) == []


@pytest.mark.parametrize("cut", [0, 10, 100, -1])
def test_a_damaged_snapshot_is_passed_over(
    store: DynamoStore, objects: ObjectStore, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    filled(store, LARGE)
    store.vectors("class", 0)
    (key,) = keys(objects)
    objects.put(key, objects.get(key)[:cut])
    with caplog.at_level(logging.WARNING):
        assert len(store.vectors("class", 0).face_ids) == LARGE
    assert "snapshot of faces could not be read" in caplog.text


def test_a_snapshot_that_is_gone_is_passed_over(store: DynamoStore, objects: ObjectStore) -> None:
    filled(store, LARGE)
    store.vectors("class", 0)
    objects.delete(keys(objects)[0])
    assert len(store.vectors("class", 0).face_ids) == LARGE


def test_faces_are_read_although_no_snapshot_can_be_written(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise StoreUnavailable("the bucket", "no room")

    monkeypatch.setattr(ObStore, "put", full)
    filled(store, LARGE)
    assert len(store.vectors("class", 0).face_ids) == LARGE
    assert "snapshot of faces could not be kept" in caplog.text


def test_half_a_snapshot_that_somebody_left_is_swept_away_in_time(
    store: DynamoStore, name: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(self: ObStore, key: str, data: bytes) -> None:
        put(self, key, data)
        raise Killed

    filled(store, LARGE)
    put = ObStore.put
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(ObStore, "put", die)
        patched.setattr("photocall.stores.dynamo.garbage.UNFINISHED_SECONDS", 0)
        store.vectors("class", 0)
    assert len(keys(objects)) == 1
    with DynamoStore(f"dynamodb://{name}", "class", objects=objects) as next_one:
        next_one.put_tags("class", {"a": "1"}, 50)
    assert keys(objects) == []
    assert not [item for item in items(name) if item["pk"]["S"] == "garbage"]
