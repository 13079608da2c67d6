"""Erasure while others write: no photo stays behind whose face is gone."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from people import MODEL, person, record
from photocall.engine.face_engine import FaceEngine
from photocall.erasure import erase_collection, erase_faces
from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.faces import ByteArray, Embedding
from photocall.indexing import index_faces
from photocall.kept_photos import photo_key
from photocall.stores.objects import ObStore
from photocall.stores.sql import SqlStore


class Interrupted(ObStore):
    """A store of objects in whose next writing or erasing somebody else comes between, right after it."""

    between: Callable[[], object] | None = None

    def put(self, key: str, data: bytes) -> None:
        super().put(key, data)
        self._interrupt()

    def delete(self, key: str) -> None:
        super().delete(key)
        self._interrupt()

    def _interrupt(self) -> None:
        between, self.between = self.between, None
        if between is not None:
            between()

    def keys(self) -> list[str]:
        return [each.key for each in self.list("faces")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(f"sqlite:///{tmp_path / 'faces.db'}") as store:
        store.create_collection("class", MODEL)
        yield store


@pytest.fixture
def objects(tmp_path: Path) -> Interrupted:
    return Interrupted((tmp_path / "objects").as_uri())


def test_a_photo_that_comes_while_its_face_is_erased_goes_too(store: SqlStore, objects: Interrupted) -> None:
    face = record("ada", person(0))
    key = photo_key("class", face.face_id)
    store.put_faces("class", [face])
    objects.put(key, b"1")
    objects.between = lambda: objects.put(key, b"1")
    assert erase_faces(store, objects, "class", [face.face_id]) == [face.face_id]
    assert objects.keys() == []


def test_a_face_that_is_indexed_while_its_collection_is_erased_leaves_no_photo(
    store: SqlStore, objects: Interrupted, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    def erase_before_the_photo_comes() -> None:
        (key,) = objects.keys()
        erase_collection(store, objects, "class")
        objects.put(key, b"1")

    objects.between = erase_before_the_photo_comes
    with pytest.raises(CollectionNotFound):
        index_faces(engine, store, "class", portraits["astronaut"], image_id="1", objects=objects)
    assert objects.keys() == []


def test_a_face_that_is_indexed_while_its_collection_moves_to_another_model_leaves_no_photo(
    store: SqlStore, objects: Interrupted, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    def make_anew() -> None:
        store.delete_collection("class")
        store.create_collection("class", "another-model")

    objects.between = make_anew
    with pytest.raises(ModelMismatch):
        index_faces(engine, store, "class", portraits["astronaut"], image_id="1", objects=objects)
    assert objects.keys() == []


def test_a_face_that_moved_while_it_was_indexed_again_keeps_its_photo(
    store: SqlStore, objects: Interrupted, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    (_, face) = index_faces(engine, store, "class", portraits["astronaut"], image_id="1", objects=objects).faces[0]

    def move() -> None:
        store.create_collection("side", "another-model")
        embedding = Embedding(face.embedding.vector, "another-model")
        store.put_faces("side", [replace(face, collection_id="side", embedding=embedding)])
        assert store.adopt_faces("class", "side", store.changes("class", 0).version)

    objects.between = move
    with pytest.raises(ModelMismatch):
        index_faces(engine, store, "class", portraits["astronaut"], image_id="1", objects=objects)
    assert objects.keys() == [photo_key("class", face.face_id)]
