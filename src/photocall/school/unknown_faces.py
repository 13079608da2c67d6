"""Strangers who come again: faces of several lessons that nobody knows, grouped by whom they show.

There is something to group only where the school keeps templates of strangers (`choices.unknown_days`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocall.faces import FloatArray
from photocall.metric import Metric
from photocall.school.class_gallery import vector_of
from photocall.school.lesson_records import Evidence, Lesson, Seen, Verdict
from photocall.school.register import Records
from photocall.school.settling import understood

ALERT_LESSONS = 3
"""Different lessons after which a stranger is worth an alert."""

MOST_FACES = 2000
"""Faces that are compared, the newest ones: all with all."""


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Faces of somebody whom nobody knows.

    Attributes:
        group: names it: the seen_id of its first face.
        lessons: lesson_id of each lesson, the earliest first.
        seen: seen_id of each face, the earliest first.
        first, last: when the first and the last face were seen.
    """

    group: str
    lessons: tuple[str, ...]
    seen: tuple[str, ...]
    first: datetime
    last: datetime

    @property
    def is_alert(self) -> bool:
        """Whether somebody should know of it."""
        return len(self.lessons) >= ALERT_LESSONS


def group_json(group: UnknownGroup) -> dict[str, Any]:
    """A group as it is answered."""
    return {
        "group": group.group,
        "times": len(group.seen),
        "first": group.first.isoformat(),
        "last": group.last.isoformat(),
        "lessons": list(group.lessons),
        "seen": list(group.seen),
        "alert": group.is_alert,
    }


def unknown_groups(records: Records, model: str, metric: Metric, same_person: float) -> list[UnknownGroup]:
    """Everybody unknown who was seen in two lessons or more, who came most often first.

    Args:
        records: of the school.
        model: of the templates that are compared.
        metric: how.
        same_person: distance up to which two faces are taken for one person.
    """
    unknown = records.find(Seen, student_id="", model=model)
    corrected = records.find(Seen, verdict=[Verdict.IS_NOT, Verdict.NOBODY], model=model)
    kept = list({each.seen_id: each for each in (*unknown, *corrected) if each.vector}.values())
    of = {each.lesson_id for each in kept}
    lessons = {each.lesson_id: each for each in records.find(Lesson, lesson_id=sorted(of))} if of else {}
    strangers = _strangers(records, kept, lessons)
    strangers = sorted(strangers, key=lambda each: (each.seen, each.seen_id))[-MOST_FACES:]
    if not strangers:
        return []
    vectors = np.stack([vector_of(each.vector) for each in strangers])
    groups = [_group([strangers[row] for row in rows]) for rows in linked(vectors, metric, same_person)]
    return sorted((each for each in groups if len(each.lessons) > 1), key=lambda each: (-len(each.lessons), each.group))


def linked(vectors: FloatArray, metric: Metric, same_person: float) -> list[list[int]]:
    """Rows in groups by single linkage: whoever is near one of a group belongs to it.

    Args:
        vectors: float32, shape (n, d).
        metric: how they are compared.
        same_person: distance up to which two are linked.

    Returns:
        The rows of each group, in order; groups by their first row.
    """
    near = metric.distances(vectors, vectors) <= same_person
    free, groups = np.ones(len(vectors), np.bool_), []
    for row in range(len(vectors)):
        if free[row]:
            groups.append(np.flatnonzero(_reached(near, row)).tolist())
            free[groups[-1]] = False
    return groups


def _reached(near: NDArray[np.bool_], row: int) -> NDArray[np.bool_]:
    """Whom one reaches over any number of links, shape (n,)."""
    reached = np.zeros(len(near), np.bool_)
    new = np.array([row])
    while len(new):
        reached[new] = True
        new = np.flatnonzero(near[new].any(axis=0) & ~reached)
    return reached


def _strangers(records: Records, kept: Sequence[Seen], lessons: Mapping[str, Lesson]) -> list[Seen]:
    """Those faces that count for nobody."""
    by_lesson: dict[str, list[Seen]] = {}
    for each in kept:
        by_lesson.setdefault(each.lesson_id, []).append(each)
    evidence = records.find(Evidence, lesson_id=sorted(lessons)) if lessons else []
    return [
        one.seen
        for lesson_id, lesson in lessons.items()
        for one in understood(lesson, by_lesson[lesson_id], [each for each in evidence if each.lesson_id == lesson_id])
        if not one.student_id
    ]


def _group(faces: Sequence[Seen]) -> UnknownGroup:
    """One person's faces, the earliest first."""
    lessons = tuple(dict.fromkeys(face.lesson_id for face in faces))
    ids = tuple(face.seen_id for face in faces)
    return UnknownGroup(ids[0], lessons, ids, faces[0].seen, faces[-1].seen)
