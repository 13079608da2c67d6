"""The store on a real PostgreSQL: every contract, then what only a server can suffer."""

import random
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import inspect, make_url, text

from contracts.face_store import MODEL, FaceStoreContract, face
from contracts.register import PeopleRegisterContract
from contracts.school_register import SchoolRegisterContract
from contracts.sql_store import SqlStoreContract, direct, run
from contracts.user_store import UserStoreContract
from databases import PROCESSES, assert_kept, batches_in, enrol_for_ever, wait_for_first_line
from photocall.errors import CollectionNotFound, ExtraMissing, StoreUnavailable
from photocall.roster import Student
from photocall.stores.sql import SqlStore
from postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    with SqlStore(url) as opened:
        yield opened


class TestFacesInPostgresql(FaceStoreContract):
    """With the fixture `store` above."""


class TestUsersInPostgresql(UserStoreContract):
    """With the fixture `store` above."""


class TestSqlInPostgresql(SqlStoreContract):
    """With the fixtures `url` and `store` above."""


class TestRegisterInPostgresql(PeopleRegisterContract):
    """With the fixture `store` above."""


class TestSchoolRegisterInPostgresql(SchoolRegisterContract):
    """With the fixtures `url` and `store` above."""


# --- addresses and refusals


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@localhost:port/photocall",
        "postgres://ada:hunter2@localhost/photocall",
        "postgresql+asyncpg://ada:hunter2@localhost/photocall",
        "mysql://localhost/photocall?user=ada&password=hunter2",
        "ada:hunter2@localhost",
    ],
)
def test_an_address_that_names_no_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreUnavailable, match=r"nor of a server, such as postgresql://ada@localhost") as caught:
        SqlStore(url)
    assert_no_password(caught.value)


def assert_no_password(error: BaseException) -> None:
    """Neither in its message nor in what a log would show of it."""
    assert "hunter2" not in "".join(traceback.format_exception(error))


def refusal(url: str) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        SqlStore(url)
    assert_no_password(caught.value)
    return str(caught.value)


def test_a_server_that_is_not_there_is_named_without_the_password(postgres: PostgresServer) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        message = refusal(f"postgresql://ada:hunter2@127.0.0.1:{port}/photocall")
    assert message.startswith(f"postgresql://ada:***@127.0.0.1:{port}/photocall: the server cannot be reached: ")
    assert "check that it runs" in message


def test_a_wrong_password_is_not_told_to_anybody(postgres: PostgresServer) -> None:
    answer = 'the server refuses: password authentication failed for user "ada"; check user, password and database'
    assert answer in refusal(postgres.url("postgres", password="hunter2"))
    url = f"postgresql://ada@127.0.0.1:{postgres.port}/postgres?password=hunter2"
    assert answer in refusal(url)


def test_a_database_that_is_not_there_is_named_with_what_to_do(postgres: PostgresServer) -> None:
    message = refusal(postgres.url("nowhere"))
    assert "/nowhere: " in message
    assert "createdb" in message


def test_a_database_that_cannot_hold_every_name_is_refused(postgres: PostgresServer) -> None:
    url = postgres.new_database("ENCODING 'LATIN1'", "LC_COLLATE 'C'", "LC_CTYPE 'C'")
    assert "its encoding is LATIN1" in refusal(url)


def test_a_database_of_another_program_is_left_alone(url: str) -> None:
    run(url, "CREATE TABLE users (name TEXT)")
    assert "give photocall a database of its own" in refusal(url)
    with direct(url) as engine:
        assert inspect(engine).get_table_names() == ["users"]


def test_a_user_who_may_not_make_tables_is_told_so(postgres: PostgresServer, url: str) -> None:
    postgres.run("CREATE USER eve PASSWORD 'eve'")
    parsed = make_url(url).set(username="eve", password="eve")
    assert "GRANT CREATE ON SCHEMA" in refusal(parsed.render_as_string(hide_password=False))


def test_a_schema_of_its_own_in_a_shared_database_will_do(url: str) -> None:
    run(url, "CREATE TABLE users (name TEXT)", "CREATE SCHEMA photocall")
    with SqlStore(f"{url}?options=-csearch_path%3Dphotocall") as store:
        store.create_collection("class", MODEL)
        store.add_user("class", "ada")
        assert store.counts("class") == (0, 1)


def test_text_that_postgresql_cannot_hold_is_the_callers_fault(store: SqlStore) -> None:
    with pytest.raises(ValueError, match="NUL"):
        store.put_students([Student("half\0a name")])
    assert store.students() == []


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "photocall.stores.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ExtraMissing, match=r"pip install 'photocall\[postgres\]'"):
        SqlStore("postgresql://ada@localhost/photocall")


# --- locks


def test_a_collection_that_another_program_holds_is_waited_for_and_then_named(
    url: str,
) -> None:
    with SqlStore(f"{url}?options=-clock_timeout%3D200") as store:
        store.create_collection("class", MODEL)
        store.create_collection("other", MODEL)
        with direct(url) as engine, engine.begin() as holder:
            holder.execute(text("SELECT * FROM collections WHERE collection_id = 'class' FOR UPDATE"))
            with pytest.raises(StoreUnavailable, match="another program kept it locked"):
                store.put_faces("class", [face("a")])
            store.put_faces("other", [face("a", of="other")])  # writers of other collections do not wait
            assert store.faces("class") == []  # nor do readers
        store.put_faces("class", [face("a")])


def test_collections_that_adopt_from_each_other_at_once_do_not_wait_for_ever(store: SqlStore) -> None:
    for _ in range(10):
        for name in ("class", "other"):
            store.create_collection(name, MODEL)
            store.put_faces(name, [face("a", of=name)])
        versions = {name: store.changes(name, 0).version for name in ("class", "other")}

        def adopt(pair: tuple[str, str], versions: dict[str, int] = versions) -> str:
            try:
                return str(store.adopt_faces(*pair, versions[pair[0]]))
            except CollectionNotFound as error:
                return error.collection_id

        with ThreadPoolExecutor(2) as threads:
            outcomes = list(threads.map(adopt, [("class", "other"), ("other", "class")]))
        assert outcomes.count("True") == 1
        assert len(store.collections()) == 1


# --- processes and servers that die


def enrol_until_killed(url: str, collection_id: str, size: int, log: Path) -> None:
    with SqlStore(url) as store:
        enrol_for_ever(store, collection_id, size, log)


def test_a_writer_killed_at_any_moment_leaves_whole_batches_and_all_it_promised(url: str, tmp_path: Path) -> None:
    rng, size, promises = random.Random(11), 150, 0
    with SqlStore(url) as store:
        for attempt in range(12):
            name, log = f"class {attempt}", tmp_path / f"log {attempt}"
            log.touch()
            child = PROCESSES.Process(target=enrol_until_killed, args=(url, name, size, log))
            child.start()
            wait_for_first_line(log)
            time.sleep(rng.uniform(0, 0.2))
            child.kill()
            child.join()
            promised = log.read_bytes().decode().splitlines()
            store.create_collection(name, MODEL)
            # What the dead one had begun is undone, or ends, before anybody else may write.
            store.put_tags(name, {"killed": "yes"}, 1)
            whole = batches_in(store, name, size)
            assert_kept(promised, whole)
            promises += len(promised)
    assert promises > 12


def test_a_server_that_dies_in_the_middle_keeps_its_word_and_is_found_again(
    postgres: PostgresServer, url: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.touch()
    with SqlStore(url) as store:
        store.create_collection("other", MODEL)
        child = PROCESSES.Process(target=enrol_until_the_server_is_gone, args=(url, log))
        child.start()
        wait_for_first_line(log)
        time.sleep(0.2)
        postgres.stop(signal.SIGQUIT)
        try:
            child.join(30)
            assert child.exitcode == 0
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                store.collections()
        finally:
            postgres.start()
        assert_kept(log.read_bytes().decode().splitlines(), batches_in(store, "class", 150))
        store.put_faces("other", [face("a", of="other")])


def enrol_until_the_server_is_gone(url: str, log: Path) -> None:
    with SqlStore(url) as store, suppress(StoreUnavailable):
        enrol_for_ever(store, "class", 150, log)
