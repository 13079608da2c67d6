"""The register: from faces identified in photos to one line a student."""

from collections.abc import Mapping, Sequence

import numpy as np

from photocall.faces import Identification
from photocall.metric import EUCLIDEAN, Metric
from photocall.recognition import stacked
from photocall.roster import Attendance, RollCall, Status, Student


def call_roll(
    students: Sequence[Student],
    photos: Mapping[str, Sequence[Identification]],
    same_person: float,
    metric: Metric = EUCLIDEAN,
) -> RollCall:
    """The register of one occasion, from all its photos together.

    A student counts by the best of the photos that show the student. People who are not enrolled are counted once,
    however many photos show them.

    Args:
        students: the whole class.
        photos: who was identified, by the photo's name.
        same_person: distance up to which faces of two photos of the occasion are taken for one person.
        metric: how their embeddings are compared.
    """
    best: dict[str, tuple[float, str, Identification]] = {}
    for photo, identified in photos.items():
        for one in identified:
            if one.name is not None and one.similarity is not None:
                candidate = (one.similarity, photo, one)
                known = best.get(one.name, candidate)
                best[one.name] = max(known, candidate, key=lambda entry: (entry[2].certain, entry[0]))
    in_order = sorted(students, key=lambda student: student.name.casefold())
    lines = [_line(student, best.get(student.student_id)) for student in in_order]
    return RollCall(tuple(lines), count_strangers(list(photos.values()), same_person, metric))


def _line(student: Student, evidence: tuple[float, str, Identification] | None) -> Attendance:
    if evidence is None:
        return Attendance(student, Status.ABSENT)
    similarity, photo, one = evidence
    status = Status.PRESENT if one.certain else Status.UNCERTAIN
    return Attendance(student, status, similarity, photo, one.face.box, one.reasons)


def count_strangers(photos: Sequence[Sequence[Identification]], same_person: float, metric: Metric = EUCLIDEAN) -> int:
    """People without a name, each once: a face that resembles one of an earlier photo is nobody new.

    Args:
        photos: everybody identified, photo by photo.
        same_person: distance up to which two faces are taken for one person.
        metric: how their embeddings are compared.
    """
    seen = np.empty((0, 0), np.float32)
    strangers = 0
    for identified in photos:
        if not identified:
            continue
        vectors = stacked([one.face for one in identified])
        unknown = np.array([one.name is None for one in identified])
        if len(seen):
            unknown &= metric.distances(vectors, seen).min(axis=1) > same_person
        strangers += int(unknown.sum())
        seen = np.concatenate([seen, vectors]) if len(seen) else vectors
    return strangers
