"""What is measured on: photos and classes made of the demo's portraits, and the evaluation data where present."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from benchmarks.scoring import Person
from photocall.demo import Demo, make_demo, read_portraits
from photocall.encodings import read_encodings
from photocall.engine.face_engine import FaceEngine
from photocall.enrolment import enroll_photo, find_portraits
from photocall.errors import InputError
from photocall.faces import ByteArray, Embedding, FaceRecord, FloatArray
from photocall.gallery import Gallery
from photocall.media.images import write_image
from photocall.settings import Settings
from photocall.stores.sql import SqlStore

ROOT = Path(__file__).parent.parent
FALSE_POSITIVE_TARGET = float(Settings.model_fields["false_positive_target"].default)
VIDEO_FPS = float(Settings.model_fields["video_fps"].default)

_COLLECTION = "benchmark"

# The composed photo, row by row: height of the faces in pixels, and the portraits, mirrored or not.
_ROWS = (
    (120, (("obama", False), ("biden", False), ("astronaut", False))),
    (107, (("obama3", False), ("biden", True), ("astronaut", True))),
)
_ROW_HEIGHT, _WIDTH = 315, 1184

# Centre x and y and height of each portrait's face, in its pixels, by eye.
_FACES = {
    "obama": (497, 277, 325),
    "obama3": (769, 460, 350),
    "biden": (565, 382, 375),
    "astronaut": (223, 124, 114),
}
_NAMES = {"obama": "Barack Obama", "obama3": "Barack Obama", "biden": "Joe Biden", "astronaut": "Eileen Collins"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo file and who is in it."""

    path: Path
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Class:
    """Enrolled people, for both sides.

    Attributes:
        gallery: for photocall.
        names: of every enrolled face, for face_recognition.
        vectors: float32, shape (n, 128): the same faces' embeddings; both sides use the same network.
    """

    gallery: Gallery
    names: list[str]
    vectors: FloatArray


@dataclass(frozen=True, slots=True)
class Material:
    """What every measurement gets.

    Attributes:
        engine: with default settings.
        archives: folder of the demo's archives.
        folder: to write into; it is removed at the end.
        evaluation: folder of the evaluation data; None where there is none.
        quick: whether this is only to see that everything runs.
    """

    engine: FaceEngine
    archives: Path
    folder: Path
    evaluation: Path | None
    quick: bool

    def demo(self) -> Demo:
        """The demo class."""
        return make_demo(self.archives, self.folder / "demo")

    def portraits(self) -> dict[str, ByteArray]:
        """The demo's photographs."""
        return read_portraits(self.archives)

    def demo_class(self) -> Class:
        """The three people of the demo's photographs, one photo each."""
        photos = self.portraits()
        return self.enrol((_NAMES[name], self.largest(photos[name])) for name in ("obama", "biden", "astronaut"))

    def largest(self, image: ByteArray) -> Embedding:
        """The embedding of a picture's largest face; there must be one."""
        face = max(self.engine.faces(image), key=lambda face: face.box.area)
        assert face.embedding is not None
        return face.embedding

    def enrol(self, people: Iterable[tuple[str, Embedding]]) -> Class:
        """A class of the given faces."""
        records = [
            FaceRecord(str(number), _COLLECTION, str(number), name, None, 0, 0, 1.0, embedding)
            for number, (name, embedding) in enumerate(people)
        ]
        return self._class(lambda store: store.put_faces(_COLLECTION, records))

    def enrol_encodings(self, source: Path) -> Class:
        """A class of the faces in an `encoding` file."""
        return self.enrol((name, Embedding(vector, self.engine.model)) for name, vector in read_encodings(source))

    def enrol_folder(self, folder: Path) -> tuple[Class, int]:
        """A class as `photocall enroll` makes it, and how many photos were refused."""
        refused: list[InputError] = []

        def fill(store: SqlStore) -> None:
            for name, paths in find_portraits(folder)[0].items():
                for path in paths:
                    try:
                        enroll_photo(self.engine, store, _COLLECTION, path, name)
                    except InputError as error:
                        refused.append(error)

        return self._class(fill), len(refused)

    def _class(self, fill: Callable[[SqlStore], None]) -> Class:
        database = self.folder / f"class-{len(list(self.folder.glob('class-*.db')))}.db"
        with SqlStore(f"sqlite:///{database}") as store:
            store.create_collection(_COLLECTION, self.engine.model)
            fill(store)
            records = store.faces(_COLLECTION)
            gallery = Gallery(store, _COLLECTION, self.engine.model, self.engine.metric)
        vectors = np.stack([record.embedding.vector for record in records])
        return Class(gallery, [record.external_image_id for record in records], vectors)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def evaluation_folder() -> Path | None:
    """The evaluation data, if they are where `PHOTOCALL_EVAL_DATA` or the default says."""
    folder = Path(os.environ.get("PHOTOCALL_EVAL_DATA") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


def six_faces(material: Material) -> Photo:
    """A photo of 1184x630 pixels with six faces of three people, made of whole portraits side by side."""
    photos = material.portraits()
    canvas = Image.new("RGB", (_WIDTH, len(_ROWS) * _ROW_HEIGHT))
    people = []
    for row, (height, portraits) in enumerate(_ROWS):
        left, top = 0, row * _ROW_HEIGHT
        for name, mirrored in portraits:
            x, y, face = _FACES[name]
            scale = height / face
            picture = _scaled(photos[name], scale, mirrored)
            canvas.paste(picture.crop((0, 0, picture.width, _ROW_HEIGHT)), (left, top))
            across = picture.width - x * scale if mirrored else x * scale
            people.append(Person(_NAMES[name], left + across, top + y * scale))
            left += picture.width
    path = material.folder / "six-faces.jpg"
    write_image(path, np.array(canvas))
    return Photo(path, tuple(people))


def _scaled(photo: ByteArray, scale: float, mirrored: bool) -> Image.Image:
    picture = Image.fromarray(photo)
    size = round(picture.width * scale), round(picture.height * scale)
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    return ImageOps.mirror(picture) if mirrored else picture


def demo_photo(demo: Demo) -> Photo:
    """The demo's class photo, 1920x1080, three faces; the stranger of the demo is enrolled here."""
    people = [
        Person(face.name or _NAMES["astronaut"], *_middle(face.box.left, face.box.top, face.box.width, face.box.height))
        for face in demo.faces
    ]
    return Photo(demo.photo, tuple(people))


def group_photos(folder: Path) -> list[Photo]:
    """The annotated group photos of the evaluation data; nobody has a name."""
    return [
        Photo(folder / name, tuple(Person(None, *_middle(*box)) for box in entry["boxes"]))
        for name, entry in _annotations(folder).items()
        if (folder / name).is_file()
    ]


def mixed_photos(folder: Path) -> list[Photo]:
    """The photos of the evaluation data with no face to eight, small enough to be there; nobody has a name."""
    return [
        Photo(folder / name, tuple(Person(None, x, y) for x, y in entry["noses_xy"]))
        for name, entry in _annotations(folder).items()
        if (folder / name).is_file()
    ]


def classroom_photos(folder: Path) -> list[Photo]:
    """The class photos of the evaluation data: students of a class of 40, and strangers."""
    students = {path.name for path in (folder / "enroll").iterdir()}
    truth: Mapping[str, Any] = json.loads((folder / "ground_truth.json").read_text("utf-8"))
    return [
        Photo(folder / "photos" / name, tuple(_student(face, students) for face in entry["faces"]))
        for name, entry in truth.items()
    ]


def _student(face: Mapping[str, Any], students: set[str]) -> Person:
    name = face["name"]
    return Person(name if name in students else None, *_middle(*face["box"]))


def _annotations(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "annotations.json").read_text("utf-8"))
    return content


def _middle(left: float, top: float, width: float, height: float) -> tuple[float, float]:
    return left + width / 2, top + height / 2
