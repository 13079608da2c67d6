"""Known faces in the frame after: where they are now, or that they are gone."""

import numpy as np
import pytest
from PIL import Image

from people import face
from photocall.engine.detect import Detections
from photocall.engine.face_engine import FaceEngine
from photocall.engine.follow import follow
from photocall.engine.pyramid import Level
from photocall.faces import ByteArray, Face


class Searching:
    """A detector that is no cascade: it can only search."""

    def __init__(self, engine: FaceEngine) -> None:
        self._detector = engine._detector

    def detect(self, image: ByteArray, min_face: int) -> tuple[Detections, list[Level]]:
        return self._detector.detect(image, min_face)


@pytest.fixture
def person(portraits: dict[str, ByteArray]) -> Image.Image:
    return Image.fromarray(portraits["astronaut"][:300, 100:400]).resize((240, 240))


def room(*pictures: tuple[Image.Image, int, int]) -> ByteArray:
    """A grey frame with pictures at (left, top)."""
    frame = Image.new("RGB", (900, 400), (90, 90, 90))
    for picture, left, top in pictures:
        frame.paste(picture, (left, top))
    return np.asarray(frame)


def shift(before: Face, after: Face | None) -> tuple[float, float]:
    assert after is not None
    return after.box.left - before.box.left, after.box.top - before.box.top


@pytest.mark.parametrize("moved", [(0, 0), (18, 0), (-35, 10), (0, -30), (45, 0), (-62, 0)])
def test_a_face_that_moved_is_found_where_it_is(
    engine: FaceEngine, person: Image.Image, moved: tuple[int, int]
) -> None:
    (before,) = engine.detect(room((person, 300, 80)))
    frame = room((person, 300 + moved[0], 80 + moved[1]))
    (after,) = engine.follow(frame, [before])
    (searched,) = engine.detect(frame)
    assert shift(before, after) == pytest.approx(moved, abs=0.15 * before.box.width)
    assert after is not None and after.box.iou(searched.box) > 0.7
    assert np.abs(after.landmarks - searched.landmarks).max() < 0.1 * before.box.width
    assert after.quality.sharpness == pytest.approx(searched.quality.sharpness, rel=0.3)


def test_following_serves_the_embedding_as_a_search_does(engine: FaceEngine, person: Image.Image) -> None:
    (before,) = engine.detect(room((person, 300, 80)))
    frame = room((person, 310, 84))
    (after,) = engine.follow(frame, [before])
    assert after is not None
    vectors = [engine.embed_chips(engine.chips(frame, [one])) for one in (after, engine.detect(frame)[0])]
    assert np.linalg.norm(vectors[0] - vectors[1]) < 0.15


def test_large_faces_are_followed_at_their_own_size(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    image = portraits["obama2"]
    (before,) = engine.detect(image)
    assert before.box.width > 200
    (after,) = engine.follow(np.roll(image, 20, axis=1), [before])
    assert shift(before, after) == pytest.approx((20, 0), abs=0.1 * before.box.width)
    assert after is not None and after.quality.size == pytest.approx(before.quality.size, rel=0.1)


def test_a_face_that_left_is_lost_and_the_other_stays(engine: FaceEngine, person: Image.Image) -> None:
    both = engine.detect(room((person, 100, 80), (person, 560, 80)))
    now = engine.follow(room((person, 110, 80)), both)
    assert len(both) == len(now) == 2
    assert [one is None for one in now] == [one.box.left > 450 for one in both]


def test_two_known_faces_never_become_one(engine: FaceEngine, person: Image.Image) -> None:
    frame = room((person, 300, 80))
    (there,) = engine.detect(frame)
    found = engine.follow(frame, [there, there])
    assert sorted(one is None for one in found) == [False, True]


def test_a_detector_that_is_no_cascade_searches_around_the_face(engine: FaceEngine, person: Image.Image) -> None:
    (before,) = engine.detect(room((person, 300, 80)))
    (after,) = follow(Searching(engine), room((person, 320, 80), (person, 650, 80)), [before])
    assert shift(before, after) == pytest.approx((20, 0), abs=0.1 * before.box.width)


def test_nobody_is_followed_into_a_frame_that_does_not_reach_there(engine: FaceEngine) -> None:
    assert engine.follow(np.zeros((60, 60, 3), np.uint8), []) == []
    assert engine.follow(np.zeros((60, 60, 3), np.uint8), [face(None, 400, 400, 50)]) == [None]
