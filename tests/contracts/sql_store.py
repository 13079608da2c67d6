"""What the store does in every SQL database, beyond the ports: upgrades, the view, processes side by side.

An adapter's test inherits `SqlStoreContract` and gives it two fixtures: `url`, the address of an empty database, made
anew for every test, and `store`, which has it open.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from contracts.face_store import MODEL, Follower, face, ids, plain
from contracts.register import ADA, BOB, KEY
from databases import PROCESSES
from old_schemas import make_old, old_faces, shape
from photocall.errors import StoreUnavailable
from photocall.faces import BoundingBox, ImageSource
from photocall.roster import Student
from photocall.stores import schema, tables
from photocall.stores.sql import SqlStore


@contextmanager
def direct(url: str) -> Iterator[Engine]:
    """The database as any program would use it."""
    parsed = make_url(url)
    driver = {"postgresql": "postgresql+psycopg"}.get(parsed.drivername, parsed.drivername)
    engine = create_engine(parsed.set(drivername=driver))
    try:
        yield engine
    finally:
        engine.dispose()


def run(url: str, *statements: str) -> None:
    with direct(url) as engine, engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def open_and_put_a_student(url: str, start: float, number: int) -> str:
    time.sleep(max(0.0, start - time.time()))
    try:
        with SqlStore(url) as store:
            store.put_students([Student(f"student {number}")])
    except StoreUnavailable as error:
        return str(error)
    return "done"


def enrol_beside_others(url: str, process: int) -> int:
    with SqlStore(url) as store:
        store.create_collection("class", MODEL)
        reader = Follower(store)
        for number in range(20):
            store.put_faces("class", [face(f"{process}-{number}-{each}", size=16) for each in range(5)])
            if number % 4 == 0:
                assert store.delete_faces("class", [f"{process}-{number}-0"]) == [f"{process}-{number}-0"]
            reader.catch_up()
        return reader.version


def faces_seen(url: str) -> list[str]:
    with SqlStore(url) as store:
        return ids(store.faces("class"))


class SqlStoreContract:
    """Needs fixtures `url` and `store`."""

    @pytest.mark.parametrize("version", [1, 2])
    def test_a_database_of_an_older_schema_is_brought_up_to_date_by_whoever_opens_it(
        self, url: str, version: int
    ) -> None:
        with direct(url) as engine:
            make_old(engine, version)
        with ThreadPoolExecutor(4) as threads:
            stores = list(threads.map(lambda _: SqlStore(url), range(4)))
        for store in stores:
            assert store.collection("class").threshold_shift == (0.25 if version == 2 else 0)
            assert list(map(plain, store.faces("class"))) == list(map(plain, old_faces()))
            changes = store.changes("class", 1)
            assert (changes.version, len(changes.put), changes.deleted) == (3, 20, ["gone"])
            assert store.students() == [ADA, BOB]
        stores[0].add_user("class", "ada")
        stores[0].associate_faces("class", "ada", ["0-7"], 100)
        stores[0].put_tags("class", {"a": "1"}, 50)
        stores[0].put_key(KEY)
        assert stores[1].face_page("class", limit=9, user_id="ada")[0][0].face_id == "0-7"
        assert (stores[1].tags("class"), stores[1].key(KEY.key_id)) == ({"a": "1"}, KEY)
        assert stores[1].create_collection("class", MODEL) == stores[0].collection("class")
        for store in stores:
            store.close()

    def test_an_upgraded_database_has_the_tables_of_a_new_one(self, url: str) -> None:
        with direct(url) as engine:
            SqlStore(url).close()
            new = shape(engine)
            run(url, "DROP VIEW rekognition")
            tables.metadata.drop_all(engine)
            make_old(engine, 1)
            SqlStore(url).close()
            assert shape(engine) == new
        assert {"rekognition", "faces", "access_keys"} <= new.keys()

    def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with direct(url) as engine:
            make_old(engine, 1)
            before = shape(engine)
            steps = {2: schema.STEPS[2], 3: (*schema.STEPS[3], "INSERT INTO nowhere VALUES (1)")}
            monkeypatch.setattr(schema, "STEPS", steps)
            with pytest.raises(StoreUnavailable, match="tables are not as photocall made them"):
                SqlStore(url)
            assert shape(engine) == before
        monkeypatch.undo()
        with SqlStore(url) as store:
            assert len(store.faces("class")) == 20

    def test_a_database_of_a_newer_schema_is_refused(self, url: str, store: SqlStore) -> None:
        run(url, f"UPDATE photocall_schema SET version = {tables.SCHEMA_VERSION + 1}")
        with pytest.raises(StoreUnavailable, match="newer photocall"):
            SqlStore(url)

    def test_many_processes_may_open_an_empty_database_at_once(self, url: str) -> None:
        with ProcessPoolExecutor(6, PROCESSES) as processes:
            start = time.time() + 0.3
            outcomes = processes.map(open_and_put_a_student, [url] * 6, [start] * 6, range(6))
            assert list(outcomes) == ["done"] * 6
        with SqlStore(url) as store:
            assert len(store.students()) == 6

    def test_four_processes_write_at_once_and_nothing_is_lost(self, url: str) -> None:
        with ProcessPoolExecutor(4, PROCESSES) as processes:
            versions = list(processes.map(enrol_beside_others, [url] * 4, range(4)))
        with SqlStore(url) as store:
            assert len(store.faces("class")) == 4 * (20 * 5 - 5)
            # One version for each of the 4 x (20 + 5) transactions: none was lost or counted twice.
            assert store.changes("class", 0).version == max(versions) == 100
            assert len(Follower(store).catch_up()) == 380

    def test_another_process_sees_at_once_what_one_has_written(self, url: str, store: SqlStore) -> None:
        store.create_collection("class", MODEL)
        with ProcessPoolExecutor(1, PROCESSES) as processes:
            for number in range(3):
                store.put_faces("class", [face(str(number))])
                seen = processes.submit(faces_seen, url).result()
                assert seen == [str(each) for each in range(number + 1)]
            store.delete_faces("class", ["1"])
            assert processes.submit(faces_seen, url).result() == ["0", "2"]

    # --- the view

    def test_faces_can_be_queried_in_rekognitions_words(self, url: str, store: SqlStore) -> None:
        store.create_collection("class", MODEL)
        source = ImageSource("pictures", "Zoë 1.jpg", {"camera": "x-100", "räum": '"1"'})
        box = BoundingBox(192, 54, 480, 540)
        store.put_faces("class", [replace(face("a"), box=box, score=0.875, source=source)])
        store.put_faces("class", [replace(face("b"), box=None, image_width=0, image_height=0)])
        store.add_user("class", "ada")
        store.associate_faces("class", "ada", ["a"], 100)
        wanted = 'SELECT * FROM rekognition ORDER BY "FaceId"'
        with direct(url) as engine, engine.connect() as connection:
            first, second = (dict(row) for row in connection.execute(text(wanted)).mappings())
        assert json.loads(first.pop("metadata")) == source.metadata
        assert first == {
            "FaceId": "a",
            "CollectionId": "class",
            "ImageId": "image of a",
            "ExternalImageId": "Ada a",
            "UserId": "ada",
            "Confidence": 87.5,
            "Left": 0.1,
            "Top": 0.05,
            "Width": 0.25,
            "Height": 0.5,
            "bucket": "pictures",
            "key": "Zoë 1.jpg",
        }
        assert second["Left"] is None
        assert (second["UserId"], second["bucket"], second["metadata"]) == (None, None, "{}")

    # --- what is written

    def test_vectors_are_kept_as_little_endian_float32(self, url: str, store: SqlStore) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face("a")])
        with direct(url) as engine, engine.connect() as connection:
            kept = connection.execute(text("SELECT vector FROM faces")).scalar_one()
        assert np.array_equal(np.frombuffer(kept, "<f4"), face("a").embedding.vector)

    def test_a_name_that_is_not_text_writes_nothing_of_its_batch(self, store: SqlStore) -> None:
        with pytest.raises(ValueError, match="surrogates"):
            store.put_students([ADA, Student("half a \ud83d")])
        assert store.students() == []

    @pytest.mark.parametrize("blob", [b"\0\x11\x22\x33", b"\0" * 516])
    def test_a_face_that_lost_its_bytes_is_damage_not_a_face(self, url: str, store: SqlStore, blob: bytes) -> None:
        store.create_collection("class", MODEL)
        store.put_faces("class", [face(name) for name in "abc"])
        with direct(url) as engine, engine.begin() as connection:
            connection.execute(text("UPDATE faces SET vector = :blob WHERE face_id = 'b'"), {"blob": blob})
        with pytest.raises(StoreUnavailable, match="damaged"):
            store.faces("class")
        with pytest.raises(StoreUnavailable, match="damaged"):
            store.vectors("class", 0)

    def test_removed_rows_are_gone(self, url: str, store: SqlStore) -> None:
        store.add_collection("class", MODEL, {"a": "1"})
        store.put_faces("class", [face("a"), face("b")])
        store.add_user("class", "ada")
        store.delete_faces("class", ["a"])
        store.delete_collection("class")
        with direct(url) as engine, engine.connect() as connection:
            for table in ("faces", "users", "tags", "rekognition"):
                assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
