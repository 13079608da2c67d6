"""How the routes of /v1/jobs are described to machines, and to people at /docs."""

from fastapi import Response

from photocall.server.openapi_parts import Json, answered, listing, number, text, thing
from photocall.server.openapi_v1 import KEY_OR_NONE, errors_of

_ID = "0a4f52a3-26c7-5b0c-9a5c-6d1f64c7c1de"
_JOB_ID = text(format="uuid")
_STATUS = text("What has become of it", enum=["waiting", "done", "failed"])

_PATH: Json = {
    "name": "job_id",
    "in": "path",
    "required": True,
    "description": "What `POST /v1/jobs` gave",
    "schema": _JOB_ID,
    "example": _ID,
}

_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same file sent again with the same key is the same job",
    "schema": text(minLength=1, maxLength=255),
    "example": "lesson-17",
}

_FILE_NAME: Json = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "`people.csv` is the table",
    "schema": text(enum=["faces.jpg", "timeline.json", "people.csv"]),
    "example": "people.csv",
}

_FORM: Json = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": thing(
                "file", file=listing(text("A photo or a video", format="binary"), minItems=1, maxItems=100)
            ),
            "example": {"file": ["the bytes of lesson.mp4", "the bytes of class.jpg"]},
        }
    },
}

_PROGRESS = thing(
    "running",
    running=number(0) | {"description": "Seconds that a worker has been at it"},
    frames={"type": "integer", "description": "Looked at so far"},
    seconds=number(0) | {"description": "Of the video, looked at so far"},
    duration=number(0) | {"description": "Seconds of the whole video", "nullable": True},
    people={"type": "integer", "description": "Seen so far, about"},
    left=number(0) | {"description": "Seconds that it will take still, about", "nullable": True},
)
_RESULT = thing(
    "job_id job bucket key status",
    job_id=_JOB_ID,
    job=text("What was to be done"),
    bucket=text(),
    key=text("Of the file in the bucket"),
    status=_STATUS,
    written=text(format="date-time"),
    progress=_PROGRESS,
    reason=text("Why it failed"),
    error=text("The name of that"),
    media=text(enum=["photo", "video"]),
    names=listing(text()),
    faces=listing({"type": "object"}),
    video=text(),
    people=listing({"type": "object"}),
    unknown={"type": "integer"},
    warnings=listing(text()),
    files={"type": "object", "additionalProperties": text()},
)
_SHOWN: Json = {"job_id": _ID, "job": "recognize", "bucket": "photocall-input", "key": "lesson.mp4"}
_ASKED: Json = {"job_id": _ID, "filename": "lesson.mp4", "status": "waiting", "url": f"/v1/jobs/{_ID}"}
_PERSON: Json = {"name": "Ada Lovelace", "first_seen": 1.0, "last_seen": 8.5, "similarity": 99.2}

POST: Json = {
    "openapi_extra": {"parameters": [_KEY], "requestBody": _FORM, "security": KEY_OR_NONE},
    "responses": {
        202: answered(
            thing(
                "jobs",
                jobs=listing(
                    thing("job_id filename status url", job_id=_JOB_ID, filename=text(), status=_STATUS, url=text())
                ),
            ),
            {
                "one": {"jobs": [_ASKED]},
            },
            "They will be done",
        )
    }
    | errors_of(400, 404, 413, 415, 507),
}

GET: Json = {
    "openapi_extra": {"parameters": [_PATH], "security": KEY_OR_NONE},
    "responses": {
        200: answered(
            _RESULT,
            {
                "at work": {
                    **_SHOWN,
                    "status": "waiting",
                    "progress": {
                        "running": 4.0,
                        "frames": 120,
                        "seconds": 30.0,
                        "duration": 90.0,
                        "people": 3,
                        "left": 8.0,
                    },
                },
                "done": {
                    **_SHOWN,
                    "status": "done",
                    "media": "video",
                    "people": [_PERSON],
                    "unknown": 0,
                    "warnings": [],
                    "files": {"people.csv": f"results/{_ID}/people.csv"},
                },
                "failed": {**_SHOWN, "status": "failed", "reason": "lesson.mp4: not a readable video: it is empty"},
            },
        )
    }
    | errors_of(404),
}

FILE: Json = {
    "response_class": Response,
    "openapi_extra": {"parameters": [_PATH, _FILE_NAME], "security": KEY_OR_NONE},
    "responses": {
        200: {
            "description": "The file",
            "content": {
                kind: {"schema": text(format="binary")} for kind in ("image/jpeg", "application/json", "text/csv")
            },
        }
    }
    | errors_of(404),
}
