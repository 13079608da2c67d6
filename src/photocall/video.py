"""From a video to its people: sampled frames, tracks, a few embeddings a track, one decision a person."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from photocall.calibration import Calibration
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray, Face, FloatArray
from photocall.gallery import Gallery, euclidean
from photocall.media.videos import Frame
from photocall.roster import Sighting
from photocall.tracking import MAX_GAP, Track, Tracker

FEWEST_DETECTIONS = 2
"""A stranger seen in fewer sampled frames is taken for a false detection, unless the video has hardly any frames."""

_AHEAD = 2  # frames that are searched at the same time


@dataclass(slots=True)
class _Person:
    """Tracks taken for one person.

    `times` are those of the sampled frames with the person, `vectors` the embeddings of the shots, shape (k, d), `crop`
    the best shot's.
    """

    times: set[float]
    vectors: FloatArray
    crop: ByteArray
    worth: float
    name: str | None = None
    similarity: float | None = None

    def absorb(self, other: "_Person") -> None:
        """Take over what is known of another who turned out to be the same."""
        self.times |= other.times
        self.vectors = np.concatenate([self.vectors, other.vectors])
        if other.worth > self.worth:
            self.crop, self.worth = other.crop, other.worth
        self.similarity = max(self.similarity or 0, other.similarity or 0) or None


def find_people(
    engine: FaceEngine, gallery: Gallery, frames: Iterable[Frame], false_positive_target: float
) -> list[Sighting]:
    """Everybody in a video, in order of appearance.

    Args:
        engine: what finds and embeds.
        gallery: who may be in it.
        frames: in order of time, as `Video.frames` gives them.
        false_positive_target: the share of strangers that may be named, 0..1.
    """
    tracker = Tracker()
    tracks: list[_Person] = []
    count = 0
    for frame, faces in _detected(engine, frames):
        count += 1
        tracks += [_embedded(engine, track) for track in tracker.add(frame.time, frame.image, faces)]
    tracks += [_embedded(engine, track) for track in tracker.finish()]
    people = _joined(tracks, engine.calibration.d80)
    _name(people, gallery, engine.calibration, false_positive_target)
    fewest = min(FEWEST_DETECTIONS, count)
    real = [p for p in people if p.name is not None or len(p.times) >= fewest]
    return sorted((_sighting(person) for person in real), key=lambda sighting: sighting.first_seen)


def _detected(engine: FaceEngine, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[Face]]]:
    """Frames with their faces, in order, while later frames are decoded and searched at the same time."""
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="photocall-frames") as pool:
        waiting: deque[tuple[Frame, Future[list[Face]]]] = deque()
        for frame in frames:
            waiting.append((frame, pool.submit(engine.detect, frame.image)))
            if len(waiting) > _AHEAD:
                first, faces = waiting.popleft()
                yield first, faces.result()
        for first, faces in waiting:
            yield first, faces.result()


def _embedded(engine: FaceEngine, track: Track) -> _Person:
    """A person of one track; of its shots only the embeddings and the best crop are kept."""
    chips = np.concatenate([engine.chips(shot.patch, [shot.face]) for shot in track.shots])
    best = track.shots[0]
    return _Person(set(track.times), engine.embed_chips(chips), best.crop(), best.worth)


def _joined(tracks: list[_Person], same_person: float) -> list[_Person]:
    """Tracks joined to people: the best pictured first, each to the nearest person not seen at the same time."""
    people: list[_Person] = []
    for track in sorted(tracks, key=lambda one: -one.worth):
        near = [
            (float(euclidean(track.vectors, person.vectors).mean()), index)
            for index, person in enumerate(people)
            if not person.times & track.times
        ]
        distance, index = min(near, default=(np.inf, -1))
        if distance <= same_person:
            people[index].absorb(track)
        else:
            people.append(track)
    return people


def _name(people: list[_Person], gallery: Gallery, calibration: Calibration, false_positive_target: float) -> None:
    """Give names, nearest first: people seen at the same time never share one, others who do are joined."""
    if not people or not gallery.people:
        return
    accept = calibration.operating_point(len(gallery.people), false_positive_target)
    distances = np.stack([gallery.distances_to_people(person.vectors).mean(axis=0) for person in people])
    named: dict[str, _Person] = {}
    gone = []
    for row, column in np.argwhere(distances <= accept)[np.argsort(distances[distances <= accept])]:
        person, name = people[row], gallery.people[column]
        if person.name is not None or (name in named and named[name].times & person.times):
            continue
        person.name, person.similarity = name, calibration.similarity(float(distances[row, column]))
        if name in named:
            named[name].absorb(person)
            gone.append(row)
        else:
            named[name] = person
    for row in sorted(gone, reverse=True):
        del people[row]


def _sighting(person: _Person) -> Sighting:
    times = sorted(person.times)
    gaps = [i for i in range(1, len(times)) if times[i] - times[i - 1] > MAX_GAP]
    spans = tuple((times[i], times[j - 1]) for i, j in zip([0, *gaps], [*gaps, len(times)], strict=True))
    return Sighting(person.name, times[0], times[-1], spans, person.similarity, person.crop)
