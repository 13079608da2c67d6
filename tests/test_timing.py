"""When frames are shown and which are taken, through real files of every kind."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import CONTAINERS, number, seconds, write
from photocall.errors import SettingInvalid
from photocall.media.timing import Clock, Sampler
from photocall.media.videos import open_video

# Times


def test_a_changing_frame_rate_keeps_its_real_times(tmp_path: Path) -> None:
    times = [0, 33, 66, 500, 533, 1200, 1210, 3000]
    with open_video(write(tmp_path / "a.mp4", 8, times=times)) as video:
        assert seconds(video.frames()) == [moment / 1000 for moment in times]
        assert seconds(video.frames(2)) == [0.0, 0.5, 1.2, 3.0]


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.flv", "a.mp4"])
def test_a_stream_that_starts_late_starts_at_zero(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, 5, times=range(7000, 7200, 40))
    with open_video(path) as video:
        assert seconds(video.frames()) == [0.0, 0.04, 0.08, 0.12, 0.16]


def test_frames_without_timestamps_follow_the_frame_rate(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.h264", 10, rate=10)) as video:
        assert video.frame_rate == 10
        assert seconds(video.frames()) == [round(0.1 * n, 1) for n in range(10)]
        assert seconds(video.frames(5)) == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_time_goes_on_where_timestamps_start_anew(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.ts", 60), write(tmp_path / "b.ts", 60)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    with open_video(joined) as video:
        times = seconds(video.frames())
    assert len(times) == 120
    assert times == sorted(times)
    assert times[-1] == pytest.approx(119 * 0.04, abs=0.2)


def test_b_frames_in_an_avi_come_in_order_though_it_stores_no_presentation_times(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.avi", options={"bf": "2"})) as video:
        frames = list(video.frames())
    assert [number(frame) for frame in frames] == list(range(30))
    assert seconds(frames) == sorted(seconds(frames))
    assert frames[-1].time == pytest.approx(29 * 0.04, abs=0.1)


def test_a_recording_cut_in_the_middle_of_a_group_keeps_the_time_that_it_lost(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", 100, options={"g": "50", "bf": "0", "sc_threshold": "0"})
    data = path.read_bytes()
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    path.write_bytes(data[:376] + data[places[10] :])
    with open_video(path) as video:
        frames = list(video.frames())
    assert number(frames[0]) == 50 - 36
    assert frames[0].time == pytest.approx(40 * 0.04, abs=0.05)


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([(0, 0), (1, 1), (2, 2)], [0.0, 0.1, 0.2]),
        ([(50, 50), (51, 51), (53, 52)], [0.0, 0.1, 0.3]),
        ([(None, None)] * 3, [0.0, 0.1, 0.2]),
        ([(0, None), (None, None), (2, None)], [0.0, 0.1, 0.2]),
        ([(None, None), (1, None), (2, None)], [0.0, 0.1, 0.2]),
        ([(0, 0), (2, 1), (1, 2), (3, 3)], [0.0, 0.2, 0.2, 0.3]),
        ([(100, 100), (101, 101), (0, 0), (1, 1)], [0.0, 0.1, 0.2, 0.3]),
        ([(5, None), (5, None), (4, None)], [0.0, 0.0, 0.0]),
    ],
)
def test_the_clock_makes_time_of_any_timestamps(stamps: list[tuple[int, int]], times: list[float]) -> None:
    clock = Clock(Fraction(1, 10), None, 0.1)
    assert [clock.of_frame(*stamp) for stamp in stamps] == pytest.approx(times)


def test_without_a_unit_of_time_the_clock_counts_frames() -> None:
    clock = Clock(None, None, 0.5)
    assert [clock.of_frame(stamp, stamp) for stamp in (7, 9, 12)] == [0.0, 0.5, 1.0]
    assert clock.of_packet(9) is None


# Sampling


@pytest.mark.parametrize("name", ["a.mp4", "c.ts", "e.avi", "f.webm", "g.mpg", "h.avi", "j.mov", "k.h264"])
@pytest.mark.parametrize("fps", [0.5, 2, 3, 7, 12.5, 24])
def test_sampled_frames_are_the_very_frames_of_a_full_pass(name: str, fps: float, tmp_path: Path) -> None:
    codec, pixels = CONTAINERS[name]
    with open_video(write(tmp_path / name, codec=codec, pixels=pixels)) as video:
        every = list(video.frames())
        due = [
            min((f for f in every if f.time >= k / fps - 0.001), key=lambda f: f.time, default=None) for k in range(40)
        ]
        wanted = {frame.time: frame for frame in due if frame is not None}
        sampled = list(video.frames(fps))
    assert [frame.time for frame in sampled] == list(wanted)
    assert all(np.array_equal(frame.image, wanted[frame.time].image) for frame in sampled)


@pytest.mark.parametrize(("rate", "name"), [(30, "a.mkv"), (60, "a.mkv"), (30, "a.flv"), (25, "a.mp4"), (30, "a.ts")])
def test_sampling_at_the_native_rate_gives_every_frame_though_times_are_rounded(
    rate: int, name: str, tmp_path: Path
) -> None:
    with open_video(write(tmp_path / name, rate=rate)) as video:
        assert [number(frame) for frame in video.frames(rate)] == list(range(30))


@pytest.mark.parametrize("fps", [26, 100, 1000])
def test_sampling_faster_than_the_video_gives_every_frame_once(fps: float, tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.mp4")) as video:
        assert [number(frame) for frame in video.frames(fps)] == list(range(30))


def test_frames_that_nobody_needs_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[float] = []
    of_frame = Clock.of_frame

    def counted(clock: Clock, pts: int | None, dts: int | None) -> float:
        decoded.append(of_frame(clock, pts, dts))
        return decoded[-1]

    monkeypatch.setattr(Clock, "of_frame", counted)
    for name, codec, pixels, most in (("a.mp4", "libx264", "yuv420p", 60), ("b.avi", "mjpeg", "yuvj420p", 10)):
        options = {"x264-params": "bframes=3:b-adapt=0:scenecut=0"} if codec == "libx264" else {}
        with open_video(write(tmp_path / name, 100, codec=codec, pixels=pixels, options=options)) as video:
            decoded.clear()
            assert len(list(video.frames(2.5))) == 10
        assert len(decoded) <= most


@pytest.mark.parametrize("fps", [0, -1, 1001, float("nan"), float("inf")])
def test_an_impossible_sampling_rate_is_refused_at_once(fps: float, tmp_path: Path) -> None:
    with (
        open_video(write(tmp_path / "a.mp4", 2)) as video,
        pytest.raises(SettingInvalid, match="fps: it must be above 0"),
    ):
        video.frames(fps)


def test_a_packet_is_spared_only_for_an_earlier_one_of_its_period() -> None:
    sampler = Sampler(1)
    assert [sampler.spares(moment) for moment in (0.0, 0.6, 0.3, 1.4, 1.2, 1.3, None)] == [
        False,
        True,
        True,
        False,
        False,
        True,
        False,
    ]
