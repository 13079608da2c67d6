"""What is done for each kind of job. Every handler gives the same result however often it is called.

A handler writes what others wait for, such as the CSV of a video, and returns what the job's result is to say. Whoever
calls it writes that result, last of all.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from photocall import report
from photocall.app import ARCHIVE, App, everybody, open_bucket, open_objects
from photocall.best_frame import choose_frame
from photocall.erasure import erase_faces
from photocall.errors import (
    BucketNotFound,
    CollectionNotFound,
    InputError,
    ObjectNotFound,
    ObjectReplaced,
    ObjectTooLarge,
    OutputUnwritable,
    StoreUnavailable,
)
from photocall.faces import ByteArray, ImageSource
from photocall.gallery import Gallery
from photocall.indexing import index_faces
from photocall.jobs import Job, Kind
from photocall.media import signatures
from photocall.media.files import reason
from photocall.media.images import encode_jpeg, read_image
from photocall.outputs import video_outputs
from photocall.ports import ObjectStore
from photocall.recognition import derive_image_id, identify_faces
from photocall.results import result_key
from photocall.roll_call_handler import look_at
from photocall.roster import Sighting
from photocall.students import named
from photocall.video import find_people
from photocall.video_handlers import Told, detect_in_video, opened, search_in_video, telling

Json = dict[str, Any]

MAX_IMAGE_BYTES = 15 * 2**20
"""Of an image in a bucket; Rekognition's limit: https://docs.aws.amazon.com/rekognition/latest/dg/limits.html"""

MAX_VIDEO_BYTES = 10 * 10**9
"""Of a video in a bucket; Rekognition's limit, too."""

MOST_INDEXED = 10
"""Faces of an image that are indexed: the setting of the archive that photocall replaces."""

FRAME_QUALITY = 95
"""Of the best frame of a video as a JPEG: the faces in it are still to be recognised."""

FOLDERS = "photocall-"
"""What the names of folders begin with that objects are fetched into."""

_BUCKETS = 16

_ROOM = "the folder for temporary files"  # not its path, which means nothing to who asked for a job


class Tools:
    """What handlers work with; one a process. Kept open between jobs, since opening takes longer than most jobs.

    Attributes:
        app: engine, settings and store.
    """

    def __init__(self, app: App) -> None:
        self.app = app
        self.bucket: Callable[[str], ObjectStore] = lru_cache(_BUCKETS)(lambda name: open_bucket(app.settings, name))

    @cached_property
    def objects(self) -> ObjectStore:
        """Where results and kept photos are."""
        return open_objects(self.app.settings)

    def gallery(self) -> Gallery:
        """The enrolled class as of now."""
        try:
            self._gallery.refresh()
        except CollectionNotFound:  # somebody removed the class; it is made anew, and is empty
            del self._gallery
        return self._gallery

    @cached_property
    def _gallery(self) -> Gallery:
        return self.app.gallery()

    @contextmanager
    def fetched(self, job: Job) -> Iterator[Path]:
        """The job's object as a file, which is gone afterwards.

        Raises:
            ObjectNotFound, ObjectTooLarge, BucketNotFound: it cannot be had.
            ObjectReplaced: it has other content than the job is for.
            StoreUnavailable: there is no room for it on this machine, which may pass.
        """
        with _folder() as folder:
            path = folder / "object"
            try:
                self.bucket(job.bucket).download(job.key, path, MAX_VIDEO_BYTES)
            except OutputUnwritable as error:
                raise StoreUnavailable(_ROOM, error.reason) from None
            if job.digest and _digest(path) != job.digest:
                raise ObjectReplaced(job.key)
            yield path


def run(tools: Tools, job: Job, told: Told) -> Json:
    """Do a job, and give what its result is to say.

    Args:
        tools: of this process.
        job: to be done.
        told: is told, a few times a second, how far a long one is.

    Raises:
        PhotocallError: it cannot be done; the school's bucket is there for roll calls alone.
    """
    if job.bucket == tools.app.settings.school_bucket and job.kind is not Kind.ROLL_CALL:
        raise BucketNotFound(job.bucket)
    return HANDLERS[job.kind](tools, job, told)


def recognize(tools: Tools, job: Job, told: Told) -> Json:
    """Say who is in a photo or a video."""
    with tools.fetched(job) as path:
        with path.open("rb") as file:
            kind = signatures.kind(file.read(signatures.HEAD))
        if kind in (None, "video"):
            return _people_of_video(tools, job, path, told)
        return _people_of_photo(tools, job, read_image(_small(job, path), name=job.key))


def index(tools: Tools, job: Job, told: Told) -> Json:
    """Put the faces of a photo into the archive's collection; none of one that was erased or replaced meanwhile."""
    app = tools.app
    data = _photo(tools, job)
    if data is None:
        return {"face_ids": [], "not_indexed": None}
    app.store.create_collection(ARCHIVE, app.engine.model)
    image_id = derive_image_id(data)
    there = _indexed_before(app, job, image_id)
    if there:
        return {"face_ids": there, "not_indexed": None}
    indexed = index_faces(
        app.engine,
        app.store,
        ARCHIVE,
        read_image(data, name=job.key),
        image_id=image_id,
        external_image_id=job.key,
        max_faces=MOST_INDEXED,
        quality_filter=app.settings.quality_filter,
        source=ImageSource(job.bucket, job.key),
        objects=tools.objects if app.settings.keep_photos else None,
    )
    face_ids = [record.face_id for _, record in indexed.faces]
    if not _is_still(tools, job, data):  # the archive erases an image first, then its faces: one of us sees them
        erase_faces(app.store, tools.objects, ARCHIVE, face_ids)
        return {"face_ids": [], "not_indexed": None}
    return {"face_ids": face_ids, "not_indexed": len(indexed.unindexed)}


def _photo(tools: Tools, job: Job) -> bytes | None:
    """The content of a job's image; None if it is not there any more. Raises `ObjectTooLarge`."""
    try:
        with tools.fetched(job) as path:
            return _small(job, path).read_bytes()
    except ObjectNotFound:
        return None


def _is_still(tools: Tools, job: Job, data: bytes) -> bool:
    try:
        return _photo(tools, job) == data
    except InputError:  # another one is in its place
        return False


def _indexed_before(app: App, job: Job, image_id: str) -> list[str]:
    """The faces of the very image, largest first: whoever put it has indexed it, with metadata that a job lacks."""
    records = app.store.faces_of_object(ARCHIVE, job.bucket, job.key)
    same = [each for each in records if (each.image_id, each.embedding.model) == (image_id, app.engine.model)]
    return [each.face_id for each in sorted(same, key=lambda each: -each.box.area if each.box else 0)]


def roll_call(tools: Tools, job: Job, told: Told) -> Json:
    """Look at a photo or video of a lesson, and bring its register up to that."""
    return look_at(tools.app, tools.bucket(job.bucket), job, lambda: tools.fetched(job), told)


def best_frame(tools: Tools, job: Job, told: Told) -> Json:
    """Put the best picture of a video into the output bucket, as a photo."""
    settings = tools.app.settings
    with tools.fetched(job) as path, opened(job, path) as video:
        frame = choose_frame(tools.app.engine, video.frames(settings.video_fps), telling(video, told))
        warnings = video.warnings
    photo = f"{job.stem}.jpg"
    tools.bucket(settings.output_bucket).put(photo, encode_jpeg(frame.image, FRAME_QUALITY))
    return {"media": "video", "photo": photo, "second": round(frame.time, 2), "warnings": warnings}


def _fetching(do: Callable[[App, ObjectStore, Job, Path, Told], Json]) -> Callable[[Tools, Job, Told], Json]:
    """The handler that fetches a job's object, and does this with it."""

    def handle(tools: Tools, job: Job, told: Told) -> Json:
        with tools.fetched(job) as path:
            return do(tools.app, tools.objects, job, path, told)

    return handle


HANDLERS: Mapping[Kind, Callable[[Tools, Job, Told], Json]] = MappingProxyType(
    {
        Kind.RECOGNIZE: recognize,
        Kind.INDEX: index,
        Kind.FACE_DETECTION: _fetching(detect_in_video),
        Kind.FACE_SEARCH: _fetching(search_in_video),
        Kind.ROLL_CALL: roll_call,
        Kind.BEST_FRAME: best_frame,
    }
)


def _people_of_photo(tools: Tools, job: Job, image: ByteArray) -> Json:
    app, settings = tools.app, tools.app.settings
    faces = app.engine.faces(image)
    gallery, target = tools.gallery(), settings.false_positive_target
    found_ids = identify_faces(faces, gallery, app.engine.calibration, target, settings.quality_filter)
    identified = named(found_ids, app.store.students())
    faces_json = [report.identified_json(one) for one in identified]
    found = {"media": "photo", "names": report.names(identified), "faces": faces_json}
    tools.bucket(settings.output_bucket).put(job.stem + settings.name_suffix, report.answer(found).encode())
    return found


def _people_of_video(tools: Tools, job: Job, path: Path, told: Told) -> Json:
    app, settings = tools.app, tools.app.settings
    with opened(job, path) as video:
        frames, target = video.frames(settings.video_fps), settings.false_positive_target
        sightings = find_people(app.engine, tools.gallery(), frames, target, telling(video, told))
        warnings = video.warnings
    return {"media": "video", **_kept(tools, job, sightings, warnings)}


def _kept(tools: Tools, job: Job, sightings: list[Sighting], warnings: list[str]) -> Json:
    """Write the files about a video, the table last, since others wait for it."""
    settings = tools.app.settings
    name, table = Path(job.key).name, job.stem + settings.csv_ending
    students = everybody(tools.app.store)
    outputs = video_outputs(name, sightings, warnings, students, settings.csv_layout)
    files = {"faces.jpg": outputs.faces, "timeline.json": outputs.timeline, "people.csv": outputs.table}
    for part, data in files.items():
        tools.objects.put(result_key(job.job_id, part), data)
    tools.bucket(settings.output_bucket).put(table, outputs.table)
    places = {part: result_key(job.job_id, part) for part in files}
    shown = report.video_json(name, named(sightings, students))
    return {**shown, "warnings": warnings, "table": table, "files": places}


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that is gone afterwards. Raises `StoreUnavailable`."""
    try:
        Path(tempfile.gettempdir()).mkdir(mode=0o700, exist_ok=True)  # whoever tidies up may have removed it
        made = tempfile.TemporaryDirectory(prefix=FOLDERS, ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreUnavailable(_ROOM, reason(error)) from None
    with made as folder:
        yield Path(folder)


def _small(job: Job, path: Path) -> Path:
    """The file of an image. Raises `ObjectTooLarge`."""
    size = path.stat().st_size
    if size > MAX_IMAGE_BYTES:
        raise ObjectTooLarge(job.key, size, MAX_IMAGE_BYTES)
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
