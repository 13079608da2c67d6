"""Corrections: what somebody says of a face counts at once, is remembered, and can be taken back."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from people import MODEL, face, person, record
from photocall.app import SCHOOL_COLLECTION
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray, Embedding
from photocall.recognition import identify_faces
from photocall.roster import Student
from photocall.school import audit
from photocall.school.class_gallery import class_gallery
from photocall.school.errors import ConsentMissing, EntryInvalid, NotAllowed, NotThere
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, RegisterLine, Remembered, Seen
from photocall.school.marks import mark
from photocall.school.records import Account, AuditEntry, Consent, Course, Member, Staff
from photocall.school.verdicts import judge
from photocall.stores.sql import SqlStore
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, VIEWER, School, school
from taking import side_by_side, taking

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    """The class 7b, whose students agreed, and a lesson with one photo of a face each: Ada, a stranger, Bob."""
    with school(tmp_path) as opened:
        opened.agree(ADA, BOB)
        store = opened.places.store
        done = EvidenceState.DONE
        store.put(Lesson("lesson", "7b", "", NOW))
        for photo in ("p1", "p2"):
            store.put(Evidence(photo, "lesson", "photo", "a.jpg", "key", "job", NOW, "teacher", NOW, False, done))
        store.put(seen("ada", "s-1", 0), seen("nobody", "", 1), seen("bob", "s-2", 2, certain=False))
        yield opened


def seen(seen_id: str, student_id: str, number: int, *, photo: str = "p1", certain: bool = True) -> Seen:
    vector = person(number).vector.tobytes()
    similarity = 90.0 if student_id else 0.0
    where = (seen_id, "lesson", photo, "0,0,9,9", 0.0)
    return Seen(*where, student_id, similarity, certain and bool(student_id), "", "crop", MODEL, vector, NOW)


def statuses(there: School) -> dict[str, str]:
    return {each.student_id: str(each.status) for each in there.places.store.find(RegisterLine)}


def remembered(there: School) -> set[tuple[str, str, bool]]:
    found = there.places.store.find(Remembered)
    return {(each.seen_id, each.student_id, each.is_student) for each in found}


def say(there: School, seen_id: str, verdict: str, student_id: str = "", by: Any = TEACHER) -> Seen:
    return judge(there.places.store, by, seen_id, verdict, student_id, LATER)


# --- what a verdict does


def test_a_stranger_whom_somebody_knows_is_present_and_remembered(there: School) -> None:
    said = say(there, "nobody", "is", "s-2")
    assert (said.verdict, said.is_student, said.judged_by, said.judged) == ("is", "s-2", "teacher", LATER)
    assert statuses(there) == {"s-1": "present", "s-2": "present"}
    assert remembered(there) == {("nobody", "s-2", True)}


def test_who_was_taken_for_somebody_else_is_remembered_as_both(there: School) -> None:
    say(there, "ada", "is", "s-2")
    assert statuses(there) == {"s-1": "absent", "s-2": "present"}
    assert remembered(there) == {("ada", "s-2", True), ("ada", "s-1", False)}


@pytest.mark.parametrize("verdict", ["is-not", "nobody"])
def test_who_it_is_not_is_remembered(there: School, verdict: str) -> None:
    say(there, "ada", verdict)
    assert statuses(there)["s-1"] == "absent"
    assert remembered(there) == {("ada", "s-1", False)}


def test_a_verdict_is_taken_back_with_what_it_taught(there: School) -> None:
    before = there.places.store.get(Seen, "ada")
    say(there, "ada", "nobody")
    assert say(there, "ada", "") == before
    assert statuses(there) == {"s-1": "present", "s-2": "uncertain"}
    assert remembered(there) == set()


def test_another_verdict_takes_the_place_of_the_first(there: School) -> None:
    say(there, "ada", "is-not")
    say(there, "ada", "is", "s-1")
    assert remembered(there) == {("ada", "s-1", True)}
    assert statuses(there)["s-1"] == "present"


def test_of_a_photo_only_one_face_is_said_to_be_a_student(there: School) -> None:
    say(there, "nobody", "is", "s-1")
    say(there, "bob", "is", "s-1")
    other = there.places.store.get(Seen, "nobody")
    assert other is not None and other.verdict == ""
    assert remembered(there) == {("bob", "s-1", True), ("bob", "s-2", False)}
    there.places.store.put(seen("again", "", 3, photo="p2"))
    say(there, "again", "is", "s-1")
    assert ("bob", "s-1", True) in remembered(there)


def test_a_face_without_a_template_counts_in_its_lesson_and_teaches_nothing(there: School) -> None:
    face = there.places.store.get(Seen, "nobody")
    assert face is not None
    there.places.store.put(replace(face, vector=b"", model=""))
    say(there, "nobody", "is", "s-2")
    assert statuses(there)["s-2"] == "present"
    assert remembered(there) == set()


def test_every_verdict_is_in_the_audit_log(there: School) -> None:
    say(there, "ada", "is-not")
    say(there, "ada", "")
    found = there.places.store.find(AuditEntry, action="face.judged", subject="ada")
    assert [dict(each.details) for each in found] == [
        {"verdict": "is-not", "student": "s-1", "lesson": "lesson"},
        {"verdict": "", "student": "", "lesson": "lesson"},
    ]
    assert audit.verify(there.places.store) > 0


# --- what may not be said


def test_only_who_may_change_the_class_says_something(there: School) -> None:
    for account in (VIEWER, STRANGER):
        with pytest.raises(NotAllowed):
            say(there, "ada", "nobody", by=account)
    say(there, "ada", "nobody", by=ADMINISTRATOR)


@pytest.mark.parametrize(
    ("seen_id", "verdict", "student_id", "error"),
    [
        ("gone", "nobody", "", NotThere),
        ("ada", "maybe", "s-1", EntryInvalid),
        ("ada", "is", "", EntryInvalid),
        ("nobody", "is-not", "", EntryInvalid),
        ("ada", "is", "s-9", NotThere),
    ],
)
def test_a_verdict_that_makes_no_sense_is_refused(
    there: School, seen_id: str, verdict: str, student_id: str, error: type[Exception]
) -> None:
    before = there.places.store.find(Seen)
    with pytest.raises(error):
        say(there, seen_id, verdict, student_id)
    assert there.places.store.find(Seen) == before


def test_nobody_is_said_to_be_a_student_who_did_not_agree(there: School) -> None:
    consent = there.places.store.get(Consent, "s-2")
    assert consent is not None
    there.places.store.put(replace(consent, withdrawn=NOW))
    with pytest.raises(ConsentMissing, match="Bob"):
        say(there, "nobody", "is", "s-2")
    say(there, "bob", "is-not", "s-2")
    assert remembered(there) == set()


def test_a_student_of_another_class_is_made_unlike_nobody(there: School) -> None:
    store = there.places.store
    store.put(Student("Eve", {}, "s-3"), Member("8a", "s-3"))
    there.agree(Student("Eve", {}, "s-3"))
    for student_id in ("s-3", "s-9"):
        with pytest.raises(NotThere):
            say(there, "ada", "is-not", student_id)
    assert remembered(there) == set()
    say(there, "ada", "is-not", "s-2")  # of the class, though nobody took the face for Bob
    store.remove(Member, student_id="s-2")
    say(there, "bob", "is-not", "s-2")  # whom the face was taken for
    assert remembered(there) == {("ada", "s-2", False), ("bob", "s-2", False)}


def test_who_left_the_class_may_be_named_in_registers_from_before(there: School) -> None:
    say(there, "ada", "nobody")  # the register is made
    there.places.store.remove(Member, student_id="s-2")
    say(there, "nobody", "is", "s-2")
    assert statuses(there)["s-2"] == "present"
    there.places.store.put(Lesson("next", "7b", "", NOW), replace(seen("new", "", 4, photo="p3"), lesson_id="next"))
    with pytest.raises(NotThere):
        say(there, "new", "is", "s-2")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_teachers_at_once_lose_nothing(there: School, database: str, request: pytest.FixtureRequest) -> None:
    with ExitStack() as opened:
        store = there.places.store
        if database == "postgresql":
            store = opened.enter_context(SqlStore(request.getfixturevalue("postgres").new_database()))
            for kind in (Account, Course, Member, Staff, Consent, Student, Lesson, Evidence, Seen):
                store.put(*there.places.store.find(kind))
        store.put(*(seen(f"f{number}", "", 10 + number, photo=f"p{number % 2 + 1}") for number in range(8)))
        threads = [Thread(target=judge, args=(store, TEACHER, f"f{n}", "nobody", "", LATER)) for n in range(8)]
        threads += [
            Thread(target=mark, args=(store, by, "lesson", [student_id], status, LATER))
            for by, student_id, status in ((TEACHER, "s-1", "late"), (ADMINISTRATOR, "s-2", "excused"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {each.student_id: each.status for each in store.find(RegisterLine)} == {"s-1": "late", "s-2": "excused"}
        assert sum(each.verdict == "nobody" for each in store.find(Seen)) == 8
        assert audit.verify(store) >= 10


# --- what later lessons make of it


def gallery_of(there: School, engine: FaceEngine, said: Sequence[Remembered] = ()) -> Any:
    store = there.places.store
    assert isinstance(store, SqlStore)
    store.remove(Remembered)
    if said:
        store.put(*said)
    return class_gallery(store, store, engine, SCHOOL_COLLECTION, "7b")


def correction(student_id: str, embedding: Embedding, *, is_student: bool, number: int = 0) -> Remembered:
    vector = embedding.vector.tobytes()
    return Remembered(f"seen-{number}", student_id, is_student, MODEL, vector, "teacher", NOW)


@pytest.fixture
def enrolled(there: School, engine: FaceEngine) -> School:
    """Ada is person 0, Bob person 1; the engine is asked for its model and metric alone."""
    store = there.places.store
    store.create_collection(SCHOOL_COLLECTION, engine.model)
    faces = [record(name, person(number), 0, SCHOOL_COLLECTION) for number, name in enumerate(("s-1", "s-2"))]
    store.put_faces(SCHOOL_COLLECTION, faces)
    return there


def named(there: School, engine: FaceEngine, probe: Embedding, *said: Remembered) -> str | None:
    gallery = gallery_of(there, engine, said)
    (one,) = identify_faces([face(probe)], gallery, engine.calibration, 0.01)
    return one.name


def test_who_was_said_not_to_be_somebody_never_is_again(enrolled: School, engine: FaceEngine) -> None:
    probe = person(0, 0.1)
    wrong = correction("s-1", person(0, 0.12), is_student=False)
    assert named(enrolled, engine, probe) == "s-1"
    assert named(enrolled, engine, probe, wrong) is None
    assert named(enrolled, engine, person(0, 0.01), wrong) == "s-1"  # nearer to the student than to the mistake


def test_who_was_said_to_be_somebody_is_nearer_from_then_on(enrolled: School, engine: FaceEngine) -> None:
    probe = person(0, 0.45).vector[None]
    said = correction("s-1", person(0, 0.45), is_student=True)
    before, after = (gallery_of(enrolled, engine, each).distances_to_people(probe)[0, 0] for each in ((), (said,)))
    assert after < before


def test_a_wrong_tap_does_not_make_a_student_of_somebody_else(enrolled: School, engine: FaceEngine) -> None:
    absurd = correction("s-1", person(7), is_student=True)
    assert named(enrolled, engine, person(7), absurd) is None
    assert named(enrolled, engine, person(0), absurd) == "s-1"


def test_what_was_learned_with_another_model_is_left_out(enrolled: School, engine: FaceEngine) -> None:
    old = replace(correction("s-1", person(0), is_student=False), model="another")
    assert named(enrolled, engine, person(0), old) == "s-1"


@settings(max_examples=30, deadline=None)
@given(probe=some.integers(0, 3), wrong=some.sets(some.tuples(some.sampled_from(["s-1", "s-2"]), some.integers(0, 3))))
def test_nobody_is_named_who_was_said_not_to_be_it(
    corrected: tuple[School, FaceEngine], probe: int, wrong: set[tuple[str, int]]
) -> None:
    there, engine = corrected
    said = [
        correction(student_id, person(number, 0.01), is_student=False, number=index)
        for index, (student_id, number) in enumerate(sorted(wrong))
    ]
    name = named(there, engine, person(probe, 0.011), *said)
    assert name is None or (name, probe) not in wrong


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory, engine: FaceEngine) -> Iterator[tuple[School, FaceEngine]]:
    with school(tmp_path_factory.mktemp("school")) as opened:
        opened.agree(ADA, BOB)
        opened.places.store.create_collection(SCHOOL_COLLECTION, engine.model)
        faces = [record(name, person(number), 0, SCHOOL_COLLECTION) for number, name in enumerate(("s-1", "s-2"))]
        opened.places.store.put_faces(SCHOOL_COLLECTION, faces)
        yield opened, engine


def test_with_real_faces_a_correction_in_one_lesson_holds_in_the_next(
    tmp_path: Path, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    with taking(tmp_path, engine, portraits) as there:
        first, _ = there.taken(side_by_side([portraits["obama2"], portraits["biden"]]))
        wrong = next(each for each in there.seen(first) if each.student_id == "s-1")
        judge(there.store, TEACHER, wrong.seen_id, "is-not", "", NOW)
        second, _ = there.taken(side_by_side([portraits["biden"], portraits["obama2"]]))
        assert there.names(second) == ["s-2", ""]
        judge(there.store, TEACHER, wrong.seen_id, "", "", NOW)
        third, _ = there.taken(side_by_side([portraits["obama2"]]))
        assert there.names(third) == ["s-1"]
