"""Rekognition's operations on stored video: start a job, and get what came of it, a page at a time.

A job goes over the queue to a worker. Its result, and the tables of faces beside it, are what is told of it.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from photocall.errors import CollectionNotFound, ObjectNotFound, ObjectTooLarge
from photocall.face_rows import Rows, face_of, read_rows
from photocall.faces import FaceMatch
from photocall.handlers import MAX_VIDEO_BYTES
from photocall.jobs import Job, Kind
from photocall.results import DONE, FAILED, WAITING, read_result, result_key
from photocall.server.face_operations import THRESHOLD
from photocall.server.paging import page_start, page_token
from photocall.server.problems import reason_of
from photocall.server.request_tokens import once
from photocall.server.service import Service
from photocall.server.wire_errors import INVALID, WireError
from photocall.server.wire_nouns import Json, described, match_json
from photocall.video_handlers import BY_PERSON, BY_TIME, COLLECTION, LEAST, OPERATIONS, TAG, TOPIC

MOST_RESULTS = 1000
"""Rows of an answer, also where a request does not say."""


def start_face_detection(service: Service, request: Json) -> Json:
    """Ask for all faces of a video; FaceAttributes cannot bring more than is known of each."""
    return _start(service, request, Kind.FACE_DETECTION, {})


def start_face_search(service: Service, request: Json) -> Json:
    """Ask whom a collection knows in a video."""
    service.engine_of(request["CollectionId"])
    least = request.get("FaceMatchThreshold", THRESHOLD)
    return _start(service, request, Kind.FACE_SEARCH, {COLLECTION: request["CollectionId"], LEAST: str(least)})


def get_face_detection(service: Service, request: Json) -> Json:
    """Every face of every sampled frame, by time."""
    found = _found(service, request, Kind.FACE_DETECTION)
    rows, more = _page(service, request, found, BY_TIME)
    faces = [{"Timestamp": int(row["time"]), "Face": _face_json(row)} for row in rows]
    return {**_told(found), "Faces": faces, **more}


def get_face_search(service: Service, request: Json) -> Json:
    """Everybody in every sampled frame and whom the collection knows among them, by time or by person."""
    found = _found(service, request, Kind.FACE_SEARCH)
    rows, more = _page(service, request, found, BY_PERSON if request.get("SortBy") == "INDEX" else BY_TIME)
    matches = _matches(service, found, rows)
    return {**_told(found), "Persons": [_person_json(row, matches(int(row["person"]))) for row in rows], **more}


def _start(service: Service, request: Json, kind: Kind, options: dict[str, str]) -> Json:
    operation = OPERATIONS[kind]
    with once(service, operation, request) as claim:
        bucket, key = _place(request)
        job = Job(kind, bucket, key, request_id=claim.name, options={**options, **_wishes(request)})
        # "waiting" may be all that was written before a crash, so such a job is asked for again.
        found = read_result(service.objects, job.job_id) if claim.again else None
        if found is None or found["status"] == WAITING:
            _check_size(service, bucket, key)
            service.submit(job)
    return {"JobId": job.job_id}


def _wishes(request: Json) -> dict[str, str]:
    """What every kind of job may be asked for beside its work."""
    channel = request.get("NotificationChannel", {})
    wishes = {TAG: request.get("JobTag"), TOPIC: channel.get("SNSTopicArn")}
    return {name: value for name, value in wishes.items() if value is not None}


def _place(request: Json) -> tuple[str, str]:
    """Bucket and key of the request's video. Raises `WireError`."""
    place = request["Video"].get("S3Object", {})
    if not {"Bucket", "Name"} <= place.keys():
        raise WireError(INVALID, "The Video must have an S3Object with Bucket and Name")
    if "Version" in place:
        raise WireError("InvalidS3ObjectException", "The Video names a version; objects have none here")
    return place["Bucket"], place["Name"]


def _check_size(service: Service, bucket: str, key: str) -> None:
    """Look for a video without reading it. Raises `ObjectNotFound`, `BucketNotFound`, `WireError`."""
    try:
        service.callers_bucket(bucket).get(key, 0)
    except ObjectTooLarge as error:  # as every object is that is not empty
        if error.size > MAX_VIDEO_BYTES:
            message = f"The video has {error.size} bytes; {MAX_VIDEO_BYTES} are allowed"
            raise WireError("VideoTooLargeException", message) from None


def _found(service: Service, request: Json, kind: Kind) -> Json:
    """The result of the request's job. Raises `WireError` if there is no such job."""
    found = read_result(service.objects, request["JobId"])
    if found is None or found["job"] != kind:
        raise WireError("ResourceNotFoundException", f"There is no job of {OPERATIONS[kind]} with this JobId")
    return found


def _told(found: Json) -> Json:
    """What is told of a job whatever it is."""
    status = {DONE: "SUCCEEDED", FAILED: "FAILED"}.get(found["status"], "IN_PROGRESS")
    known = {
        "JobStatus": status,
        "StatusMessage": (reason_of(found) if "reason" in found else "; ".join(found.get("warnings", []))) or None,
        "VideoMetadata": _metadata(found["video"]) if "video" in found else None,
        "JobId": found["job_id"],
        "Video": {"S3Object": {"Bucket": found["bucket"], "Name": found["key"]}},
        "JobTag": found.get("options", {}).get(TAG),
    }
    return {name: value for name, value in known.items() if value is not None}


def _metadata(video: Json) -> Json:
    known = {
        "Codec": video["codec"],
        "Format": video["format"],
        "DurationMillis": None if video["duration"] is None else round(1000 * video["duration"]),
        "FrameRate": video["frame_rate"],
        "FrameWidth": video["width"],
        "FrameHeight": video["height"],
    }
    return {name: value for name, value in known.items() if value is not None}


def _page(service: Service, request: Json, found: Json, order: str) -> tuple[Rows, Json]:
    """The rows of the request's page, and the token of the next one if there is one."""
    listing, count = (found["job_id"], order), found.get("faces", 0)
    start = min(page_start(listing, request.get("NextToken"), int) or 0, count)
    stop = min(start + min(request.get("MaxResults", MOST_RESULTS), MOST_RESULTS), count)
    try:
        rows = read_rows(service.objects, result_key(found["job_id"], order), start, stop)
    except ObjectNotFound:
        raise WireError("ResourceNotFoundException", "The faces of this job have been deleted") from None
    return rows, {"NextToken": page_token(listing, stop)} if stop < count else {}


def _matches(service: Service, found: Json, rows: Rows) -> Callable[[int], list[Json]]:
    """Gives the FaceMatches of a person on a page: of those faces that the collection has still."""
    people = {int(person): found["matches"][person] for person in np.unique(rows["person"])}
    face_ids = {each["face_id"] for matches in people.values() for each in matches}
    try:
        there = service.store.faces_by_id(found["options"][COLLECTION], sorted(face_ids)) if face_ids else []
    except CollectionNotFound:
        there = []
    by_id = {face.face_id: face for face in there}

    @cache
    def of_person(person: int) -> list[Json]:
        alive = [each for each in people[person] if each["face_id"] in by_id]
        return [match_json(FaceMatch(by_id[each["face_id"]], 0.0, each["similarity"])) for each in alive]

    return of_person


def _person_json(row: np.void, matches: list[Json]) -> Json:
    """A PersonMatch; a person's box is that of the face, since nothing else of the body is looked for."""
    face = _face_json(row)
    person = {"Index": int(row["person"]), "BoundingBox": face["BoundingBox"], "Face": face}
    return {"Timestamp": int(row["time"]), "Person": person, **({"FaceMatches": matches} if matches else {})}


def _face_json(row: np.void) -> Json:
    """A FaceDetail."""
    width, height = row["size"].tolist()
    return described(face_of(row), (width, height))
