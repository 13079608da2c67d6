"""DynamoDB asked with the real client, the service itself being moto's: the contracts of faces, users and keys."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest

from contracts.face_store import MODEL, FaceStoreContract, face
from contracts.register import ADA, PeopleRegisterContract
from contracts.user_store import SOURCE, UserStoreContract
from dynamo import items, make_tables
from photocall.app import ARCHIVE, COLLECTION, open_objects, open_people, open_store, school_of
from photocall.cli import main
from photocall.errors import StoreUnavailable
from photocall.faces import ByteArray
from photocall.kept_photos import photo_key, photo_prefix
from photocall.ports import FaceStore
from photocall.settings import Settings
from photocall.stores.dynamo.store import DynamoStore
from servers import asked, jpeg


@pytest.fixture
def store(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoStore]:
    monkeypatch.setattr("photocall.stores.dynamo.rows.SHARDS", 2)  # the tests' server is slow
    name = f"photocall-{uuid4().hex}"
    make_tables(name)
    with DynamoStore(f"dynamodb://{name}", "class", archive=f"{name}-faces") as opened:
        yield opened


class TestFacesInDynamo(FaceStoreContract):
    steps, rounds = 12, 2  # of 60 and 8, since the tests' server is slow


class TestUsersInDynamo(UserStoreContract):
    steps, rounds = 30, 6

    @pytest.mark.parametrize("seed", [0])
    def test_a_follower_of_vectors_always_has_what_the_store_has(self, store: FaceStore, seed: int) -> None:
        super().test_a_follower_of_vectors_always_has_what_the_store_has(store, seed)


class TestRegisterInDynamo(PeopleRegisterContract):
    """With the fixture `store` above."""


# --- chosen by its address


@pytest.fixture
def settings(aws: str, tmp_path: Path) -> Settings:
    name = f"photocall-{uuid4().hex}"
    make_tables(name)
    return Settings(data=tmp_path, database=f"dynamodb://{name}", face_table=f"{name}-faces", threads=1)


def test_the_address_chooses_it_and_faces_of_the_archive_are_shown(settings: Settings) -> None:
    with open_people(settings) as store:
        assert isinstance(store, DynamoStore)
        store.put_students([ADA])
        store.create_collection(ARCHIVE, MODEL)
        store.put_faces(ARCHIVE, [replace(face("a", of=ARCHIVE), source=SOURCE)])
    name = settings.database.removeprefix("dynamodb://")
    assert [len(items(f"{name}{each}")) for each in ("-students", "-faces")] == [1, 1]


def test_the_attendance_application_is_not_on_dynamodb(settings: Settings) -> None:
    with pytest.raises(StoreUnavailable, match="the attendance application needs sqlite or postgresql"):
        open_store(settings).__enter__()
    with open_people(settings) as store, pytest.raises(StoreUnavailable, match="needs sqlite or postgresql"):
        school_of(store)


def test_a_server_works_without_the_attendance_application(
    settings: Settings, tmp_path: Path, portraits: dict[str, ByteArray]
) -> None:
    tables = {"database": settings.database, "face_table": settings.face_table}
    with asked(tmp_path / "data", **tables) as server:
        for name in ("obama", "biden"):
            sent = server.client.put(f"/v1/index/{name}.jpg", content=jpeg(portraits[name]))
            assert sent.status_code == 200, sent.text
        found = server.client.post("/v1/search", content=jpeg(portraits["obama2"]))
        assert found.json()["matchedFaces"] == ["Obama"]
        refused = server.client.get("/v1/school/")
        assert refused.status_code == 503
    assert len(items(settings.face_table)) == 2


def test_a_student_is_forgotten_with_faces_and_kept_photos(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOCALL_DATABASE", settings.database)
    objects = open_objects(settings)
    with open_people(settings) as store:
        store.put_students([ADA])
        store.create_collection(COLLECTION, MODEL)
        hers = [replace(face(each, of=COLLECTION), external_image_id=ADA.student_id) for each in "ab"]
        store.put_faces(COLLECTION, [*hers, face("c", of=COLLECTION)])
        objects.put(photo_key(COLLECTION, "a"), b"a")
        assert main(["forget", ADA.name, "--data", str(settings.data)]) == 0
        assert "erased, with 2 faces" in capsys.readouterr().out
        assert ([record.face_id for record in store.faces(COLLECTION)], store.students()) == (["c"], [])
        assert list(objects.list(photo_prefix(COLLECTION))) == []
        assert main(["forget", ADA.name, "--data", str(settings.data)]) == 1


def test_templates_that_were_to_be_sealed_are_not_left_open(settings: Settings, tmp_path: Path) -> None:
    sealed = settings.model_copy(update={"template_keys": str(tmp_path / "keys")})
    with pytest.raises(StoreUnavailable, match="not sealed in DynamoDB, which encrypts its tables itself"):
        open_people(sealed).__enter__()


def test_it_needs_neither_sqlalchemy_nor_the_server(aws: str) -> None:
    script = """
        import sys
        from photocall.app import open_people, open_queue
        from photocall.settings import Settings
        with open_people(Settings(database="dynamodb://photocall", queue="sqs://")) as store:
            print(type(store).__name__, [name for name in ("sqlalchemy", "fastapi", "av") if name in sys.modules])
    """
    answer = subprocess.run([sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "DynamoStore []"
