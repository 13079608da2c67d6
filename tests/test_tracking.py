import numpy as np
import pytest

from people import face
from photocall.faces import ByteArray
from photocall.tracking import MAX_GAP, MOST_SHOTS, Track, Tracker

SIDE = 100


def picture(*places: tuple[int, int, int]) -> ByteArray:
    """A frame with a textured patch for every (left, top, person); people differ in texture."""
    image = np.full((400, 900, 3), 90, np.uint8)
    for left, top, person in places:
        texture = np.random.default_rng(person).integers(0, 256, (8, 8, 1), np.uint8)
        image[top : top + SIDE, left : left + SIDE] = np.kron(texture, np.ones((13, 13, 3), np.uint8))[:SIDE, :SIDE]
    return image


def run(frames: list[tuple[float, list[tuple[int, int, int]]]]) -> list[Track]:
    tracker, ended = Tracker(), []
    for time, places in frames:
        ended += tracker.add(time, picture(*places), [face(None, left, top, SIDE) for left, top, _ in places])
    return ended + tracker.finish()


def test_a_person_who_moves_is_one_track() -> None:
    (track,) = run([(i * 0.25, [(100 + 40 * i, 100, 1)]) for i in range(12)])
    assert track.times == [i * 0.25 for i in range(12)]


def test_two_people_are_two_tracks_each_with_their_own_times() -> None:
    tracks = run([(i * 0.25, [(100, 100, 1), (500, 100, 2)][: 1 + (i > 3)]) for i in range(8)])
    assert sorted(len(track.times) for track in tracks) == [4, 8]


def test_another_person_in_the_same_place_after_a_cut_is_another_track() -> None:
    tracks = run([(i * 0.25, [(100, 100, 1 if i < 4 else 2)]) for i in range(8)])
    assert [track.times for track in tracks] == [[0, 0.25, 0.5, 0.75], [1, 1.25, 1.5, 1.75]]


def test_people_who_change_places_at_once_keep_their_tracks() -> None:
    tracks = run([(0, [(100, 100, 1), (230, 100, 2)]), (0.25, [(100, 100, 2), (230, 100, 1)])])
    firsts = {track.shots[0].patch[SIDE, SIDE, 0] for track in tracks}
    assert len(tracks) == 2
    assert len(firsts) == 2
    assert all(len(track.times) == 2 for track in tracks)


def test_a_short_gap_is_bridged_and_a_long_one_ends_the_track() -> None:
    short, long = 0.9 * MAX_GAP, 1.1 * MAX_GAP
    assert len(run([(0, [(100, 100, 1)]), (short / 2, []), (short, [(100, 100, 1)])])) == 1
    assert len(run([(0, [(100, 100, 1)]), (long / 2, []), (long, [(100, 100, 1)])])) == 2


def test_a_track_that_ended_is_handed_over_at_once() -> None:
    tracker = Tracker()
    tracker.add(0, picture((100, 100, 1)), [face(None, 100, 100, SIDE)])
    assert tracker.add(MAX_GAP, picture(), []) == []
    (ended,) = tracker.add(MAX_GAP + 0.1, picture(), [])
    assert ended.times == [0]
    assert tracker.finish() == []


def test_the_best_shots_are_kept_few_and_apart() -> None:
    (track,) = run([(i * 0.1, [(100 + i, 100, 1)]) for i in range(60)])
    assert len(track.shots) == MOST_SHOTS
    times = sorted(shot.time for shot in track.shots)
    assert min(np.diff(times)) >= 0.4 - 1e-9


def test_a_shot_keeps_what_its_embedding_needs_in_its_own_pixels() -> None:
    (track,) = run([(0, [(300, 150, 1)])])
    (shot,) = track.shots
    assert shot.patch.shape == (3 * SIDE, 3 * SIDE, 3)
    assert (shot.face.box.left, shot.face.box.top) == (SIDE, SIDE)
    assert shot.face.landmarks[0] == pytest.approx((SIDE + 30, SIDE + 35))
    assert shot.crop().shape == (150, 150, 3)


def test_a_face_at_the_border_gives_a_smaller_shot() -> None:
    (track,) = run([(0, [(0, 300, 1)])])
    (shot,) = track.shots
    assert shot.patch.shape == (2 * SIDE, 2 * SIDE, 3)
    assert (shot.face.box.left, shot.face.box.top) == (0, SIDE)


def test_frames_without_faces_have_no_tracks() -> None:
    assert run([(i * 0.25, []) for i in range(9)]) == []
