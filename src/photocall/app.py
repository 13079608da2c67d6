"""Composition: from settings to an engine and stores. The only module that knows adapters."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from photocall.engine.face_engine import FaceEngine
from photocall.errors import CollectionNotFound, NobodyEnrolled
from photocall.faces import FaceRecord
from photocall.gallery import Gallery
from photocall.roster import Student
from photocall.settings import Settings
from photocall.stores.sql import SqlStore
from photocall.stores.sqlite import sqlite_url

COLLECTION = "students"
"""The collection that the class is enrolled in."""

DATABASE = "photocall.db"
"""File name of the embedded database in the data directory."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a surface needs, ready to use."""

    settings: Settings
    engine: FaceEngine
    store: SqlStore

    def gallery(self) -> Gallery:
        """The enrolled class, for searching; it may be empty."""
        self.store.create_collection(COLLECTION, self.engine.model)
        return Gallery(self.store, COLLECTION, self.engine.model)

    def enrolled_gallery(self) -> Gallery:
        """The enrolled class. Raises `NobodyEnrolled` if there is no face in it."""
        gallery = self.gallery()
        if not len(gallery):
            raise NobodyEnrolled(str(self.settings.data))
        return gallery


def enrolled_faces(store: SqlStore) -> list[FaceRecord]:
    """Every enrolled face of the class; none before the first enrolment."""
    try:
        return store.faces(COLLECTION)
    except CollectionNotFound:
        return []


def everybody(store: SqlStore) -> list[Student]:
    """The class by name: the listed students, and people who have nothing but an enrolled face."""
    listed = store.students()
    unlisted = {face.external_image_id for face in enrolled_faces(store)} - {student.name for student in listed}
    return sorted([*listed, *map(Student, unlisted)], key=lambda student: student.name.casefold())


@contextmanager
def open_store(settings: Settings) -> Iterator[SqlStore]:
    """The store of the data directory, closed at the end."""
    with SqlStore(sqlite_url(settings.data / DATABASE)) as store:
        yield store


@contextmanager
def open_app(settings: Settings) -> Iterator[App]:
    """The whole application on the embedded default, closed at the end."""
    with (
        open_store(settings) as store,
        FaceEngine(threads=settings.threads, min_face=settings.min_face) as engine,
    ):
        yield App(settings, engine, store)
