"""Consent and photos over HTTP: nothing of a face before somebody agreed, and nothing after it is taken back."""

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lesson_school import LessonSchool, lesson_school
from photocall.app import SCHOOL_COLLECTION
from photocall.faces import ByteArray
from photocall.school import consents
from photocall.school.errors import EntryInvalid, NotAllowed, NotThere
from photocall.school.records import AuditEntry, Consent, Member
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, VIEWER
from servers import jpeg

AGREED = {"given_by": "Annabella Byron", "purpose": "Calling the roll"}
CONSENT, PORTRAITS = "/students/s-1/consent", "/students/s-1/portraits"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LessonSchool]:
    with lesson_school(tmp_path_factory.mktemp("consents"), [ADA, BOB]) as school:
        yield school


@pytest.fixture
def there(running: LessonSchool) -> Iterator[LessonSchool]:
    """A school in which nobody has agreed to anything."""
    yield running
    for student in (ADA, BOB):
        if running.places.store.get(Consent, student.student_id):
            consents.withdraw(running.places, running.asked.service.queue, ADMINISTRATOR, student.student_id, NOW)
    running.places.store.remove(Consent)


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    return {name: jpeg(smaller(image)) for name, image in portraits.items()}


def smaller(image: ByteArray) -> ByteArray:
    picture = Image.fromarray(image)
    picture.thumbnail((700, 700))
    return np.array(picture)


def form(*files: tuple[str, bytes]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("file", file) for file in files]


def test_a_photo_needs_consent_first_and_taking_it_back_erases(there: LessonSchool, photos: dict[str, bytes]) -> None:
    one = form(("a.jpg", photos["astronaut"]))
    assert there.ask("GET", CONSENT) == {"consent": None}
    assert there.ask("POST", PORTRAITS, files=one, status=409)["error"] == "ConsentMissing"
    assert there.places.faces() == []
    given = there.ask("PUT", CONSENT, AGREED)["consent"]
    assert {**AGREED, "student_id": "s-1", "recorded_by": "teacher", "withdrawn": None}.items() <= given.items()
    (added,) = there.ask("POST", PORTRAITS, files=one)["portraits"]
    assert (added["problem"], added["student"]) == (None, {"student_id": "s-1", "name": "Ada Lovelace"})
    assert there.ask("GET", f"/portraits/{added['portrait_id']}/image")[:2] == b"\xff\xd8"
    assert len(there.asked.service.gallery(SCHOOL_COLLECTION)) == 1
    gallery = there.asked.service.gallery(SCHOOL_COLLECTION)
    removed = there.ask("DELETE", CONSENT)["removed"]
    assert (removed["portraits"], removed["templates"], len(removed["objects"])) == (1, 1, 2)
    assert len(gallery) == 0  # without a search, or anything else, in between
    assert there.ask("GET", PORTRAITS) == {"portraits": []}
    assert there.ask("GET", f"/portraits/{added['portrait_id']}/image", status=404)["error"] == "NotThere"
    assert there.ask("GET", CONSENT)["consent"]["withdrawn"] is not None
    assert there.ask("POST", PORTRAITS, files=one, status=409)["error"] == "ConsentMissing"
    actions = [each.action for each in there.places.store.find(AuditEntry, subject="s-1")]
    wanted = ["consent.given", "portrait.added", "portrait.seen", "consent.withdrawn", "faces.erased"]
    assert [action for action in actions if action in wanted] == wanted


def test_one_bad_file_never_stops_the_others(there: LessonSchool, photos: dict[str, bytes]) -> None:
    there.ask("PUT", CONSENT, AGREED)
    two = jpeg(
        np.hstack([np.array(Image.fromarray(smaller(portrait)).resize((400, 400))) for portrait in pair(photos)])
    )
    files = form(("a.jpg", photos["obama"]), ("b.svg", b"<svg/>"), ("c.jpg", two), ("d.jpg", photos["obama2"]))
    told = there.ask("POST", PORTRAITS, files=files)["portraits"]
    assert [bool(each["portrait_id"]) for each in told] == [True, False, False, True]
    assert "it is text" in told[1]["problem"] and "2 faces found" in told[2]["problem"]
    listed = there.ask("GET", PORTRAITS, by="viewer")["portraits"]
    assert [each["portrait_id"] for each in listed] == [told[0]["portrait_id"], told[3]["portrait_id"]]
    there.ask("DELETE", f"/portraits/{listed[0]['portrait_id']}", status=204)
    assert len(there.ask("GET", PORTRAITS)["portraits"]) == 1
    there.ask("DELETE", f"/portraits/{listed[0]['portrait_id']}", status=404)


def pair(photos: dict[str, bytes]) -> list[ByteArray]:
    return [np.array(Image.open(io.BytesIO(photos[name]))) for name in ("obama", "biden")]


def test_whom_a_photo_resembles_is_named_only_to_those_who_may_know(
    there: LessonSchool, photos: dict[str, bytes]
) -> None:
    store = there.places.store
    for student in ("s-1", "s-2"):
        there.ask("PUT", f"/students/{student}/consent", AGREED)
    there.ask("POST", PORTRAITS, files=form(("a.jpg", photos["obama"])))
    (told,) = there.ask("POST", "/students/s-2/portraits", files=form(("b.jpg", photos["obama2"])))["portraits"]
    assert told["resembles"] == {"student_id": "s-1", "name": "Ada Lovelace"}
    store.remove(Member, student_id="s-2")
    store.put(Member("8a", "s-2"))
    (shown,) = there.ask("GET", "/students/s-2/portraits", by="stranger")["portraits"]
    assert shown["resembles"] == {"student_id": None, "name": "a student of another class"}
    store.remove(Member, student_id="s-2")
    store.put(Member("7b", "s-2"))


def test_a_zip_and_files_in_folders_come_in_by_their_names(there: LessonSchool, photos: dict[str, bytes]) -> None:
    there.agree("s-1", "s-2")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Class/Ada Lovelace.jpg", photos["astronaut"])
        file.writestr("../s-1.jpg", photos["biden"])
    files = [("a.zip", archive.getvalue()), ("Bob Babbage/1.jpg", photos["obama"]), ("c.zip", b"PK\3\4 broken")]
    told = there.ask("POST", "/portrait-archives", files=form(*files, ("../../s-1.jpg", photos["biden"])))["portraits"]
    by_file = {each["file"]: each for each in told}
    assert by_file["Bob Babbage/1.jpg"]["student"]["student_id"] == "s-2"
    assert by_file["Class/Ada Lovelace.jpg"]["portrait_id"] and by_file["Bob Babbage/1.jpg"]["portrait_id"]
    assert "leads elsewhere" in by_file["../s-1.jpg"]["problem"]
    assert "leads elsewhere" in by_file["../../s-1.jpg"]["problem"]
    assert "no ZIP" in by_file["c.zip"]["problem"]
    assert len(list(there.places.bucket.list("student_photos"))) == 2
    there.ask("POST", "/portrait-archives", files=form(*files), by="viewer", status=403)


def test_a_look_answers_and_keeps_nothing(there: LessonSchool, photos: dict[str, bytes]) -> None:
    entries = len(there.places.store.find(AuditEntry))
    headers = {"Authorization": f"Bearer {there.tokens['teacher']}", "Content-Type": "image/jpeg"}
    raw = there.asked.client.post("/v1/school/look", content=photos["astronaut"], headers=headers)
    assert raw.status_code == 200 and raw.json()["good"] and len(raw.json()["box"]) == 4
    sent = there.ask("POST", "/look", files=form(("look.jpg", photos["astronaut"])))
    assert sent == raw.json()
    blank = there.ask("POST", "/look", files=form(("look.jpg", jpeg(np.full((480, 640, 3), 90, np.uint8)))))
    assert (blank["faces"], blank["good"], blank["box"], blank["width"]) == (0, False, None, 640)
    assert there.ask("POST", "/look", files=form(("look.svg", b"<svg/>")), status=400)["error"] == "ImageUnreadable"
    there.ask("POST", "/look", files=form(("look.jpg", photos["astronaut"])), by="viewer", status=403)
    assert len(there.places.store.find(AuditEntry)) == entries
    assert list(there.places.bucket.list("student_photos")) == []


@pytest.mark.parametrize("by", ["stranger", "viewer"])
def test_who_has_not_the_class_or_only_sees_it_changes_nothing(
    there: LessonSchool, photos: dict[str, bytes], by: str
) -> None:
    there.agree("s-1")
    one = form(("a.jpg", photos["astronaut"]))
    for method, path, more in (
        ("PUT", CONSENT, {"body": AGREED}),
        ("DELETE", CONSENT, {}),
        ("POST", PORTRAITS, {"files": one}),
    ):
        assert there.ask(method, path, by=by, status=403, **more)["error"] == "NotAllowed"
    if by == "stranger":
        there.ask("GET", CONSENT, by=by, status=403)
        there.ask("GET", PORTRAITS, by=by, status=403)
    assert there.places.store.get(Consent, "s-1") is not None


@pytest.mark.parametrize("text", ["", " ", "x" * 201, "a\nb", "\x00"])
def test_who_agreed_and_what_to_must_be_said(there: LessonSchool, text: str) -> None:
    for name in AGREED:
        assert there.ask("PUT", CONSENT, {**AGREED, name: text}, status=400)["error"] == "EntryInvalid"
    with pytest.raises(EntryInvalid):
        consents.give(there.places.store, TEACHER, "s-1", text, "x", NOW)
    assert there.places.store.find(Consent) == []


def test_consent_is_of_a_student_that_is_there(there: LessonSchool) -> None:
    store, queue = there.places.store, there.asked.service.queue
    with pytest.raises(NotThere):
        consents.give(store, ADMINISTRATOR, "nobody", "a", "b", NOW)
    with pytest.raises(NotThere):
        consents.withdraw(there.places, queue, ADMINISTRATOR, "s-1", NOW)
    for account in (STRANGER, VIEWER):
        with pytest.raises(NotAllowed):
            consents.withdraw(there.places, queue, account, "s-1", NOW)
    given = consents.give(store, TEACHER, "s-1", " a ", "b", NOW)
    assert given == Consent("s-1", "a", "b", NOW, "teacher")
    again = consents.give(store, ADMINISTRATOR, "s-1", "c", "d", NOW)
    assert consents.consents(store) == [replace(again)]
