"""The verbs of Rekognition's stored video: every face of every sampled frame, and whom a collection knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from photocall.engine.face_engine import FaceEngine
from photocall.face_rows import Rows, as_rows, joined
from photocall.faces import FaceRecord, FloatArray
from photocall.gallery import Gallery
from photocall.media.videos import Frame
from photocall.ports import FaceStore
from photocall.searching import Searched, Searcher
from photocall.video import Person, Told, follow_people, take_ahead

MOST_MATCHES = 100
"""Faces of a collection that are told of one person, at most; Rekognition's API has no word for it here."""


@dataclass(frozen=True, slots=True)
class Match:
    """A face of a collection that a person in a video may be.

    Attributes:
        face_id: of the collection's face.
        similarity: 0..100.
    """

    face_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class SearchedVideo:
    """Who is where in a video.

    Attributes:
        rows: every face of every sampled frame by time, those of false detections left out; its `person` counts the
            people from 0 in order of appearance.
        matches: of each person in that order, the most similar first; none for a stranger.
    """

    rows: Rows
    matches: list[list[Match]]


def detect_faces(engine: FaceEngine, frames: Iterable[Frame]) -> Rows:
    """Every face of every frame, by time.

    Args:
        engine: what finds.
        frames: in order of time, as `Video.frames` gives them.
    """
    searcher, tables = Searcher(engine), list[Rows]()

    def keep(searched: Iterable[Searched]) -> None:
        tables.extend(_rows(one, [0] * len(one.faces)) for one in searched)

    take_ahead(frames, lambda frame: keep(searcher.add(frame)))
    keep(searcher.finish())
    return joined(tables)


def search_faces(
    engine: FaceEngine,
    store: FaceStore,
    collection_id: str,
    frames: Iterable[Frame],
    least_similarity: float,
    told: Told = lambda frames, seconds, people: None,
) -> SearchedVideo:
    """Everybody in a video, each compared with a collection once.

    Args:
        engine: what finds and embeds.
        store: where the collection is.
        collection_id: its name.
        frames: in order of time.
        least_similarity: 0..100, that a face must have to a person to be told.
        told: as for `video.find_people`.

    Raises:
        CollectionNotFound: there is no such collection.
        ModelMismatch: it was embedded by another model.
    """
    gallery, tables = Gallery(store, collection_id, engine.model, engine.metric), list[Rows]()
    followed = follow_people(engine, frames, lambda one, tracks: tables.append(_rows(one, tracks)), told)
    gallery.refresh()  # the video may have taken hours

    def matches(person: Person) -> list[Match]:
        near = gallery.search(person.vectors, MOST_MATCHES, engine.calibration.farthest(least_similarity))
        face_ids = dict.fromkeys(each.face_id for candidates in near for each in candidates)
        faces = store.faces_by_id(collection_id, list(face_ids))
        return _ranked(engine, person.vectors, faces, least_similarity)

    found = [(person, matches(person)) for person in followed.people]
    real = [(person, those) for person, those in found if those or followed.is_real(person)]
    real.sort(key=lambda each: (min(each[0].times), min(each[0].tracks)))
    return SearchedVideo(_of_people(joined(tables), [person for person, _ in real]), [those for _, those in real])


def by_person(rows: Rows) -> Rows:
    """A table by person, and within each by time."""
    return rows[np.argsort(rows["person"], kind="stable")]


def _rows(one: Searched, numbers: Sequence[int]) -> Rows:
    height, width, _ = one.frame.image.shape
    return as_rows(one.frame.time, (width, height), one.faces, numbers)


def _of_people(rows: Rows, people: Sequence[Person]) -> Rows:
    """The rows of tracks as rows of people; those of nobody are left out."""
    persons = np.full(rows["person"].max(initial=-1) + 1, -1, np.int32)
    for index, person in enumerate(people):
        persons[sorted(person.tracks)] = index
    rows["person"] = persons[rows["person"]]
    return rows[rows["person"] >= 0]


def _ranked(
    engine: FaceEngine, vectors: FloatArray, faces: Sequence[FaceRecord], least_similarity: float
) -> list[Match]:
    """The faces that a person may be, by the mean of the distances to the person's pictures, float32, shape (k, d)."""
    if not faces:
        return []
    calibration = engine.calibration
    distances = engine.metric.distances(vectors, np.stack([face.embedding.vector for face in faces])).mean(axis=0)
    nearest = np.argsort(distances, kind="stable")[: (distances <= calibration.farthest(least_similarity)).sum()]
    return [
        Match(faces[index].face_id, calibration.similarity(float(distances[index]))) for index in nearest[:MOST_MATCHES]
    ]
