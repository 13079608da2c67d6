"""A job: work on one object, as a message in a queue says it. Nothing here reads or writes anything.

A message is photocall's own JSON with one job, or the event that S3 sends when objects are put, with a job a record:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID, uuid5

from photocall.errors import JobInvalid
from photocall.ports import MAX_MESSAGE_BYTES

Json = dict[str, Any]

_JOBS = UUID("a4f52a3c-26c7-4b0c-9a5c-6d1f64c7c1de")
"""Namespace of job ids: a random UUID, never to be changed."""


class Kind(StrEnum):
    """What is to be done with the object; `handlers.HANDLERS` does it."""

    RECOGNIZE = "recognize"
    INDEX = "index"
    FACE_DETECTION = "face-detection"
    FACE_SEARCH = "face-search"
    ROLL_CALL = "roll-call"
    BEST_FRAME = "best-frame"


@dataclass(frozen=True, slots=True)
class Job:
    """Work on one object. The same job has the same id, and doing it again gives the same result.

    Attributes:
        kind: what is to be done.
        bucket: that the object is in.
        key: of the object.
        request_id: tells this request from another one for the same object, such as when it is put again.
        digest: SHA-256 of the object's content in hexadecimal, if only that content will do; else empty.
        options: what else the kind of job needs to know.
    """

    kind: Kind
    bucket: str
    key: str
    request_id: str = ""
    digest: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def job_id(self) -> str:
        """Follows from all that the job is."""
        parts = [self.kind, self.bucket, self.key, self.request_id, self.digest, sorted(self.options.items())]
        return str(uuid5(_JOBS, json.dumps(parts)))

    @property
    def stem(self) -> str:
        """The object's key without the ending of its file name: what results are named by."""
        folder, slash, name = self.key.rpartition("/")
        stem, dot, _ = name.rpartition(".")
        return f"{folder}{slash}{stem if dot and stem else name}"


def message(job: Job) -> str:
    """A job as its message: JSON, without what is empty."""
    told = {
        "job": job.kind.value,
        "bucket": job.bucket,
        "key": job.key,
        "request_id": job.request_id,
        "digest": job.digest,
        "options": dict(job.options),
    }
    return json.dumps({name: value for name, value in told.items() if value}, separators=(",", ":"))


def parse(body: str, kind_of: Callable[[str], Kind]) -> list[Job]:
    """The jobs of a message; none of S3's test event.

    Args:
        body: the message.
        kind_of: what to do with an object that was put into a bucket. Raises `JobInvalid` for a bucket that is not
            worked on.

    Raises:
        JobInvalid: it is neither a job nor an event of S3.
    """
    if len(body.encode(errors="replace")) > MAX_MESSAGE_BYTES:
        raise JobInvalid(f"it has more than {MAX_MESSAGE_BYTES} bytes")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise JobInvalid("it is no JSON") from error
    if not isinstance(found, dict):
        raise JobInvalid("it is no JSON object")
    if found.get("Event") == "s3:TestEvent":  # S3 sends it once, when it is told about the queue
        return []
    if isinstance(found.get("Records"), list):
        return [job for record in found["Records"] for job in _of_record(record, kind_of)]
    return [_of_own(found)]


def _of_own(found: Json) -> Job:
    options = found.get("options", {})
    if not isinstance(options, dict) or not all(isinstance(value, str) for value in options.values()):
        raise JobInvalid("its options are not a JSON object of texts")
    if found.get("job") not in list(Kind):  # no set: what cannot be hashed is no job either
        raise JobInvalid(f"its job is not one of {', '.join(Kind)}, and it has no Records as an event of S3 has")
    texts = {name: found.get(name, "") for name in ("bucket", "key", "request_id", "digest")}
    if not all(isinstance(text, str) for text in texts.values()) or not (texts["bucket"] and texts["key"]):
        raise JobInvalid("it needs bucket and key, and request_id and digest are texts where they are given")
    return Job(Kind(found["job"]), **texts, options=options)


def _of_record(record: Any, kind_of: Callable[[str], Kind]) -> list[Job]:
    """The job of a record; none for what was not put but deleted, say, or is what consoles show as a folder."""
    try:
        if not record.get("eventName", "ObjectCreated:Put").removeprefix("s3:").startswith("ObjectCreated:"):
            return []
        bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
        key = unquote_plus(thing["key"], errors="strict")
        # Without a sequencer, which not every S3 sends, the time tells one put from the next.
        marks = [thing.get("versionId"), thing.get("eTag"), thing.get("sequencer") or record.get("eventTime")]
    except (AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise JobInvalid("a record of it has no s3.bucket.name and s3.object.key") from error
    if key.endswith("/"):
        return []
    if not isinstance(bucket, str) or not key:
        raise JobInvalid("a record of it has no s3.bucket.name and s3.object.key")
    return [Job(kind_of(bucket), bucket, key, "-".join(str(mark) for mark in marks if mark))]
