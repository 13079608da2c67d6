"""From a video to its people: sampled frames, tracks, a few embeddings a track, one decision a person."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from photocall.calibration import Calibration
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray, FloatArray
from photocall.gallery import Gallery
from photocall.media.videos import Frame
from photocall.metric import Metric
from photocall.roster import Sighting
from photocall.searching import Searched, Searcher
from photocall.tracking import MAX_GAP, Track, Tracker

FEWEST_DETECTIONS = 2
"""A stranger seen in fewer sampled frames is taken for a false detection, unless the video has hardly any frames."""

_AHEAD = 2  # decoded frames that wait for analysis
_MOST_CHIPS = 16  # that are gathered before they are embedded: together they take less time than one by one
_NO_VECTORS = np.empty((0, 0), np.float32)


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
    analysis = _Analysis(engine)
    # One thread decodes, one analyses: the decoder and the networks let each other run.
    with ThreadPoolExecutor(1, thread_name_prefix="photocall-video") as pool:
        under_way: deque[Future[None]] = deque()
        for frame in frames:
            if len(under_way) > _AHEAD:
                under_way.popleft().result()
            under_way.append(pool.submit(analysis.add, frame))
        under_way.append(pool.submit(analysis.finish))
        for task in under_way:
            task.result()
    people = _joined(analysis.tracks, engine.metric, engine.calibration.d80)
    _name(people, gallery, engine.calibration, false_positive_target)
    fewest = min(FEWEST_DETECTIONS, analysis.frames)
    real = [p for p in people if p.name is not None or len(p.times) >= fewest]
    return sorted((_sighting(person) for person in real), key=lambda sighting: sighting.first_seen)


class _Analysis:
    """Frames in order to tracks with embeddings.

    Attributes:
        frames: how many it has been given.
        tracks: those that have ended and been embedded.
    """

    def __init__(self, engine: FaceEngine) -> None:
        self.frames = 0
        self.tracks: list[_Person] = []
        self._engine = engine
        self._searcher, self._tracker = Searcher(engine), Tracker()
        self._ended: list[tuple[_Person, ByteArray]] = []

    def add(self, frame: Frame) -> None:
        """Take the next frame in."""
        self.frames += 1
        for one in self._searcher.add(frame):
            self._track(one)

    def finish(self) -> None:
        """Take in that there are no more frames."""
        for one in self._searcher.finish():
            self._track(one)
        self._end(self._tracker.finish())
        self._embed()

    def _track(self, one: Searched) -> None:
        self._end(self._tracker.add(one.frame.time, one.frame.image, one.faces))

    def _end(self, tracks: Iterable[Track]) -> None:
        """Of a track's shots only the chips and the best crop are kept, and the chips only until there are enough."""
        for track in tracks:
            best = track.shots[0]
            chips = np.concatenate([self._engine.chips(shot.patch, [shot.face]) for shot in track.shots])
            self._ended.append((_Person(set(track.times), _NO_VECTORS, best.crop(), best.worth), chips))
        if sum(len(chips) for _, chips in self._ended) >= _MOST_CHIPS:
            self._embed()

    def _embed(self) -> None:
        """Embed what has been gathered, all at once."""
        if not self._ended:
            return
        people, chips = zip(*self._ended, strict=True)
        vectors = self._engine.embed_chips(np.concatenate(chips))
        for person, part in zip(people, np.split(vectors, np.cumsum([len(one) for one in chips])[:-1]), strict=True):
            person.vectors = part
        self.tracks += people
        self._ended = []


def _joined(tracks: list[_Person], metric: Metric, same_person: float) -> list[_Person]:
    """Tracks joined to people: the best pictured first, each to the nearest person not seen at the same time."""
    people: list[_Person] = []
    for track in sorted(tracks, key=lambda one: -one.worth):
        near = [
            (float(metric.distances(track.vectors, person.vectors).mean()), index)
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
    accept = gallery.operating_point(calibration, false_positive_target)
    names, every = gallery.compared_with_people(np.concatenate([person.vectors for person in people]))
    ends = np.cumsum([len(person.vectors) for person in people])[:-1]
    distances = np.stack([part.mean(axis=0) for part in np.split(every, ends)])
    named: dict[str, _Person] = {}
    gone = []
    for row, column in np.argwhere(distances <= accept)[np.argsort(distances[distances <= accept])]:
        person, name = people[row], names[column]
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
