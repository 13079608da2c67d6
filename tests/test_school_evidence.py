"""Photos of lessons that are sent again, or say nothing of their time; and whom others who upload do not stop."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lesson_school import Json, LessonSchool, lesson_school
from photocall import results
from photocall.jobs import Job
from photocall.roster import Student
from photocall.school.evidence import Sent, add_evidence, learn_failures
from photocall.school.lesson_records import Evidence, EvidenceState
from photocall.school.settling import VIDEO
from photocall.server.jobs import UPLOADERS
from photocall.server.school import portraits
from schooling import TEACHER

START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
VIDEO_BYTES = b"\0\0\0\x18ftypmp42" + bytes(16)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LessonSchool]:
    with lesson_school(tmp_path_factory.mktemp("school"), [Student("Ada Lovelace", {}, "s-1")]) as opened:
        yield opened


@pytest.fixture
def lesson(school: LessonSchool) -> str:
    return school.lesson(starts=START.isoformat())


def photo(shade: int, taken: str = "") -> bytes:
    """A picture without faces, which may say when it was taken."""
    file, exif = io.BytesIO(), Image.Exif()
    if taken:
        exif.get_ifd(0x8769)[0x9003], exif.get_ifd(0x8769)[0x9011] = taken, "+00:00"
    Image.fromarray(np.full((60, 80, 3), shade, np.uint8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def sent(school: LessonSchool, lesson: str, data: bytes, status: int = 202, **times: str) -> Any:
    """What the server says of one file, or why it does not take it."""
    form = [("file", ("a.jpg", data))]
    answer = school.ask("POST", f"/lessons/{lesson}/evidence", files=form, data=times, status=status)
    return answer["evidence"][0] if status == 202 else answer


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def kept(school: LessonSchool, found: Json) -> Evidence:
    evidence = school.places.store.get(Evidence, found["evidence_id"])
    assert evidence is not None
    return evidence


# --- when it was taken


def test_the_time_of_a_file_counts_where_nothing_else_says_when_it_was_taken(school: LessonSchool, lesson: str) -> None:
    assert sent(school, lesson, photo(1), modified=at(5))["taken"] == at(5)
    assert sent(school, lesson, photo(2), modified=at(20))["late"] is True
    assert sent(school, lesson, VIDEO_BYTES, modified=at(1))["taken"] == at(1)
    assert sent(school, lesson, photo(3, "2026:11:23 07:01:00"), modified=at(20))["taken"] == at(1)
    assert sent(school, lesson, photo(4), taken=at(2), modified=at(20))["taken"] == at(2)
    assert "modified" in sent(school, lesson, photo(5), 400, modified="soon")["description"]


@pytest.mark.parametrize(
    "time", ["9999-12-31T23:59:59+00:00", "3000-01-01T00:00:00+00:00", "1969-12-31T23:59:59+00:00"]
)
def test_a_year_that_no_report_has_is_refused(school: LessonSchool, lesson: str, time: str) -> None:
    told = "it must be a time from 1970-01-01 to 2999-12-31"
    assert told in sent(school, lesson, photo(6), 400, taken=time)["description"]
    assert told in school.ask("POST", "/courses/7b/lessons", {"starts": time}, status=400)["description"]
    assert told in school.ask("PATCH", f"/lessons/{lesson}", {"starts": time}, status=400)["description"]
    assert school.ask("GET", f"/lessons/{lesson}")["lesson"]["starts"] == START.isoformat()


# --- sent again


@pytest.mark.parametrize("data", [photo(20), VIDEO_BYTES + b"again"], ids=["photo", "video"])
def test_what_failed_and_is_sent_again_waits_until_its_new_job_says_something(
    school: LessonSchool, lesson: str, data: bytes
) -> None:
    found, (store, objects) = kept(school, sent(school, lesson, data)), (school.places.store, school.places.objects)
    long_ago = found.added - timedelta(days=1)
    store.put(replace(found, state=EvidenceState.FAILED, reason="damaged", added=long_ago))
    assert results.read_result(objects, found.job_id) is not None
    again = kept(school, sent(school, lesson, data))
    assert (again.state, again.reason, again.key) == (EvidenceState.WAITING, "", found.key)
    assert again.job_id != found.job_id
    assert results.read_result(objects, found.job_id) is None
    objects.delete(results.result_key(again.job_id))  # as if the job had not been asked for yet
    assert learn_failures(store, objects, lesson, datetime.now(UTC)) is False


def test_what_was_taken_for_lost_while_it_was_kept_waits_once_its_job_is_asked_for(
    school: LessonSchool, lesson: str
) -> None:
    store, data = school.places.store, VIDEO_BYTES + b"slow"

    def slowly(job: Job) -> None:
        assert learn_failures(store, school.places.objects, lesson, datetime.now(UTC) + timedelta(minutes=5))

    video = Sent("a.mp4", VIDEO, io.BytesIO(data), sha256(data).hexdigest())
    made = add_evidence(school.places, slowly, TEACHER, lesson, video, datetime.now(UTC))
    (found,) = store.find(Evidence, lesson_id=lesson)
    assert (found.evidence_id, found.state, found.reason) == (made.evidence_id, EvidenceState.WAITING, "")


@pytest.mark.parametrize("state", [EvidenceState.FAILED, EvidenceState.WAITING])
def test_what_was_deleted_by_its_age_and_is_sent_again_has_a_place_again(
    school: LessonSchool, lesson: str, state: EvidenceState
) -> None:
    found = kept(school, sent(school, lesson, photo(40)))
    school.places.bucket.delete(found.key)
    school.places.store.put(replace(found, state=state, key=""))
    again = kept(school, sent(school, lesson, photo(40)))
    assert again.key.startswith(f"classroom_photos/{lesson}_class_7b_")
    assert school.places.bucket.get(again.key)[:2] == b"\xff\xd8"


# --- others who upload


def test_archives_of_photos_of_students_do_not_stop_photos_of_lessons(
    school: LessonSchool, lesson: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = Event(), Event()

    def slowly(*_: object) -> list[Json]:
        begun.set()
        assert go_on.wait(60)
        return []

    def send_archive() -> Any:
        return school.ask("POST", "/portrait-archives", files=[("file", ("s-1.jpg", photo(50)))])

    monkeypatch.setattr(portraits, "_add_archives", slowly)
    with ThreadPoolExecutor(UPLOADERS) as senders:
        archives = [senders.submit(send_archive) for _ in range(UPLOADERS)]
        try:
            assert begun.wait(60)
            assert sent(school, lesson, photo(51))["state"] == "waiting"
        finally:
            go_on.set()
        assert [each.result() for each in archives] == UPLOADERS * [{"portraits": []}]
