"""What requests are answered with: the engine, the stores, and one searchable gallery a collection."""

import ipaddress
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import Event, Lock, Thread

from photocall.app import open_amazon, open_bucket, open_engine, open_objects, open_people, open_queue, school_of
from photocall.encodings import PACK
from photocall.engine.face_engine import FaceEngine
from photocall.errors import BucketNotFound, CollectionNotFound, ModelMismatch, PhotocallError, SettingInvalid
from photocall.fleet import pools
from photocall.gallery import MOST_FACES, Gallery
from photocall.jobs import Job
from photocall.ports import JobQueue, ObjectStore, PeopleStore
from photocall.school.places import SchoolStore
from photocall.server.metrics import Fleet, Metrics
from photocall.settings import AuthMode, Settings
from photocall.submission import submit

SPARE_WORKERS = 2
"""Threads beyond one a core, for those that wait for a store."""

REFRESH_SECONDS = 5.0
"""So long after it, a face erased on another server is gone from this one's memory, though nobody searches."""

_OPENING = 16
"""Collections that may be read from the store at once."""

_BUCKETS = 64
"""Buckets that are kept open."""

_log = logging.getLogger(__name__)


class Service:
    """Safe to share between threads. Made by `open_service`.

    Attributes:
        settings: of this process.
        store: faces, users, keys.
        objects: where kept photos are.
        metrics: what is counted.
        needs_key: whether requests need a key.
        is_open: whether other machines need none.
        workers: threads that answer requests.
        amazon: what answers instead of the engine, where the settings say so; there is no engine then.
    """

    def __init__(self, settings: Settings, store: PeopleStore) -> None:
        self.settings, self.store = settings, store
        self.objects = open_objects(settings)
        reachable = not is_loopback(settings.host)
        self.needs_key = settings.auth is AuthMode.ON or (settings.auth is AuthMode.AUTO and reachable)
        self.is_open = reachable and not self.needs_key
        self.workers = (settings.threads or len(os.sched_getaffinity(0))) + SPARE_WORKERS
        self.metrics = Metrics(gallery_faces=self._count_faces)
        self._galleries: dict[str, Gallery] = {}
        self._lock, self._opening = Lock(), [Lock() for _ in range(_OPENING)]
        self._bucket = lru_cache(_BUCKETS)(partial(open_bucket, settings))
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="photocall-loader")
        self.amazon = open_amazon(settings)
        self._engine = None if self.amazon else self._loader.submit(self._open_engine)
        self._plain: Future[FaceEngine] | None = None
        self._queue: JobQueue | None = None
        self._queue_lock = Lock()  # its own, since opening a queue may take long
        self._ending = Event()
        self._refresher = Thread(target=self._keep_fresh, name="photocall-refresher", daemon=True)
        self._refresher.start()

    @property
    def has_school(self) -> bool:
        """Whether the database keeps the attendance application's records."""
        return isinstance(self.store, SchoolStore)

    @property
    def school(self) -> SchoolStore:
        """The attendance application's records. Raises `StoreUnavailable` where the database has none."""
        return school_of(self.store)

    @property
    def ready(self) -> bool:
        """Whether the engine is loaded, or none is needed."""
        return self._engine is None or (self._engine.done() and self._engine.exception() is None)

    @property
    def failure(self) -> BaseException | None:
        """Why there is no engine and never will be; None while it loads and once it is there."""
        return self._engine.exception() if self._engine and self._engine.done() else None

    @property
    def engine(self) -> FaceEngine:
        """The engine; waits until it is loaded. Raises `SettingInvalid` where Amazon's is used."""
        if self._engine is None:
            raise SettingInvalid("engine", "recognition is Amazon's here; PHOTOCALL_ENGINE=local loads an engine")
        return self._engine.result()

    @property
    def plain_engine(self) -> FaceEngine:
        """An engine whose vectors are exactly dlib's, loaded when it is first asked for."""
        with self._lock:
            if self._plain is None:
                self._plain = self._loader.submit(self._open_plain)
        return self._plain.result()

    @property
    def queue(self) -> JobQueue:
        """The queue of jobs, opened when it is first asked for. Raises `StoreUnavailable`, `ExtraMissing`."""
        with self._queue_lock:
            if self._queue is None:
                self._queue = open_queue(self.settings)
            return self._queue

    def submit(self, job: Job) -> None:
        """Ask for a job, whose object is in its bucket by now. Raises `StoreUnavailable`, `ExtraMissing`."""
        submit(self.objects, self.queue, job)

    def fleet(self) -> Fleet | None:
        """What is in the queue and what works on it; None if it cannot be told."""
        try:
            return Fleet(self.queue.depth(), pools(self.objects))
        except PhotocallError as error:
            _log.warning("the queue could not be counted: %s", type(error).__name__)
            return None

    def engine_of(self, collection_id: str) -> FaceEngine:
        """The engine, for work with the vectors of a collection. Raises `CollectionNotFound`, `ModelMismatch`."""
        model = self.store.collection(collection_id).model
        if model != self.engine.model:
            raise ModelMismatch(expected=model, found=self.engine.model)
        return self.engine

    def gallery(self, collection_id: str) -> Gallery:
        """The faces of a collection as of now. Raises `CollectionNotFound`, `ModelMismatch`."""
        with self._opening[hash(collection_id) % _OPENING]:  # a large one is not read by several threads at once
            with self._lock:
                gallery = self._galleries.pop(collection_id, None)
                if gallery is not None:
                    self._galleries[collection_id] = gallery  # the last one asked for
            if gallery is None:
                gallery = Gallery(self.store, collection_id, self.engine.model, self.engine.metric)
                self._keep(collection_id, gallery)
                return gallery
        self._refresh(collection_id, gallery)
        return gallery

    def bucket(self, name: str) -> ObjectStore:
        """A bucket of images. Raises `BucketNotFound`, if not here then when it is read."""
        return self._bucket(name)

    def callers_bucket(self, name: str) -> ObjectStore:
        """A bucket that somebody with a key names; the school's is none to them. Raises `BucketNotFound`, as above."""
        if name == self.settings.school_bucket:
            raise BucketNotFound(name)
        return self.bucket(name)

    def close(self) -> None:
        """End the engines and their threads."""
        self._ending.set()
        self._refresher.join()
        self._loader.shutdown()
        with self._queue_lock:
            if self._queue is not None:
                self._queue.close()
        for loaded in (self._engine, self._plain):
            if loaded is not None and loaded.exception() is None:
                loaded.result().close()

    def _open_engine(self) -> FaceEngine:
        started = time.perf_counter()
        engine = open_engine(self.settings, self.store)
        self.metrics.engine_load_seconds.set(time.perf_counter() - started)
        return engine

    def _open_plain(self) -> FaceEngine:
        if self.engine.pack == PACK:
            return self.engine
        return FaceEngine(threads=self.settings.threads, min_face=self.settings.min_face, pack=PACK)

    def _keep(self, collection_id: str, gallery: Gallery) -> None:
        """Keep a gallery in memory, and let go of those asked for longest ago while all have too many faces."""
        with self._lock:
            self._galleries[collection_id] = gallery
            while len(self._galleries) > 1 and sum(map(len, self._galleries.values())) > MOST_FACES:
                del self._galleries[next(iter(self._galleries))]

    def _refresh(self, collection_id: str, gallery: Gallery) -> None:
        try:
            gallery.refresh()
        except (CollectionNotFound, ModelMismatch):
            with self._lock:
                if self._galleries.get(collection_id) is gallery:
                    del self._galleries[collection_id]
            raise

    def _keep_fresh(self) -> None:
        """Let galleries that nobody searches learn what was erased elsewhere, too."""
        while not self._ending.wait(REFRESH_SECONDS):
            with self._lock:
                galleries = list(self._galleries.items())
            for collection_id, gallery in galleries:
                try:
                    self._refresh(collection_id, gallery)
                except (CollectionNotFound, ModelMismatch):
                    continue
                except PhotocallError as error:
                    _log.warning("a gallery could not be refreshed: %s", type(error).__name__)

    def _count_faces(self) -> int:
        with self._lock:
            galleries = list(self._galleries.values())
        return sum(map(len, galleries))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on an address; names other than localhost count as no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def open_service(settings: Settings) -> Iterator[Service]:
    """The service, closed at the end."""
    with open_people(settings) as store:
        service = Service(settings, store)
        try:
            yield service
        finally:
            service.close()
