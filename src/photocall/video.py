"""From a video to its people: sampled frames, tracks, a few embeddings a track, one decision a person."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

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
class Person:
    """Tracks taken for one person.

    Attributes:
        tracks: their numbers.
        times: of the sampled frames with the person, seconds.
        vectors: the embeddings of the shots, float32, shape (k, d).
        crop: of the best shot, uint8 RGB.
        worth: of the best shot, see `Shot`.
        name: of the person; None for nobody known.
        similarity: to the known one, 0..100; None for nobody.
    """

    tracks: set[int]
    times: set[float]
    vectors: FloatArray
    crop: ByteArray
    worth: float
    name: str | None = None
    similarity: float | None = None

    def absorb(self, other: "Person") -> None:
        """Take over what is known of another who turned out to be the same."""
        self.tracks |= other.tracks
        self.times |= other.times
        self.vectors = np.concatenate([self.vectors, other.vectors])
        if other.worth > self.worth:
            self.crop, self.worth = other.crop, other.worth
        self.similarity = max(self.similarity or 0, other.similarity or 0) or None


@dataclass(frozen=True, slots=True)
class Followed:
    """The people of a video.

    Attributes:
        people: whom tracks were taken for, false detections among them.
        frames: how many were looked at.
    """

    people: list[Person]
    frames: int

    def is_real(self, person: Person) -> bool:
        """Whether somebody unknown was seen often enough to be more than a false detection."""
        return len(person.times) >= min(FEWEST_DETECTIONS, self.frames)


Seen = Callable[[Searched, Sequence[int]], None]
Told = Callable[[int, float, int], None]


def find_people(
    engine: FaceEngine,
    gallery: Gallery,
    frames: Iterable[Frame],
    false_positive_target: float,
    told: Told = lambda frames, seconds, people: None,
) -> list[Sighting]:
    """Everybody in a video, in order of appearance.

    Args:
        engine: what finds and embeds.
        gallery: who may be in it.
        frames: in order of time, as `Video.frames` gives them.
        false_positive_target: the share of strangers that may be named, 0..1.
        told: is told after every frame how many were looked at, up to which second, and how many people there are at
            least.
    """
    return [sighting(person) for person in named_people(engine, gallery, frames, false_positive_target, told)]


def named_people(
    engine: FaceEngine,
    gallery: Gallery,
    frames: Iterable[Frame],
    false_positive_target: float,
    told: Told = lambda frames, seconds, people: None,
) -> list[Person]:
    """Everybody in a video with all that is known of each, in order of appearance; arguments as of `find_people`."""
    followed = follow_people(engine, frames, told=told)
    people = followed.people
    _name(people, gallery, engine.calibration, false_positive_target)
    real = [person for person in people if person.name is not None or followed.is_real(person)]
    return sorted(real, key=lambda person: min(person.times))


def follow_people(
    engine: FaceEngine,
    frames: Iterable[Frame],
    seen: Seen = lambda one, tracks: None,
    told: Told = lambda frames, seconds, people: None,
) -> Followed:
    """Everybody in a video, still without names.

    Args:
        engine: what finds and embeds.
        frames: in order of time, as `Video.frames` gives them.
        seen: is given every frame with its faces, in order, and the number of the track that each face went to.
        told: as for `find_people`.
    """
    analysis = _Analysis(engine, seen)

    def take(frame: Frame) -> None:
        analysis.add(frame)
        told(analysis.frames, frame.time, analysis.people)

    take_ahead(frames, take)
    analysis.finish()
    return Followed(_joined(analysis.tracks, engine.metric, engine.calibration.d80), analysis.frames)


def take_ahead(frames: Iterable[Frame], take: Callable[[Frame], None]) -> None:
    """Call `take` with each frame in order. One thread decodes, one takes: decoder and networks let each other run."""
    with ThreadPoolExecutor(1, thread_name_prefix="photocall-video") as pool:
        under_way: deque[Future[None]] = deque()
        for frame in frames:
            if len(under_way) > _AHEAD:
                under_way.popleft().result()
            under_way.append(pool.submit(take, frame))
        for task in under_way:
            task.result()


class _Analysis:
    """Frames in order to tracks with embeddings.

    Attributes:
        frames: how many it has been given.
        people: how many different ones there are at least.
        tracks: those that have ended and been embedded.
    """

    def __init__(self, engine: FaceEngine, seen: Seen) -> None:
        self.frames = self.people = 0
        self.tracks: list[Person] = []
        self._engine, self._seen = engine, seen
        self._searcher, self._tracker = Searcher(engine), Tracker()
        self._ended: list[tuple[Person, ByteArray]] = []

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
        self.people = max(self.people, len(one.faces))
        self._end(self._tracker.add(one.frame.time, one.frame.image, one.faces))
        self._seen(one, self._tracker.latest)

    def _end(self, tracks: Iterable[Track]) -> None:
        """Of a track's shots only the chips and the best crop are kept, and the chips only until there are enough."""
        for track in tracks:
            best = track.shots[0]
            chips = np.concatenate([self._engine.chips(shot.patch, [shot.face]) for shot in track.shots])
            person = Person({track.number}, set(track.times), _NO_VECTORS, best.crop(), best.worth)
            self._ended.append((person, chips))
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
        copies = [replace(each, tracks=set(each.tracks), times=set(each.times)) for each in self.tracks]
        self.people = max(self.people, len(_joined(copies, self._engine.metric, self._engine.calibration.d80)))


def _joined(tracks: list[Person], metric: Metric, same_person: float) -> list[Person]:
    """Tracks joined to people: the best pictured first, each to the nearest person not seen at the same time.

    The people are some of the tracks, which take over what is known of the others.
    """
    people: list[Person] = []
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


def _name(people: list[Person], gallery: Gallery, calibration: Calibration, false_positive_target: float) -> None:
    """Give names, nearest first: people seen at the same time never share one, others who do are joined."""
    if not people or not gallery.people:
        return
    accept = gallery.operating_point(calibration, false_positive_target)
    names, every = gallery.compared_with_people(np.concatenate([person.vectors for person in people]))
    ends = np.cumsum([len(person.vectors) for person in people])[:-1]
    distances = np.stack([part.mean(axis=0) for part in np.split(every, ends)])
    named: dict[str, Person] = {}
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


def sighting(person: Person) -> Sighting:
    """What a report says of a person."""
    times = sorted(person.times)
    gaps = [i for i in range(1, len(times)) if times[i] - times[i - 1] > MAX_GAP]
    spans = tuple((times[i], times[j - 1]) for i, j in zip([0, *gaps], [*gaps, len(times)], strict=True))
    return Sighting(person.name, times[0], times[-1], spans, person.similarity, person.crop)
