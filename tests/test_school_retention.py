"""The retention clock: what is due goes, what is not stays, and registers say what they said."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from photocall.jobs import Job, Kind, message
from photocall.results import result_key
from photocall.roster import Status, Student
from photocall.school import audit, choices, consents, courses, privacy, students
from photocall.school.erasing import ERASED, ERASING
from photocall.school.lesson_records import Evidence, Lesson, RegisterLine, Remembered, Seen, Verdict
from photocall.school.records import AuditEntry, Course, Member, RosterPreview, SignIn
from photocall.school.retention import Deleted, due, planned, run
from photocall.school.students import leave
from photocall.server.school.clock import Clock
from photocall.server.service import open_service
from photocall.settings import Settings
from schooling import ADA, ADMINISTRATOR, BOB, NOW, TEACHER, School, school

DAY = timedelta(days=1)
VECTOR = b"\0\0\x80?" * 4


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path) as opened:
        opened.places.store.put(Lesson("l-1", "7b", "Maths", NOW))
        yield opened


def seen(there: School, seen_id: str, student_id: str, verdict: str = "", is_student: str = "") -> None:
    crop, said = f"crops/l-1/{seen_id}.jpg", (verdict, is_student, "teacher", NOW if verdict else None)
    there.places.bucket.put(crop, b"crop")
    there.places.store.put(
        Seen(seen_id, "l-1", "e-1", "1,2,3,4", 0, student_id, 90, True, "", crop, "model", VECTOR, NOW, *said)
    )


def kept(there: School) -> dict[str, tuple[bool, bool]]:
    """Whether each face still has its picture, and its template."""
    crops = {each.key for each in there.places.bucket.list("crops")}
    found = there.places.store.find(Seen)
    assert {each.crop for each in found if each.crop} == crops
    return {each.seen_id: (bool(each.crop), bool(each.vector)) for each in found}


def test_photos_of_lessons_go_after_their_days_and_the_register_stays(there: School) -> None:
    store, bucket = there.places.store, there.places.bucket
    for number, age in enumerate((31, 29)):
        key = f"classroom_photos/{number}.jpg"
        bucket.put(key, b"photo")
        store.put(Evidence(f"e-{number}", "l-1", "photo", "a.jpg", key, "job", NOW - age * DAY, "teacher", NOW))
    store.put(RegisterLine("l-1", "s-1", Status.PRESENT, 91.0, "x", False, NOW))
    assert planned(due(store, NOW)).photos == 1
    assert run(there.places, there.queue, NOW).photos == 1
    assert [each.key for each in store.find(Evidence)] == ["", "classroom_photos/1.jpg"]
    assert [each.key for each in bucket.list("classroom_photos")] == ["classroom_photos/1.jpg"]
    assert store.find(RegisterLine) == [RegisterLine("l-1", "s-1", Status.PRESENT, 91.0, "x", False, NOW)]


def test_strangers_templates_go_at_once_and_those_of_students_after_their_days(there: School) -> None:
    seen(there, "named", "s-1")
    seen(there, "stranger", "")
    seen(there, "is", "", Verdict.IS, "s-1")
    seen(there, "is-not", "s-1", Verdict.IS_NOT, "s-1")
    seen(there, "nobody", "s-1", Verdict.NOBODY)
    soon = run(there.places, there.queue, NOW + timedelta(minutes=1))
    assert (soon.crops, soon.templates) == (0, 3)
    first = {"named": (True, True), "is": (True, True)}
    assert kept(there) == first | dict.fromkeys(("stranger", "is-not", "nobody"), (True, False))
    later = run(there.places, there.queue, NOW + 30 * DAY + timedelta(minutes=1))
    assert (later.crops, later.templates) == (5, 2)
    assert set(kept(there).values()) == {(False, False)}
    assert [each.verdict for each in there.places.store.find(Seen)].count("") == 2


def test_strangers_are_remembered_for_as_long_as_the_school_says(there: School) -> None:
    choices.choose(there.places.store, "admin", NOW, unknown_days=7)
    seen(there, "stranger", "")
    assert run(there.places, there.queue, NOW + 6 * DAY).templates == 0
    assert run(there.places, there.queue, NOW + 8 * DAY).templates == 1


def test_corrections_of_faces_that_are_nobodys_go_and_others_stay(there: School) -> None:
    store = there.places.store
    store.put(
        Remembered("a", "s-1", False, "model", VECTOR, "teacher", NOW),
        Remembered("b", "s-1", False, "model", VECTOR, "teacher", NOW),
        Remembered("b", "s-2", True, "model", VECTOR, "teacher", NOW),
    )
    assert run(there.places, there.queue, NOW + 29 * DAY).templates == 0
    assert run(there.places, there.queue, NOW + 31 * DAY).templates == 1
    assert [(each.seen_id, each.student_id) for each in store.find(Remembered)] == [("b", "s-1"), ("b", "s-2")]


def test_who_left_every_class_is_erased_after_the_days_and_who_comes_back_is_not(there: School) -> None:
    store = there.places.store
    for student_id in ("s-1", "s-2"):
        leave(store, TEACHER, "7b", student_id, NOW)
    run(there.places, there.queue, NOW + 20 * DAY)
    store.put(Member("8a", "s-2"))
    assert run(there.places, there.queue, NOW + 29 * DAY).leavers == 0
    assert due(store, NOW + 30 * DAY).leavers == ["s-1"]
    assert run(there.places, there.queue, NOW + 30 * DAY).leavers == 1
    assert store.find(Student) == [BOB]
    assert run(there.places, there.queue, NOW + 31 * DAY) == Deleted()


def test_who_comes_back_while_the_clock_runs_is_not_erased(there: School) -> None:
    store = there.places.store
    for student_id in ("s-1", "s-2"):
        leave(store, TEACHER, "7b", student_id, NOW)

    class Returning:
        """The queue, which is asked when the first leaver is being erased; then the other one comes back."""

        def __getattr__(self, name: str) -> Any:
            store.put(Member("8a", "s-2"))
            return getattr(there.queue, name)

    assert run(there.places, Returning(), NOW + 30 * DAY).leavers == 1
    assert store.find(Student) == [BOB]
    assert store.find(Member) == [Member("8a", "s-2")]
    assert store.find(AuditEntry, subject="s-2", action=ERASING) == []


def test_who_never_was_in_a_class_is_no_leaver_whatever_else_is_known(there: School) -> None:
    store = there.places.store
    new = students.create_student(store, ADMINISTRATOR, "Nina New", {}, [], NOW, "s-3")
    there.agree(new)
    store.put(Student("Ora Old", {}, "s-4"))
    for number, action in enumerate(("member.removed", ERASED)):  # somebody before had the same id
        audit.noted(store, "admin", action, "s-4", NOW - number * DAY)
    for days in (1, 400):
        assert run(there.places, there.queue, NOW + days * DAY).leavers == 0
    assert {each.student_id for each in store.find(Student)} == {"s-1", "s-2", "s-3", "s-4"}


def test_the_privacy_page_has_who_is_to_be_erased_and_when(there: School) -> None:
    leave(there.places.store, TEACHER, "7b", "s-2", NOW)
    leave(there.places.store, TEACHER, "7b", "s-1", NOW + DAY)
    told = privacy.summary(there.places, NOW + 2 * DAY)["leavers"]
    days = [(NOW + days * DAY).isoformat() for days in (30, 31)]
    assert told == [{"student_id": "s-2", "erased": days[0]}, {"student_id": "s-1", "erased": days[1]}]


def test_the_result_of_looking_at_a_photo_goes_with_the_photo(there: School) -> None:
    store, objects = there.places.store, there.places.objects
    for number, age in enumerate((31, 29)):
        key, job_id = f"classroom_photos/{number}.jpg", f"job-{number}"
        there.places.bucket.put(key, b"photo")
        objects.put(result_key(job_id), b"{}")
        store.put(Evidence(f"e-{number}", "l-1", "photo", "a.jpg", key, job_id, NOW - age * DAY, "teacher", NOW))
    run(there.places, there.queue, NOW)
    assert [each.key for each in objects.list("results")] == [result_key("job-1")]


def test_results_are_read_once_however_many_leave(there: School) -> None:
    store, objects = there.places.store, there.places.objects
    for student in (ADA, BOB):
        leave(store, TEACHER, "7b", student.student_id, NOW)
        objects.put(result_key(student.student_id), json.dumps({"names": [student.name]}).encode())
    objects.put(result_key("other"), b"{}")
    read: list[str] = []

    class Counting:
        """The store of results, which counts what is read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(objects, name)

        def get(self, key: str) -> bytes:
            read.append(key)
            return objects.get(key)

    counting: Any = Counting()
    assert run(replace(there.places, objects=counting), there.queue, NOW + 30 * DAY).leavers == 2
    assert sorted(read) == sorted(map(result_key, ("s-1", "s-2", "other")))
    assert [each.key for each in objects.list("results")] == [result_key("other")]


def test_a_run_of_the_clock_by_which_nothing_goes_is_not_in_the_audit_log(there: School) -> None:
    assert run(there.places, there.queue, NOW) == Deleted()
    assert there.places.store.find(AuditEntry) == []
    assert run(there.places, there.queue, NOW, "admin") == Deleted()
    assert [each.account_id for each in there.places.store.find(AuditEntry)] == ["admin"]


def test_a_class_that_is_archived_is_a_class_and_who_was_never_in_the_school_is_no_leaver(there: School) -> None:
    store = there.places.store
    courses.change_course(store, ADMINISTRATOR, "7b", NOW, archived=True)
    store.put(Student("Somebody Enrolled", {}, ""))
    for days in (1, 400):
        assert run(there.places, there.queue, NOW + days * DAY).leavers == 0
    assert len(store.find(Student)) == 3


def test_expired_sign_ins_and_previews_go(there: School) -> None:
    store = there.places.store
    store.put(SignIn("a", "admin", NOW, NOW - DAY), SignIn("b", "admin", NOW, NOW + DAY))
    store.put(RosterPreview("p", "admin", NOW - DAY, "{}", ""), RosterPreview("q", "admin", NOW, "{}", ""))
    deleted = run(there.places, there.queue, NOW)
    assert (deleted.sign_ins, deleted.previews) == (1, 1)
    assert [each.digest for each in store.find(SignIn)] == ["b"]
    assert [each.preview_id for each in store.find(RosterPreview)] == ["q"]


def test_objects_that_no_record_knows_of_go_once_they_are_old(there: School) -> None:
    choices.choose(there.places.store, "admin", NOW, crop_days=3650)
    for folder in ("student_photos", "classroom_photos", "crops/l-1"):
        there.places.bucket.put(f"{folder}/orphan.jpg", b"?")
    seen(there, "named", "s-1")
    body = message(Job(Kind.RECOGNIZE, there.places.bucket_name, "student_photos/s-9_20260901080000.jpg"))
    there.queue.send(body)
    (delivery,) = there.queue.receive()
    there.queue.bury(delivery, "no use")
    now = next(each.written for each in there.places.bucket.list("crops"))
    assert run(there.places, there.queue, now).remains == 1  # the letter
    assert len(list(there.places.bucket.list("crops"))) == 2
    assert run(there.places, there.queue, now + 3 * DAY).remains == 3
    assert [each.key for each in there.places.bucket.list("crops")] == ["crops/l-1/named.jpg"]


def test_what_comes_after_consent_was_withdrawn_is_erased_by_the_clock(there: School) -> None:
    there.agree(ADA)
    consents.withdraw(there.places, there.queue, TEACHER, "s-1", NOW)
    seen(there, "late", "s-1")  # a worker had begun before
    assert run(there.places, there.queue, NOW).finished == 1
    (face,) = there.places.store.find(Seen)
    assert (face.student_id, face.crop, face.vector) == ("", "", b"")
    assert run(there.places, there.queue, NOW).finished == 0


def test_a_dry_run_changes_nothing_and_a_run_is_in_the_audit_log(there: School) -> None:
    seen(there, "stranger", "")
    before = there.places.store.find(AuditEntry)
    told = planned(due(there.places.store, NOW + 40 * DAY))
    assert (told.crops, told.templates) == (1, 1)
    assert kept(there) == {"stranger": (True, True)}
    assert there.places.store.find(AuditEntry) == before
    deleted = run(there.places, there.queue, NOW + 40 * DAY, "admin")
    entry = there.places.store.find(AuditEntry)[-1]
    assert (entry.action, entry.account_id, entry.details) == ("retention.run", "admin", {"deleted": asdict(deleted)})
    assert audit.verify(there.places.store) > 0


def test_a_server_runs_the_clock_by_itself(tmp_path: Path) -> None:
    with school(tmp_path) as there:
        there.places.store.put(Lesson("l-1", "7b", "Maths", NOW), Course("7b", "Class 7b"))
        seen(there, "stranger", "")
    with open_service(Settings(data=tmp_path, threads=1)) as service:
        clock = Clock(service, seconds=0.05)
        clock.start()
        for runs in (1, 2):
            deadline = time.monotonic() + 60
            while len(service.school.find(AuditEntry, action="retention.run")) < runs:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            service.school.put(SignIn("old", "admin", NOW - 2 * DAY, NOW - DAY))
        clock.close()
        assert [(each.crop, each.vector) for each in service.school.find(Seen)] == [("", b"")]
