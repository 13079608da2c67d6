"""Export, choices, the summary for an impact assessment, and the commands that do the same."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesson_school import LessonSchool, lesson_school
from photocall.app import SCHOOL_COLLECTION
from photocall.cli import main
from photocall.errors import ObjectNotFound
from photocall.faces import ByteArray
from photocall.roster import Status, Student
from photocall.school import privacy
from photocall.school.lesson_records import Lesson, Mark, RegisterLine, Remembered, Seen
from photocall.school.records import Account, AuditEntry, Course, Member, Portrait, Role
from photocall.settings import Settings
from photocall.stores.sql import SqlStore
from schooling import ADA, BOB, NOW
from servers import jpeg


@pytest.fixture(scope="module")
def photo(portraits: dict[str, ByteArray]) -> bytes:
    picture = Image.fromarray(portraits["astronaut"])
    picture.thumbnail((700, 700))
    return jpeg(np.array(picture))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, photo: bytes) -> Iterator[LessonSchool]:
    """A school in which Ada is known by a photo, and was in a lesson."""
    with lesson_school(tmp_path_factory.mktemp("privacy"), [ADA, BOB]) as school:
        school.agree("s-1")
        school.ask("POST", "/students/s-1/portraits", files=[("file", ("a.jpg", photo))])
        vector = np.arange(128, dtype="<f4").tobytes()
        face = ("1,2,3,4", 0.0, "s-1", 91.5, True, "", "crops/l-1/seen-1.jpg", "model", vector, datetime.now(UTC))
        school.places.bucket.put("crops/l-1/seen-1.jpg", b"crop")
        school.places.store.put(
            Lesson("l-1", "7b", "Maths", NOW),
            Seen("seen-1", "l-1", "e-1", *face),
            RegisterLine("l-1", "s-1", Status.PRESENT, 91.5, "seen-1", False, NOW),
            Mark("l-1", "s-1", Status.PRESENT, "was there", "teacher", NOW),
            Remembered("seen-1", "s-1", True, "model", vector, "teacher", NOW),
            Remembered("seen-2", "s-1", False, "model", vector, "teacher", NOW),
        )
        yield school


def test_an_export_has_all_that_is_known_of_one_student(there: LessonSchool) -> None:
    with zipfile.ZipFile(io.BytesIO(there.ask("GET", "/students/s-1/export", by="admin"))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (portrait,) = there.places.store.find(Portrait)
    pictures = {f"photos/{portrait.portrait_id}.jpg", f"enrolled/{portrait.face_id}.jpg", "crops/seen-1.jpg"}
    assert set(files) == {"README.txt", "data.json", *pictures}
    assert files["crops/seen-1.jpg"] == b"crop"
    data = json.loads(files["data.json"])
    assert data["student"] == {"name": "Ada Lovelace", "fields": {"year": "2"}, "student_id": "s-1"}
    assert [each["name"] for each in data["classes"]] == ["Class 7b"]
    assert data["consent"]["given_by"] == "a parent"
    assert [line["status"] for line in data["register"]] == ["present"]
    assert [mark["note"] for mark in data["marks"]] == ["was there"]
    assert len(data["templates"][0]["vector"]) == 128 and data["seen"][0]["vector"][:3] == [0, 1, 2]
    vectors = {each["seen_id"]: each["vector"] for each in data["corrections"]}
    assert vectors == {"seen-1": list(range(128)), "seen-2": []}  # the second one measures somebody else's face
    assert "consent.given" in [each["action"] for each in data["audit"]]
    assert BOB.name not in files["data.json"].decode()
    assert there.places.store.find(AuditEntry)[-1].action == "student.exported"
    assert there.ask("GET", "/students/s-1/export", by="teacher", status=403)["error"] == "NotAllowed"
    assert there.ask("GET", "/students/nobody/export", by="admin", status=404)["error"] == "NotThere"


def test_the_summary_has_the_facts(there: LessonSchool) -> None:
    told = there.ask("GET", "/privacy", by="admin")
    counts = {each["what"]: each["count"] for each in told["stored"]}
    assert counts["photos that students are known by"] == counts["templates of students"] == 1
    assert counts["pictures of single faces in lessons"] == 1
    assert told["consents"] == {"in_force": 1, "withdrawn": 0, "none": 1}
    assert told["sealing"] == {"sealed": 4, "not_sealed": 0, "keys": 1}
    assert {"account_id": "teacher", "name": "Mr Teacher", "action": "portrait.added", "times": 1} in told["accesses"]
    assert told["legal_basis"] == privacy.LEGAL_BASIS
    assert ADA.name not in json.dumps(told) and str(there.asked.service.settings.data) not in json.dumps(told)
    there.ask("GET", "/privacy", by="teacher", status=403)


def test_how_long_things_are_kept_is_the_administrators_choice(there: LessonSchool) -> None:
    before = there.ask("GET", "/choices")
    changed = there.ask("PUT", "/choices", {"photo_days": 7, "time_zone": "Europe/Berlin"}, by="admin")
    assert changed == {**before, "photo_days": 7, "time_zone": "Europe/Berlin"}
    for wrong in ({"photo_days": 0}, {"crop_days": 4000}, {"time_zone": "Mars/Base"}, {"name": "x" * 201}, {"days": 1}):
        assert there.ask("PUT", "/choices", wrong, by="admin", status=400)["error"] == "EntryInvalid"
    there.ask("PUT", "/choices", {"photo_days": 8}, status=403)
    assert there.ask("GET", "/choices", by="viewer") == changed


def test_the_clock_can_be_run_at_once(there: LessonSchool) -> None:
    deleted = there.ask("POST", "/retention", by="admin")["deleted"]
    assert deleted["leavers"] == 0 and deleted["photos"] == 0
    entry = there.places.store.find(AuditEntry)[-1]
    assert (entry.action, entry.account_id) == ("retention.run", "admin")
    there.ask("POST", "/retention", status=403)


def test_a_student_is_erased_by_an_administrator_and_leaves_this_servers_memory(
    there: LessonSchool, photo: bytes
) -> None:
    store = there.places.store
    store.put(Student("Evelyn Distinctive", {}, "s-9"), Member("7b", "s-9"))
    there.agree("s-9")
    there.ask("POST", "/students/s-9/portraits", files=[("file", ("a.jpg", photo))])
    gallery = there.asked.service.gallery(SCHOOL_COLLECTION)
    assert "s-9" in gallery.people
    there.ask("DELETE", "/students/s-9", status=403)
    told = there.ask("DELETE", "/students/s-9", by="admin")
    assert told["student_id"] == "s-9" and told["removed"]["templates"] == 1
    assert "s-9" not in gallery.people
    assert there.ask("GET", "/students/s-9/consent", by="admin", status=404)["error"] == "NotThere"
    assert there.ask("DELETE", "/students/s-9", by="admin", status=404)["error"] == "NotThere"
    assert [each.action for each in store.find(AuditEntry, subject="s-9")][-1] == "student.erased"
    deadline = time.monotonic() + 60
    while files_with(there, b"Evelyn Distinctive"):  # whoever reads at the same time delays emptying SQLite's log
        assert time.monotonic() < deadline
        store.put(BOB)


def files_with(there: LessonSchool, text: bytes) -> list[str]:
    """The files of the data directory that hold a text."""
    files = [path for path in there.asked.service.settings.data.rglob("*") if path.is_file()]
    return [path.name for path in files if text in path.read_bytes()]


def test_a_photo_that_was_deleted_says_so(there: LessonSchool) -> None:
    (portrait,) = there.places.store.find(Portrait)
    photo = there.places.bucket.get(portrait.key)
    there.places.bucket.delete(portrait.key)
    path = f"/portraits/{portrait.portrait_id}/image"
    assert there.ask("GET", path, status=404)["error"] == ObjectNotFound.__name__
    there.places.bucket.put(portrait.key, photo)


def test_the_commands_do_what_the_pages_do(tmp_path: Path, photo: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    data, photos = tmp_path / "data", tmp_path / "photos"
    with SqlStore(Settings(data=data, template_keys="none").database) as store:
        store.put(ADA, BOB, Course("7b", "Class 7b"), Member("7b", "s-1"), Member("7b", "s-2"))
        store.put(Account("a", "a", "A", Role.ADMINISTRATOR, "", NOW))
    (photos / "Ada Lovelace").mkdir(parents=True)
    (photos / "Ada Lovelace" / "1.jpg").write_bytes(photo)
    (photos / "s-2.jpg").write_bytes(photo)

    def told(*arguments: object, code: int = 0) -> list[dict[str, object]]:
        assert main([*map(str, arguments), "--data", str(data), "--json"]) == code
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert told("consent", "give", "s-1", "nobody", "--by", "a parent", code=1) == [
        {"student_id": "s-1", "consent": True}
    ]
    added = {str(each["file"]): each for each in told("portraits", "add", photos, code=1)}
    assert added["photos/Ada Lovelace/1.jpg"]["portrait_id"] and not added["photos/Ada Lovelace/1.jpg"]["problem"]
    assert "no consent" in str(added["photos/s-2.jpg"]["problem"])
    again = told("portraits", "add", photos / "s-2.jpg", "--student", "s-1")
    assert again[0]["portrait_id"] == added["photos/Ada Lovelace/1.jpg"]["portrait_id"]
    assert [each["student_id"] for each in told("portraits", "list")[0]] == ["s-1"]  # type: ignore[index]
    assert told("retention", "run", "--dry-run")[0]["dry_run"] is True
    assert told("retention", "run")[0]["leavers"] == 0
    assert told("privacy", "summary")[0]["consents"] == {"in_force": 1, "withdrawn": 0, "none": 1}
    assert told("student", "export", "s-1", "--out", tmp_path / "ada.zip")[0]["student_id"] == "s-1"
    assert zipfile.is_zipfile(tmp_path / "ada.zip")
    assert told("consent", "withdraw", "s-1")[0]["removed"]["templates"] == 1  # type: ignore[index]
    assert told("consent", "list")[0][0]["withdrawn"] is not None  # type: ignore[index]
    erased = told("student", "erase", "s-1", "nobody", code=1)
    assert [each["student_id"] for each in erased] == ["s-1"]
    for arguments in (("consent", "list"), ("portraits", "list"), ("retention", "run"), ("privacy", "summary")):
        assert main([*arguments, "--data", str(data)]) == 0
    assert "Ada" not in capsys.readouterr().out
