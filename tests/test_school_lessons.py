"""Lessons over HTTP, without anybody who looks at photos: permissions, photos as they are kept, the roll by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lesson_school import Json, LessonSchool, lesson_school, statuses
from photocall import results
from photocall.media.images import read_image
from photocall.roster import Student
from photocall.school import audit
from photocall.school.evidence import INTERRUPTED, job_of
from photocall.school.lesson_records import Evidence, Lesson, Mark, RegisterLine, Seen
from photocall.school.records import AuditEntry, Member, SchoolSetting

CLASS = [Student("Ada Lovelace", {}, "s/1"), Student("Bob Babbage", {}, "s-2"), Student("cem", {}, "s-3")]
START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LessonSchool]:
    with lesson_school(tmp_path_factory.mktemp("school"), CLASS) as opened:
        opened.places.store.put(SchoolSetting("time_zone", "Europe/Berlin"))
        yield opened


@pytest.fixture
def lesson(school: LessonSchool) -> str:
    return school.lesson(title="Fractions", starts=START.isoformat())


def photo(shade: int = 90, taken: str = "", offset: str = "", form: str = "JPEG") -> bytes:
    """A picture without faces, which says when it was taken."""
    image, file = Image.fromarray(np.full((60, 80, 3), shade, np.uint8)), BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    if offset:
        exif.get_ifd(0x8769)[0x9011] = offset
    image.save(file, form, exif=exif)
    return file.getvalue()


def sent(school: LessonSchool, lesson: str, data: bytes, name: str = "a.jpg", **more: Any) -> Json:
    (found,) = school.send(lesson, (name, data), **more)
    return found


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def evidence_of(school: LessonSchool, found: Json) -> Evidence:
    kept = school.places.store.get(Evidence, found["evidence_id"])
    assert kept is not None
    return kept


# --- lessons


def test_a_lesson_is_made_listed_changed_and_deleted(school: LessonSchool) -> None:
    before = {each["lesson_id"] for each in school.ask("GET", "/courses/7b/lessons")["lessons"]}
    lesson = school.lesson(title="  Fractions ", starts="2026-11-23T08:00:00+01:00", minutes=90)
    (found,) = [each for each in school.ask("GET", "/courses/7b/lessons")["lessons"] if each["lesson_id"] not in before]
    assert found == {
        "lesson_id": lesson,
        "course_id": "7b",
        "title": "Fractions",
        "starts": "2026-11-23T07:00:00+00:00",
        "minutes": 90,
        "grace": 10,
    }
    changed = school.ask("PATCH", f"/lessons/{lesson}", {"title": "Sets", "grace": 0})["lesson"]
    assert (changed["title"], changed["grace"], changed["minutes"]) == ("Sets", 0, 90)
    school.ask("DELETE", f"/lessons/{lesson}", status=204)
    school.ask("GET", f"/lessons/{lesson}", status=404)
    school.ask("DELETE", f"/lessons/{lesson}", status=404)


@pytest.mark.parametrize(
    "given",
    [
        {"minutes": 0},
        {"minutes": -1},
        {"grace": 1441},
        {"starts": "2026-11-23T08:00:00"},
        {"starts": "soon"},
        {"title": "a\nb"},
        {"title": "x" * 201},
        {"minutes": "many"},
        {"room": "12"},
    ],
)
def test_a_lesson_that_cannot_be_is_refused(school: LessonSchool, given: Json) -> None:
    assert school.ask("POST", "/courses/7b/lessons", given, status=400)["error"] == "EntryInvalid"


def test_only_who_has_the_class_sees_its_lessons_and_a_viewer_changes_nothing(
    school: LessonSchool, lesson: str
) -> None:
    path = f"/lessons/{lesson}"
    reads = [("GET", path), ("GET", f"{path}/register"), ("GET", "/courses/7b/lessons")]
    changes: list[tuple[str, str, Any]] = [
        ("POST", "/courses/7b/lessons", {}),
        ("PATCH", path, {"title": "x"}),
        ("PUT", f"{path}/marks/s-2", {"status": "late"}),
        ("PUT", f"{path}/marks", {"status": "late", "students": ["s-2"]}),
        ("DELETE", f"{path}/marks/s-2", None),
        ("DELETE", path, None),
    ]
    for method, where in reads:
        school.ask(method, where, by="stranger", status=403)
        school.ask(method, where, by="viewer", status=200)
    for method, where, body in changes:
        for by in ("stranger", "viewer"):
            assert school.ask(method, where, body, by=by, status=403)["error"] == "NotAllowed"
    for by in ("stranger", "viewer"):
        assert sent(school, lesson, photo(), by=by, status=403)["error"] == "NotAllowed"
    assert school.register(lesson)["evidence"] == []
    assert school.asked.client.get(f"/v1/school{path}/register").status_code == 401


# --- photos as they are kept


def test_a_photo_is_kept_under_the_key_of_lesson_class_and_time_and_says_nothing_but_what_it_shows(
    school: LessonSchool, lesson: str
) -> None:
    first, second = sent(school, lesson, photo(10)), sent(school, lesson, photo(20, form="PNG"), "b.png")
    keys = [evidence_of(school, each).key for each in (first, second)]
    stamp = evidence_of(school, first).added.strftime("%Y%m%d%H%M%S")
    assert keys[0] == f"classroom_photos/{lesson}_class_7b_{stamp}.jpg"
    assert keys[1].startswith(f"classroom_photos/{lesson}_class_7b_") and keys[1].endswith(".jpg")
    assert keys[0] != keys[1]
    for key, shade in zip(keys, (10, 20), strict=True):
        kept = school.places.bucket.get(key)
        assert kept[:2] == b"\xff\xd8" and b"Exif" not in kept and b"camera" not in kept
        assert abs(int(read_image(kept).mean()) - shade) <= 1
    answer = school.asked.client.get(
        f"/v1/school/evidence/{first['evidence_id']}/image",
        headers={"Authorization": f"Bearer {school.tokens['viewer']}"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["cache-control"] == "no-store" and "sandbox" in answer.headers["content-security-policy"]
    school.ask("GET", f"/evidence/{first['evidence_id']}/image", by="stranger", status=403)


def test_the_same_photo_again_is_the_same_photo_and_the_same_job(school: LessonSchool, lesson: str) -> None:
    first, again = sent(school, lesson, photo(30)), sent(school, lesson, photo(30), "another name.jpg")
    assert first == again
    (kept,) = school.places.store.find(Evidence, lesson_id=lesson)
    assert len(list(school.places.bucket.list("classroom_photos"))) == len(school.places.store.find(Evidence))
    result = results.read_result(school.places.objects, kept.job_id)
    assert result is not None and result["status"] == "waiting"
    other = school.lesson()
    assert sent(school, other, photo(30))["evidence_id"] != first["evidence_id"]


def test_what_was_deleted_and_is_sent_anew_is_looked_at_anew(school: LessonSchool, lesson: str) -> None:
    first = evidence_of(school, sent(school, lesson, photo(31)))
    school.ask("DELETE", f"/evidence/{first.evidence_id}", status=204)
    assert results.read_result(school.places.objects, first.job_id) is None
    again = evidence_of(school, sent(school, lesson, photo(31)))
    assert again.evidence_id == first.evidence_id and again.job_id != first.job_id


@pytest.mark.parametrize(
    ("taken", "offset", "late"),
    [
        ("2026:11:23 08:05:00", "", False),
        ("2026:11:23 08:12:00", "", True),
        ("2026:11:23 07:12:00", "+00:00", True),
        ("2026:11:23 18:00:00", "", False),
        ("2026:99:99 08:12:00", "", False),
        ("yesterday", "", False),
        ("", "", False),
    ],
)
def test_a_photo_says_itself_when_it_was_taken_in_the_time_zone_of_the_school(
    school: LessonSchool, lesson: str, taken: str, offset: str, late: bool
) -> None:
    found = sent(school, lesson, photo(40, taken, offset))
    assert found["late"] is late
    if taken.startswith("2026:11"):
        hour = 0 if offset else 1
        told = datetime.strptime(taken, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC) - timedelta(hours=hour)
        assert datetime.fromisoformat(found["taken"]) == told
    else:
        assert abs(datetime.fromisoformat(found["taken"]) - datetime.now(UTC)) < timedelta(minutes=5)


def test_who_sends_a_photo_may_say_when_it_was_taken(school: LessonSchool, lesson: str) -> None:
    assert sent(school, lesson, photo(41, "2026:11:23 08:12:00"), taken=at(1))["late"] is False
    assert sent(school, lesson, photo(42), taken="2026-11-23T08:20:00")["late"] is True
    assert sent(school, lesson, photo(43), taken="soon", status=400)["error"] == "EntryInvalid"


def test_other_times_of_the_lesson_make_other_photos_late(school: LessonSchool, lesson: str) -> None:
    late, early = (sent(school, lesson, photo(44 + n), taken=at(15 * n)) for n in (1, 0))
    school.ask("PATCH", f"/evidence/{early['evidence_id']}", {"late": True})
    school.ask("PATCH", f"/lessons/{lesson}", {"grace": 20})
    now = {each["evidence_id"]: each["late"] for each in school.register(lesson)["evidence"]}
    assert now == {late["evidence_id"]: False, early["evidence_id"]: True}


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", 415, "UnsupportedMediaType"),
        (b"<!doctype html><script>alert(1)</script>", 415, "UnsupportedMediaType"),
        (b"%PDF-1.7", 415, "UnsupportedMediaType"),
        (photo(50)[:200], 400, "ImageUnreadable"),
        (b"", 400, "EmptyFile"),
    ],
)
def test_what_is_no_photo_is_refused_and_leaves_nothing(
    school: LessonSchool, lesson: str, data: bytes, status: int, error: str
) -> None:
    before = len(list(school.places.bucket.list("classroom_photos")))
    assert sent(school, lesson, data, status=status)["error"] == error
    assert school.register(lesson)["evidence"] == []
    assert len(list(school.places.bucket.list("classroom_photos"))) == before


@pytest.mark.parametrize("name", ["../a.jpg", "a/b.jpg", "..", "a\\b.jpg"])
def test_a_name_with_a_path_in_it_is_refused(school: LessonSchool, lesson: str, name: str) -> None:
    assert sent(school, lesson, photo(51), name, status=400)["error"] in ("InvalidFilename", "InvalidForm")


def test_a_video_is_kept_as_it_was_sent_and_never_shown(school: LessonSchool, lesson: str) -> None:
    data = b"\0\0\0\x18ftypmp42" + bytes(16)
    found = sent(school, lesson, data, "lesson.MOV")
    kept = evidence_of(school, found)
    assert (found["kind"], kept.key[-4:]) == ("video", ".mov")
    assert school.places.bucket.get(kept.key) == data
    school.ask("GET", f"/evidence/{found['evidence_id']}/image", status=404)
    other = evidence_of(school, sent(school, lesson, data + b"x", "lesson.html"))
    assert other.key.endswith(".mp4")


# --- what fails


def test_what_did_not_arrive_as_a_whole_says_so_and_is_well_when_it_is_sent_again(
    school: LessonSchool, lesson: str
) -> None:
    found = evidence_of(school, sent(school, lesson, photo(60)))
    school.places.objects.delete(results.result_key(found.job_id))  # the server died before it asked for the job
    assert school.register(lesson)["evidence"][0]["state"] == "waiting"
    long_ago = found.added - timedelta(minutes=2)
    dead = Evidence(**{name: getattr(found, name) for name in found.__slots__} | {"added": long_ago})
    school.places.store.put(dead)
    (told,) = school.register(lesson)["evidence"]
    assert (told["state"], told["reason"]) == ("failed", INTERRUPTED)
    assert sent(school, lesson, photo(60))["state"] == "waiting"


def test_why_a_job_was_given_up_is_told_without_the_insides_of_the_server(school: LessonSchool, lesson: str) -> None:
    found = evidence_of(school, sent(school, lesson, photo(61)))
    job = job_of(school.places.bucket_name, found)
    assert job.job_id == found.job_id
    results.fail(school.places.objects, job, "a.jpg: it is damaged", "ImageUnreadable")
    assert school.register(lesson)["evidence"][0]["reason"] == "a.jpg: it is damaged"
    again = sent(school, lesson, photo(61))
    assert again["state"] == "waiting"
    job = job_of(school.places.bucket_name, evidence_of(school, again))
    results.fail(school.places.objects, job, "/srv/db: secret", "StoreUnavailable")
    assert "secret" not in school.register(lesson)["evidence"][0]["reason"]


# --- the roll by hand


def test_before_the_roll_is_called_everybody_is_listed_and_nothing_is_in_the_register(
    school: LessonSchool, lesson: str
) -> None:
    found = school.register(lesson)
    assert found["lesson"]["taken"] is False
    assert [line["name"] for line in found["lines"]] == ["Ada Lovelace", "Bob Babbage", "cem"]
    assert {line["has_consent"] for line in found["lines"]} == {False}
    assert school.places.store.find(RegisterLine, lesson_id=lesson) == []


def test_the_roll_is_called_by_hand_at_once_or_one_by_one(school: LessonSchool, lesson: str) -> None:
    everybody = [each.student_id for each in CLASS]
    school.ask("PUT", f"/lessons/{lesson}/marks", {"status": "present", "students": everybody}, status=204)
    assert set(statuses(school.register(lesson)).values()) == {"present"}
    school.ask("PUT", f"/lessons/{lesson}/marks/s-2", {"status": "excused", "note": "at the dentist"}, status=204)
    found = school.register(lesson)
    assert statuses(found) == {"s/1": "present", "s-2": "excused", "s-3": "present"}
    assert found["counts"] == {"present": 2, "late": 0, "excused": 1, "uncertain": 0, "absent": 0, "strangers": 0}
    (line,) = [each for each in found["lines"] if each["student_id"] == "s-2"]
    assert (line["by_hand"], line["note"]) == (True, "at the dentist")
    assert found["lesson"]["taken"] is True
    school.ask("DELETE", f"/lessons/{lesson}/marks/s-2", status=204)
    assert statuses(school.register(lesson))["s-2"] == "absent"


def test_a_student_has_a_record_over_all_lessons_and_only_of_classes_that_one_may_see(school: LessonSchool) -> None:
    lesson = school.lesson(title="Roots", starts="2026-10-05T06:00:00+00:00")
    school.ask("PUT", f"/lessons/{lesson}/marks/s-2", {"status": "late", "note": "the bus"})
    found = school.ask("GET", "/students/s-2/record?from=2026-10-05&to=2026-10-05", by="viewer")
    (line,) = found.pop("lines")
    assert found == {"student_id": "s-2", "name": "Bob Babbage"}
    told = (line["lesson_id"], line["starts"], line["status"], line["by_hand"], line["note"])
    assert told == (lesson, "2026-10-05T08:00:00+02:00", "late", True, "the bus")
    assert school.ask("GET", "/students/s-2/record?to=2026-10-04")["lines"] == []
    school.ask("GET", "/students/s-2/record", by="stranger", status=403)
    school.ask("GET", "/students/nobody/record", by="admin", status=404)


def test_marking_twice_changes_nothing_twice(school: LessonSchool, lesson: str) -> None:
    body = {"status": "late", "students": ["s-2"]}
    school.ask("PUT", f"/lessons/{lesson}/marks", body)
    entries, first = len(school.places.store.find(AuditEntry)), school.register(lesson)
    school.ask("PUT", f"/lessons/{lesson}/marks", body)
    assert school.register(lesson) == first
    assert len(school.places.store.find(AuditEntry)) == entries


@pytest.mark.parametrize("status", ["uncertain", "gone", "", None, 3])
def test_only_four_things_may_be_written_by_hand(school: LessonSchool, lesson: str, status: object) -> None:
    school.ask("PUT", f"/lessons/{lesson}/marks/s-2", {"status": status}, status=400)


def test_nobody_of_another_class_is_marked_and_then_nobody_at_all(school: LessonSchool, lesson: str) -> None:
    body = {"status": "present", "students": ["s-2", "nobody"]}
    assert school.ask("PUT", f"/lessons/{lesson}/marks", body, status=404)["error"] == "NotThere"
    assert school.places.store.find(Mark, lesson_id=lesson) == []


def test_an_old_register_does_not_take_in_who_comes_into_the_class_later(school: LessonSchool) -> None:
    old = school.lesson(starts=(datetime.now(UTC) - timedelta(days=30)).isoformat())
    new = school.lesson()
    for lesson in (old, new):
        school.ask("PUT", f"/lessons/{lesson}/marks/s-2", {"status": "present"})
    store = school.places.store
    store.put(Student("Dora", {}, "s-4"), Member("7b", "s-4"))
    try:
        for lesson, expected in ((old, None), (new, "absent")):
            school.ask("PUT", f"/lessons/{lesson}/marks/s-3", {"status": "late"})
            assert statuses(school.register(lesson)).get("s-4") == expected
        store.remove(Member, student_id="s-4")
        school.ask("PUT", f"/lessons/{new}/marks/s-3", {"status": "present"})
        assert statuses(school.register(new))["s-4"] == "absent"  # who leaves stays in old registers
    finally:
        store.remove(Member, student_id="s-4")


def test_a_lesson_is_deleted_with_everything_that_it_had(school: LessonSchool, lesson: str) -> None:
    kept = evidence_of(school, sent(school, lesson, photo(70)))
    school.ask("PUT", f"/lessons/{lesson}/marks/s-2", {"status": "present"})
    crop = f"crops/{lesson}/a-face.jpg"
    school.places.bucket.put(crop, b"a crop")
    school.ask("DELETE", f"/lessons/{lesson}", status=204)
    store, bucket = school.places.store, school.places.bucket
    for kind in (Lesson, Evidence, Seen, Mark, RegisterLine):
        assert store.find(kind, lesson_id=lesson) == []
    assert not {kept.key, crop} & {each.key for folder in ("classroom_photos", "crops") for each in bucket.list(folder)}
    assert results.read_result(school.places.objects, kept.job_id) is None
    assert audit.verify(store) > 0
    assert store.find(AuditEntry, subject=lesson, action="lesson.deleted")
