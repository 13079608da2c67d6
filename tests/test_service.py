"""What requests share: the engine, the stores, one gallery a collection, and who needs a key."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from people import MODEL, person, record
from photocall.engine.face_engine import FaceEngine
from photocall.errors import BucketNotFound, CollectionNotFound, ModelMismatch, PhotocallError, SettingInvalid
from photocall.faces import ByteArray, Embedding, FaceRecord
from photocall.server import service as module
from photocall.server.operations import answer
from photocall.server.service import Service, is_loopback, open_service
from photocall.settings import AuthMode, EngineKind, Settings


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(Settings(data=tmp_path)) as service:
        service.store.create_collection("class", MODEL)
        service.store.put_faces("class", [record("ada", person(0)), record("bea", person(1))])
        yield service


# --- galleries


def test_a_gallery_is_read_once_and_knows_what_came_since(service: Service) -> None:
    first = service.gallery("class")
    service.store.put_faces("class", [record("cleo", person(2))])
    assert service.gallery("class") is first
    assert len(first) == 3


def test_threads_that_want_a_gallery_at_once_get_the_same_one(service: Service) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: service.gallery("class"), range(32)))
    assert len(found) == 1


def test_the_gallery_of_a_deleted_collection_goes_and_one_made_anew_has_its_own_faces(service: Service) -> None:
    service.gallery("class")
    service.store.delete_collection("class")
    with pytest.raises(CollectionNotFound):
        service.gallery("class")
    service.store.create_collection("class", MODEL)
    assert len(service.gallery("class")) == 0


def test_galleries_that_nobody_asks_for_make_room(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FACES", 5)
    for name in ("second", "third"):
        service.store.create_collection(name, MODEL)
        service.store.put_faces(name, [record(who, person(0), collection_id=name) for who in ("ada", "bea")])
    first, second = service.gallery("class"), service.gallery("second")
    assert service.gallery("class") is first
    service.gallery("third")
    assert service.gallery("class") is first
    assert service.gallery("second") is not second


def test_a_collection_of_another_model_is_told(service: Service) -> None:
    service.store.create_collection("other", "another-model")
    with pytest.raises(ModelMismatch):
        service.gallery("other")
    with pytest.raises(ModelMismatch):
        service.engine_of("other")
    assert service.engine_of("class") is service.engine


def test_faces_of_another_model_are_not_associated(service: Service) -> None:
    service.store.create_collection("other", "another-model")
    faces = [
        FaceRecord(face_id, "other", "image", "", None, 0, 0, 1.0, Embedding(np.ones(3, np.float32), "another-model"))
        for face_id in ("first", "second")
    ]
    service.store.put_faces("other", faces)
    service.store.add_user("other", "ada")
    service.store.associate_faces("other", "ada", ["first"], 100)
    with pytest.raises(ModelMismatch):
        answer(service, "AssociateFaces", {"CollectionId": "other", "UserId": "ada", "FaceIds": ["second"]})


def test_what_is_erased_elsewhere_leaves_memory_though_nobody_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_SECONDS", 0.01)
    with open_service(Settings(data=tmp_path)) as service:
        for name in ("class", "club"):
            service.store.create_collection(name, MODEL)
            faces = [record(who, person(number), collection_id=name) for number, who in enumerate(("ada", "bea"))]
            service.store.put_faces(name, faces)
        kept, gone = service.gallery("class"), service.gallery("club")
        service.store.delete_faces("class", ["ada-0"])
        service.store.delete_collection("club")
        while len(kept) > 1 or service.metrics.registry.get_sample_value("photocall_gallery_faces") != 1:
            time.sleep(0.01)
    assert gone is not kept


# --- engines


def test_the_engine_loads_by_itself_and_is_waited_for(service: Service, portraits: dict[str, ByteArray]) -> None:
    assert len(service.engine.detect(portraits["astronaut"])) == 1
    assert service.ready
    assert service.failure is None


def test_the_plain_engine_gives_the_vectors_that_are_exactly_dlib_s(
    service: Service, dlib_engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    face = dlib_engine.detect(portraits["astronaut"])[:1]
    mine, theirs = (engine.embed(portraits["astronaut"], face)[0] for engine in (service.plain_engine, dlib_engine))
    assert mine.embedding is not None and theirs.embedding is not None
    assert np.array_equal(mine.embedding.vector, theirs.embedding.vector)
    assert service.plain_engine is service.plain_engine


def test_where_the_engine_is_plain_there_is_one(tmp_path: Path) -> None:
    with open_service(Settings(data=tmp_path, pack="dlib-mtcnn")) as service:
        assert service.plain_engine is service.engine


def test_an_engine_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    with open_service(Settings(data=tmp_path, pack="nonsense")) as service:
        with pytest.raises(PhotocallError, match="nonsense"):
            assert service.engine
        assert isinstance(service.failure, PhotocallError)
        assert not service.ready


def test_where_amazon_recognises_no_engine_is_loaded(tmp_path: Path) -> None:
    with open_service(Settings(data=tmp_path, engine=EngineKind.REKOGNITION)) as service:
        assert service.amazon is not None
        assert service.ready
        with pytest.raises(SettingInvalid, match="PHOTOCALL_ENGINE=local"):
            assert service.engine


# --- buckets and keys


def test_a_bucket_keeps_what_is_put_into_it(service: Service) -> None:
    service.bucket("mine").put("class/1.jpg", b"1")
    assert service.bucket("mine").get("class/1.jpg") == b"1"
    with pytest.raises(BucketNotFound):
        service.bucket("yours").get("class/1.jpg")


@pytest.mark.parametrize(
    ("auth", "host", "needs_key", "is_open"),
    [
        ("auto", "127.0.0.1", False, False),
        ("auto", "127.8.9.10", False, False),
        ("auto", "::1", False, False),
        ("auto", "localhost", False, False),
        ("auto", "0.0.0.0", True, False),
        ("auto", "::", True, False),
        ("auto", "192.0.2.1", True, False),
        ("auto", "faces.example", True, False),
        ("on", "127.0.0.1", True, False),
        ("on", "0.0.0.0", True, False),
        ("off", "127.0.0.1", False, False),
        ("off", "0.0.0.0", False, True),
    ],
)
def test_keys_are_needed_unless_only_this_machine_can_ask_or_they_are_off(
    tmp_path: Path, auth: AuthMode, host: str, needs_key: bool, is_open: bool
) -> None:
    with open_service(Settings(data=tmp_path, auth=auth, host=host, engine=EngineKind.REKOGNITION)) as service:
        assert (service.needs_key, service.is_open) == (needs_key, is_open)


@pytest.mark.parametrize("host", ["", "127.0.0.1.example", "localhost.example", "::ffff:0:1", "0"])
def test_what_only_looks_like_this_machine_alone_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_there_is_a_worker_for_every_core_and_some_that_wait_for_stores(tmp_path: Path) -> None:
    with open_service(Settings(data=tmp_path, threads=3, engine=EngineKind.REKOGNITION)) as service:
        assert service.workers == 5
