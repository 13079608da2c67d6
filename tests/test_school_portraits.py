"""Photos that students are known by: one person, good enough, only with consent, flagged if they resemble others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photocall.engine.face_engine import FaceEngine
from photocall.errors import NoFace, PoorFace, SeveralFaces, StoreUnavailable
from photocall.faces import ByteArray
from photocall.media.images import encode_jpeg, read_image
from photocall.school import audit, consents, looks
from photocall.school.errors import ConsentMissing, NotAllowed, NotThere
from photocall.school.places import is_portrait_of, portrait_key
from photocall.school.portraits import (
    Enrolment,
    add_portrait,
    portrait_photo,
    portraits_of,
    remove_portrait,
    try_portrait,
)
from photocall.school.records import Account, AuditEntry, Portrait
from photocall.school.remains import UNCLAIMED, delete_remains
from schooling import ADA, ADMINISTRATOR, BOB, NOW, STRANGER, TEACHER, VIEWER, School, school


@pytest.fixture
def there(tmp_path: Path) -> Iterator[School]:
    with school(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(portraits: dict[str, ByteArray]) -> dict[str, bytes]:
    return {name: encode_jpeg(smaller(image), 92) for name, image in portraits.items()}


def smaller(image: ByteArray) -> ByteArray:
    picture = Image.fromarray(image)
    picture.thumbnail((700, 700))
    return np.array(picture)


def keys(there: School) -> list[str]:
    return [each.key for each in there.places.bucket.list("student_photos")]


def test_a_photo_is_kept_with_its_face_under_the_key_of_the_student_and_the_time(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    added = add_portrait(there.enrolment(engine), TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW)
    assert added.key == "student_photos/s-1_20260901080000.jpg"
    assert keys(there) == [added.key]
    (face,) = there.places.faces_of("s-1")
    assert (face.face_id, face.external_image_id) == (added.face_id, "s-1")
    assert portraits_of(there.places.store, VIEWER, "s-1") == [added]
    assert portrait_photo(there.places, VIEWER, added.portrait_id, NOW)[:2] == b"\xff\xd8"
    noted = [(each.account_id, each.action, each.subject) for each in there.places.store.find(AuditEntry)][1:]
    assert noted == [("teacher", "portrait.added", "s-1"), ("viewer", "portrait.seen", "s-1")]
    assert audit.verify(there.places.store) == 3


def test_the_same_photo_again_changes_nothing(there: School, engine: FaceEngine, photos: dict[str, bytes]) -> None:
    there.agree(ADA)
    enrolment = there.enrolment(engine)
    first = add_portrait(enrolment, ADMINISTRATOR, "s-1", photos["obama"], "a.jpg", NOW)
    entries = len(there.places.store.find(AuditEntry))
    assert add_portrait(enrolment, TEACHER, "s-1", photos["obama"], "b.jpg", NOW) == first
    assert keys(there) == [first.key]
    assert len(there.places.faces_of("s-1")) == 1
    assert len(there.places.store.find(AuditEntry)) == entries


def test_photos_of_the_same_second_have_keys_of_their_own(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    names = [
        add_portrait(there.enrolment(engine), TEACHER, "s-1", photos[name], name, NOW).key
        for name in ("obama", "obama2", "obama3")
    ]
    stem = "student_photos/s-1_20260901080000"
    assert names == [f"{stem}.jpg", f"{stem}_2.jpg", f"{stem}_3.jpg"]
    assert keys(there) == sorted(names)


def test_without_consent_no_face_is_stored(there: School, engine: FaceEngine, photos: dict[str, bytes]) -> None:
    with pytest.raises(ConsentMissing):
        add_portrait(there.enrolment(engine), ADMINISTRATOR, "s-1", photos["astronaut"], "a.jpg", NOW)
    there.agree(ADA)
    consents.withdraw(there.places, there.queue, ADMINISTRATOR, "s-1", NOW)
    with pytest.raises(ConsentMissing):
        add_portrait(there.enrolment(engine), ADMINISTRATOR, "s-1", photos["astronaut"], "a.jpg", NOW)
    assert there.places.faces() == []
    assert not (there.data / "objects").exists() or list((there.data / "objects").rglob("*.jpg")) == []


def test_a_photo_whose_consent_is_withdrawn_while_it_is_looked_at_leaves_nothing(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    enrolment = there.enrolment(engine)
    gallery = enrolment.gallery

    def withdraw_first() -> object:
        consents.withdraw(there.places, there.queue, ADMINISTRATOR, "s-1", NOW)
        return gallery()

    object.__setattr__(enrolment, "gallery", withdraw_first)
    with pytest.raises(ConsentMissing):
        add_portrait(enrolment, TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW)
    assert there.places.faces() == []
    assert list((there.data / "objects").rglob("*.jpg")) == []


class Failing:
    """A bucket that cannot be written to, or in whose store nobody else can write while it is."""

    def __init__(self, there: School, broken: bool) -> None:
        self._there, self._broken = there, broken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._there.places.bucket, name)

    def put(self, key: str, data: bytes) -> None:
        audit.noted(self._there.places.store, "cli", "something.else", "", NOW)
        self._there.places.bucket.put(key, data)
        if self._broken:
            raise StoreUnavailable("the bucket", "it is gone")


def with_bucket(there: School, engine: FaceEngine, bucket: Any) -> Enrolment:
    return replace(there.enrolment(engine), places=replace(there.places, bucket=bucket))


def test_a_photo_that_cannot_be_kept_leaves_no_face(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    with pytest.raises(StoreUnavailable):
        add_portrait(
            with_bucket(there, engine, Failing(there, True)), TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW
        )
    assert there.places.faces() == [] and there.places.store.find(Portrait) == []
    assert [path for path in (there.data / "objects").rglob("*.jpg") if path.is_file()] == []


def test_a_face_whose_enroller_was_killed_before_the_photo_was_recorded_goes_once_it_is_old(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA, BOB)
    kept = add_portrait(there.enrolment(engine), TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW)
    left = add_portrait(there.enrolment(engine), TEACHER, "s-2", photos["obama"], "b.jpg", NOW)
    there.places.store.remove(Portrait, portrait_id=left.portrait_id)  # as if it had never been put
    now = datetime.now(UTC)
    delete_remains(there.places, now)
    assert {each.face_id for each in there.places.faces()} == {kept.face_id, left.face_id}
    delete_remains(there.places, now + UNCLAIMED + timedelta(minutes=1))
    assert [each.face_id for each in there.places.faces()] == [kept.face_id]
    assert len(list(there.places.objects.list("faces"))) == 1


def test_others_write_while_a_photo_is_put_into_the_bucket(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    enrolment = with_bucket(there, engine, Failing(there, False))
    added = add_portrait(enrolment, TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW)
    assert keys(there) == [added.key]
    actions = [each.action for each in there.places.store.find(AuditEntry)]
    assert actions == ["consent.given", "something.else", "portrait.added"]


def test_photos_that_are_added_at_once_have_keys_of_their_own_and_one_twice_is_one(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    all_there = Barrier(4, timeout=60)

    class Waiting(Failing):
        def put(self, key: str, data: bytes) -> None:
            all_there.wait()
            there.places.bucket.put(key, data)

    enrolment = with_bucket(there, engine, Waiting(there, False))

    def add(name: str) -> Portrait:
        return add_portrait(enrolment, TEACHER, "s-1", photos[name], name, NOW)

    with ThreadPoolExecutor(4) as threads:
        added = list(threads.map(add, ("obama", "obama2", "obama3", "obama")))
    assert added[0] == added[3]
    assert sorted({each.key for each in added}) == sorted(keys(there))
    assert len({there.places.bucket.get(key) for key in keys(there)}) == 3
    assert portraits_of(there.places.store, TEACHER, "s-1") == sorted(set(added), key=lambda each: each.portrait_id)


def test_a_photo_that_resembles_another_student_is_flagged(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA, BOB)
    enrolment = there.enrolment(engine)
    assert add_portrait(enrolment, TEACHER, "s-1", photos["obama"], "a.jpg", NOW).resembles == ""
    assert add_portrait(enrolment, TEACHER, "s-1", photos["obama3"], "a.jpg", NOW).resembles == ""
    assert add_portrait(enrolment, TEACHER, "s-2", photos["biden"], "b.jpg", NOW).resembles == ""
    assert add_portrait(enrolment, TEACHER, "s-2", photos["obama2"], "c.jpg", NOW).resembles == "s-1"


def test_only_one_person_who_can_be_seen_well_is_taken(
    there: School, engine: FaceEngine, photos: dict[str, bytes], portraits: dict[str, ByteArray]
) -> None:
    there.agree(ADA)
    enrolment = there.enrolment(engine)
    obama, biden = (np.array(Image.fromarray(portraits[name]).resize((400, 400))) for name in ("obama", "biden"))
    tiny = np.array(Image.fromarray(smaller(portraits["astronaut"])).resize((160, 160)))
    wrong = {
        NoFace: encode_jpeg(np.full((300, 300, 3), 200, np.uint8), 90),
        SeveralFaces: encode_jpeg(np.hstack([obama, biden]), 92),
        PoorFace: encode_jpeg(tiny, 92),
    }
    for kind, data in wrong.items():
        with pytest.raises(kind):
            add_portrait(enrolment, TEACHER, "s-1", data, "a.jpg", NOW)
    told = try_portrait(enrolment, TEACHER, "s-1", wrong[PoorFace], "a.jpg", NOW)
    assert told.portrait is None and told.reasons == ("SMALL_BOUNDING_BOX",) and "pixels wide" in told.problem
    assert there.places.store.find(Portrait) == [] and there.places.faces() == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("b.jpg", b"<!doctype html><script>alert(1)</script>"),
        ("c.jpg", b"%PDF-1.7 nothing"),
        ("d.jpg", b""),
        ("e.jpg", b"\xff\xd8\xff\xe0 and no more of a JPEG"),
    ],
)
def test_what_is_no_photo_is_refused_with_a_reason(there: School, engine: FaceEngine, name: str, data: bytes) -> None:
    there.agree(ADA)
    told = try_portrait(there.enrolment(engine), TEACHER, "s-1", data, name, NOW)
    assert told.portrait is None
    assert told.problem.startswith(f"{name}: not a readable image: it is ")


def test_what_is_kept_is_a_picture_and_nothing_else_of_the_file(
    there: School, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    file, picture = BytesIO(), Image.fromarray(smaller(portraits["astronaut"]))
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    picture.save(file, "JPEG", exif=exif, quality=92)
    there.agree(ADA)
    added = add_portrait(there.enrolment(engine), TEACHER, "s-1", file.getvalue() + b"<script>", "a.jpg", NOW)
    kept = there.places.bucket.get(added.key)
    assert b"taken at home" not in kept and b"<script>" not in kept
    assert read_image(kept).shape == (*picture.size[::-1], 3)


def test_a_photo_is_for_those_who_have_the_class(there: School, engine: FaceEngine, photos: dict[str, bytes]) -> None:
    there.agree(ADA)
    enrolment = there.enrolment(engine)
    added = add_portrait(enrolment, TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW)
    refused: list[Account] = [STRANGER, VIEWER]
    for account in refused:
        with pytest.raises(NotAllowed):
            add_portrait(enrolment, account, "s-1", photos["astronaut"], "a.jpg", NOW)
        with pytest.raises(NotAllowed):
            remove_portrait(there.places, account, added.portrait_id, NOW)
    with pytest.raises(NotAllowed):
        portrait_photo(there.places, STRANGER, added.portrait_id, NOW)
    with pytest.raises(NotThere):
        portrait_photo(there.places, ADMINISTRATOR, "nothing", NOW)


def test_a_photo_that_is_removed_is_gone_with_its_face(
    there: School, engine: FaceEngine, photos: dict[str, bytes]
) -> None:
    there.agree(ADA)
    added = add_portrait(there.enrolment(engine), TEACHER, "s-1", photos["astronaut"], "a.jpg", NOW)
    remove_portrait(there.places, TEACHER, added.portrait_id, NOW)
    assert there.places.faces() == [] and there.places.store.find(Portrait) == []
    assert [path for path in (there.data / "objects").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("student_id", ["s-1", "a_b", "../../etc/passwd", "a/b", "名" * 128, "x" * 128, "%2E"])
def test_a_key_is_its_students_alone_whatever_the_id(student_id: str) -> None:
    for number in (1, 2, 17):
        key = portrait_key(student_id, NOW, number)
        assert is_portrait_of(key, student_id)
        assert key.count("/") == 1 and len(key) < 240
        for other in ("s", "s-", "a", "s-1_20260901080000", student_id + "_20260901080000"):
            assert not is_portrait_of(key, other)


def test_a_look_says_in_plain_words_what_to_change(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    astronaut = smaller(portraits["astronaut"])
    obama, biden = (np.array(Image.fromarray(portraits[name]).resize((400, 400))) for name in ("obama", "biden"))
    good = looks.look(engine, astronaut)
    assert good.good and good.faces == 1 and good.box is not None and good.advice == looks.GOOD
    nobody = looks.look(engine, np.full((480, 640, 3), 90, np.uint8))
    assert (nobody.good, nobody.faces, nobody.box, nobody.width, nobody.height) == (False, 0, None, 640, 480)
    assert not looks.look(engine, np.hstack([obama, biden])).good
    assert looks.look(engine, np.hstack([obama, biden])).faces == 2
    small = looks.look(engine, np.array(Image.fromarray(astronaut).resize((160, 160))))
    assert small.reasons == ("SMALL_BOUNDING_BOX",) and "pixels wide" in small.advice
    dark = looks.look(engine, (astronaut * 0.06).astype(np.uint8))
    assert not dark.good
