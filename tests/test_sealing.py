"""Templates sealed at rest: nothing of them in the database, none of them in another's place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.face_store import MODEL, FaceStoreContract, batch_of, face, plain
from photocall.errors import StoreUnavailable
from photocall.school.lesson_records import Remembered, Seen
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore
from photocall.stores.template_keys import KeyFile, new_key, read_keys, write_keys
from postgres import PostgresServer
from sealed import assert_whole, counts, fill, kept, keys_of, run, seen, vector


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


class TestSealedFaces(FaceStoreContract):
    """The embedded database, sealed; the other one does nothing else with what is sealed."""

    @pytest.fixture
    def store(self, path: Path, file: KeyFile) -> Iterator[SqlStore]:
        with SqlStore(sqlite_url(path), file) as opened:
            yield opened


# --- sealed


def test_whatever_is_a_template_is_sealed_and_read_as_it_was(url: str, store: SqlStore, file: KeyFile) -> None:
    fill(store)
    assert_whole(store)
    found = kept(url)
    assert found.pop("seen gone") == b""
    assert len(found) == 32
    assert all(each.startswith(b"\1" + bytes.fromhex(keys_of(file)[0])) for each in found.values())
    assert {len(each) for each in found.values()} == {4 * 128 + 33}
    assert counts(store) == {keys_of(file)[0]: 32}


def test_no_part_of_a_template_is_in_the_database_file(path: Path, file: KeyFile) -> None:
    with SqlStore(sqlite_url(path), file) as store:
        fill(store)
        content = b"".join(each.read_bytes() for each in path.parent.iterdir())
    vectors = [record.embedding.vector.tobytes() for record in batch_of(0, 30)] + [vector("seen"), vector("remembered")]
    assert not [each for each in vectors for at in range(0, 512, 32) if each[at : at + 32] in content]
    assert b"Ada 0-1" in content


def test_the_same_template_is_never_sealed_alike(url: str, store: SqlStore) -> None:
    store.put(*(seen(str(number), vector("a")) for number in range(50)))
    assert len(set(kept(url).values())) == 50


def test_plain_templates_of_before_stay_readable_and_new_ones_are_sealed(url: str, file: KeyFile) -> None:
    with SqlStore(url) as store:
        fill(store)
    with SqlStore(url, file) as store:
        assert_whole(store)
        store.put_faces("class", [face("new")])
        assert [*store.vectors("class", 0).vectors[-1]] == [*face("new").embedding.vector]
        assert counts(store) == {keys_of(file)[0]: 1, "": 32}
        assert [use.newest for use in store.template_keys()] == [True, False]


def test_a_collection_that_takes_the_faces_of_another_can_read_them(store: SqlStore) -> None:
    store.create_collection("class", "old")
    version = store.changes("class", 0).version
    store.create_collection("side", MODEL)
    faces = [face(f"f{number}", of="side") for number in range(1200)]
    store.put_faces("side", faces)
    assert store.adopt_faces("class", "side", version)
    assert [plain(record)[-1] for record in store.faces("class")] == [plain(record)[-1] for record in faces]


def test_a_template_that_is_no_whole_numbers_is_refused(store: SqlStore) -> None:
    with pytest.raises(ValueError, match="whole numbers of 4 bytes, not 3 bytes"):
        store.put(seen("s", b"abc"))


# --- moved, damaged, without its key


@pytest.mark.parametrize("read", ["faces", "vectors", "faces_by_id"])
def test_two_faces_whose_templates_were_exchanged_are_an_error_and_never_the_wrong_face(
    url: str, store: SqlStore, read: str
) -> None:
    store.create_collection("class", MODEL)
    store.put_faces("class", [face("a"), face("b")])
    both = kept(url)
    for mine, other in (("a", "b"), ("b", "a")):
        run(url, "UPDATE faces SET vector = :new WHERE face_id = :id", new=both[f"faces {other}"], id=mine)
    arguments: dict[str, tuple[object, ...]] = {"vectors": (0,), "faces_by_id": (["a"],)}
    with pytest.raises(StoreUnavailable, match=r"was sealed there under the key [0-9a-f]{8}: the row was ch"):
        getattr(store, read)("class", *arguments.get(read, ()))


def test_a_template_of_a_lesson_is_of_no_use_as_that_of_a_face(url: str, store: SqlStore) -> None:
    fill(store)
    run(url, "UPDATE faces SET vector = :new WHERE face_id = '0-1'", new=kept(url)["seen s"])
    with pytest.raises(StoreUnavailable, match="not what was sealed there"):
        store.faces("class")
    run(url, "UPDATE remembered SET vector = :new", new=kept(url)["seen s"])
    with pytest.raises(StoreUnavailable, match="not what was sealed there"):
        store.find(Remembered)


@pytest.mark.parametrize("place", [0, 1, 4, 5, 17, 33, 300, -1])
def test_a_changed_byte_is_an_error(url: str, store: SqlStore, place: int) -> None:
    store.create_collection("class", MODEL)
    store.put_faces("class", [face("a")])
    damaged = bytearray(kept(url)["faces a"])
    damaged[place] ^= 1
    run(url, "UPDATE faces SET vector = :new", new=bytes(damaged))
    for read in (lambda: store.faces("class"), lambda: store.vectors("class", 0)):
        with pytest.raises(StoreUnavailable):
            read()


def test_without_its_keys_a_database_says_what_is_missing(url: str, file: KeyFile, tmp_path: Path) -> None:
    with SqlStore(url, file) as store:
        fill(store)
    key_id, elsewhere = keys_of(file)[0], KeyFile(tmp_path / "other.keys", may_be_made=True)
    with SqlStore(url) as store, pytest.raises(StoreUnavailable, match=f"under the key {key_id}; let PHOTOCALL_TEMPL"):
        store.faces("class")
    with pytest.raises(StoreUnavailable, match="the keys are missing that templates in the database are sealed under"):
        SqlStore(url, elsewhere)
    assert elsewhere.path is not None
    assert not elsewhere.path.exists()
    write_keys(elsewhere.path, [new_key()])
    with SqlStore(url, elsewhere) as store, pytest.raises(StoreUnavailable, match=f"lacks the key {key_id}"):
        store.find(Seen)


def test_another_key_of_the_same_id_opens_nothing(url: str, file: KeyFile) -> None:
    with SqlStore(url, file) as store:
        fill(store)
    assert file.path is not None
    (mine,) = read_keys(file.path)
    foreign = new_key()
    write_keys(file.path, [type(mine)(mine.key_id, foreign.secret, mine.created)])
    with SqlStore(url, file) as store, pytest.raises(StoreUnavailable, match="keys are not those of this database"):
        store.faces("class")
