"""How the routes of photos of students are described."""

from photocall.server.openapi_parts import Json, listing, number, text, thing

_ID = "0a4f52a3-26c7-4b0c-9a5c-6d1f64c7c1de"
_STUDENT = thing("student_id name", student_id=text() | {"nullable": True}, name=text()) | {"nullable": True}
_RESEMBLES = _STUDENT | {"description": "Whom else it resembles as much as one person's photos do"}
_REASONS = listing(text(), description="Why the face is too poor, in Rekognition's words")

ADDED = thing(
    "portraits",
    portraits=listing(
        thing(
            "file student portrait_id problem reasons resembles",
            file=text(),
            student=_STUDENT,
            portrait_id=text() | {"nullable": True},
            problem=text("What is wrong with the file, and what would be right") | {"nullable": True},
            reasons=_REASONS,
            resembles=_RESEMBLES,
        )
    ),
)
"""What became of each file."""

_ADA: Json = {"student_id": "s-1042", "name": "Ada Lovelace"}
_GOOD: Json = {
    "file": "ada.jpg",
    "student": _ADA,
    "portrait_id": _ID,
    "problem": None,
    "reasons": [],
    "resembles": None,
}
_BAD: Json = {
    **_GOOD,
    "file": "Ada Lovelace/2.jpg",
    "portrait_id": None,
    "problem": "Ada Lovelace/2.jpg: no face found; use a photo that shows the face from the front",
}
SHOWN_ADDED: Json = {"portraits": [_GOOD]}
SHOWN_MANY: Json = {"portraits": [_GOOD, _BAD]}

LISTED = thing(
    "portraits",
    portraits=listing(
        thing(
            "portrait_id student_id added added_by has_photo resembles",
            portrait_id=text(),
            student_id=text(),
            added=text(format="date-time"),
            added_by=text("Id of an account"),
            has_photo={"type": "boolean", "description": "Whether its photo is still kept"},
            resembles=_RESEMBLES,
        )
    ),
)
"""Photos of a student."""

SHOWN_LISTED: Json = {
    "portraits": [
        {
            "portrait_id": _ID,
            "student_id": "s-1042",
            "added": "2026-09-01T08:00:00+00:00",
            "added_by": "5f0c7a4e-2d1b-4c3a-9e8f-1a2b3c4d5e6f",
            "has_photo": True,
            "resembles": None,
        }
    ]
}

LOOK = thing(
    "faces good advice reasons box width height",
    faces={"type": "integer", "description": "People in the picture, those in the background aside"},
    good={"type": "boolean", "description": "Whether it would do"},
    advice=text("What to change, in plain words"),
    reasons=_REASONS,
    box=listing(number(), minItems=4, maxItems=4, nullable=True),
    width={"type": "integer"},
    height={"type": "integer"},
)
"""What a picture shows."""

SHOWN_LOOK: Json = {
    "faces": 1,
    "good": True,
    "advice": "Good: hold still",
    "reasons": [],
    "box": [210.0, 96.5, 160.0, 190.0],
    "width": 640,
    "height": 480,
}


def _form(what: str, most: int, example: str) -> Json:
    files = thing("file", file=listing(text(what, format="binary"), minItems=1, maxItems=most))
    return {"multipart/form-data": {"schema": files, "example": {"file": [example]}}}


PHOTOS: Json = {"required": True, "content": _form("A photo", 1000, "the bytes of ada.jpg")}
"""The body of photos of one student."""

ARCHIVES: Json = {"required": True, "content": _form("A ZIP, or a photo", 1000, "the bytes of class-7b.zip")}
"""The body of photos of many students."""

PICTURE: Json = {
    "required": True,
    "content": _form("A picture", 1, "the bytes of a picture")
    | {"image/jpeg": {"schema": text(format="binary")}, "image/png": {"schema": text(format="binary")}},
}
"""The body of a picture to look at."""
