"""Faces of every frame although few are searched: the same as searching each, in far fewer searches."""

from collections.abc import Iterable

import numpy as np
import pytest
from PIL import Image

from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray, Face
from photocall.media.videos import Frame
from photocall.searching import Searched, Searcher

FPS = 4


class Counting:
    """An engine that counts its searches."""

    def __init__(self, engine: FaceEngine) -> None:
        self._engine, self.searches = engine, 0
        self.follow = engine.follow

    def detect(self, image: ByteArray) -> list[Face]:
        self.searches += 1
        return self._engine.detect(image)


@pytest.fixture
def counting(engine: FaceEngine) -> Counting:
    return Counting(engine)


@pytest.fixture
def person(portraits: dict[str, ByteArray]) -> Image.Image:
    return Image.fromarray(portraits["astronaut"][:300, 100:400]).resize((160, 160))


def room(*pictures: tuple[Image.Image, int, int], shade: int = 90) -> ByteArray:
    frame = Image.new("RGB", (640, 360), (shade, shade, shade))
    for picture, left, top in pictures:
        frame.paste(picture, (left, top))
    return np.asarray(frame)


def searched(engine: Counting, images: Iterable[ByteArray], fps: float = FPS) -> list[Searched]:
    searcher = Searcher(engine)  # type: ignore[arg-type]
    found = []
    for number, image in enumerate(images):
        found += searcher.add(Frame(number / fps, image))
    return found + searcher.finish()


def counts(found: list[Searched]) -> list[int]:
    return [len(one.faces) for one in found]


def test_every_frame_comes_back_once_and_in_order(counting: Counting, person: Image.Image) -> None:
    images = [room((person, 20 + 8 * n, 100)) for n in range(11)]
    found = searched(counting, images)
    assert [one.frame.time for one in found] == [n / FPS for n in range(11)]
    assert all(one.frame.image is image for one, image in zip(found, images, strict=True))
    assert searched(counting, []) == []


def test_a_quiet_scene_is_searched_once_a_second_and_its_people_are_in_every_frame(
    counting: Counting, person: Image.Image
) -> None:
    found = searched(counting, [room((person, 100, 100), (person, 400, 90))] * 13)
    assert counts(found) == [2] * 13
    assert counting.searches == 4


def test_faces_are_where_a_search_of_the_frame_finds_them(
    engine: FaceEngine, counting: Counting, person: Image.Image
) -> None:
    images = [room((person, 40 + 12 * n, 60 + 5 * n)) for n in range(17)]
    found = searched(counting, images)
    assert counting.searches < 12
    for one in found:
        (face,), (expected,) = one.faces, engine.detect(one.frame.image)
        assert face.box.iou(expected.box) > 0.6


def test_after_a_cut_the_frame_is_searched_at_once(counting: Counting, person: Image.Image) -> None:
    found = searched(counting, [room(), room(), room((person, 300, 100), shade=150), room(shade=150)])
    assert counts(found) == [0, 0, 1, 0]


@pytest.mark.parametrize("start", range(1, 6))
def test_whoever_appears_for_half_a_second_is_seen_as_long(counting: Counting, person: Image.Image, start: int) -> None:
    there = range(start, start + 2)
    found = searched(counting, [room((person, 300, 100)) if n in there else room() for n in range(10)])
    assert counts(found) == [int(n in there) for n in range(10)]


@pytest.mark.parametrize("start", range(1, 6))
def test_whoever_appears_beside_others_is_seen_from_the_first_frame(
    counting: Counting, person: Image.Image, start: int
) -> None:
    images = [room((person, 40, 100), *([(person, 420, 100)] if n >= start else [])) for n in range(12)]
    assert counts(searched(counting, images)) == [1 + (n >= start) for n in range(12)]


def test_someone_who_walks_fast_is_seen_in_every_frame(counting: Counting, person: Image.Image) -> None:
    images = [room((person, 20 + 90 * n, 100)) if n < 5 else room() for n in range(8)]
    assert counts(searched(counting, images)) == [1] * 5 + [0] * 3


def test_few_frames_wait_however_fast_they_come(counting: Counting) -> None:
    searcher = Searcher(counting)  # type: ignore[arg-type]
    waiting = 0
    for number in range(120):
        waiting += 1 - len(searcher.add(Frame(number / 60, room())))
        assert waiting <= 5


def test_frames_of_another_size_and_tiny_ones_are_searched(counting: Counting, person: Image.Image) -> None:
    small = np.zeros((3, 5, 3), np.uint8)
    found = searched(counting, [small, small, room((person, 200, 90)), small])
    assert counts(found) == [0, 0, 1, 0]
