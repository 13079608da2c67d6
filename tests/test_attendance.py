from dataclasses import replace

from people import face, person
from photocall.attendance import call_roll, count_strangers
from photocall.faces import Identification
from photocall.roster import Status, Student

SAME = 0.54
CLASS = [Student("Cem", {"year": "2"}), Student("Ann"), Student("Bob")]


def seen(name: str | None, number: int, similarity: float = 99.0, certain: bool = True) -> Identification:
    return Identification(face(person(number)), name, None if name is None else similarity, certain)


def test_every_student_has_a_line_in_order_of_name() -> None:
    roll = call_roll(CLASS, {"1.jpg": [seen("Bob", 0)]}, SAME)
    assert [(line.student.name, line.status) for line in roll.lines] == [
        ("Ann", Status.ABSENT),
        ("Bob", Status.PRESENT),
        ("Cem", Status.ABSENT),
    ]
    assert roll.lines[0].similarity is None and roll.lines[0].photo is None and roll.lines[0].box is None
    assert roll.lines[1].photo == "1.jpg" and roll.lines[1].box == seen("Bob", 0).face.box


def test_several_photos_add_up_and_the_best_one_is_the_evidence() -> None:
    photos = {
        "1.jpg": [seen("Ann", 0, 81.0, certain=False), seen("Bob", 1, 97.0)],
        "2.jpg": [seen("Ann", 0, 95.0), seen("Bob", 1, 92.0)],
        "3.jpg": [],
    }
    ann, bob, cem = call_roll(CLASS, photos, SAME).lines
    assert (ann.status, ann.photo, ann.similarity) == (Status.PRESENT, "2.jpg", 95.0)
    assert (bob.status, bob.photo, bob.similarity) == (Status.PRESENT, "1.jpg", 97.0)
    assert cem.status is Status.ABSENT


def test_doubt_in_every_photo_is_uncertain() -> None:
    ann, *_ = call_roll(CLASS, {"1.jpg": [seen("Ann", 0, 81.0, certain=False)]}, SAME).lines
    assert (ann.status, ann.similarity) == (Status.UNCERTAIN, 81.0)


def test_a_stranger_in_several_photos_is_one_stranger() -> None:
    assert count_strangers([[seen(None, 5), seen(None, 6)], [seen(None, 6)], [seen(None, 7)]], SAME) == 3


def test_two_strangers_in_one_photo_are_two_even_if_they_look_alike() -> None:
    assert count_strangers([[seen(None, 5), seen(None, 5)]], SAME) == 2


def test_an_unclear_picture_of_somebody_known_from_another_photo_is_no_stranger() -> None:
    assert count_strangers([[seen("Ann", 0)], [seen(None, 0)]], SAME) == 0
    assert count_strangers([[seen("Ann", 0, 81.0, certain=False)]], SAME) == 0


def test_no_photo_and_no_student_are_a_register_too() -> None:
    assert call_roll([], {}, SAME).lines == ()
    assert call_roll(CLASS, {}, SAME).strangers == 0


def test_a_line_says_why_its_face_is_too_poor_to_count() -> None:
    poor = replace(seen("Ann", 0, 81.0, certain=False), reasons=("SMALL_BOUNDING_BOX",))
    ann, *others = call_roll(CLASS, {"1.jpg": [poor]}, SAME).lines
    assert (ann.status, ann.reasons) == (Status.UNCERTAIN, ("SMALL_BOUNDING_BOX",))
    assert {line.reasons for line in others} == {()}
