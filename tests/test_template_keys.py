"""The file of keys that templates are sealed under, and new keys for all of them."""

import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from commandline import photocall
from contracts.face_store import MODEL, batch_of, face
from databases import PROCESSES
from photocall.app import open_store
from photocall.errors import StoreUnavailable
from photocall.school.lesson_records import Seen
from photocall.school.records import AuditEntry
from photocall.settings import DATABASE, Settings, sqlite_url
from photocall.stores.sql import SqlStore
from photocall.stores.template_keys import KeyFile, new_key, read_keys, write_keys
from photocall.templates import Rotation
from postgres import PostgresServer
from sealed import assert_whole, counts, fill, kept, keys_of, rotate, run, seen, vector


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys" / "templates.keys", may_be_made=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "photocall.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def store(url: str, file: KeyFile) -> Iterator[SqlStore]:
    with SqlStore(url, file) as opened:
        yield opened


# --- the file of keys


def test_the_file_of_keys_is_its_owners_alone_and_apart_from_the_database(path: Path, file: KeyFile) -> None:
    with SqlStore(sqlite_url(path), file) as store:
        fill(store)
    assert file.path is not None
    assert (file.path.stat().st_mode & 0o777, file.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    (key,) = read_keys(file.path)
    content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert key.secret not in content
    assert key.secret.hex().encode() not in content
    assert key.secret.hex() not in repr(key)
    assert [each.name for each in file.path.parent.iterdir()] == ["templates.keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o620])
def test_a_file_of_keys_that_others_may_use_is_refused(path: Path, file: KeyFile, mode: int) -> None:
    SqlStore(sqlite_url(path), file).close()
    assert file.path is not None
    file.path.chmod(mode)
    with pytest.raises(StoreUnavailable, match=f"its mode is {mode:04o}\\); chmod 600 it"):
        SqlStore(sqlite_url(path), file)


@pytest.mark.parametrize(
    "content",
    [
        *("", "# nothing\n", "ab\n", "12345678 zz 2026-09-01T08:00:00+00:00\n", f"12345678 {'a' * 64} yesterday\n"),
        *(f"12345678 {'a' * 64} 2026-09-01T08:00:00\n", f"12345678 {'a' * 64} 2026-09-01T08:00:00+00:00\n" * 2),
    ],
)
def test_a_file_that_is_no_file_of_keys_is_refused_and_nothing_of_it_is_told(
    path: Path, file: KeyFile, content: str
) -> None:
    assert file.path is not None
    file.path.parent.mkdir()
    file.path.touch(0o600)
    file.path.write_text(content)
    with pytest.raises(StoreUnavailable) as caught:
        SqlStore(sqlite_url(path), file)
    assert caught.value.store == str(file.path)
    assert "aaaa" not in str(caught.value)


def test_a_file_that_somebody_has_named_is_not_made_by_merely_looking(path: Path, file: KeyFile) -> None:
    with pytest.raises(StoreUnavailable, match="no such file of keys; make it with: photocall templates rotate"):
        SqlStore(sqlite_url(path), KeyFile(file.path))
    assert file.path is not None
    assert not file.path.exists()


def test_many_who_come_first_at_once_agree_on_a_key(path: Path, file: KeyFile) -> None:
    SqlStore(sqlite_url(path)).close()

    def work(number: int) -> None:
        with SqlStore(sqlite_url(path), file) as store:
            store.put(seen(str(number), vector("a")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    with SqlStore(sqlite_url(path), file) as store:
        assert counts(store) == {keys_of(file)[0]: 16}


# --- new keys


def test_after_a_change_of_keys_everything_is_sealed_under_the_new_one_alone(
    url: str, store: SqlStore, file: KeyFile
) -> None:
    fill(store, 1200)
    (old,), before = keys_of(file), kept(url)
    done = store.rotate_templates()
    (new,) = keys_of(file)
    assert (done.key_id, done.templates, done.dropped, done.resumed) == (new, 1202, (old,), False)
    assert new != old
    assert counts(store) == {new: 1202}
    assert not set(before.values()) - {b""} & set(kept(url).values())
    assert_whole(store, 1200)


def test_a_change_of_keys_seals_what_was_plain_and_leaves_nothing_of_it_on_the_disk(path: Path, file: KeyFile) -> None:
    with SqlStore(sqlite_url(path)) as store:
        fill(store)
    with SqlStore(sqlite_url(path), file) as store:
        assert store.rotate_templates().templates == 32
        content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    vectors = [record.embedding.vector.tobytes() for record in batch_of(0, 30)] + [vector("seen")]
    assert not [each for each in vectors for at in range(0, 512, 32) if each[at : at + 32] in content]


def test_whoever_works_with_the_database_meanwhile_notices_nothing(url: str, file: KeyFile) -> None:
    with SqlStore(url, file) as one, SqlStore(url, file) as other:
        fill(one, 600)
        written, done = list[int](), Event()

        def write() -> None:
            for number in itertools.count(1):
                other.put_faces("class", [face(f"new {number}")])
                other.put(seen(f"new {number}", vector("a")))
                assert len(other.faces("class")) == 600 + number
                assert other.get(Seen, f"new {number}") == seen(f"new {number}", vector("a"))
                written.append(number)
                if done.is_set():
                    return

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            rotated = list[Rotation]()
            while not writing.done() and len(rotated) < 4:
                so_far = len(written)
                rotated.append(one.rotate_templates())
                while len(written) == so_far and not writing.done():
                    time.sleep(0.01)
            done.set()
            writing.result()
        assert one.rotate_templates().dropped == (rotated[-1].key_id,)
        assert list(counts(one)) == keys_of(file)
        with SqlStore(url, file) as anew:
            assert len(anew.faces("class")) == len(other.faces("class")) > 600


def test_a_process_that_knows_only_the_old_key_finds_the_new_one(url: str, store: SqlStore, file: KeyFile) -> None:
    fill(store)
    with SqlStore(url, file) as other:
        other.rotate_templates()
        store.create_collection("late", MODEL)
        assert_whole(store)
        store.put_faces("late", [face("new", of="late")])
        assert list(counts(other)) == keys_of(file)


def test_keys_that_are_needed_are_not_dropped(url: str, store: SqlStore, file: KeyFile) -> None:
    fill(store)
    run(url, "UPDATE faces SET vector = :new WHERE face_id = '0-7'", new=kept(url)["faces 0-8"])
    (old,) = keys_of(file)
    with pytest.raises(StoreUnavailable, match="not what was sealed there"):
        store.rotate_templates()
    assert len(keys_of(file)) == 2
    assert keys_of(file)[1] == old
    run(url, "DELETE FROM faces WHERE face_id = '0-7'")
    assert store.rotate_templates().resumed
    assert len(keys_of(file)) == 1
    assert len(store.faces("class")) == 29


def test_a_change_of_keys_that_cannot_write_its_file_changes_nothing(
    store: SqlStore, file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    before = keys_of(file)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="the keys of templates cannot be written: the disk is full"):
        store.rotate_templates()
    monkeypatch.undo()
    assert keys_of(file) == before
    assert file.path is not None
    assert [each.name for each in file.path.parent.iterdir()] == ["templates.keys"]
    assert_whole(store)


def test_a_change_of_keys_that_was_killed_is_brought_to_its_end_by_the_next(
    url: str, file: KeyFile, tmp_path: Path
) -> None:
    rng = random.Random(4)
    with SqlStore(url, file) as store:
        fill(store, 1500)
    for number in range(4):
        log = tmp_path / str(number)
        process = PROCESSES.Process(target=rotate, args=(url, file.path, log))
        process.start()
        while not log.exists() and process.is_alive():
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        process.join()
        with SqlStore(url, file) as store:
            assert_whole(store, 1500)
    with SqlStore(url, file) as store:
        was_halfway = len(keys_of(file)) == 2
        assert store.rotate_templates().resumed is was_halfway
        assert counts(store) == {keys_of(file)[0]: 1502}
        assert_whole(store, 1500)
    assert len(keys_of(file)) == 1


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_a_change_of_keys_goes_on_where_it_was_interrupted(store: SqlStore, file: KeyFile, batches: int) -> None:
    fill(store, 1500)

    def interrupted(steps: Sequence[int]) -> Iterator[int]:
        yield from itertools.islice(steps, batches)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.rotate_templates(interrupted)
    new, old = keys_of(file)
    assert_whole(store, 1500)
    assert counts(store) == {new: 500 * batches, old: 1502 - 500 * batches}
    done = store.rotate_templates()
    assert (done.key_id, done.templates, done.dropped, done.resumed) == (new, 1502 - 500 * batches, (old,), True)
    assert_whole(store, 1500)


def test_keys_are_told_with_when_they_were_made_and_whether_they_are_there(url: str, file: KeyFile) -> None:
    with SqlStore(url, file) as store:
        fill(store)
    assert file.path is not None
    (old,) = read_keys(file.path)
    write_keys(file.path, [new_key()])
    with SqlStore(url, file) as store:
        newest, missing = store.template_keys()
    assert (newest.newest, newest.templates) == (True, 0)
    assert newest.created is not None
    assert datetime.now(UTC) - newest.created < timedelta(minutes=10)
    assert (missing.key_id, missing.created, missing.newest, missing.templates) == (old.key_id.hex(), None, False, 32)


# --- the command


def test_the_command_tells_of_keys_and_makes_new_ones(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SqlStore(sqlite_url(data / DATABASE)) as store:
        fill(store)
    (before,) = photocall("templates", "status", "--data", data, "--json").values
    assert [(each["newest"], each["templates"]) for each in before["keys"]] == [(True, 0), (False, 32)]
    assert before["file"] == str(data / "keys" / "templates.keys")
    (done,) = photocall("templates", "rotate", "--data", data, "--json").values
    assert (done["templates"], done["dropped"], done["resumed"]) == (32, [before["keys"][0]["key_id"]], False)
    shown = photocall("templates", "status", "--data", data)
    assert shown.code == 0
    assert "seals what is new" in shown.out
    assert (data / "keys" / "templates.keys").read_text().split()[-2] not in shown.out
    with open_store(Settings(data=data)) as store:
        assert_whole(store)
        actions = [(entry.account_id, entry.action, entry.subject) for entry in store.find(AuditEntry)]
    assert actions == [("cli", "templates.rotating", ""), ("cli", "templates.rotated", done["key_id"])]


def test_the_command_makes_the_file_that_somebody_has_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_TEMPLATE_KEYS", str(tmp_path / "elsewhere" / "my.keys"))
    refused = photocall("templates", "status", "--data", tmp_path)
    assert (refused.code, refused.out) == (1, "")
    assert "make it with: photocall templates rotate" in refused.err
    assert photocall("templates", "rotate", "--data", tmp_path).code == 0
    assert photocall("templates", "status", "--data", tmp_path).code == 0
    assert not (tmp_path / "keys").exists()


def test_where_nothing_is_sealed_there_is_no_key_to_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_TEMPLATE_KEYS", "none")
    refused = photocall("templates", "rotate", "--data", tmp_path)
    assert refused.code == 2
    assert "PHOTOCALL_TEMPLATE_KEYS: is none; let it name a file of keys" in refused.err
    assert "nothing new is sealed" in photocall("templates", "status", "--data", tmp_path).out
