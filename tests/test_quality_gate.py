"""Which faces are too poor, in which words; and what the words are worth, on real photos."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from people import face
from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.errors import NoFace, PoorFace
from photocall.faces import ByteArray, Face
from photocall.media.images import read_image
from photocall.quality_gate import QualityFilter, Reason, Use, advice, bar_for, reasons
from photocall.recognition import index_face
from photocall.settings import sqlite_url
from photocall.stores.sql import SqlStore


def looking(**quality: float) -> Face:
    """A good face but for what is given."""
    good = face(None)
    return replace(good, quality=replace(good.quality, **quality))


def widest(engine: FaceEngine, image: ByteArray) -> Face:
    return max(engine.detect(image), key=lambda found: found.box.area)


def resized(image: ByteArray, width: float, found: Face) -> ByteArray:
    """The picture at the size at which the face in it is so many pixels wide."""
    scale = width / found.quality.size
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    return np.asarray(Image.fromarray(image).resize(size))


# --- the words


def test_a_good_face_passes_every_bar() -> None:
    for use in Use:
        for quality_filter in QualityFilter:
            assert reasons(looking(), use, quality_filter) == ()


@pytest.mark.parametrize(
    ("quality", "reason", "right"),
    [
        ({"size": 63.9}, Reason.SMALL_BOUNDING_BOX, "64 pixels wide; use a photo that shows it at least 64"),
        ({"size": 40}, Reason.SMALL_BOUNDING_BOX, "40 pixels wide; use a photo that shows it at least 64"),
        ({"sharpness": 0.011}, Reason.LOW_SHARPNESS, "sharp photo"),
        ({"brightness": 14}, Reason.LOW_BRIGHTNESS, "light on the face"),
        ({"brightness": 221}, Reason.LOW_FACE_QUALITY, "less light"),
        ({"yaw": 51}, Reason.EXTREME_POSE, "from the front"),
        ({"yaw": -51}, Reason.EXTREME_POSE, "from the front"),
        ({"misfit": 0.21}, Reason.LOW_FACE_QUALITY, "whole face"),
    ],
)
def test_a_poor_face_is_refused_at_enrolment_in_rekognitions_words_with_what_would_be_right(
    quality: dict[str, float], reason: Reason, right: str
) -> None:
    poor = looking(**quality)
    assert reasons(poor, Use.ENROLMENT) == (reason,)
    assert right in advice(poor, Use.ENROLMENT, (reason,))


def test_several_reasons_are_all_given_and_size_comes_first() -> None:
    poor = looking(size=10, sharpness=0, brightness=0, yaw=80, misfit=1)
    found = reasons(poor, Use.ENROLMENT)
    assert found[0] is Reason.SMALL_BOUNDING_BOX
    assert set(found) == set(Reason) - {Reason.EXCEEDS_MAX_FACES, Reason.LOW_CONFIDENCE}
    assert advice(poor, Use.ENROLMENT, found).count(";") >= 2 * len(found) - 1


@pytest.mark.parametrize(("use", "least"), [(Use.ENROLMENT, 64), (Use.IDENTIFICATION, 32)])
def test_the_least_sizes_are_those_of_the_docs(use: Use, least: float) -> None:
    assert reasons(looking(size=least), use) == ()
    assert reasons(looking(size=least - 0.1), use) == (Reason.SMALL_BOUNDING_BOX,)


@pytest.mark.parametrize("quality", [{"roll": 90.0}, {"pitch": 60.0}, {"contrast": 5.0}])
def test_what_predicts_no_error_refuses_nothing(quality: dict[str, float]) -> None:
    for use in Use:
        assert reasons(looking(**quality), use, QualityFilter.HIGH) == ()


def test_the_detectors_score_refuses_nothing() -> None:
    assert reasons(replace(looking(), score=0.01), Use.ENROLMENT, QualityFilter.HIGH) == ()


@pytest.mark.parametrize("use", Use)
def test_bars_rise_from_low_to_high(use: Use) -> None:
    low, medium, high = (bar_for(use, level) for level in (QualityFilter.LOW, QualityFilter.MEDIUM, QualityFilter.HIGH))
    for lower, higher in ((low, medium), (medium, high)):
        assert lower.size <= higher.size
        assert lower.sharpness <= higher.sharpness
        assert lower.dark <= higher.dark
        assert lower.bright >= higher.bright
        assert lower.yaw >= higher.yaw
        assert lower.misfit >= higher.misfit
        assert lower != higher
    assert bar_for(use) == medium


def test_no_filter_lets_everything_pass() -> None:
    assert reasons(looking(size=1, brightness=0, sharpness=0), Use.ENROLMENT, QualityFilter.NONE) == ()


# --- real photos


def test_everybody_in_the_demo_class_may_be_enrolled_and_named(demo: Demo, engine: FaceEngine) -> None:
    portraits = [widest(engine, read_image(path)) for path in sorted(demo.enroll.rglob("*.jpg"))]
    assert len(portraits) >= 2
    assert [reasons(found, Use.ENROLMENT) for found in portraits] == [()] * len(portraits)
    seen = engine.detect(read_image(demo.photo))
    assert seen
    assert [reasons(found, Use.IDENTIFICATION) for found in seen] == [()] * len(seen)


@pytest.mark.parametrize("name", ["obama", "biden", "astronaut"])
def test_a_photo_made_poor_gets_the_word_for_what_was_done_to_it(
    name: str, engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    image = portraits[name]
    good = resized(image, 90, widest(engine, image))
    assert reasons(widest(engine, good), Use.ENROLMENT) == ()
    small = resized(image, 48, widest(engine, image))
    assert reasons(widest(engine, small), Use.ENROLMENT) == (Reason.SMALL_BOUNDING_BOX,)
    assert reasons(widest(engine, small), Use.IDENTIFICATION) == ()
    blurred = np.asarray(Image.fromarray(good).filter(ImageFilter.GaussianBlur(4)))
    assert Reason.LOW_SHARPNESS in reasons(widest(engine, blurred), Use.ENROLMENT)
    dark = (good * 0.1).astype(np.uint8)
    found = engine.detect(dark)
    assert not found or Reason.LOW_BRIGHTNESS in reasons(max(found, key=lambda f: f.box.area), Use.ENROLMENT)


def test_turned_heads_of_lfw_are_told(eval_data: Path, engine: FaceEngine) -> None:
    turned = ("Bob_Huggins_0003", "Coco_dEste_0001", "Steven_Spielberg_0002")
    for name in turned:
        image = read_image(eval_data / "lfw-dev" / "images" / name[:-5] / f"{name}.jpg")
        assert Reason.EXTREME_POSE in reasons(widest(engine, image), Use.ENROLMENT), name


# --- enrolment


@pytest.fixture
def store(tmp_path: Path, engine: FaceEngine) -> Iterator[SqlStore]:
    with SqlStore(sqlite_url(tmp_path / "photocall.db")) as store:
        store.create_collection("class", engine.model)
        yield store


def test_a_poor_photo_is_not_enrolled_unless_that_is_said(
    engine: FaceEngine, store: SqlStore, portraits: dict[str, ByteArray]
) -> None:
    small = resized(portraits["biden"], 48, widest(engine, portraits["biden"]))
    with pytest.raises(PoorFace, match=r"biden\.jpg: .*SMALL_BOUNDING_BOX.*at least 64") as caught:
        index_face(engine, store, "class", small, name="Joe", image_id="1", source="biden.jpg")
    assert caught.value.reasons == "SMALL_BOUNDING_BOX"
    assert store.faces("class") == []
    index_face(
        engine, store, "class", small, name="Joe", image_id="1", source="biden.jpg", quality_filter=QualityFilter.NONE
    )
    assert len(store.faces("class")) == 1


def test_a_black_photo_shows_no_face(engine: FaceEngine, store: SqlStore) -> None:
    black = np.zeros((300, 300, 3), np.uint8)
    with pytest.raises(NoFace):
        index_face(engine, store, "class", black, name="Joe", image_id="1", source="black.jpg")
