"""Composition: from settings to an engine and stores. The only module that knows adapters."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import DEFAULT_PACK, pack_of_model
from photocall.errors import CollectionNotFound, ExtraMissing, NobodyEnrolled, StoreUnavailable
from photocall.faces import Collection, FaceRecord
from photocall.gallery import Gallery
from photocall.ports import FaceStore, JobQueue, ObjectStore, PeopleStore
from photocall.roster import Student
from photocall.school.places import Places, SchoolStore
from photocall.settings import EngineKind, Settings
from photocall.stores.template_keys import KeyFile

if TYPE_CHECKING:
    from photocall.aws.rekognition import AmazonRekognition
    from photocall.stores.sql import SqlStore

COLLECTION = "students"
"""The collection that the class of the command line is enrolled in."""

ARCHIVE = "photocall"
"""The collection of the archive of images, `PUT /v1/index`."""

SCHOOL_COLLECTION = "photocall-school"
"""The collection of the attendance application's students; to whoever has an API key there is none of that name."""

NO_SCHOOL = "the attendance application needs sqlite or postgresql; DynamoDB keeps faces, students and keys alone"
NOT_SEALED = "templates are not sealed in DynamoDB, which encrypts its tables itself; unset PHOTOCALL_TEMPLATE_KEYS"

BUCKETS = "buckets"
"""Folder of a local object store whose folders are buckets."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a surface needs, ready to use."""

    settings: Settings
    engine: FaceEngine
    store: PeopleStore

    @property
    def school(self) -> SchoolStore:
        """The attendance application's records. Raises `StoreUnavailable` where the database has none."""
        return school_of(self.store)

    def gallery(self, collection_id: str = COLLECTION) -> Gallery:
        """The enrolled class, or the school's students, for searching; it may be empty. Raises `ModelMismatch`."""
        self.store.create_collection(collection_id, self.engine.model)
        return Gallery(self.store, collection_id, self.engine.model, self.engine.metric)

    def enrolled_gallery(self) -> Gallery:
        """The enrolled class. Raises `NobodyEnrolled` if there is no face in it."""
        gallery = self.gallery()
        if not len(gallery):
            raise NobodyEnrolled(str(self.settings.data))
        return gallery


def enrolled_faces(store: FaceStore) -> list[FaceRecord]:
    """Every enrolled face of the class; none before the first enrolment."""
    try:
        return store.faces(COLLECTION)
    except CollectionNotFound:
        return []


def everybody(store: PeopleStore) -> list[Student]:
    """The class by name: the listed students, and people who have nothing but an enrolled face."""
    listed = store.students()
    unlisted = {face.external_image_id for face in enrolled_faces(store)} - {student.student_id for student in listed}
    return sorted([*listed, *map(Student, unlisted)], key=lambda student: student.name.casefold())


@contextmanager
def open_people(settings: Settings) -> Iterator[PeopleStore]:
    """The database of faces, students and keys, whichever it is, closed at the end.

    Raises `StoreUnavailable`, `ExtraMissing`.
    """
    if not is_dynamo(settings):
        with open_store(settings) as store:
            yield store
        return
    try:
        from photocall.stores.dynamo.store import DynamoStore  # loads boto3: not for anybody else
    except ImportError as error:
        raise ExtraMissing("DynamoDB", "aws") from error
    if settings.template_keys_file is not None:
        raise StoreUnavailable(settings.database, NOT_SEALED)
    objects = open_objects(settings) if settings.objects.startswith("s3:") else None
    tables = {"students": settings.student_table, "archive": settings.face_table}
    with DynamoStore(settings.database, ARCHIVE, objects=objects, **tables) as people:
        yield people


def is_dynamo(settings: Settings) -> bool:
    """Whether the database is DynamoDB, which keeps everything but the attendance application's records."""
    return settings.database.startswith("dynamodb:")


def school_of(store: PeopleStore) -> SchoolStore:
    """A database as that of the attendance application. Raises `StoreUnavailable` where it has no such records."""
    if not isinstance(store, SchoolStore):
        raise StoreUnavailable("the database", NO_SCHOOL)
    return store


@contextmanager
def open_store(settings: Settings, *, makes_keys: bool = False) -> Iterator["SqlStore"]:
    """The database with the attendance application's records, closed at the end.

    Args:
        settings: its address, and where the keys of its templates are.
        makes_keys: whether to make a file of keys where the settings name one that is missing.

    Raises:
        StoreUnavailable: it cannot be opened, or is one without such records.
        ExtraMissing: the driver is not installed.
    """
    from photocall.stores.sql import SqlStore  # loads SQLAlchemy: not for those whose database is DynamoDB

    if is_dynamo(settings):
        raise StoreUnavailable(settings.database, NO_SCHOOL)
    keys = KeyFile(settings.template_keys_file, makes_keys or settings.makes_template_keys)
    with SqlStore(settings.database, keys) as store:
        yield store


def open_objects(settings: Settings) -> ObjectStore:
    """Where kept photos are. Raises `StoreUnavailable`."""
    from photocall.stores.objects import ObStore  # loads obstore: not for commands that need none

    return ObStore(settings.objects)


def open_places(settings: Settings, store: SchoolStore) -> Places:
    """Everywhere that these settings have something of a student. Raises `StoreUnavailable`."""
    bucket = open_bucket(settings, settings.school_bucket)
    return Places(store, open_objects(settings), bucket, settings.school_bucket, SCHOOL_COLLECTION)


def open_queue(settings: Settings, name: str | None = None) -> JobQueue:
    """The queue of jobs, or that of another name. Raises `StoreUnavailable`, `ExtraMissing`."""
    from photocall.stores import queues

    name = name or settings.request_queue
    return queues.open_queue(settings.queue, name, lease=settings.lease, max_receives=settings.max_receives)


def pack_of_collection(store: FaceStore, settings: Settings) -> str | None:
    """A pack whose model the enrolled faces were made with; None before the first enrolment, or if there is none.

    The class counts before the school, and faces before none; who asks for the other one then learns of the mismatch.
    """
    found = enrolled_collections(store)
    if not found:
        return None
    chosen = next((each for each in found if store.counts(each.collection_id)[0]), found[0])
    return pack_of_model(chosen.model, settings.packs)


def enrolled_collections(store: FaceStore) -> list[Collection]:
    """The collections of the class and of the school, as far as they are there."""
    found = {each.collection_id: each for each in store.collections()}
    return [found[name] for name in (COLLECTION, SCHOOL_COLLECTION) if name in found]


@contextmanager
def open_app(settings: Settings) -> Iterator[App]:
    """The whole application, closed at the end."""
    with open_people(settings) as store, open_engine(settings, store) as engine:
        yield App(settings, engine, store)


def open_engine(settings: Settings, store: FaceStore) -> FaceEngine:
    """The engine that the settings name, else the one that the enrolled faces need."""
    pack = settings.pack or pack_of_collection(store, settings) or DEFAULT_PACK
    return FaceEngine(threads=settings.threads, min_face=settings.min_face, pack=pack, packs_file=settings.packs)


def open_amazon(settings: Settings) -> "AmazonRekognition | None":
    """Amazon's own service, where the settings say that it recognises. Raises `ExtraMissing`."""
    if settings.engine is EngineKind.LOCAL:
        return None
    try:
        from photocall.aws.rekognition import AmazonRekognition  # loads boto3: not for anybody else
    except ImportError as error:
        raise ExtraMissing("engine rekognition", "aws") from error
    return AmazonRekognition(settings.region)


def publish(topic_arn: str, message: str) -> None:
    """Tell a topic of Amazon SNS. Raises `StoreUnavailable`, `ExtraMissing`."""
    try:
        from photocall.aws import notifications  # loads boto3: not for anybody else
    except ImportError as error:
        raise ExtraMissing("NotificationChannel", "aws") from error
    notifications.publish(topic_arn, message)


def open_bucket(settings: Settings, bucket: str) -> ObjectStore:
    """A bucket of images: in a folder of the object store if that is local, else the bucket of that name.

    Raises `BucketNotFound` if none can have that name; that there is none shows when it is read.
    """
    from photocall.stores import objects

    return objects.open_bucket(settings.objects, BUCKETS, bucket)
