"""Strangers who come again: grouped over lessons, with an alert from the third lesson on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from people import MODEL, person
from photocall.metric import EUCLIDEAN
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Seen
from photocall.school.unknown_faces import MOST_FACES, linked, unknown_groups
from schooling import NOW, School, school

SAME = 0.4


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    """A school with five lessons that were looked at, one a day."""
    with school(tmp_path) as opened:
        store, done = opened.places.store, EvidenceState.DONE
        for number in range(5):
            lesson = f"lesson-{number}"
            when = NOW + timedelta(days=number)
            store.put(Lesson(lesson, "7b", "", when))
            photo = f"photo-{number}"
            store.put(Evidence(photo, lesson, "photo", "a.jpg", "key", "job", when, "teacher", when, False, done))
        yield opened


def seen(there: School, lesson: int, number: int, *, apart: float = 0, student_id: str = "", verdict: str = "") -> Seen:
    """Person `number` in a lesson."""
    name = f"{lesson}-{number}-{apart}-{student_id}"
    vector = person(number, apart).vector.tobytes()
    face = Seen(
        name,
        f"lesson-{lesson}",
        f"photo-{lesson}",
        "0,0,9,9",
        0,
        student_id,
        90 if student_id else 0,
        bool(student_id),
        "",
        "crop",
        MODEL,
        vector,
        NOW + timedelta(days=lesson),
        verdict,
    )
    there.places.store.put(face)
    return face


def groups(there: School) -> list[tuple[int, tuple[str, ...], bool]]:
    found = unknown_groups(there.places.store, MODEL, EUCLIDEAN, SAME)
    return [(len(each.seen), each.lessons, each.is_alert) for each in found]


def test_who_comes_to_three_lessons_is_an_alert_and_to_one_is_nothing(there: School) -> None:
    for lesson in (0, 1, 3):
        seen(there, lesson, 1, apart=0.1 * lesson)
    for lesson in (1, 4):
        seen(there, lesson, 2)
    seen(there, 2, 3)
    assert groups(there) == [
        (3, ("lesson-0", "lesson-1", "lesson-3"), True),
        (2, ("lesson-1", "lesson-4"), False),
    ]
    (first, _) = unknown_groups(there.places.store, MODEL, EUCLIDEAN, SAME)
    assert (first.first, first.last) == (NOW, NOW + timedelta(days=3))


def test_many_faces_of_one_lesson_are_no_alert(there: School) -> None:
    for number in range(5):
        seen(there, 0, 1, apart=0.01 * number)
    assert groups(there) == []


def test_students_are_no_strangers_unless_somebody_says_so(there: School) -> None:
    for lesson in range(3):
        seen(there, lesson, 1, student_id="s-1")
    assert groups(there) == []
    for lesson in range(3):
        seen(there, lesson, 1, student_id="s-1", verdict="nobody")
    assert [alert for _, _, alert in groups(there)] == [True]


def test_a_stranger_whom_somebody_knew_is_one_no_more(there: School) -> None:
    for lesson in range(3):
        seen(there, lesson, 1)
    face = seen(there, 3, 1)
    assert [count for count, _, _ in groups(there)] == [4]
    there.places.store.put(
        Seen(**{name: getattr(face, name) for name in face.__slots__} | {"verdict": "is", "is_student": "s-1"})
    )
    assert [count for count, _, _ in groups(there)] == [3]


def test_faces_without_template_or_of_another_model_or_of_a_lesson_that_is_gone_are_left_out(there: School) -> None:
    for lesson in range(3):
        face = seen(there, lesson, 1)
    assert unknown_groups(there.places.store, "another", EUCLIDEAN, SAME) == []
    there.places.store.put(
        Seen(**{name: getattr(face, name) for name in face.__slots__} | {"vector": b"", "model": ""})
    )
    assert [alert for _, _, alert in groups(there)] == [False]
    there.places.store.remove(Lesson, lesson_id="lesson-0")
    assert groups(there) == []


def test_whoever_is_linked_over_others_is_the_same_person() -> None:
    vectors = np.zeros((5, 4), np.float32)
    vectors[:, 0] = [0, 9, 0.3, 0.6, 9.1]
    assert linked(vectors, EUCLIDEAN, 0.35) == [[0, 2, 3], [1, 4]]


@settings(max_examples=50, deadline=None)
@given(some.lists(some.integers(0, 30), max_size=25))
def test_groups_are_every_row_once_and_what_is_near_is_together(places: list[int]) -> None:
    vectors = np.array([[place, 0] for place in places], np.float32).reshape(-1, 2)
    found = linked(vectors, EUCLIDEAN, 1.5)
    assert sorted(row for rows in found for row in rows) == list(range(len(places)))
    for a, rows in enumerate(found):
        for rest in found[a + 1 :]:
            assert all(abs(places[one] - places[other]) > 1 for one in rows for other in rest)


def test_as_many_faces_as_are_compared_take_little_memory() -> None:
    assert MOST_FACES**2 * 4 < 20 * 2**20
