from pathlib import Path

import numpy as np
import pytest

from people import CALIBRATION, MODEL, face, person, record
from photocall.engine.face_engine import FaceEngine
from photocall.errors import NoFace, SeveralFaces
from photocall.faces import BoundingBox, ByteArray
from photocall.gallery import Gallery
from photocall.quality_gate import QualityFilter
from photocall.recognition import (
    MARGIN,
    compare_faces,
    derive_face_id,
    derive_image_id,
    identify_faces,
    index_face,
)
from photocall.stores.sql import SqlStore

NAMES = ("a.jpg", "b.jpg")


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{tmp_path / 'faces.db'}")
    store.create_collection("class", MODEL)
    return store


@pytest.fixture
def gallery(store: SqlStore) -> Gallery:
    store.put_faces("class", [record(name, person(number)) for number, name in enumerate("abcdefghij")])
    return Gallery(store, "class", MODEL)


def test_two_photos_of_one_man_are_the_same_person_and_of_two_men_are_not(
    engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    same = compare_faces(engine, portraits["obama"], portraits["obama2"], names=NAMES)
    other = compare_faces(engine, portraits["obama"], portraits["biden"], names=NAMES)
    assert same.same and same.similarity > 90
    assert not other.same and other.similarity < 5
    assert same.similarity == pytest.approx(engine.calibration.similarity(same.distance))


def test_a_comparison_without_a_face_names_the_picture(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    with pytest.raises(NoFace, match=r"^b\.jpg: no face found"):
        compare_faces(engine, portraits["obama"], np.zeros((90, 90, 3), np.uint8), names=NAMES)


def test_a_portrait_is_enrolled_once_however_often(
    engine: FaceEngine, store: SqlStore, portraits: dict[str, ByteArray]
) -> None:
    image = portraits["biden"]
    first, again = (
        index_face(engine, store, "class", image, name="Joe", image_id="i", source="joe.jpg") for _ in range(2)
    )
    assert first.face_id == again.face_id
    (kept,) = store.faces("class")
    assert kept.external_image_id == "Joe"
    assert (kept.image_width, kept.image_height) == (image.shape[1], image.shape[0])
    assert np.abs(kept.embedding.vector - first.embedding.vector).max() == 0


def test_a_portrait_of_two_people_is_refused_but_a_small_face_behind_is_not(
    engine: FaceEngine, store: SqlStore, portraits: dict[str, ByteArray]
) -> None:
    left, right = portraits["biden"][:900], portraits["obama"][:900, :800]
    height = min(left.shape[0], right.shape[0])
    two = np.concatenate([left[:height], right[:height]], axis=1)
    with pytest.raises(SeveralFaces, match=r"two\.jpg: 2 faces found"):
        index_face(engine, store, "class", two, name="Joe", image_id="i", source="two.jpg")
    behind = left.copy()
    small = right[:720:4, :800:4]
    behind[: small.shape[0], : small.shape[1]] = small
    assert len(engine.detect(behind)) == 2
    index_face(engine, store, "class", behind, name="Joe", image_id="i", source="behind.jpg")
    assert [kept.external_image_id for kept in store.faces("class")] == ["Joe"]


def test_a_portrait_of_nobody_is_refused(engine: FaceEngine, store: SqlStore) -> None:
    with pytest.raises(NoFace, match=r"empty\.jpg"):
        index_face(engine, store, "class", np.zeros((99, 99, 3), np.uint8), name="x", image_id="i", source="empty.jpg")


def test_a_near_face_is_named_a_doubtful_one_is_uncertain_and_a_far_one_is_a_stranger(gallery: Gallery) -> None:
    accept = CALIBRATION.operating_point(10, 0.01)
    review = CALIBRATION.operating_point(10, 0.2)
    assert accept < review
    faces = [face(person(0, accept - 0.01)), face(person(1, accept + 0.01)), face(person(2, review + 0.01))]
    near, doubtful, far = identify_faces(faces, gallery, CALIBRATION, 0.01)
    assert (near.name, near.certain) == ("a", True)
    assert (doubtful.name, doubtful.certain) == ("b", False)
    assert (far.name, far.similarity) == (None, None)
    assert near.similarity == pytest.approx(CALIBRATION.similarity(accept - 0.01), abs=0.1)


def test_nobody_is_in_one_picture_twice(gallery: Gallery) -> None:
    twins = [face(person(0, 0.3)), face(person(0, 0.1))]
    second, first = identify_faces(twins, gallery, CALIBRATION, 0.01)
    assert first.name == "a"
    assert second.name is None


def test_a_stricter_target_names_fewer(gallery: Gallery) -> None:
    distance = CALIBRATION.operating_point(10, 0.01) - 0.01
    (loose,) = identify_faces([face(person(0, distance))], gallery, CALIBRATION, 0.01)
    (strict,) = identify_faces([face(person(0, distance))], gallery, CALIBRATION, 0.0001)
    assert loose.certain and not strict.certain


def test_nobody_in_the_picture_and_nobody_in_the_class_are_right_answers(gallery: Gallery, store: SqlStore) -> None:
    assert identify_faces([], gallery, CALIBRATION, 0.01) == []
    store.delete_faces("class", [kept.face_id for kept in store.faces("class")])
    gallery.refresh()
    assert [one.name for one in identify_faces([face(person(0))], gallery, CALIBRATION, 0.01)] == [None]


def test_a_face_without_embedding_cannot_be_identified(gallery: Gallery) -> None:
    with pytest.raises(ValueError, match="embedded"):
        identify_faces([face(None)], gallery, CALIBRATION, 0.01)


def test_ids_follow_from_what_they_name() -> None:
    box = BoundingBox(1.2, 2, 30, 40)
    assert derive_image_id(b"x") == derive_image_id(b"x") != derive_image_id(b"y")
    ids = {
        derive_face_id("class", "image", "name", box),
        derive_face_id("other", "image", "name", box),
        derive_face_id("class", "other", "name", box),
        derive_face_id("class", "image", "other", box),
        derive_face_id("class", "image", "name", None),
        derive_face_id("class", "image", "name", BoundingBox(90, 2, 30, 40)),
    }
    assert len(ids) == 6
    assert derive_face_id("class", "image", "name", BoundingBox(1.3, 2, 30, 40)) in ids


def test_a_name_is_uncertain_where_somebody_else_is_nearly_as_near(gallery: Gallery, store: SqlStore) -> None:
    probe = person(0, 0.3)
    (alone,) = identify_faces([face(probe)], gallery, CALIBRATION, 0.01)
    store.put_faces("class", [record("k", person(0, 0.3 + 0.3 + MARGIN / 2))])  # 0.3 and half the margin from the probe
    gallery.refresh()
    (close,) = identify_faces([face(probe)], gallery, CALIBRATION, 0.01)
    assert (alone.name, alone.certain) == ("a", True)
    assert (close.name, close.certain) == ("a", False)


def test_somebody_who_is_the_better_match_of_another_face_is_no_rival(gallery: Gallery, store: SqlStore) -> None:
    store.put_faces("class", [record("k", person(0, 0.62))])
    gallery.refresh()
    both = identify_faces([face(person(0, 0.3)), face(person(0, 0.62), left=200)], gallery, CALIBRATION, 0.01)
    assert [(one.name, one.certain) for one in both] == [("a", True), ("k", True)]


def test_a_face_that_is_too_small_is_never_named_for_certain(gallery: Gallery) -> None:
    (large,) = identify_faces([face(person(0), size=32)], gallery, CALIBRATION, 0.01)
    (small,) = identify_faces([face(person(0), size=31)], gallery, CALIBRATION, 0.01)
    assert (large.name, large.certain, large.reasons) == ("a", True, ())
    assert (small.name, small.certain, small.reasons) == ("a", False, ("SMALL_BOUNDING_BOX",))


def test_without_a_filter_the_smallest_face_is_named(gallery: Gallery) -> None:
    tiny = face(person(0), size=19)
    (one,) = identify_faces([tiny], gallery, CALIBRATION, 0.01, QualityFilter.NONE)
    assert (one.name, one.certain, one.reasons) == ("a", True, ())
