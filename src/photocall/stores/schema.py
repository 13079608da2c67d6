"""How the tables come to be: made anew, or brought up to date step by step.

Whoever opens the database does it, in one transaction, while no other process does (`Database.keep_others_out`). A step
is SQL that every database understands, and stays as it is once it has been released.
"""

from sqlalchemy import Connection, insert, inspect, select, text, update

from photocall.stores import schema_4, tables

VIEW = """
CREATE VIEW rekognition AS SELECT
  face_id AS "FaceId",
  collection_id AS "CollectionId",
  image_id AS "ImageId",
  external_image_id AS "ExternalImageId",
  user_id AS "UserId",
  score * 100 AS "Confidence",
  box_left / NULLIF(image_width, 0) AS "Left",
  box_top / NULLIF(image_height, 0) AS "Top",
  box_width / NULLIF(image_width, 0) AS "Width",
  box_height / NULLIF(image_height, 0) AS "Height",
  bucket AS "bucket",
  object_key AS "key",
  COALESCE(metadata, '{}') AS "metadata"
FROM faces
"""
"""Faces in Rekognition's words, for queries by people; boxes are in parts of the image, 0..1."""

_TO_2 = ("ALTER TABLE collections ADD COLUMN threshold_shift DOUBLE PRECISION NOT NULL DEFAULT 0",)

_TO_3 = (
    "ALTER TABLE faces ADD COLUMN user_id TEXT",
    "ALTER TABLE faces ADD COLUMN bucket TEXT",
    "ALTER TABLE faces ADD COLUMN object_key TEXT",
    "ALTER TABLE faces ADD COLUMN metadata TEXT",
    "CREATE INDEX faces_by_number ON faces (collection_id, number)",
    "CREATE INDEX faces_by_user ON faces (collection_id, user_id)",
    "CREATE INDEX faces_by_object ON faces (collection_id, bucket, object_key)",
    "CREATE TABLE users (collection_id TEXT NOT NULL REFERENCES collections (collection_id),"
    " user_id TEXT {by_code_point} NOT NULL, PRIMARY KEY (collection_id, user_id))",
    "CREATE TABLE tags (collection_id TEXT NOT NULL REFERENCES collections (collection_id),"
    " key TEXT {by_code_point} NOT NULL, value TEXT NOT NULL, PRIMARY KEY (collection_id, key))",
    "CREATE TABLE access_keys (key_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL,"
    " secret TEXT NOT NULL, scopes TEXT NOT NULL, plan TEXT, created TEXT NOT NULL, revoked TEXT)",
    "CREATE TABLE key_uses (key_id TEXT NOT NULL, day TEXT NOT NULL, uses BIGINT NOT NULL, PRIMARY KEY (key_id, day))",
    "CREATE TABLE request_tokens (token TEXT NOT NULL PRIMARY KEY, fingerprint TEXT NOT NULL,"
    " claimed DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX request_tokens_by_time ON request_tokens (claimed)",
    VIEW,
)

STEPS = {2: _TO_2, 3: _TO_3, 4: schema_4.STATEMENTS}
"""What makes a schema of each number out of the one before it, in order."""


def schema_version(connection: Connection) -> int | None:
    """The number of the schema; 0 if other programs' tables are there instead, None if there are no tables."""
    names = inspect(connection).get_table_names()
    if not names:
        return None
    version = connection.scalar(select(tables.schema.c.version)) if tables.schema.name in names else None
    return version if isinstance(version, int) else 0


def make_schema(connection: Connection) -> int:
    """Make the tables and the view of an empty database; the schema's number."""
    tables.metadata.create_all(connection)
    connection.execute(text(VIEW))
    _guard_audit_log(connection)
    connection.execute(insert(tables.schema).values(version=tables.SCHEMA_VERSION))
    return tables.SCHEMA_VERSION


def upgrade_schema(connection: Connection, version: int) -> int:
    """Bring the tables of an older photocall up to date; the schema's number. A newer one's are left alone."""
    is_postgresql = connection.dialect.name == "postgresql"
    words = {"{by_code_point}": 'COLLATE "C"' if is_postgresql else "", "{bytes}": "BYTEA" if is_postgresql else "BLOB"}
    steps = [(number, statements) for number, statements in STEPS.items() if number > version]
    for number, statements in steps:
        for statement in statements:
            for word, meaning in words.items():
                statement = statement.replace(word, meaning)
            connection.execute(text(statement))
        if number == 4:
            _guard_audit_log(connection)
        connection.execute(update(tables.schema).values(version=number))
        version = number
    return version


def _guard_audit_log(connection: Connection) -> None:
    for statement in schema_4.ONLY_ADDED[connection.dialect.name]:
        connection.exec_driver_sql(statement)
