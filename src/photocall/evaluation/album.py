"""Labelled photos and whose they are: each with the one face that counts, found and embedded once.

The face of a photo is the one nearest to the picture's centre (the protocol of Labeled Faces in the Wild). A photo in
which none is found, or that cannot be read, is a failure to acquire: it is as far as can be from every other.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from photocall.engine.face_engine import FaceEngine
from photocall.errors import InputError, LabelsInvalid
from photocall.evaluation.tables import Pair
from photocall.faces import BoundingBox, Face, FloatArray
from photocall.media.images import read_image
from photocall.metric import EUCLIDEAN, Metric

Item = TypeVar("Item")
Result = TypeVar("Result")
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was looked at.

    Attributes:
        name: its path below the folder of photos, with slashes.
        face: with its embedding; None where none was found or the photo could not be read.
        problem: why it could not be read; None where it could.
    """

    name: str
    face: Face | None
    problem: InputError | None = None

    @property
    def vector(self) -> FloatArray | None:
        """The face's embedding, float32, shape (d,); None without a face."""
        return None if self.face is None or self.face.embedding is None else self.face.embedding.vector


@dataclass(frozen=True, slots=True)
class Album:
    """Photos and whose they are.

    Attributes:
        photos: every photo once.
        owners: for each photo, the number of its person in `people`; integers, shape (photos,).
        people: names.
        metric: how the faces are compared.
    """

    photos: tuple[Photo, ...]
    owners: Numbers
    people: tuple[str, ...]
    metric: Metric

    @property
    def acquired(self) -> Numbers:
        """The numbers of the photos in which a face was found."""
        return np.flatnonzero([photo.vector is not None for photo in self.photos])

    @property
    def failures(self) -> int:
        """How many photos gave no face: failures to acquire."""
        return len(self.photos) - len(self.acquired)

    def distance(self, a: int, b: int) -> float:
        """Between the faces of two photos; infinite where one is missing."""
        one, other = self.photos[a].vector, self.photos[b].vector
        if one is None or other is None:
            return np.inf
        return float(self.metric.distances(one[None], other[None])[0, 0])

    def numbers(self) -> dict[str, int]:
        """The number of each photo, by its name."""
        return {photo.name: number for number, photo in enumerate(self.photos)}


def make_album(photos: Iterable[Photo], owner: Mapping[str, str], metric: Metric = EUCLIDEAN) -> Album:
    """An album of photos whose owners are known by the photos' names; sorted by name."""
    ordered = tuple(sorted(photos, key=lambda photo: photo.name))
    people = tuple(sorted({owner[photo.name] for photo in ordered}))
    number = {person: index for index, person in enumerate(people)}
    return Album(ordered, np.array([number[owner[photo.name]] for photo in ordered], np.intp), people, metric)


def owners_of(pairs: Sequence[Pair], source: str) -> dict[str, str]:
    """Whose every photo of the pairs is, by the photo's name.

    A person is the folder part of the photo's path, or where there is none the file's name without its ending and its
    trailing number: Ada/1.jpg, Ada_0001.jpg. Pairs that show one person make one of two such people.

    Raises:
        LabelsInvalid: a pair is said to show two people who are one by these rules.
    """
    person = {name: _person(name) for pair in pairs for name in (pair.a, pair.b)}
    merged: dict[str, str] = {}

    def found(name: str) -> str:
        while name in merged:
            name = merged[name]
        return name

    for pair in pairs:
        one, other = found(person[pair.a]), found(person[pair.b])
        if pair.same and one != other:
            merged[max(one, other)] = min(one, other)
    owners = {name: found(one) for name, one in person.items()}
    for pair in pairs:
        if not pair.same and owners[pair.a] == owners[pair.b]:
            both = f"{pair.a} and {pair.b} are both of {owners[pair.a]!r}, by their paths or by other pairs"
            raise LabelsInvalid(source, f"line {pair.line}: same is 0, yet {both}")
    return owners


def _person(name: str) -> str:
    path = PurePosixPath(name)
    return re.sub(r"_\d+$", "", path.stem) if path.parent == PurePosixPath() else str(path.parent)


def look(engine: FaceEngine, folder: Path, names: Sequence[str], threads: int = 0) -> Iterator[Photo]:
    """The photos of a folder in the order of their names, each with its face; several are in work at once.

    Args:
        engine: what finds and embeds.
        folder: the photos' names are paths below it.
        names: of the photos.
        threads: photos in work at once; 0 for as many as this process may use cores.
    """

    def one(name: str) -> Photo:
        try:
            image = read_image(folder / name)
        except InputError as error:
            return Photo(name, None, error)
        face = central(engine.detect(image), image.shape[1], image.shape[0])
        return Photo(name, engine.embed(image, [face])[0] if face else None)

    return in_threads(one, names, threads)


def central(faces: Sequence[Face], width: int, height: int) -> Face | None:
    """The face nearest to the centre of a picture of so many pixels; None of none."""

    def off_centre(box: BoundingBox) -> float:
        return abs(complex(box.left + box.width / 2 - width / 2, box.top + box.height / 2 - height / 2))

    return min(faces, key=lambda face: off_centre(face.box), default=None)


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], threads: int = 0) -> Iterator[Result]:
    """What `work` makes of each item, in order; who stops listening stops the work."""
    with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)), thread_name_prefix="photocall-evaluate") as pool:
        yield from pool.map(work, items)
