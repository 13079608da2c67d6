"""What a worker makes of photos and videos of a lesson, whatever happens meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.errors import ImageUnreadable, StoreUnavailable, VideoUnreadable
from photocall.faces import ByteArray
from photocall.handlers import Tools
from photocall.ports import ObjectStore
from photocall.recognition import identify_faces
from photocall.school import audit
from photocall.school.choices import choose
from photocall.school.consents import withdraw
from photocall.school.evidence import delete_evidence, job_of
from photocall.school.lesson_records import Evidence, EvidenceState, Lesson, RegisterLine, Seen
from photocall.school.lessons import delete_lesson
from photocall.school.records import AuditEntry, Consent, Member
from photocall.school.settling import VIDEO
from photocall.school.verdicts import judge
from schooling import NOW, TEACHER
from taking import Taking, side_by_side, taking


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> Iterator[Taking]:
    with taking(tmp_path_factory.mktemp("taking"), engine, portraits) as opened:
        yield opened


@pytest.fixture
def there(whole: Taking) -> Iterator[Taking]:
    """The class as it was, whatever a test did to it."""
    consents = whole.store.find(Consent)
    yield whole
    whole.store.put(*consents)
    whole.tools.bucket.cache_clear()  # type: ignore[attr-defined]  # it is cached


@pytest.fixture(scope="module")
def photo(portraits: dict[str, ByteArray]) -> bytes:
    """Ada, a stranger and Bob, from left to right."""
    return side_by_side([portraits[name] for name in ("obama2", "astronaut", "biden")])


class Breaking:
    """A bucket that fails when it is written for the n-th time, and from then on."""

    def __init__(self, bucket: ObjectStore, writes: int) -> None:
        self._bucket, self._left = bucket, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put(self, key: str, data: bytes) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailable("bucket", "it is gone")
        self._bucket.put(key, data)


def meanwhile(tools: Tools, action: Any) -> Tools:
    """Tools with which something happens while a worker reads the photo."""

    class Interrupted(Tools):
        def fetched(self, job: Any) -> Any:
            action()
            return super().fetched(job)

    return Interrupted(tools.app)


def kept(there: Taking, evidence: Evidence) -> Evidence:
    found = there.store.get(Evidence, evidence.evidence_id)
    assert found is not None
    return found


def test_a_photo_becomes_a_register(there: Taking, photo: bytes) -> None:
    lesson, evidence = there.taken(photo)
    assert there.names(lesson) == ["s-1", "", "s-2"]
    assert there.statuses(lesson) == {"s-1": "present", "s-2": "present"}
    found = kept(there, evidence)
    assert found.state is EvidenceState.DONE
    boxes = found.found["boxes"]
    assert isinstance(boxes, list) and len(boxes) == 3
    faces = there.seen(lesson)
    assert {face.crop for face in faces} == there.crops(lesson)
    assert all(there.school.places.bucket.get(face.crop)[:2] == b"\xff\xd8" for face in faces)
    assert all(face.certain and face.similarity > 80 for face in faces if face.student_id)
    entry = there.store.find(AuditEntry, subject=evidence.evidence_id, action="photo.recognised")[0]
    assert (entry.account_id, dict(entry.details)) == ("", {"lesson": lesson, "faces": 3, "known": 2})


def test_templates_of_students_are_kept_and_of_strangers_only_if_the_school_wants_that(
    there: Taking, photo: bytes
) -> None:
    lesson, _ = there.taken(photo)
    kept_of = {face.student_id: (len(face.vector), face.model) for face in there.seen(lesson)}
    model = there.tools.app.engine.model
    assert kept_of == {"s-1": (512, model), "s-2": (512, model), "": (0, "")}
    choose(there.store, "admin", NOW, unknown_days=7)
    try:
        other, _ = there.taken(photo)
        assert {len(face.vector) for face in there.seen(other)} == {512}
    finally:
        choose(there.store, "admin", NOW, unknown_days=0)


def test_looking_again_changes_nothing_and_leaves_what_was_said(there: Taking, photo: bytes) -> None:
    lesson, evidence = there.taken(photo)
    stranger = next(face for face in there.seen(lesson) if not face.student_id)
    named = next(face for face in there.seen(lesson) if face.student_id == "s-2")
    judge(there.store, TEACHER, stranger.seen_id, "nobody", "", NOW)
    judge(there.store, TEACHER, named.seen_id, "is", "s-2", NOW)
    seen, lines, crops = there.seen(lesson), there.store.find(RegisterLine, lesson_id=lesson), there.crops(lesson)
    there.look(evidence)
    assert [_rounded(each) for each in there.seen(lesson)] == [_rounded(each) for each in seen]
    assert there.crops(lesson) == crops
    again = there.store.find(RegisterLine, lesson_id=lesson)
    assert [(line.status, line.seen_id) for line in again] == [(line.status, line.seen_id) for line in lines]


def _rounded(seen: Seen) -> Seen:
    """But for the last bits, which may depend on what is computed beside it."""
    return replace(seen, similarity=round(seen.similarity, 2), vector=b"")


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_whatever_was_written_before_a_worker_failed_the_next_one_finishes(
    there: Taking, photo: bytes, writes: int
) -> None:
    lesson = there.lesson()
    evidence = there.send(lesson, photo)
    failing = Tools(there.tools.app)
    breaking = Breaking(failing.bucket(there.school.places.bucket_name), writes)
    failing.bucket = lambda name: breaking
    with pytest.raises(StoreUnavailable):
        there.look(evidence, failing)
    assert kept(there, evidence).state is EvidenceState.FOUND
    assert there.statuses(lesson) == {} and there.seen(lesson) == []
    there.look(evidence)
    assert there.names(lesson) == ["s-1", "", "s-2"]
    assert {face.crop for face in there.seen(lesson)} == there.crops(lesson)


def test_boxes_are_told_before_names(there: Taking, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = there.lesson()
    evidence, states = there.send(lesson, photo), []

    def seen_by(*args: Any) -> Any:
        states.append(kept(there, evidence))
        return identify_faces(*args)

    monkeypatch.setattr("photocall.roll_call_handler.identify_faces", seen_by)
    there.look(evidence)
    (found,) = states
    assert (found.state, found.found["width"]) == (EvidenceState.FOUND, kept(there, evidence).found["width"])


# --- who may be named


def test_only_students_of_the_class_who_agreed_are_named(there: Taking, photo: bytes) -> None:
    there.store.put(Member("8a", "s-1"))
    other, _ = there.taken(photo, course_id="8a")
    there.store.remove(Member, course_id="8a")
    assert there.names(other) == ["s-1", "", ""]
    assert there.statuses(other) == {"s-1": "present"}
    withdrawn = there.store.get(Consent, "s-2")
    assert withdrawn is not None
    there.store.put(replace(withdrawn, withdrawn=NOW))
    lesson, _ = there.taken(photo)
    assert there.names(lesson) == ["s-1", "", ""]
    assert there.statuses(lesson) == {"s-1": "present", "s-2": "absent"}


def test_of_whom_consent_is_withdrawn_while_a_worker_looks_nothing_is_kept(
    there: Taking, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson = there.lesson()
    evidence = there.send(lesson, photo)

    def withdrawing(*args: Any) -> Any:
        consent = there.store.get(Consent, "s-2")
        assert consent is not None
        there.store.put(replace(consent, withdrawn=NOW))
        return identify_faces(*args)

    monkeypatch.setattr("photocall.roll_call_handler.identify_faces", withdrawing)
    there.look(evidence)
    assert there.names(lesson) == ["s-1", "", ""]
    gone = [face for face in there.seen(lesson) if not face.crop]
    assert [(len(face.vector), face.similarity) for face in gone] == [(0, 0.0)]
    assert len(there.crops(lesson)) == 2


def test_a_register_survives_the_erasure_of_faces_and_further_photos(
    tmp_path: Path, engine: FaceEngine, portraits: dict[str, ByteArray], photo: bytes
) -> None:
    with taking(tmp_path, engine, portraits) as there:
        lesson, _ = there.taken(photo)
        withdraw(there.school.places, there.school.queue, TEACHER, "s-2", NOW)
        assert there.statuses(lesson) == {"s-1": "present", "s-2": "present"}
        there.look(there.send(lesson, side_by_side([portraits["obama"]])))
        assert there.statuses(lesson) == {"s-1": "present", "s-2": "present"}
        assert "s-2" not in {face.student_id for face in there.seen(lesson)}


# --- what is deleted meanwhile


@pytest.mark.parametrize("whole_lesson", [True, False])
def test_of_what_is_deleted_while_a_worker_looks_nothing_is_written(
    there: Taking, photo: bytes, whole_lesson: bool
) -> None:
    lesson = there.lesson()
    evidence = there.send(lesson, photo)
    places = there.school.places

    def delete() -> None:
        if whole_lesson:
            delete_lesson(places, TEACHER, lesson, NOW)
        else:
            delete_evidence(places, TEACHER, evidence.evidence_id, NOW)
        places.bucket.put(evidence.key, photo)  # as if the worker had fetched it just before

    told = there.look(evidence, meanwhile(there.tools, delete))
    assert told["deleted"] is True
    assert there.seen(lesson) == [] and there.statuses(lesson) == {} and there.crops(lesson) == set()
    assert there.store.get(Evidence, evidence.evidence_id) is None
    assert (there.store.get(Lesson, lesson) is None) is whole_lesson
    assert evidence.key not in {each.key for each in places.bucket.list("classroom_photos")}
    assert there.look(evidence)["deleted"] is True


def test_a_photo_that_is_deleted_takes_what_it_said_with_it(
    there: Taking, photo: bytes, portraits: dict[str, ByteArray]
) -> None:
    lesson, first = there.taken(photo)
    second = there.send(lesson, side_by_side([portraits["obama3"]]))
    there.look(second)
    delete_evidence(there.school.places, TEACHER, first.evidence_id, NOW)
    assert there.statuses(lesson) == {"s-1": "present", "s-2": "absent"}
    assert {face.crop for face in there.seen(lesson)} == there.crops(lesson)
    delete_evidence(there.school.places, TEACHER, second.evidence_id, NOW)
    assert there.statuses(lesson) == {} and there.crops(lesson) == set()
    assert audit.verify(there.store) > 0


# --- what cannot be looked at


def test_what_is_damaged_says_so_by_the_name_that_it_was_sent_by(there: Taking, photo: bytes) -> None:
    evidence = there.send(there.lesson(), photo, name="class of 2026.jpg")
    there.school.places.bucket.put(evidence.key, photo[:1000])
    with pytest.raises(ImageUnreadable, match=r"class of 2026\.jpg"):
        there.look(evidence)
    video = there.send(there.lesson(), b"no video at all, in no format", name="lesson.mp4", kind=VIDEO)
    with pytest.raises(VideoUnreadable, match=r"lesson\.mp4"):
        there.look(video)


def test_a_photo_without_faces_and_a_class_without_photos_give_a_register_too(
    there: Taking, portraits: dict[str, ByteArray]
) -> None:
    lesson, _ = there.taken(side_by_side([portraits["obama"][:40, :40] * 0]))
    assert there.statuses(lesson) == {"s-1": "absent", "s-2": "absent"}


# --- videos


def test_a_video_names_who_is_in_it_and_who_comes_after_the_grace_period_is_late(there: Taking, demo: Demo) -> None:
    data = demo.clip.read_bytes()
    lesson = there.lesson()
    # The grace period ends four seconds after the video begins.
    begun = NOW + timedelta(minutes=10) - timedelta(seconds=4)
    evidence = there.send(lesson, data, name="lesson.mp4", kind=VIDEO, taken=begun)
    there.look(evidence)
    first = {each.name: min(a.start for a in demo.appearances if a.name == each.name) for each in demo.appearances}
    ids = {"Barack Obama": "s-1", "Joe Biden": "s-2"}
    expected = {ids[name]: "late" if start > 4 else "present" for name, start in first.items() if name in ids}
    assert there.statuses(lesson) == {"s-1": "absent", "s-2": "absent"} | expected
    faces = there.seen(lesson)
    assert {face.crop for face in faces} == there.crops(lesson)
    assert {face.box for face in faces} == {""}
    assert {len(face.vector) for face in faces if face.student_id} == {512}


def test_jobs_of_one_photo_are_one_job(there: Taking, photo: bytes) -> None:
    lesson = there.lesson()
    first, again = there.send(lesson, photo), there.send(lesson, photo)
    assert first == again
    assert len({job.job_id for job in there.asked[-2:]}) == 1
    assert there.asked[-1] == job_of(there.school.places.bucket_name, first)
