"""The students' faces in this server's memory: what is erased leaves it before the answer is given."""

from contextlib import suppress

from photocall.app import SCHOOL_COLLECTION
from photocall.errors import CollectionNotFound, ModelMismatch
from photocall.gallery import Gallery
from photocall.server.service import Service


def forget_now(service: Service) -> None:
    """Let go of faces that were erased; other servers do within `service.REFRESH_SECONDS`, workers with their next job.

    Raises:
        StoreUnavailable: the database could not be asked; it is tried again every few seconds.
    """
    if service.ready and service.amazon is None:  # before that no face is in memory
        with suppress(CollectionNotFound, ModelMismatch):
            service.gallery(SCHOOL_COLLECTION)


def students_gallery(service: Service) -> Gallery:
    """The students' faces as of now. Raises `ModelMismatch`."""
    service.store.create_collection(SCHOOL_COLLECTION, service.engine.model)
    return service.gallery(SCHOOL_COLLECTION)
