"""A class moved to another model, and whatever happens meanwhile."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import load_pack
from photocall.enrolment import enroll_encodings
from photocall.erasure import UNFINISHED, erase_faces, erase_remains
from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.faces import BoundingBox, ByteArray, FaceRecord
from photocall.kept_photos import photo_key
from photocall.migration import migrate_faces, side_collection, side_collections
from photocall.ports import ObjectStore
from photocall.recognition import index_face
from photocall.settings import sqlite_url
from photocall.stores.objects import ObStore
from photocall.stores.sql import SqlStore

CLASS = ("obama", "biden", "astronaut")


@pytest.fixture(scope="session")
def other(engine: FaceEngine) -> Iterator[FaceEngine]:
    """An engine with another model."""
    pack = next(name for name in ("standard", "dlib-mtcnn") if load_pack(name).model != engine.model)
    with FaceEngine(threads=2, min_face=20, pack=pack) as another:
        yield another


@pytest.fixture(scope="session")
def pictures(portraits: dict[str, ByteArray]) -> dict[str, ByteArray]:
    """The portraits, small enough to be quick."""
    small = {}
    for name, image in portraits.items():
        picture = Image.fromarray(image)
        picture.thumbnail((640, 640))
        small[name] = np.array(picture)
    return small


@pytest.fixture
def objects() -> ObjectStore:
    return ObStore(f"memory:///{uuid.uuid4()}")


@pytest.fixture
def store(
    tmp_path: Path, engine: FaceEngine, objects: ObjectStore, pictures: dict[str, ByteArray]
) -> Iterator[SqlStore]:
    """A class of three with a photo each."""
    with SqlStore(sqlite_url(tmp_path / "photocall.db")) as store:
        store.create_collection("class", engine.model)
        for name in CLASS:
            enrol(engine, store, objects, pictures[name], name)
        yield store


def enrol(engine: FaceEngine, store: SqlStore, objects: ObjectStore, image: ByteArray, name: str) -> FaceRecord:
    return index_face(engine, store, "class", image, name=name, image_id=name, source=name, objects=objects)


def names(store: SqlStore, collection_id: str = "class") -> list[str]:
    return [record.external_image_id for record in store.faces(collection_id)]


def meanwhile(happens: Callable[[], object], after: int = 1) -> Callable[[Sequence[FaceRecord]], Iterable[FaceRecord]]:
    """Something that happens once, when so many faces have been embedded again."""
    pending = [happens]

    def watch(records: Sequence[FaceRecord]) -> Iterable[FaceRecord]:
        for number, record in enumerate(records):
            if pending and number == after:
                pending.pop()()
            yield record

    return watch


def test_a_class_is_moved_with_everybody_in_it(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine, pictures: dict[str, ByteArray]
) -> None:
    before = store.faces("class")
    done = migrate_faces(other, store, objects, "class")
    assert (done.switched, done.faces, done.unmigrated, done.model) == (True, 3, (), other.model)
    after = store.faces("class")
    assert [replace(record, embedding=None) for record in after] == [  # type: ignore[arg-type]
        replace(record, embedding=None)  # type: ignore[arg-type]
        for record in before
    ]
    for record in after:
        face = max(other.faces(pictures[record.external_image_id]), key=lambda face: face.box.area)
        assert face.embedding is not None
        assert record.embedding.model == face.embedding.model == other.model
        # The same photo, cropped and compressed; different people are about 1.3 apart.
        assert np.linalg.norm(record.embedding.vector - face.embedding.vector) < 0.1
    assert [each.collection_id for each in store.collections()] == ["class"]


def test_moving_a_class_again_changes_nothing(store: SqlStore, objects: ObjectStore, other: FaceEngine) -> None:
    migrate_faces(other, store, objects, "class")
    version = store.changes("class", 0).version
    done = migrate_faces(other, store, objects, "class")
    assert (done.switched, done.faces) == (True, 3)
    assert store.changes("class", 0).version == version


def test_a_class_can_be_moved_back(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine
) -> None:
    before = store.faces("class")
    for new in (other, engine):
        assert migrate_faces(new, store, objects, "class").switched
    for old, back in zip(before, store.faces("class"), strict=True):
        assert old.embedding.model == back.embedding.model
        assert np.linalg.norm(old.embedding.vector - back.embedding.vector) < 0.1


def test_there_must_be_a_class(tmp_path: Path, objects: ObjectStore, other: FaceEngine) -> None:
    with SqlStore(sqlite_url(tmp_path / "empty.db")) as store:
        with pytest.raises(CollectionNotFound):
            migrate_faces(other, store, objects, "class")
        assert store.collections() == []


# --- faces that cannot be moved


def test_faces_without_a_photo_keep_the_class_where_it_is_and_are_named(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine
) -> None:
    enroll_encodings(store, "class", engine.model, [("known", np.ones(128, np.float32))])
    before = [record.face_id for record in store.faces("class")]
    objects.delete(photo_key("class", before[0]))
    done = migrate_faces(other, store, objects, "class")
    assert (done.switched, done.faces) == (False, 2)
    assert [(lost.record.external_image_id, lost.reason) for lost in done.unmigrated] == [
        ("obama", "no photo of it was kept"),
        ("known", "no photo of it was kept"),
    ]
    assert store.collection("class").model == engine.model
    assert [record.face_id for record in store.faces("class")] == before


def test_faces_that_are_not_found_in_their_photos_and_damaged_photos_are_told(
    store: SqlStore, objects: ObjectStore, other: FaceEngine
) -> None:
    obama, biden, _ = store.faces("class")
    store.put_faces("class", [replace(obama, box=BoundingBox(0, 0, 90, 90))])
    key = photo_key("class", biden.face_id)
    objects.put(key, objects.get(key)[:3000])
    done = migrate_faces(other, store, objects, "class")
    assert [lost.reason for lost in done.unmigrated] == [
        "no face is found in its kept photo",
        "its kept photo is damaged",
    ]


def test_faces_that_cannot_be_moved_are_dropped_if_that_is_said_with_what_was_kept_of_them(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine
) -> None:
    enroll_encodings(store, "class", engine.model, [("known", np.ones(128, np.float32))])
    damaged = store.faces("class")[1]
    objects.put(photo_key("class", damaged.face_id), b"no photo")
    assert not migrate_faces(other, store, objects, "class").switched
    done = migrate_faces(other, store, objects, "class", drop_unmigrated=True)
    assert (done.switched, done.faces, len(done.unmigrated)) == (True, 2, 2)
    assert names(store) == ["obama", "astronaut"]
    kept = {photo_key("class", record.face_id) for record in store.faces("class")}
    assert {each.key for each in objects.list("faces")} == kept


# --- what happens meanwhile


def test_until_the_switch_the_old_faces_answer(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine
) -> None:
    seen = []

    def look() -> None:
        seen.append((store.collection("class").model, names(store), names(store, side_collections(store, "class")[0])))

    migrate_faces(other, store, objects, "class", watch=meanwhile(look, after=2))
    assert seen == [(engine.model, list(CLASS), ["obama", "biden"])]


def test_who_is_enrolled_meanwhile_is_moved_too(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine, pictures: dict[str, ByteArray]
) -> None:
    new = meanwhile(lambda: enrol(engine, store, objects, pictures["obama2"], "new"))
    done = migrate_faces(other, store, objects, "class", watch=new)
    assert (done.switched, done.faces) == (True, 4)
    assert names(store) == [*CLASS, "new"]


@pytest.mark.parametrize("person", CLASS)
def test_who_is_erased_meanwhile_does_not_come_back(
    person: str, store: SqlStore, objects: ObjectStore, other: FaceEngine
) -> None:
    (theirs,) = (record.face_id for record in store.faces("class") if record.external_image_id == person)
    erased = meanwhile(lambda: erase_faces(store, objects, "class", [theirs]))
    assert migrate_faces(other, store, objects, "class", watch=erased).switched
    assert names(store) == [name for name in CLASS if name != person]


def test_after_the_switch_the_old_model_is_refused_with_what_to_do(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine, pictures: dict[str, ByteArray]
) -> None:
    migrate_faces(other, store, objects, "class")
    with pytest.raises(ModelMismatch, match="models migrate"):
        enrol(engine, store, objects, pictures["obama2"], "new")
    assert names(store) == list(CLASS)


def test_a_migration_that_another_process_ends_first_is_done(
    store: SqlStore, objects: ObjectStore, other: FaceEngine
) -> None:
    faster = meanwhile(lambda: migrate_faces(other, store, objects, "class"))
    done = migrate_faces(other, store, objects, "class", watch=faster)
    assert (done.switched, done.faces) == (True, 3)
    assert [each.collection_id for each in store.collections()] == ["class"]


# --- beginning, stopping and going on


class Stopped(Exception):
    pass


def stop() -> None:
    raise Stopped


def test_a_stopped_migration_goes_on_where_it_was(store: SqlStore, objects: ObjectStore, other: FaceEngine) -> None:
    for after in (1, 1):
        with pytest.raises(Stopped):
            migrate_faces(other, store, objects, "class", watch=meanwhile(stop, after))
    embedded: list[str] = []

    def count(records: Sequence[FaceRecord]) -> Iterable[FaceRecord]:
        embedded.extend(record.external_image_id for record in records)
        return records

    assert migrate_faces(other, store, objects, "class", watch=count).switched
    assert embedded == ["astronaut"]
    assert names(store) == list(CLASS)


def test_another_beginning_ends_an_unfinished_migration(
    store: SqlStore, objects: ObjectStore, engine: FaceEngine, other: FaceEngine
) -> None:
    store.create_collection(side_collection("class", "third"), "third")
    with pytest.raises(Stopped):
        migrate_faces(other, store, objects, "class", watch=meanwhile(stop))
    assert side_collections(store, "class") == [side_collection("class", other.model)]
    assert migrate_faces(engine, store, objects, "class").switched  # back to the model that it has
    assert side_collections(store, "class") == []


def test_erasing_reaches_into_an_unfinished_migration(store: SqlStore, objects: ObjectStore, other: FaceEngine) -> None:
    with pytest.raises(Stopped):
        migrate_faces(other, store, objects, "class", watch=meanwhile(stop, after=2))
    side = side_collection("class", other.model)
    erase_faces(store, objects, "class", [store.faces("class")[0].face_id])
    assert names(store, side) == ["biden"]


# --- erasing


def test_erasing_takes_record_and_photo(store: SqlStore, objects: ObjectStore) -> None:
    first, *others = store.faces("class")
    assert erase_faces(store, objects, "class", [first.face_id, "nobody"]) == [first.face_id]
    assert {each.key for each in objects.list("faces")} == {photo_key("class", each.face_id) for each in others}
    assert names(store) == ["biden", "astronaut"]


def test_an_erasure_that_broke_off_after_the_photo_is_finished_by_another(
    store: SqlStore, objects: ObjectStore
) -> None:
    first = store.faces("class")[0]
    objects.delete(photo_key("class", first.face_id))
    assert erase_faces(store, objects, "class", [first.face_id]) == [first.face_id]


def test_photos_of_nobody_go_once_no_enrolment_can_be_waiting_for_them(
    store: SqlStore, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = photo_key("class", "crashed")
    objects.put(orphan, b"1")
    erase_remains(store, objects, "class")
    assert len(list(objects.list("faces"))) == 4
    monkeypatch.setattr("photocall.erasure.UNFINISHED", -UNFINISHED)
    erase_remains(store, objects, "class")
    assert {each.key for each in objects.list("faces")} == {
        photo_key("class", record.face_id) for record in store.faces("class")
    }


def test_copies_in_a_migration_of_faces_that_are_gone_go_too(
    store: SqlStore, objects: ObjectStore, other: FaceEngine
) -> None:
    with pytest.raises(Stopped):
        migrate_faces(other, store, objects, "class", watch=meanwhile(stop, after=2))
    store.delete_faces("class", [store.faces("class")[0].face_id])  # by a process that died right after it
    erase_remains(store, objects, "class")
    assert names(store, side_collection("class", other.model)) == ["biden"]
