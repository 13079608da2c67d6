"""Migrations that are killed at any moment: the class answers with all of the old faces or all of the new ones."""

import itertools
import os
import random
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from commandline import data_with, everybody, photocall
from killable import Commands, write_class
from photocall.app import COLLECTION, open_store
from photocall.engine.packs import load_pack
from photocall.errors import CollectionNotFound
from photocall.faces import ByteArray, FaceRecord
from photocall.kept_photos import photo_key
from photocall.migration import side_collections
from photocall.settings import DATABASE, load_settings
from photocall.stores.sql import SqlStore

ATTEMPTS, KILLS = 6, 3
PERSON = "Barack Obama"
OLD, NEW = (load_pack(pack).model for pack in ("dlib-mtcnn", "standard"))


@pytest.fixture(scope="module")
def enrolled(portraits: dict[str, ByteArray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a class of three in ten photos."""
    folder = tmp_path_factory.mktemp("class")
    write_class(folder, portraits)
    return data_with(tmp_path_factory.mktemp("enrolled") / "data", folder, "--pack", "dlib-mtcnn")


def faces(data: Path) -> list[FaceRecord]:
    """The class's faces, in a database that must be sound, all of one model."""
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with open_store(load_settings(data=data)) as store:
        model, records = store.collection(COLLECTION).model, store.faces(COLLECTION)
    assert {record.embedding.model for record in records} <= {model}
    return records


def plain(records: list[FaceRecord]) -> list[tuple[str, str, str, bytes]]:
    return [
        (record.face_id, record.external_image_id, record.embedding.model, record.embedding.vector.tobytes())
        for record in records
    ]


@pytest.fixture(scope="module")
def undisturbed(
    enrolled: Path, commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, str, str, bytes]]:
    """What a migration that nobody kills comes to."""
    data = tmp_path_factory.mktemp("undisturbed") / "data"
    shutil.copytree(enrolled, data)
    commands.start("models", "migrate", "--pack", "standard", "--data", data)
    assert commands.end() == 0
    return plain(faces(data))


def wait_until(data: Path, embedded: int) -> None:
    """Until a migration has embedded so many faces, or has ended."""
    with open_store(load_settings(data=data)) as store:
        while store.collection(COLLECTION).model == OLD:
            sides = [each for each in store.collections() if each.model == NEW]
            if sides and len(ids_of(store, sides[0].collection_id)) >= embedded:
                return
            time.sleep(0.002)


def ids_of(store: SqlStore, collection_id: str) -> list[str]:
    try:
        return [record.face_id for record in store.faces(collection_id)]
    except CollectionNotFound:  # it has just ended
        return []


def test_a_killed_migration_leaves_the_old_class_or_the_new_and_goes_on_when_run_again(
    enrolled: Path,
    undisturbed: list[tuple[str, str, str, bytes]],
    commands: Commands,
    tmp_path: Path,
) -> None:
    old, new, rng = plain(faces(enrolled)), undisturbed, random.Random(5)
    assert len(old) == len(new) == 10
    assert ({each[2] for each in old}, {each[2] for each in new}) == ({OLD}, {NEW})
    assert [each[:2] for each in new] == [each[:2] for each in old]
    killed, halfway = 0, set[int]()
    for attempt in range(ATTEMPTS):
        data = tmp_path / str(attempt)
        shutil.copytree(enrolled, data)
        for _ in range(KILLS):
            process = commands.start("models", "migrate", "--pack", "standard", "--data", data)
            wait_until(data, embedded=rng.randrange(1, 11))
            time.sleep(rng.uniform(0, 0.05))
            os.kill(process, signal.SIGKILL)
            killed += commands.end() == -signal.SIGKILL
            assert plain(faces(data)) in (old, new)
            with open_store(load_settings(data=data)) as store:
                halfway |= {len(store.faces(side)) for side in side_collections(store, COLLECTION)}
        answer = photocall("models", "migrate", "--pack", "standard", "--data", data, "--json")
        assert (answer.code, answer.values[0]["faces"], answer.values[0]["switched"]) == (0, 10, True)
        assert plain(faces(data)) == new
        with open_store(load_settings(data=data)) as store:
            assert side_collections(store, COLLECTION) == []
    assert killed > ATTEMPTS
    assert len(halfway - {0, 10}) > 1  # the kills came at different moments


def test_who_is_erased_between_kills_leaves_nothing_anywhere(
    enrolled: Path, commands: Commands, tmp_path: Path
) -> None:
    rng, copies = random.Random(9), list[FaceRecord]()
    for attempt in itertools.count():  # until a kill comes when some of them have been embedded
        data = tmp_path / str(attempt)
        shutil.copytree(enrolled, data)
        process = commands.start("models", "migrate", "--pack", "standard", "--data", data)
        wait_until(data, embedded=rng.randrange(7, 10))
        os.kill(process, signal.SIGKILL)
        assert commands.end() in (-signal.SIGKILL, 0)
        with open_store(load_settings(data=data)) as store:
            copies = [record for side in side_collections(store, COLLECTION) for record in store.faces(side)]
        if any(record.external_image_id == PERSON for record in copies):
            break
    theirs = [record for record in [*faces(data), *copies] if record.external_image_id == PERSON]
    with closing(sqlite3.connect(data / DATABASE)) as connection:
        kept = connection.execute("SELECT vector FROM faces WHERE external_image_id = ?", [PERSON]).fetchall()
    assert len(kept) == len(theirs)
    assert photocall("forget", PERSON, "--data", data).code == 0
    content = (data / DATABASE).read_bytes()
    assert not any(vector in content for (vector,) in kept)
    for record in theirs:
        assert record.embedding.vector.tobytes() not in content
        assert not (data / "objects" / photo_key(COLLECTION, record.face_id)).exists()
    assert photocall("models", "migrate", "--pack", "standard", "--data", data).code == 0
    assert everybody(data) == {"Joe Biden": 2, "Eileen Collins": 2}
    assert len(list((data / "objects").rglob("*.jpg"))) == 4
