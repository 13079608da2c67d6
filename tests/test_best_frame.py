"""One picture for a whole video: the frame with the best face."""

from collections.abc import Iterator

import numpy as np

from photocall.best_frame import choose_frame
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.videos import Frame

NOTHING = np.full((480, 640, 3), 90, np.uint8)


def frames(*images: ByteArray) -> Iterator[Frame]:
    return (Frame(float(number), image) for number, image in enumerate(images))


def scene(portrait: ByteArray, step: int) -> ByteArray:
    """A portrait in a room, every `step` by `step` of its pixels as one; uint8 RGB, shape (480, 640, 3)."""
    image, small = NOTHING.copy(), portrait[::step, ::step][:480, :640]
    image[: small.shape[0], : small.shape[1]] = small
    return image


def test_the_frame_with_the_best_face_is_chosen(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    far, near = (scene(portraits["astronaut"], step) for step in (2, 1))
    blurred = np.repeat(np.repeat(near[::12, ::12], 12, axis=0), 12, axis=1)[:480, :640]
    assert choose_frame(engine, frames(NOTHING, far, blurred, near, NOTHING)).time == 3


def test_a_video_of_nobody_gives_its_first_frame_and_tells_how_far_it_is(engine: FaceEngine) -> None:
    told: list[tuple[int, float, int]] = []
    assert choose_frame(engine, frames(NOTHING, NOTHING), lambda *progress: told.append(progress)).time == 0
    assert told == [(1, 0, 0), (2, 1, 0)]
