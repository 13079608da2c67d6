"""From videos to people: the demo clip, and real clips where the evaluation data is present."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from people import MODEL
from photocall.demo import Demo
from photocall.encodings import read_encodings
from photocall.engine.face_engine import FaceEngine
from photocall.enrolment import enroll_encodings, enroll_photo
from photocall.faces import ByteArray
from photocall.gallery import Gallery
from photocall.media.videos import Frame, open_video
from photocall.roster import Sighting
from photocall.stores.sql import SqlStore
from photocall.video import find_people


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with SqlStore(f"sqlite:///{tmp_path / 'faces.db'}") as store:
        store.create_collection("class", MODEL)
        yield store


@pytest.fixture
def gallery(engine: FaceEngine, store: SqlStore, demo: Demo) -> Gallery:
    for path in sorted(demo.enroll.glob("*.jpg")):
        enroll_photo(engine, store, "class", path, path.stem)
    return Gallery(store, "class", MODEL)


def people(engine: FaceEngine, gallery: Gallery, path: Path, fps: float | None = 4) -> list[Sighting]:
    with open_video(path) as video:
        return find_people(engine, gallery, video.frames(fps), 0.01)


def test_how_far_it_is_and_how_many_people_there_are_is_told_after_every_frame(
    engine: FaceEngine, gallery: Gallery, demo: Demo
) -> None:
    told: list[tuple[int, float, int]] = []
    with open_video(demo.clip) as video:
        found = find_people(engine, gallery, video.frames(4), 0.01, lambda *so_far: told.append(so_far))
        duration = video.duration
    frames, seconds, people = zip(*told, strict=True)
    assert frames == tuple(range(1, len(frames) + 1)) and sorted(seconds) == list(seconds)
    assert duration is not None and duration - 0.5 < seconds[-1] <= duration
    assert sorted(people) == list(people) and 0 < people[-1] <= len(found) + 1


def test_everybody_in_the_clip_is_seen_when_they_are_there(engine: FaceEngine, gallery: Gallery, demo: Demo) -> None:
    sightings = people(engine, gallery, demo.clip)
    assert [sighting.name for sighting in sightings] == ["Barack Obama", "Joe Biden", None]
    for sighting in sightings:
        there = [one for one in demo.appearances if one.name == sighting.name]
        assert len(sighting.spans) == len(there)
        for (start, end), true in zip(sighting.spans, there, strict=True):
            assert start == pytest.approx(true.start, abs=0.5)
            assert end == pytest.approx(true.end, abs=0.5)
        assert (sighting.first_seen, sighting.last_seen) == (sighting.spans[0][0], sighting.spans[-1][1])


def test_known_people_have_a_similarity_and_strangers_have_none(
    engine: FaceEngine, gallery: Gallery, demo: Demo
) -> None:
    for sighting in people(engine, gallery, demo.clip):
        assert sighting.crop.ndim == 3 and min(sighting.crop.shape[:2]) > 40
        if sighting.name is None:
            assert sighting.similarity is None
        else:
            assert sighting.similarity is not None and sighting.similarity > 90


def test_sampling_finds_the_same_people_as_every_frame(engine: FaceEngine, gallery: Gallery, demo: Demo) -> None:
    every = people(engine, gallery, demo.clip, None)
    sampled = people(engine, gallery, demo.clip)
    assert [sighting.name for sighting in sampled] == [sighting.name for sighting in every]


def test_a_video_of_nobody_has_nobody(engine: FaceEngine, gallery: Gallery) -> None:
    frames = [Frame(i / 4, np.full((120, 160, 3), 80, np.uint8)) for i in range(5)]
    assert find_people(engine, gallery, frames, 0.01) == []
    assert find_people(engine, gallery, [], 0.01) == []


def test_with_nobody_enrolled_everybody_is_a_stranger(engine: FaceEngine, store: SqlStore, demo: Demo) -> None:
    sightings = people(engine, Gallery(store, "class", MODEL), demo.clip)
    assert [sighting.name for sighting in sightings] == [None, None, None]


def test_a_video_of_one_frame_shows_who_is_in_it(
    engine: FaceEngine, gallery: Gallery, portraits: dict[str, ByteArray]
) -> None:
    both = np.concatenate([portraits["obama2"][:620], portraits["astronaut"][:512].repeat(2, 0).repeat(2, 1)[:620]], 1)
    sightings = find_people(engine, gallery, [Frame(0.0, np.ascontiguousarray(both))], 0.01)
    assert sorted(str(sighting.name) for sighting in sightings) == ["Barack Obama", "None"]


def test_two_who_are_seen_at_once_never_share_a_name(
    engine: FaceEngine, gallery: Gallery, portraits: dict[str, ByteArray]
) -> None:
    twice = np.ascontiguousarray(np.concatenate([portraits["obama2"], portraits["obama2"][:, ::-1]], axis=1))
    sightings = find_people(engine, gallery, [Frame(i / 4, twice) for i in range(4)], 0.01)
    assert sorted(str(sighting.name) for sighting in sightings) == ["Barack Obama", "None"]


def test_the_course_clips_show_whom_their_mapping_says(engine: FaceEngine, store: SqlStore, eval_data: Path) -> None:
    """S1.2: encodings made by the face_recognition library, videos, one name each."""
    clips = eval_data / "classroom-videos"
    enroll_encodings(store, "class", MODEL, read_encodings(clips / "encoding"))
    gallery = Gallery(store, "class", MODEL)
    with (clips / "expected.csv").open() as file:
        expected = {row["video"]: row["name"] for row in csv.DictReader(file)}
    for clip in sorted(clips.glob("*.mp4")):
        named = [sighting.name for sighting in people(engine, gallery, clip) if sighting.name is not None]
        assert named == [expected[clip.name]], clip.name


def test_encodings_of_the_library_are_enrolled_as_they_are(store: SqlStore, eval_data: Path) -> None:
    source = eval_data / "classroom-videos" / "encoding"
    for _ in range(2):
        counts = enroll_encodings(store, "class", MODEL, read_encodings(source))
    kept = store.faces("class")
    assert len(kept) == counts.total() == len(read_encodings(source))
    assert {face.external_image_id for face in kept} == set(counts)
