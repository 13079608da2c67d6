"""The tables of the SQL store.

Portable SQLAlchemy Core. Each collection counts its own changes in `collections.version`; every face carries the
version it was put or associated at, and a removed face leaves its id and version in `removed_faces`, so that a reader
can ask for what happened since. `schema` makes the tables and brings older ones up to date.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 4
"""Raised by one whenever the tables change, with a step in `schema.STEPS`; a newer photocall made a higher one."""

Counter = BigInteger().with_variant(Integer(), "sqlite")
"""Grows for ever. SQLite's integers all have 64 bits, but it numbers rows by itself only if the type is INTEGER."""

OrderedText = Text().with_variant(Text(collation="C"), "postgresql")
"""Sorted by code point in every database, whatever the language of its server."""

metadata = MetaData()

schema = Table("photocall_schema", metadata, Column("version", Integer, nullable=False))

collections = Table(
    "collections",
    metadata,
    Column("collection_id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("created", Text, nullable=False),  # ISO 8601 with its offset: SQLite has no time type that keeps one
    Column("dimension", Integer),  # floats in a vector; unknown until the first face
    Column("version", Counter, nullable=False),
    Column("deleted", Boolean, nullable=False),  # the row stays, so that a collection made anew counts on
    Column("threshold_shift", Double, nullable=False, server_default="0"),  # since schema 2
)

faces = Table(
    "faces",
    metadata,
    Column("number", Counter, primary_key=True),  # in the order of enrolment
    Column("collection_id", Text, ForeignKey(collections.c.collection_id), nullable=False),
    Column("face_id", Text, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("external_image_id", Text, nullable=False),
    Column("box_left", Double),
    Column("box_top", Double),
    Column("box_width", Double),
    Column("box_height", Double),
    Column("image_width", Integer, nullable=False),
    Column("image_height", Integer, nullable=False),
    Column("score", Double, nullable=False),
    Column("vector", LargeBinary, nullable=False),  # little-endian float32
    Column("version", Counter, nullable=False),
    Column("user_id", Text),  # this one and those below since schema 3
    Column("bucket", Text),  # with a bucket, there are key and metadata
    Column("object_key", Text),
    Column("metadata", Text),  # a JSON object
    UniqueConstraint("collection_id", "face_id"),
    Index("faces_by_version", "collection_id", "version"),
    Index("faces_by_number", "collection_id", "number"),
    Index("faces_by_user", "collection_id", "user_id"),
    Index("faces_by_object", "collection_id", "bucket", "object_key"),
)

removed_faces = Table(
    "removed_faces",
    metadata,
    Column("collection_id", Text, ForeignKey(collections.c.collection_id), primary_key=True),
    Column("face_id", Text, primary_key=True),
    Column("version", Counter, nullable=False),
    Index("removed_faces_by_version", "collection_id", "version"),
)

users = Table(  # since schema 3, as all below but the students
    "users",
    metadata,
    Column("collection_id", Text, ForeignKey(collections.c.collection_id), primary_key=True),
    Column("user_id", OrderedText, primary_key=True),
)

tags = Table(
    "tags",
    metadata,
    Column("collection_id", Text, ForeignKey(collections.c.collection_id), primary_key=True),
    Column("key", OrderedText, primary_key=True),
    Column("value", Text, nullable=False),
)

students = Table(
    "students",
    metadata,
    Column("student_id", OrderedText, primary_key=True),  # since schema 4; before, students were known by name
    Column("name", Text, nullable=False),
    Column("fields", Text, nullable=False),  # a JSON object; the order of its keys counts
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # a JSON array
    Column("plan", Text),  # a JSON object
    Column("created", Text, nullable=False),
    Column("revoked", Text),
)

key_uses = Table(
    "key_uses",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # ISO 8601
    Column("uses", Counter, nullable=False),
)

request_tokens = Table(
    "request_tokens",
    metadata,
    Column("token", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("claimed", Double, nullable=False),  # seconds since 1970
    Index("request_tokens_by_time", "claimed"),
)
