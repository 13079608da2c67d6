"""The demo class: a roster, enrolment photos, a class photo and a clip, with the truth about who is where.

It shows that the parts work together, not how well faces are recognised. Barack Obama is enrolled from one photograph
and seen in class in two others; of Joe Biden there is one photograph only, so in class he is his own enrolment photo,
relit, scaled and partly mirrored, which is easier than life. portraits.py says where the photographs come from.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from photocall.demo.portraits import read_photograph, read_portraits
from photocall.demo.scenes import Appearance, PlacedFace, class_clip, class_photo
from photocall.media.files import write_atomically

__all__ = [
    "STUDENTS",
    "Appearance",
    "Demo",
    "PlacedFace",
    "make_class_photo",
    "make_demo",
    "read_enrolled",
    "read_portraits",
]

STUDENTS = (
    {"id": 1, "name": "Barack Obama", "major": "law", "year": "senior"},
    {"id": 2, "name": "Joe Biden", "major": "political science", "year": "senior"},
    {"id": 3, "name": "Ada Lovelace", "major": "mathematics", "year": "junior"},
)
"""The roster, as it is written to students.json. Ada Lovelace has no photo and is in no picture: she is absent."""

_ENROLLED = {"Barack Obama": "obama", "Joe Biden": "biden"}


@dataclass(frozen=True, slots=True)
class Demo:
    """Where the demo class lies, and the truth about it.

    Attributes:
        enroll: folder with one `<Name>.jpg` for every student who has a photo.
        students: the roster as JSON.
        photo: class photo, JPEG, 1920x1080.
        clip: MP4 (H.264), 1280x720, 8 s, 25 frames a second.
        faces: every face in `photo`, from left to right.
        appearances: every appearance in `clip`, by start.
    """

    enroll: Path
    students: Path
    photo: Path
    clip: Path
    faces: tuple[PlacedFace, ...]
    appearances: tuple[Appearance, ...]


def make_demo(archives: Path, out: Path) -> Demo:
    """Write the demo class into a folder; the same files every time.

    Args:
        archives: folder that `make setup` filled.
        out: folder for enroll/, students.json, class.jpg and lesson.mp4; made if missing, files in it are replaced.

    Raises:
        ImageUnreadable: an archive is missing or is not the one expected.
        OutputUnwritable: a file cannot be written.
    """
    enroll, students, photo, clip = (out / name for name in ("enroll", "students.json", "class.jpg", "lesson.mp4"))
    for name, portrait in read_enrolled(archives).items():
        write_atomically(enroll / f"{name}.jpg", portrait)
    write_atomically(students, (json.dumps(STUDENTS, indent=2) + "\n").encode())
    picture, faces = class_photo(archives)
    write_atomically(photo, _jpeg(picture))
    film, appearances = class_clip(archives)
    write_atomically(clip, film)
    return Demo(enroll, students, photo, clip, faces, appearances)


def read_enrolled(archives: Path) -> dict[str, bytes]:
    """The photos that students are enrolled by, JPEG, by name. Raises `ImageUnreadable`."""
    return {name: read_photograph(archives, portrait) for name, portrait in _ENROLLED.items()}


def make_class_photo(archives: Path) -> bytes:
    """The class photo alone, JPEG, 1920x1080; the same every time. Raises `ImageUnreadable`."""
    return _jpeg(class_photo(archives)[0])


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()
