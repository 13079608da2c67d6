"""The demo class as a class of the school: made once, with consent and photos; or why it cannot be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from photocall.engine.face_engine import FaceEngine
from photocall.school.demo_class import COURSE_ID, checked, load_demo_class
from photocall.school.errors import EntryInvalid, NotAllowed
from photocall.school.portraits import portraits_of
from photocall.school.students import students_of
from schooling import ADMINISTRATOR, NOW, TEACHER, School, school


@pytest.fixture
def place(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path) as made:
        yield made


def test_two_of_its_students_have_consent_and_a_photo_however_often_it_is_loaded(
    place: School, engine: FaceEngine, demo_archives: Path
) -> None:
    first = load_demo_class(place.enrolment(engine), ADMINISTRATOR, demo_archives, NOW)
    assert load_demo_class(place.enrolment(engine), ADMINISTRATOR, demo_archives, NOW) == first
    store = place.places.store
    students = students_of(store, ADMINISTRATOR, COURSE_ID)
    photos = {each.name: len(portraits_of(store, ADMINISTRATOR, each.student_id)) for each in students}
    assert photos == {"Ada Lovelace": 0, "Barack Obama": 1, "Joe Biden": 1}
    assert students[0].fields == {"major": "mathematics", "year": "junior"}


def test_only_an_administrator_loads_it(place: School, engine: FaceEngine, demo_archives: Path) -> None:
    with pytest.raises(NotAllowed):
        load_demo_class(place.enrolment(engine), TEACHER, demo_archives, NOW)


@pytest.mark.parametrize("folder", ["missing", "."])
def test_without_its_archives_it_says_where_they_come_from(tmp_path: Path, folder: str) -> None:
    with pytest.raises(EntryInvalid, match="make setup"):
        checked(tmp_path / folder)
