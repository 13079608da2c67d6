"""One picture for a whole video: the frame that shows a face best."""

from collections.abc import Callable, Iterable

from photocall.engine.face_engine import FaceEngine
from photocall.media.videos import Frame
from photocall.tracking import worth
from photocall.video import take_ahead


def choose_frame(
    engine: FaceEngine,
    frames: Iterable[Frame],
    told: Callable[[int, float, int], None] = lambda frames, seconds, people: None,
) -> Frame:
    """The frame with the best face, by `tracking.worth`; the first one if no frame shows a face.

    Args:
        engine: what finds faces.
        frames: at least one, in order of time, as `Video.frames` gives them.
        told: is told after every frame how many were looked at, up to which second, and how many faces it shows.
    """
    chosen: list[tuple[float, Frame]] = []
    looked = 0

    def take(frame: Frame) -> None:
        nonlocal looked
        looked += 1
        faces = engine.detect(frame.image)
        best = max(map(worth, faces), default=0.0)
        if not chosen or best > chosen[0][0]:
            chosen[:] = [(best, frame)]
        told(looked, frame.time, len(faces))

    take_ahead(frames, take)
    return chosen[0][1]
