"""Who may be in a photo of a class: its students whose consent is in force, and what corrections taught of them.

Nobody else is a candidate, so the fewer there are, the farther a face may be from them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from photocall.calibration import Calibration
from photocall.engine.face_engine import FaceEngine
from photocall.faces import Collection, FloatArray, VectorChanges
from photocall.gallery import Enrolled, Gallery
from photocall.metric import Metric
from photocall.ports import FaceStore
from photocall.recognition import REVIEW_TARGET
from photocall.school.consents import in_force
from photocall.school.lesson_records import Remembered
from photocall.school.records import Member
from photocall.school.register import Records

NEVER = 1000.0
"""A distance that nobody is within."""


class ClassGallery(Gallery):
    """The students of a class; those that a face is not, since somebody said so, are out of its reach."""

    def __init__(
        self, store: Enrolled, collection_id: str, model: str, metric: Metric, mistakes: Iterable[Remembered]
    ) -> None:
        """Read the faces.

        Args:
            store: has those of the class alone.
            collection_id: of the students' faces.
            model: the embedding space of the probes to come.
            metric: how its embeddings are compared.
            mistakes: faces of that model that are not whom they were taken for.
        """
        super().__init__(store, collection_id, model, metric)
        self._mistakes: dict[str, list[FloatArray]] = defaultdict(list)
        for each in mistakes:
            self._mistakes[each.student_id].append(vector_of(each.vector))

    def compared_with_people(self, probes: FloatArray) -> tuple[tuple[str, ...], FloatArray]:
        """The names, and the distances to them; `NEVER` where a mistake is nearer than the student."""
        names, distances = super().compared_with_people(probes)
        distances = distances.copy()
        for column, name in enumerate(names):
            if len(probes) and name in self._mistakes:
                nearest = self.metric.distances(probes, np.stack(self._mistakes[name])).min(axis=1)
                distances[nearest < distances[:, column], column] = NEVER
        return names, distances


class _Class:
    """The faces of some students, and further ones of theirs that are in no collection."""

    def __init__(self, store: FaceStore, students: set[str], further: Sequence[Remembered] = ()) -> None:
        self._store, self._students, self._further = store, students, further

    def collection(self, collection_id: str) -> Collection:
        return self._store.collection(collection_id)

    def vectors(self, collection_id: str, since: int) -> VectorChanges:
        found = self._store.vectors(collection_id, since)
        if since:  # the class is looked at as of one moment
            return VectorChanges(since, [], [], [], np.empty((0, 0), np.float32), [])
        mine = [row for row, owner in enumerate(found.owners) if owner in self._students]
        face_ids = [found.face_ids[row] for row in mine] + [f"seen/{each.seen_id}" for each in self._further]
        owners = [found.owners[row] for row in mine] + [each.student_id for each in self._further]
        vectors = [found.vectors[row] for row in mine] + [vector_of(each.vector) for each in self._further]
        stacked = np.stack(vectors) if vectors else np.empty((0, 0), np.float32)
        return VectorChanges(found.version, face_ids, owners, [None] * len(owners), stacked, [])


def class_gallery(
    store: FaceStore, records: Records, engine: FaceEngine, collection_id: str, course_id: str
) -> ClassGallery:
    """The class as of now.

    A face of which somebody said that it is a student counts as one more photo of the student, if the student's other
    photos are so near that it might have been put up for review.

    Raises:
        ModelMismatch: the faces were embedded by another model.
    """
    store.create_collection(collection_id, engine.model)
    members = {each.student_id for each in records.find(Member, course_id=course_id)}
    students = in_force(records, members)
    said = records.find(Remembered, student_id=sorted(students), model=engine.model) if students else []
    right, wrong = [each for each in said if each.is_student], [each for each in said if not each.is_student]
    if right:
        plain = Gallery(_Class(store, students), collection_id, engine.model, engine.metric)
        right = plausible(right, plain, engine.calibration)
    return ClassGallery(_Class(store, students, right), collection_id, engine.model, engine.metric, wrong)


def plausible(said: Sequence[Remembered], gallery: Gallery, calibration: Calibration) -> list[Remembered]:
    """Those faces that their students' photos make likely; one wrong tap must not make a student of somebody else."""
    names, distances = gallery.compared_with_people(np.stack([vector_of(each.vector) for each in said]))
    columns = {name: column for column, name in enumerate(names)}
    farthest = gallery.operating_point(calibration, REVIEW_TARGET)
    return [
        each
        for row, each in enumerate(said)
        if each.student_id in columns and distances[row, columns[each.student_id]] <= farthest
    ]


def vector_of(data: bytes) -> FloatArray:
    """A template as it was kept: float32, shape (d,)."""
    return np.frombuffer(data, "<f4").astype(np.float32)
