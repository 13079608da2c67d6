"""What the list of classes and the list of a class's students say, without a browser."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from photocall.school.lesson_records import Lesson
from photocall.school.records import Course, Member, Portrait
from photocall.server.school.class_pages import CourseCard, cards_of, lines_of, names_of
from photocall.server.school.portraits import ELSEWHERE
from schooling import ADA, ADMINISTRATOR, BOB, NOW, TEACHER, School, school

LESSON = Lesson("now", "7b", "", NOW, minutes=45)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path) as made:
        yield made


def card(place: School, minutes: float) -> CourseCard:
    """The class 7b, so many minutes after the lesson of that time has begun."""
    store = place.places.store
    for name, days in {"last week": -7, "now": 0, "next week": 7, "next year": 365}.items():
        store.put(replace(LESSON, lesson_id=name, starts=NOW + timedelta(days=days)))
    found = store.get(Course, "7b")
    assert found is not None
    [card] = cards_of(store, [found], NOW + timedelta(minutes=minutes))
    return card


def names(card: CourseCard) -> list[str | None]:
    return [each.lesson_id if each else None for each in (card.previous, card.current, card.following)]


def test_a_lesson_goes_on_from_a_quarter_of_an_hour_before_it_until_its_end(place: School) -> None:
    assert names(card(place, -16)) == ["last week", None, "now"]
    assert names(card(place, -15)) == ["last week", "now", "next week"]
    assert names(card(place, 45)) == ["last week", "now", "next week"]
    assert names(card(place, 46)) == ["now", None, "next week"]


def test_lessons_that_are_weeks_away_are_not_shown(place: School) -> None:
    assert names(card(place, 30 * 24 * 60)) == [None, None, None]
    assert card(place, 0).students == 2


def test_a_student_without_consent_or_with_a_doubtful_photo_is_pointed_out(place: School) -> None:
    place.agree(ADA)
    store = place.places.store
    store.put(Portrait("p1", ADA.student_id, "f1", "k1", NOW, "admin"))
    store.put(Portrait("p2", ADA.student_id, "f2", "k2", NOW, "admin", resembles=BOB.student_id))
    ada, bob = lines_of(store, TEACHER, "7b")
    assert (ada.consent is not None, ada.portraits, ada.resembles) == (True, 2, BOB.name)
    assert (bob.consent, bob.portraits, bob.resembles) == (None, 0, "")


def test_who_is_in_another_class_is_named_to_nobody_who_may_not_see_them(place: School) -> None:
    store = place.places.store
    store.put(Portrait("p1", ADA.student_id, "f1", "k1", NOW, "admin", resembles=BOB.student_id))
    store.remove(Member, student_id=BOB.student_id)
    store.put(Member("8a", BOB.student_id))
    (ada,) = lines_of(store, TEACHER, "7b")
    assert ada.resembles == ELSEWHERE
    assert names_of(store, TEACHER, [BOB.student_id]) == {BOB.student_id: ELSEWHERE}
    assert names_of(store, ADMINISTRATOR, [BOB.student_id]) == {BOB.student_id: BOB.name}


def test_whom_a_photo_resembles_is_forgotten_with_them(place: School) -> None:
    store = place.places.store
    store.put(Portrait("p1", ADA.student_id, "f1", "k1", NOW, "admin", resembles="erased"))
    assert lines_of(store, TEACHER, "7b")[0].resembles == ""
    assert names_of(store, ADMINISTRATOR, ["erased", ""]) == {}
