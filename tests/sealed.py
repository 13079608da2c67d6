"""Templates in every table that has some, and how they stand in the database."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from contracts.face_store import MODEL, batch_of, face, plain
from photocall.school.lesson_records import Remembered, Seen
from photocall.stores.sql import SqlStore
from photocall.stores.template_keys import KeyFile, read_keys

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)


def keys_of(file: KeyFile) -> list[str]:
    assert file.path is not None
    return [key.key_id.hex() for key in read_keys(file.path)]


def seen(name: str, vector: bytes) -> Seen:
    return Seen(name, "lesson", "photo", "1,2,3,4", 0.0, "ada", 99.0, True, "", "", MODEL, vector, NOW)


def remembered(name: str, vector: bytes) -> Remembered:
    return Remembered(name, "ada", True, MODEL, vector, "teacher", NOW)


def vector(name: str) -> bytes:
    return face(name).embedding.vector.tobytes()


def fill(store: SqlStore, count: int = 30) -> None:
    """Faces, a face that was seen and one that is remembered, and one whose template is gone."""
    store.create_collection("class", MODEL)
    store.put_faces("class", batch_of(0, count))
    store.put(seen("s", vector("seen")), seen("gone", b""), remembered("s", vector("remembered")))


def assert_whole(store: SqlStore, count: int = 30) -> None:
    assert list(map(plain, store.faces("class"))) == list(map(plain, batch_of(0, count)))
    assert store.find(Seen) == [seen("gone", b""), seen("s", vector("seen"))]
    assert store.find(Remembered) == [remembered("s", vector("remembered"))]


def counts(store: SqlStore) -> dict[str, int]:
    return {use.key_id: use.templates for use in store.template_keys()}


def run(url: str, statement: str, **values: object) -> list[tuple[object, ...]]:
    engine = create_engine(make_url(url.replace("postgresql://", "postgresql+psycopg://")))
    try:
        with engine.begin() as connection:
            done = connection.execute(text(statement), values)
            return [tuple(row) for row in done] if done.returns_rows else []
    finally:
        engine.dispose()


def kept(url: str) -> dict[str, bytes]:
    """Every template as it stands in the database, by table and id."""
    tables = {"faces": "face_id", "seen": "seen_id", "remembered": "seen_id"}
    wanted = (f"SELECT '{table} ' || {name}, vector FROM {table}" for table, name in tables.items())
    return {str(place): bytes(found) for place, found in run(url, " UNION ALL ".join(wanted))}  # type: ignore[call-overload]


def rotate(url: str, path: Path, log: Path) -> None:
    """Change keys in a process of its own, which may be killed as soon as there is a log."""
    with SqlStore(url, KeyFile(path)) as store:
        log.write_text("ready")
        store.rotate_templates()
