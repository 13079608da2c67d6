"""Erasure of a student: nothing stays but the id in the audit log, wherever it was, whenever the process is killed."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from people import record
from photocall.app import SCHOOL_COLLECTION
from photocall.faces import Embedding
from photocall.gallery import Gallery
from photocall.jobs import Job, Kind, message
from photocall.kept_photos import photo_key
from photocall.results import result_key
from photocall.roster import Status, Student
from photocall.school import audit, consents, erasing, retention
from photocall.school.erasing import erase_student, removed_json, unfinished
from photocall.school.errors import NotAllowed, NotThere
from photocall.school.lesson_records import (
    Evidence,
    EvidenceState,
    Lesson,
    Mark,
    RegisterLine,
    Remembered,
    Seen,
    Verdict,
)
from photocall.school.places import Places, portrait_key
from photocall.school.records import AuditEntry, Consent, Member, Portrait, RosterPreview
from photocall.school.settling import settle
from schooling import ADMINISTRATOR, BOB, NOW, TEACHER, VIEWER, School, school

EVE = Student("Eve Distinctive", {"mail": "eve@school.example"}, "student-4711")
LIKE = Student("Lee Similar", {}, "student-4711_20260901080000")  # whose keys begin alike
DONE = EvidenceState.DONE
STEP = 3
"""Of the calls of an erasure, each of which could be its last: each third one here, and all of them for releases."""

NAMES = (b"Eve Distinctive", b"eve@school.example", b"Eve's mother", b"Eve-photo")
VECTORS = np.random.default_rng(3).normal(size=(9, 128)).astype("<f4")


class Killed(BaseException):
    """What no code expects."""


class Dying:
    """A store that ends the process at its nth call."""

    def __init__(self, inner: Any, left: list[int]) -> None:
        self._inner, self._left = inner, left

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def called(*arguments: Any, **named: Any) -> Any:
            self._left[0] -= 1
            if self._left[0] < 0:
                raise Killed
            return found(*arguments, **named)

        return called


def seen(number: int, student: str, verdict: str = "", is_student: str = "", lesson: str = "l-1") -> Seen:
    crop, vector = f"crops/{lesson}/seen-{number}.jpg", VECTORS[number].tobytes()
    certain = (student, 91.5, True, "", crop, "model", vector, NOW, verdict, is_student, "teacher" if verdict else "")
    return Seen(f"seen-{number}", lesson, "e-1", "1,2,3,4", 0, *certain, NOW if verdict else None)


def fill(there: School) -> None:
    """Eve and others, with something of each wherever there can be something."""
    places, store = there.places, there.places.store
    store.put(EVE, LIKE, Member("7b", EVE.student_id), Member("7b", LIKE.student_id))
    there.agree(EVE, LIKE, BOB)
    consents.give(store, TEACHER, EVE.student_id, "Eve's mother", "calling the roll", NOW)
    store.create_collection(SCHOOL_COLLECTION, "model")
    for number, student in enumerate((EVE, EVE, LIKE, BOB)):
        enrol(there, number, student)
    store.put(replace(next(iter(store.find(Portrait, student_id=BOB.student_id))), resembles=EVE.student_id))
    store.put(Lesson("l-1", "7b", "Maths", NOW), Lesson("l-2", "8a", "Art", NOW))
    store.put(
        Evidence("e-1", "l-1", "photo", "class.jpg", "classroom_photos/1.jpg", "job", NOW, "teacher", NOW, state=DONE)
    )
    places.bucket.put("classroom_photos/1.jpg", b"class photo")
    faces = [
        seen(4, EVE.student_id),
        seen(5, BOB.student_id, Verdict.IS, EVE.student_id),
        seen(6, EVE.student_id, Verdict.IS, BOB.student_id),
        seen(7, BOB.student_id),
        seen(8, EVE.student_id, Verdict.IS_NOT, EVE.student_id, lesson="l-2"),
    ]
    for face in faces:
        places.bucket.put(face.crop, b"crop " + face.seen_id.encode())
    store.put(*faces)
    for number, student, is_student in (
        (5, EVE, True),
        (5, BOB, False),
        (6, BOB, True),
        (6, EVE, False),
        (8, EVE, False),
    ):
        vector = VECTORS[number].tobytes()
        store.put(Remembered(f"seen-{number}", student.student_id, is_student, "model", vector, "teacher", NOW))
    store.put(RegisterLine("l-1", EVE.student_id, Status.LATE, 91.5, "seen-4", False, NOW))
    store.put(RegisterLine("l-1", BOB.student_id, Status.PRESENT, 91.5, "seen-6", False, NOW))
    store.put(RegisterLine("l-2", EVE.student_id, Status.EXCUSED, None, "", True, NOW))
    store.put(Mark("l-2", EVE.student_id, Status.EXCUSED, "Eve-photo was missing", "teacher", NOW))
    store.put(RosterPreview("p-1", "admin", NOW, json.dumps({"name": EVE.name}), "digest"))
    send(there)


def enrol(there: School, number: int, student: Student) -> None:
    places, student_id = there.places, student.student_id
    face = record(student_id, Embedding(VECTORS[number], "model"), number, SCHOOL_COLLECTION)
    face = replace(face, face_id=f"face-{number}")
    places.store.put_faces(SCHOOL_COLLECTION, [face])
    places.objects.put(photo_key(SCHOOL_COLLECTION, face.face_id), f"{student.name} kept".encode())
    key = portrait_key(student_id, NOW, number + 1)
    places.bucket.put(key, f"{student.name} portrait".encode())
    places.store.put(Portrait(f"portrait-{number}", student_id, face.face_id, key, NOW, "teacher"))


def send(there: School) -> None:
    """Messages about Eve's photos alone, which wait and which were given up, and others."""
    bucket, queue = there.places.bucket_name, there.queue
    ours = [Job(Kind.RECOGNIZE, bucket, portrait_key(EVE.student_id, NOW, number)) for number in (1, 2)]
    event = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": ours[1].key}}}
    bodies = [message(ours[0]), json.dumps({"Records": [event]}), message(job_of_the_class(bucket))]
    bodies.append(message(Job(Kind.RECOGNIZE, bucket, portrait_key(LIKE.student_id, NOW))))
    for body in bodies:
        queue.send(body)
        (delivery,) = queue.receive()
        queue.bury(delivery, "no use")
    for body in bodies:
        queue.send(body)
    there.places.objects.put(result_key(ours[0].job_id), json.dumps({"status": "done", "job_id": "1"}).encode())
    for job_id, name in (("video", EVE.name), ("other", BOB.name)):
        there.places.objects.put(result_key(job_id), json.dumps({"status": "done", "names": [name]}).encode())
        there.places.objects.put(result_key(job_id, "people.csv"), name.encode())


def job_of_the_class(bucket: str) -> Job:
    return Job(Kind.ROLL_CALL, bucket, "classroom_photos/1.jpg", options={"lesson": "l-1", "evidence": "e-1"})


def traces(there: School) -> list[str]:
    """Where something of Eve is: a name, a template, or outside of the audit log the id."""
    mine = [VECTORS[number].tobytes() for number in (0, 1, 4, 5, 8)]
    found = []
    for path in there.files():
        content = path.read_bytes()
        found += [f"{path.name}: {name!r}" for name in NAMES if name in content]
        found += [
            f"{path.name}: template" for vector in mine if any(vector[a : a + 32] in content for a in range(0, 512, 32))
        ]
        is_id = EVE.student_id in str(path.relative_to(there.data)).replace(LIKE.student_id, "")
        found += [f"{path.name}: id"] if is_id else []
        if path.suffix != ".db":
            found += (
                [f"{path.name}: id"]
                if EVE.student_id.encode() in content.replace(LIKE.student_id.encode(), b"")
                else []
            )
    return found + [f"{table}: id" for table in tables_with(there, EVE.student_id)]


def tables_with(there: School, text: str) -> list[str]:
    """The tables, the audit log aside, with a row that has this text in it."""
    found = []
    for database in there.data.glob("*.db"):
        with closing(sqlite3.connect(database)) as opened:
            names = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                rows = [str(row).replace(LIKE.student_id, "") for row in opened.execute(f"SELECT * FROM {name}")]
                found += [name] if name != "audit_entries" and any(text in row for row in rows) else []
    return found


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path, template_keys="none") as opened:
        fill(opened)
        yield opened


def test_an_erased_student_is_nowhere_in_the_data_directory(there: School) -> None:
    before = traces(there)
    assert {"Eve Distinctive" in each for each in before} == {True, False} and len(before) > 20
    removed = erase_student(there.places, there.queue, ADMINISTRATOR, EVE.student_id, NOW)
    assert traces(there) == []
    assert removed.counts == {
        "portraits": 2,
        "templates": 2,
        "crops": 3,
        "sightings": 4,
        "corrections": 4,
        "lines": 3,
        "memberships": 1,
        "queue_messages": 4,
        "records": 2,
        "objects": 10,
    }
    assert audit.verify(there.places.store) > 0
    last = there.places.store.find(AuditEntry)[-1]
    assert (last.action, last.subject) == ("student.erased", EVE.student_id)


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[School]:
    """The same school in either database."""
    more = {} if request.param == "sqlite" else {"database": request.getfixturevalue("postgres").new_database()}
    with school(tmp_path, template_keys="none", **more) as opened:
        fill(opened)
        yield opened


def test_what_is_others_stays(anywhere: School) -> None:
    there = anywhere
    removed = erase_student(there.places, there.queue, ADMINISTRATOR, EVE.student_id, NOW)
    assert (removed.templates, removed.sightings, len(removed.objects)) == (2, 4, 10)
    store, bucket = there.places.store, there.places.bucket
    assert {face.external_image_id for face in there.places.faces()} == {BOB.student_id, LIKE.student_id}
    assert {each.key for each in bucket.list("classroom_photos")} == {"classroom_photos/1.jpg"}
    assert {each.key for each in bucket.list("crops")} == {"crops/l-1/seen-6.jpg", "crops/l-1/seen-7.jpg"}
    assert len(list(bucket.list("student_photos"))) == 2
    left = {each.key for each in there.places.objects.list("results")}
    assert left == {"results/other.json", "results/other/people.csv"}
    assert [each.resembles for each in store.find(Portrait)] == ["", ""]
    assert store.get(Seen, "seen-7") == seen(7, BOB.student_id)
    corrected = store.get(Seen, "seen-6")
    assert corrected == replace(seen(6, "", Verdict.IS, BOB.student_id), similarity=0)
    for gone in ("seen-4", "seen-5", "seen-8"):
        face = store.get(Seen, gone)
        assert face is not None
        assert (face.student_id, face.is_student, face.verdict, face.crop, face.vector) == ("", "", "", "", b"")
        assert face.box == "1,2,3,4"
    assert [(each.seen_id, each.student_id) for each in store.find(Remembered)] == [("seen-6", BOB.student_id)]
    line = store.get(RegisterLine, "l-1", BOB.student_id)
    assert line is not None and line.status is Status.PRESENT
    letters = [letter.body for letter in there.queue.dead(100)]
    assert len(letters) == 2 and there.queue.depth().waiting == 2
    assert {delivery.body for delivery in there.queue.receive(10)} == set(letters)


def test_withdrawn_consent_erases_faces_and_keeps_the_register(there: School) -> None:
    removed = consents.withdraw(there.places, there.queue, TEACHER, EVE.student_id, NOW)
    assert (removed.templates, removed.crops, removed.lines) == (2, 3, 1)
    store = there.places.store
    assert store.get(Student, EVE.student_id) == EVE
    given = store.get(Consent, EVE.student_id)
    assert given is not None and given.withdrawn == NOW
    assert store.find(Mark) == [Mark("l-2", EVE.student_id, Status.EXCUSED, "Eve-photo was missing", "teacher", NOW)]
    with store.changing("lesson/l-1", "lesson/l-2") as records:
        settle(records, "l-1", NOW), settle(records, "l-2", NOW)
    line, other = store.get(RegisterLine, "l-1", EVE.student_id), store.get(RegisterLine, "l-2", EVE.student_id)
    assert line is not None and (line.status, line.similarity, line.seen_id) == (Status.LATE, None, "")
    assert other is not None and other.status is Status.EXCUSED and other.by_hand
    assert [each for each in traces(there) if "template" in each] == []
    assert consents.in_force(store, [EVE.student_id, BOB.student_id]) == {BOB.student_id}


def test_withdrawing_twice_changes_nothing_twice(there: School) -> None:
    consents.withdraw(there.places, there.queue, TEACHER, EVE.student_id, NOW)
    entries = len(there.places.store.find(AuditEntry))
    again = consents.withdraw(there.places, there.queue, TEACHER, EVE.student_id, NOW)
    assert again.counts["objects"] == 0 and again.templates == 0
    assert len(there.places.store.find(AuditEntry)) == entries


def test_a_photo_that_is_added_after_consent_was_given_anew_stays_while_a_withdrawal_runs(there: School) -> None:
    class Waiting:
        """The queue, which is asked after photos and faces are gone; then somebody agrees and adds a photo."""

        def __getattr__(self, name: str) -> Any:
            if not there.places.faces_of(EVE.student_id):
                consents.give(there.places.store, TEACHER, EVE.student_id, "Eve's mother", "calling the roll", NOW)
                enrol(there, 8, EVE)
            return getattr(there.queue, name)

    waiting: Any = Waiting()
    consents.withdraw(there.places, waiting, TEACHER, EVE.student_id, NOW)
    assert [each.face_id for each in there.places.faces_of(EVE.student_id)] == ["face-8"]
    assert [each.face_id for each in there.places.store.find(Portrait, student_id=EVE.student_id)] == ["face-8"]


def test_a_search_in_memory_does_not_find_an_erased_student(there: School) -> None:
    gallery = Gallery(there.places.store, SCHOOL_COLLECTION, "model")
    assert EVE.student_id in gallery.people
    erase_student(there.places, there.queue, ADMINISTRATOR, EVE.student_id, NOW)
    gallery.refresh()
    assert set(gallery.people) == {BOB.student_id, LIKE.student_id}
    probe = VECTORS[:2]
    assert {each.face_id for found in gallery.search(probe, 9, 99) for each in found} == {"face-2", "face-3"}


def dying(there: School, calls: int) -> tuple[Places, Any]:
    """The places and the queue, which end the process at a call."""
    left = [calls]
    places = replace(
        there.places,
        store=Dying(there.places.store, left),
        objects=Dying(there.places.objects, left),
        bucket=Dying(there.places.bucket, left),
    )
    return places, Dying(there.queue, left)


def killed_at(there: School, calls: int, erase: Callable[[Places, Any], object]) -> bool:
    try:
        erase(*dying(there, calls))
    except Killed:
        return True
    return False


def test_killed_at_any_step_and_run_again_it_finishes(tmp_path: Path) -> None:
    def erase(places: Places, queue: Any) -> object:
        return erase_student(places, queue, ADMINISTRATOR, EVE.student_id, NOW)

    with school(tmp_path / "full", template_keys="none") as there:
        fill(there)
    calls = 0
    while True:
        shutil.copytree(tmp_path / "full", tmp_path / str(calls))
        with school(tmp_path / str(calls), template_keys="none") as there:
            if not killed_at(there, calls, erase):
                break
            was_begun = there.places.store.find(AuditEntry, action=erasing.ERASING)
            assert unfinished(there.places.store) == ([EVE.student_id] if was_begun else [])
            if calls % 4 or not was_begun:  # asked again, or by the clock
                erase(there.places, there.queue)
            else:
                retention.run(there.places, there.queue, NOW)
            assert (traces(there), unfinished(there.places.store)) == ([], [])
        shutil.rmtree(tmp_path / str(calls))
        calls += STEP
    assert calls > 40


def test_only_an_administrator_erases_and_only_who_has_the_class_withdraws(there: School) -> None:
    with pytest.raises(NotAllowed):
        erase_student(there.places, there.queue, TEACHER, EVE.student_id, NOW)
    with pytest.raises(NotAllowed):
        consents.withdraw(there.places, there.queue, VIEWER, EVE.student_id, NOW)
    with pytest.raises(NotThere):
        erase_student(there.places, there.queue, ADMINISTRATOR, "nobody", NOW)
    assert len(there.places.faces_of(EVE.student_id)) == 2


def test_the_report_says_what_was_removed_where(there: School) -> None:
    removed = erase_student(there.places, there.queue, ADMINISTRATOR, EVE.student_id, NOW)
    told = removed_json(EVE.student_id, removed)
    assert json.loads(json.dumps(told)) == told
    assert sorted(removed.objects)[:4] == [
        "crops/l-1/seen-4.jpg",
        "crops/l-1/seen-5.jpg",
        "crops/l-2/seen-8.jpg",
        "faces/photocall-school/face-0.jpg",
    ]
