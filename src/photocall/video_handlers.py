"""The jobs of Rekognition's stored video: every face of a video, and whom a collection knows in it.

Tables of faces lie beside the result, a part at a time, since a long video has hundreds of thousands of rows; what the
result itself says is small. They hold no vectors and no names: whoever asks is told what the collection says then.
"""

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photocall.app import SCHOOL_COLLECTION, App, publish
from photocall.errors import CollectionNotFound, ExtraMissing, JobInvalid, StoreUnavailable, VideoUnreadable
from photocall.face_rows import write_rows
from photocall.fleet import Progress
from photocall.jobs import Job, Kind
from photocall.media.videos import Frame, Video, open_video
from photocall.ports import ObjectStore
from photocall.results import result_key
from photocall.stored_video import by_person, detect_faces, search_faces

Json = dict[str, Any]

BY_TIME, BY_PERSON = "by-time", "by-person"
"""Folders beside the result with the tables of faces."""

OPERATIONS = {Kind.FACE_DETECTION: "StartFaceDetection", Kind.FACE_SEARCH: "StartFaceSearch"}
"""What asks for which kind of job."""

COLLECTION, LEAST, TAG, TOPIC = "collection", "least_similarity", "tag", "topic"
"""Options of a job: where to search and for what, the caller's name for the job, and the topic to tell of its end."""

_log = logging.getLogger(__name__)

Told = Callable[[Progress], None]


def detect_in_video(app: App, objects: ObjectStore, job: Job, path: Path, told: Told) -> Json:
    """Find every face of every sampled frame.

    Args:
        app: whose engine looks.
        objects: where the tables go.
        job: to be done.
        path: of the video.
        told: is told how far it is.

    Returns:
        What the result is to say.

    Raises:
        VideoUnreadable: it is no video.
    """
    with opened(job, path) as video:
        rows = detect_faces(app.engine, _watched(video, app.settings.video_fps, told))
        write_rows(objects, result_key(job.job_id, BY_TIME), rows)
        return {**_described(video), "faces": len(rows)}


def search_in_video(app: App, objects: ObjectStore, job: Job, path: Path, told: Told) -> Json:
    """Find everybody in a video, and whom the job's collection knows among them; arguments as above.

    Raises:
        VideoUnreadable: it is no video.
        CollectionNotFound, ModelMismatch: the collection is gone, or of another model by now.
        JobInvalid: its options do not say what to search.
    """
    collection_id, least = _wanted(job)
    if collection_id == SCHOOL_COLLECTION:
        raise CollectionNotFound(collection_id)
    with opened(job, path) as video:
        frames = video.frames(app.settings.video_fps)
        found = search_faces(app.engine, app.store, collection_id, frames, least, telling(video, told))
        write_rows(objects, result_key(job.job_id, BY_TIME), found.rows)
        write_rows(objects, result_key(job.job_id, BY_PERSON), by_person(found.rows))
        matches = [[asdict(match) for match in each] for each in found.matches]
        return {**_described(video), "faces": len(found.rows), "matches": matches}


def tell_topic(job: Job, *, succeeded: bool) -> None:
    """Tell the topic that a job named that it has ended, after its result was written; nobody is told of others.

    A topic that cannot be told is worth a line in the log, and takes nothing from the result.
    """
    topic = job.options.get(TOPIC)
    if topic is None or job.kind not in OPERATIONS:
        return
    try:
        publish(topic, json.dumps(notification(job, succeeded=succeeded, now=datetime.now(UTC))))
    except (ExtraMissing, StoreUnavailable) as error:
        _log.warning("nobody was told of the end of job %s: %s", job.job_id, error)


def notification(job: Job, *, succeeded: bool, now: datetime) -> Json:
    """What Rekognition tells a topic.

    https://docs.aws.amazon.com/rekognition/latest/dg/video-notification-payload.html

    Args:
        job: that ended.
        succeeded: whether it was done.
        now: with a time zone.
    """
    told = {
        "JobId": job.job_id,
        "Status": "SUCCEEDED" if succeeded else "FAILED",
        "API": OPERATIONS[job.kind],
        "Timestamp": int(1000 * now.timestamp()),
        "Video": {"S3ObjectName": job.key, "S3Bucket": job.bucket},
    }
    return told | ({"JobTag": job.options[TAG]} if TAG in job.options else {})


def _wanted(job: Job) -> tuple[str, float]:
    """The collection to be searched, and the least similarity of what is told of it."""
    try:
        collection_id, least = job.options[COLLECTION], float(job.options[LEAST])
    except (KeyError, ValueError):
        least = math.nan
    if not 0 <= least <= 100:  # nor what is no number
        raise JobInvalid(f"{job.kind} needs the options {COLLECTION}, and {LEAST} from 0 to 100")
    return collection_id, least


@contextmanager
def opened(job: Job, path: Path) -> Iterator[Video]:
    """The video of a job, which errors call by its key. Raises `VideoUnreadable`."""
    try:
        with open_video(path) as video:
            yield video
    except VideoUnreadable as error:
        raise VideoUnreadable(job.key, error.reason) from error


def telling(video: Video, told: Told) -> Callable[[int, float, int], None]:
    """Who is told of frames, seconds and people, and tells how far that is of the whole video."""
    return lambda frames, seconds, people: told(Progress(frames, seconds, video.duration, people))


def _watched(video: Video, fps: float, told: Told) -> Iterator[Frame]:
    """Frames in which nobody is followed, so that nobody knows how many people there are."""
    for number, frame in enumerate(video.frames(fps), start=1):
        yield frame
        told(Progress(number, frame.time, video.duration, 0))


def _described(video: Video) -> Json:
    """What the result says of the video itself; what the file does not say is None."""
    told = {"codec": video.codec, "format": video.format, "width": video.width, "height": video.height}
    return {"video": {**told, "duration": video.duration, "frame_rate": video.frame_rate}, "warnings": video.warnings}
