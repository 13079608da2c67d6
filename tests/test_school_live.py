"""What the operator sees: the queue, who works, what failed and is tried again, faces over time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from crew import emptied
from lesson_school import LessonSchool, lesson_school
from people import person
from photocall import fleet, results
from photocall.errors import InputError
from photocall.fleet import Doing, PoolState, WorkerState
from photocall.roster import Student
from photocall.school import audit
from photocall.school.evidence import Sent, add_evidence, job_of
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, Seen
from photocall.school.live import RATE_MINUTES, RECOGNISED, done_per_minute, recognised
from photocall.school.records import AuditEntry
from schooling import NOW, TEACHER, School
from schooling import school as bare
from servers import jpeg


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LessonSchool]:
    with lesson_school(tmp_path_factory.mktemp("school"), [Student("Ada", {}, "s-1")], max_receives=1) as opened:
        yield opened


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    with bare(tmp_path) as opened:
        yield opened


def live(school: LessonSchool) -> dict[str, object]:
    found: dict[str, object] = school.ask("GET", "/live", by="admin")
    return found


def failed(school: LessonSchool) -> Evidence:
    """A photo whose job was given up, as a worker does that."""
    emptied(school.asked.service.queue)
    lesson, shade = school.lesson(), len(school.places.store.find(Evidence))
    (sent,) = school.send(lesson, ("class.jpg", jpeg(np.full((40, 40, 3), shade, np.uint8))))
    evidence = school.places.store.get(Evidence, sent["evidence_id"])
    (delivery,) = school.asked.service.queue.receive()
    assert evidence is not None
    results.fail(school.places.objects, job_of(school.places.bucket_name, evidence), "it broke")
    school.asked.service.queue.bury(delivery, "it broke")
    return evidence


def test_only_administrators_see_it(school: LessonSchool) -> None:
    for by in ("teacher", "viewer"):
        school.ask("GET", "/live", by=by, status=403)
        school.ask("POST", "/live/failures/1/retry", by=by, status=403)


def test_the_queue_and_its_workers_are_told(school: LessonSchool) -> None:
    emptied(school.asked.service.queue)
    before = live(school)
    assert before["queue"] == {"waiting": 0, "delayed": 0, "leased": 0, "dead": before["queue"]["dead"]}  # type: ignore[index]
    worker = WorkerState(7, Doing.BUSY, "job", "classroom_photos/a.jpg", 1.26)
    fleet.report(school.places.objects, PoolState("pool", "host", 2, 3, 0, [worker]))
    school.send(school.lesson(), ("a.jpg", jpeg(np.full((30, 30, 3), 200, np.uint8))))
    try:
        found = live(school)
        assert found["queue"]["waiting"] == 1  # type: ignore[index]
        expected = {"host": "host", "pid": 7, "doing": "busy", "key": "classroom_photos/a.jpg", "since": 1.3}
        assert found["workers"] == [expected] and found["most_workers"] == 2
    finally:
        fleet.leave(school.places.objects, "pool")
        emptied(school.asked.service.queue)


def test_a_failure_is_told_and_tried_again(school: LessonSchool) -> None:
    evidence = failed(school)
    assert school.register(evidence.lesson_id)["evidence"][0]["state"] == "failed"
    (failure,) = [each for each in live(school)["failures"] if each["what"] == evidence.key]  # type: ignore[attr-defined]
    assert failure["reason"] == "it broke"
    school.ask("POST", f"/live/failures/{failure['letter_id']}/retry", by="admin", status=204)
    assert school.register(evidence.lesson_id)["evidence"][0]["state"] == "waiting"
    assert evidence.key not in {each["what"] for each in live(school)["failures"]}  # type: ignore[attr-defined]
    school.ask("POST", f"/live/failures/{failure['letter_id']}/retry", by="admin", status=404)
    (delivery,) = school.asked.service.queue.receive()
    assert evidence.key in delivery.body
    school.asked.service.queue.delete(delivery)


def test_a_failure_that_is_no_job_is_told_too(school: LessonSchool) -> None:
    queue = emptied(school.asked.service.queue)
    queue.send("nonsense")
    (delivery,) = queue.receive()
    queue.bury(delivery, "it is no JSON")
    found = [each["what"] for each in live(school)["failures"]]  # type: ignore[attr-defined]
    assert "a message that is no job" in found


def test_faces_are_counted_by_the_hour(there: School) -> None:
    store, hour = there.places.store, datetime(2026, 11, 23, 9, tzinfo=UTC)
    vector = person(0).vector.tobytes()
    face = Seen("a", "l", "e", "", 0, "s-1", 90, True, "", "", "m", vector, hour + timedelta(minutes=5))
    store.put(face, replace(face, seen_id="b", student_id=""), replace(face, seen_id="c", verdict="nobody"))
    store.put(replace(face, seen_id="d", student_id="", verdict="is", is_student="s-1"))
    store.put(replace(face, seen_id="e", seen=hour - timedelta(minutes=1)))
    store.put(replace(face, seen_id="f", seen=hour - timedelta(hours=24)))
    found = recognised(store, hour + timedelta(minutes=30))
    assert len(found) == 24
    assert {each.hour: (each.known, each.unknown) for each in found if each.known or each.unknown} == {
        hour: (2, 2),
        hour - timedelta(hours=1): (1, 0),
    }


def test_throughput_is_what_was_looked_at_in_the_last_minutes(there: School) -> None:
    store = there.places.store
    for minutes in (60, RATE_MINUTES + 1, 4, 3, 0):
        audit.noted(store, "", RECOGNISED, "photo", NOW - timedelta(minutes=minutes))
    audit.noted(store, "", "something.else", "photo", NOW)
    assert done_per_minute(store, NOW) == 3 / RATE_MINUTES


def test_looking_at_a_lesson_is_in_the_audit_log_once_a_look(school: LessonSchool) -> None:
    lesson = school.lesson()
    store, done = school.places.store, EvidenceState.DONE
    photo = Evidence("shown", lesson, "photo", "a.jpg", "", "job", NOW, "teacher", NOW, False, done)
    vector = person(0).vector.tobytes()
    store.put(
        photo, Seen("shown-1", lesson, "shown", "1,2,3,4", 0, "s-1", 90, True, "", "crops/x.jpg", "m", vector, NOW)
    )
    school.places.bucket.put("crops/x.jpg", jpeg(np.zeros((8, 8, 3), np.uint8)))
    for _ in range(3):
        school.register(lesson)
        school.ask("GET", "/seen/shown-1/image")
    school.register(lesson, by="viewer")
    found = store.find(AuditEntry, subject=lesson, action="lesson.shown")
    assert [each.account_id for each in found] == ["teacher", "viewer"]
    school.ask("GET", "/seen/shown-1/image", by="stranger", status=403)


def test_one_lesson_takes_no_more_than_its_share(there: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocall.school.evidence.MOST_EVIDENCE", 1)
    store = there.places.store
    store.put(Lesson("lesson", "7b", "", NOW))
    for shade, is_refused in ((1, False), (1, False), (2, True)):
        data = jpeg(np.full((20, 20, 3), 50 * shade, np.uint8))
        sent = Sent("a.jpg", "photo", BytesIO(data), str(shade))
        if is_refused:
            with pytest.raises(InputError, match="delete some first"):
                add_evidence(there.places, lambda job: None, TEACHER, "lesson", sent, NOW)
        else:
            add_evidence(there.places, lambda job: None, TEACHER, "lesson", sent, NOW)
