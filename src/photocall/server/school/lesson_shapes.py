"""How lessons, evidence, faces and registers are described to machines."""

from photocall.roster import Status
from photocall.school.settling import State
from photocall.server.openapi_parts import Json, listing, number, text, thing

_LESSON_ID = "9b2f1c52-6f43-4a8e-8a05-2d6b7f0a4c11"
_EVIDENCE_ID = "c4b9d7e0-3a55-5d0e-9a53-0a7d5b1f6e21"
_SEEN_ID = "e0f4a6b2-7c11-5b9d-8f37-6d2a1c9e4b10"
_STATUS = text("What the register says", enum=[str(each) for each in Status])
_BOX = listing(number(), minItems=4, maxItems=4) | {"description": "Left, top, width, height in pixels"}


def _or_null(schema: Json) -> Json:
    return schema | {"nullable": True}


LESSON = thing(
    "lesson_id course_id title starts minutes grace",
    lesson_id=text(),
    course_id=text("Of which class"),
    title=text(),
    starts=text(format="date-time"),
    minutes={"type": "integer", "description": "How long it takes"},
    grace={"type": "integer", "description": "Minutes after its start from which who comes is late"},
    taken={"type": "boolean", "description": "Whether the roll was called; only in the register"},
)
SHOWN_LESSON: Json = {
    "lesson_id": _LESSON_ID,
    "course_id": "maths-7b",
    "title": "Fractions",
    "starts": "2026-11-23T07:00:00+00:00",
    "minutes": 45,
    "grace": 10,
}

EVIDENCE = thing(
    "evidence_id kind name state reason late taken is_kept width height boxes",
    evidence_id=text(),
    kind=text(enum=["photo", "video"]),
    name=text("Of the file"),
    state=text("`found`: faces are found, and not named yet", enum=["waiting", "found", "done", "failed"]),
    reason=text("Why it failed"),
    late={"type": "boolean", "description": "Whoever is seen only here came late"},
    taken=text(format="date-time"),
    is_kept={"type": "boolean", "description": "False once it was deleted and the register stays"},
    width=_or_null({"type": "integer"}),
    height=_or_null({"type": "integer"}),
    boxes=_or_null(listing(_BOX)),
    progress={"type": "object", "description": "Of a video that a worker looks at, as in `GET /v1/jobs/{job_id}`"},
)
SHOWN_EVIDENCE: Json = {
    "evidence_id": _EVIDENCE_ID,
    "kind": "photo",
    "name": "class.jpg",
    "state": "done",
    "reason": "",
    "late": False,
    "taken": "2026-11-23T07:05:00+00:00",
    "is_kept": True,
    "width": 1920,
    "height": 1080,
    "boxes": [[708.6, 526.1, 88.0, 127.7]],
}

SEEN = thing(
    "seen_id evidence_id box at student_id name similarity certain reasons verdict is_student late is_kept state",
    seen_id=text(),
    evidence_id=text("Where"),
    box=_or_null(_BOX) | {"description": "Null in a video"},
    at=number(0) | {"description": "Seconds from the start of a video"},
    student_id=_or_null(text("Whom the face counts for")),
    name=_or_null(text()),
    similarity=_or_null(number(0, 100)),
    certain={"type": "boolean", "description": "Whether it counts without review"},
    reasons=listing(text("Why the face is too poor to count, in Rekognition's words")),
    verdict=text("What somebody said of it", enum=["is", "is-not", "nobody", ""]),
    is_student=_or_null(text("Of whom that speaks")),
    late={"type": "boolean", "description": "It shows somebody who came late"},
    is_kept={"type": "boolean", "description": "Whether its picture is still there"},
    state=text(enum=[str(each) for each in State]),
)
SHOWN_SEEN: Json = {
    "seen_id": _SEEN_ID,
    "evidence_id": _EVIDENCE_ID,
    "box": [708.6, 526.1, 88.0, 127.7],
    "at": 0,
    "student_id": "s-1042",
    "name": "Ada Lovelace",
    "similarity": 99.3,
    "certain": True,
    "reasons": [],
    "verdict": "",
    "is_student": None,
    "late": False,
    "is_kept": True,
    "state": "named",
}

LINE = thing(
    "student_id name status similarity seen_id by_hand note has_consent",
    student_id=text(),
    name=text(),
    status=_STATUS,
    similarity=_or_null(number(0, 100)),
    seen_id=_or_null(text("The face that it rests on")),
    by_hand={"type": "boolean", "description": "Somebody marked it"},
    note=text(),
    has_consent={"type": "boolean", "description": "False: the face may not be known, only a mark by hand counts"},
)
REGISTER = thing(
    "lesson course evidence seen review lines counts changed",
    lesson=LESSON,
    course=thing("course_id name", course_id=text(), name=text()),
    evidence=listing(EVIDENCE),
    seen=listing(SEEN),
    review=listing(text("Faces that somebody should look at, the most similar first")),
    lines=listing(LINE),
    counts={"type": "object", "additionalProperties": {"type": "integer"}},
    changed=text("The same as long as all of this is the same"),
)
SHOWN_REGISTER: Json = {
    "lesson": SHOWN_LESSON | {"taken": True},
    "course": {"course_id": "maths-7b", "name": "Maths 7b"},
    "evidence": [SHOWN_EVIDENCE],
    "seen": [SHOWN_SEEN],
    "review": [],
    "lines": [
        {
            "student_id": "s-1042",
            "name": "Ada Lovelace",
            "status": "present",
            "similarity": 99.3,
            "seen_id": _SEEN_ID,
            "by_hand": False,
            "note": "",
            "has_consent": True,
        }
    ],
    "counts": {"present": 1, "late": 0, "excused": 0, "uncertain": 0, "absent": 0, "strangers": 0},
    "changed": "5a3c9f",
}

RECORD = thing(
    "student_id name lines",
    student_id=text(),
    name=text(),
    lines=listing(
        thing(
            "lesson_id course_id course title starts status similarity by_hand note",
            lesson_id=text(),
            course_id=text(),
            course=text("Name of the class"),
            title=text(),
            starts=text("In the school's time zone", format="date-time"),
            status=_STATUS,
            similarity=_or_null(number(0, 100)),
            by_hand={"type": "boolean"},
            note=text(),
        )
    ),
)
SHOWN_RECORD: Json = {
    "student_id": "s-1042",
    "name": "Ada Lovelace",
    "lines": [
        {
            "lesson_id": _LESSON_ID,
            "course_id": "maths-7b",
            "course": "Maths 7b",
            "title": "Fractions",
            "starts": "2026-11-23T08:00:00+01:00",
            "status": "present",
            "similarity": 99.3,
            "by_hand": False,
            "note": "",
        }
    ],
}

UPLOAD: Json = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": thing(
                "file",
                file=listing(text("A photo or a video", format="binary"), minItems=1, maxItems=100),
                taken=listing(text("When: for all files, or one each; else the photo says")),
                modified=listing(text("Likewise when files were made, where that is not known; else it is now")),
            ),
            "example": {"file": ["the bytes of class.jpg"]},
        }
    },
}

LIVE = thing(
    "queue most_workers workers failures done_per_minute recognised unknown_groups",
    queue=thing(
        "waiting delayed leased dead",
        **{name: {"type": "integer"} for name in ("waiting", "delayed", "leased", "dead")},
    ),
    most_workers={"type": "integer", "description": "That start when jobs come; 0 if nobody would"},
    workers=listing(
        thing(
            "host pid doing key since",
            host=text(),
            pid={"type": "integer"},
            doing=text(enum=["starting", "idle", "busy", "stopping"]),
            key=text("Of what it looks at"),
            since=number(0) | {"description": "Seconds"},
        )
    ),
    failures=listing(
        thing(
            "letter_id reason what died",
            letter_id=text(),
            reason=text(),
            what=text("Key of what could not be looked at"),
            died=text(format="date-time"),
        )
    ),
    done_per_minute=number(0) | {"description": "Photos and videos of lessons, over the last minutes"},
    recognised=listing(
        thing(
            "hour known unknown",
            hour=text(format="date-time"),
            known={"type": "integer"},
            unknown={"type": "integer"},
        )
    ),
    unknown_groups=listing(
        thing(
            "group times first last lessons seen alert",
            group=text(),
            times={"type": "integer"},
            first=text(format="date-time"),
            last=text(format="date-time"),
            lessons=listing(text()),
            seen=listing(text()),
            alert={"type": "boolean", "description": "Seen in three lessons or more"},
        )
    ),
)
SHOWN_LIVE: Json = {
    "queue": {"waiting": 1, "delayed": 0, "leased": 1, "dead": 0},
    "most_workers": 15,
    "workers": [{"host": "school", "pid": 4711, "doing": "busy", "key": "classroom_photos/a.jpg", "since": 0.4}],
    "failures": [],
    "done_per_minute": 2.4,
    "recognised": [{"hour": "2026-11-23T07:00:00+00:00", "known": 27, "unknown": 1}],
    "unknown_groups": [],
}
