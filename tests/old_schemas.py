"""Databases as older photocalls made them, by SQL that no later change of the tables touches."""

from sqlalchemy import Connection, Engine, inspect, text

from contracts.face_store import batch_of
from contracts.register import ADA, BOB
from photocall.faces import FaceRecord
from photocall.stores import rows
from photocall.stores.sealing import Sealer
from photocall.stores.template_keys import NO_KEYS

FIRST = (
    "CREATE TABLE photocall_schema (version INTEGER NOT NULL)",
    "INSERT INTO photocall_schema VALUES (1)",
    "CREATE TABLE collections (collection_id TEXT NOT NULL PRIMARY KEY, model TEXT NOT NULL, created TEXT NOT NULL,"
    " dimension INTEGER, version INTEGER NOT NULL, deleted BOOLEAN NOT NULL)",
    "CREATE TABLE students (name TEXT NOT NULL PRIMARY KEY, fields TEXT NOT NULL)",
    "CREATE TABLE faces (number {number} PRIMARY KEY,"
    " collection_id TEXT NOT NULL REFERENCES collections (collection_id), face_id TEXT NOT NULL,"
    " image_id TEXT NOT NULL, external_image_id TEXT NOT NULL, box_left DOUBLE PRECISION, box_top DOUBLE PRECISION,"
    " box_width DOUBLE PRECISION, box_height DOUBLE PRECISION, image_width INTEGER NOT NULL,"
    " image_height INTEGER NOT NULL, score DOUBLE PRECISION NOT NULL, vector {bytes} NOT NULL,"
    " version INTEGER NOT NULL, UNIQUE (collection_id, face_id))",
    "CREATE INDEX faces_by_version ON faces (collection_id, version)",
    "CREATE TABLE removed_faces (collection_id TEXT NOT NULL REFERENCES collections (collection_id),"
    " face_id TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (collection_id, face_id))",
    "CREATE INDEX removed_faces_by_version ON removed_faces (collection_id, version)",
    "INSERT INTO collections (collection_id, model, created, dimension, version, deleted)"
    " VALUES ('class', 'dlib-resnet', '2029-01-02T03:04:05.000006+00:00', 128, 3, false)",
    "INSERT INTO removed_faces VALUES ('class', 'gone', 2)",
)

SECOND = (
    "ALTER TABLE collections ADD COLUMN threshold_shift DOUBLE PRECISION NOT NULL DEFAULT 0",
    "UPDATE collections SET threshold_shift = 0.25",
    "UPDATE photocall_schema SET version = 2",
)

TYPES = {
    "sqlite": {"{number}": "INTEGER NOT NULL", "{bytes}": "BLOB"},
    "postgresql": {"{number}": "SERIAL", "{bytes}": "BYTEA"},
}


def old_faces() -> list[FaceRecord]:
    """The faces of a database that `make_old` makes."""
    return batch_of(0, 20)


def make_old(engine: Engine, version: int) -> None:
    """Fill an empty database as a photocall of schema 1 or 2 did: "class" with `old_faces`, a student or two."""
    with engine.begin() as connection:
        for statement in (*FIRST, *(SECOND if version == 2 else ())):
            for word, meaning in TYPES[engine.dialect.name].items():
                statement = statement.replace(word, meaning)
            connection.execute(text(statement))
        _fill(connection)


def _fill(connection: Connection) -> None:
    since_three = ("user_id", "bucket", "object_key", "metadata")
    for face in old_faces():
        row = {
            name: value for name, value in rows.row_of_face(face, 3, Sealer(NO_KEYS)).items() if name not in since_three
        }
        names = ", ".join(row)
        connection.execute(text(f"INSERT INTO faces ({names}) VALUES (:{names.replace(', ', ', :')})"), row)
    for student in (ADA, BOB):
        connection.execute(
            text("INSERT INTO students (name, fields) VALUES (:name, :fields)"), rows.row_of_student(student)
        )


def shape(engine: Engine) -> dict[str, tuple[set[tuple[str, bool]], set[str | None]]]:
    """The columns of every table, with whether they may be NULL, and the names of its indexes."""
    found = inspect(engine)
    names = [*found.get_table_names(), *found.get_view_names()]
    return {
        name: (
            {(column["name"], bool(column["nullable"])) for column in found.get_columns(name)},
            {index["name"] for index in found.get_indexes(name)},
        )
        for name in names
    }
