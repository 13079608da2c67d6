import gc
import itertools
import os
import random
import re
import time
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from photocall.errors import PhotocallError, SettingInvalid, VideoUnreadable
from photocall.faces import ByteArray
from photocall.media.timing import Clock, Sampler
from photocall.media.videos import Frame, open_video

EVALUATION = Path(os.environ.get("PHOTOCALL_EVAL_DATA", Path(__file__).parents[1] / "../shared/data"))
MILLISECOND = Fraction(1, 1000)


def picture(number: int, size: tuple[int, int] = (64, 48)) -> ByteArray:
    """uint8 RGB, shape (height, width, 3): grey that tells the frame's number, and a red top left corner."""
    width, height = size
    image = np.full((height, width, 3), 20 + 6 * (number % 36), np.uint8)
    image[: height // 4, : width // 4] = (230, 0, 0)
    return image


def write(
    path: Path,
    count: int = 30,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    rate: int = 25,
    times: Iterable[int] | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    form: str | None = None,
    before: Callable[[Any], None] = lambda stream: None,
) -> Path:
    """A video of `picture(0)`, `picture(1)`, ...; `times` are milliseconds, by default as the rate says."""
    with av.open(str(path), "w", format=form, options=container or {}) as output:
        stream: Any = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        if times is not None:
            stream.codec_context.time_base = MILLISECOND
        before(stream)
        for number, moment in zip(range(count), times or itertools.count(), strict=False):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts = moment
            if times is not None:
                frame.time_base = MILLISECOND
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def number(frame: Frame) -> int:
    """Which `picture` a frame shows."""
    height, width = frame.image.shape[:2]
    return round((float(frame.image[height // 2 :, width // 2 :].mean()) - 20) / 6)


def seconds(frames: Iterable[Frame]) -> list[float]:
    return [round(frame.time, 3) for frame in frames]


def reason(path: Path, **options: int) -> str:
    with pytest.raises(VideoUnreadable) as refusal:
        open_video(path, **options)
    assert refusal.value.source == str(path)
    assert "\n" not in str(refusal.value)
    return refusal.value.reason


# What is read

CONTAINERS = {
    "a.mp4": ("libx264", "yuv420p"),
    "b.mkv": ("libx264", "yuv420p"),
    "c.ts": ("libx264", "yuv420p"),
    "d.flv": ("libx264", "yuv420p"),
    "e.avi": ("mpeg4", "yuv420p"),
    "f.webm": ("libvpx-vp9", "yuv420p"),
    "g.mpg": ("mpeg2video", "yuv420p"),
    "h.avi": ("mjpeg", "yuvj420p"),
    "i.mov": ("prores", "yuv422p10le"),
    "j.mov": ("qtrle", "argb"),
    "k.h264": ("libx264", "yuv420p"),
    "l.3gp": ("mpeg4", "yuv420p"),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_common_container_and_codec_gives_all_frames_in_order_at_their_times(name: str, tmp_path: Path) -> None:
    codec, pixels = CONTAINERS[name]
    path = write(tmp_path / name, codec=codec, pixels=pixels)
    with open_video(path) as video:
        frames = list(video.frames())
        assert [number(frame) for frame in frames] == list(range(30))
        assert seconds(frames) == [round(0.04 * n, 3) for n in range(30)]
        assert (video.width, video.height, video.frame_rate) == (64, 48, 25.0)
        assert {(frame.image.shape, frame.image.dtype.name, frame.image.flags.c_contiguous) for frame in frames} == {
            ((48, 64, 3), "uint8", True)
        }
        assert video.warnings == []


def test_a_video_tells_what_it_is(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.mp4")) as video:
        assert (video.codec, video.duration, video.frame_count) == ("h264", 1.2, 30)
    with open_video(write(tmp_path / "b.webm", codec="libvpx-vp9")) as video:
        assert (video.codec, video.duration, video.frame_count) == ("vp9", 1.2, 30)
    with open_video(write(tmp_path / "c.h264")) as video:
        assert (video.codec, video.duration, video.frame_count) == ("h264", None, None)


def test_a_video_of_one_frame_gives_one_frame(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.mp4", 1)) as video:
        assert seconds(video.frames()) == seconds(video.frames(5)) == [0.0]


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv").rename(tmp_path / "photo.jpg")
    with open_video(tmp_path / "photo.jpg") as video:
        assert video.codec == "h264"


@pytest.mark.parametrize("name", ["http:a.mp4", "concat:a|b.mp4", "%03d.mp4", "a b#?&.mp4", "کلاس.mp4", "-i.mp4"])
def test_a_strange_name_is_only_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "plain.mp4", 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with open_video(Path(name)) as video:
        assert len(list(video.frames())) == 3


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
    for name, codec, pixels, most in (("a.mp4", "libx264", "yuv420p", 70), ("b.avi", "mjpeg", "yuvj420p", 11)):
        with open_video(write(tmp_path / name, 100, codec=codec, pixels=pixels, options={"bf": "3"})) as video:
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


# Orientation


@pytest.mark.parametrize(
    ("degrees", "mirrored", "corner"),
    [
        (0, False, "top left"),
        (90, False, "bottom left"),
        (180, False, "bottom right"),
        (-90, False, "top right"),
        (0, True, "top right"),
        (180, True, "bottom left"),
    ],
)
def test_a_turned_video_comes_out_upright(degrees: int, mirrored: bool, corner: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", 3, before=lambda stream: stream.set_display_rotation(degrees, hflip=mirrored))
    with open_video(path) as video:
        frame = next(video.frames())
        assert (video.height, video.width) == frame.image.shape[:2] == ((64, 48) if abs(degrees) == 90 else (48, 64))
        assert frame.image.flags.c_contiguous
    assert red_corner(frame.image) == corner


def red_corner(image: ByteArray) -> str:
    rows, columns = np.nonzero((image[:, :, 0] > 150) & (image[:, :, 1] < 90))
    vertical = "top" if rows.mean() < image.shape[0] / 2 else "bottom"
    return f"{vertical} {'left' if columns.mean() < image.shape[1] / 2 else 'right'}"


def test_exif_inside_motion_jpeg_is_followed(tmp_path: Path) -> None:
    block = Image.Exif()
    block[0x0112] = 6
    Image.fromarray(picture(0)).save(tmp_path / "frame.jpg", exif=block, quality=95)
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for moment in range(3):
            packet = av.Packet((tmp_path / "frame.jpg").read_bytes())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, moment, moment, Fraction(1, 5)
            output.mux(packet)
    with open_video(path) as video:
        assert (video.width, video.height) == (48, 64)
        assert red_corner(next(video.frames()).image) == "top right"


# Pixels


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size"),
    [
        ("a.mp4", "libx264", "yuv420p10le", (64, 48)),
        ("b.mp4", "libx264", "yuv444p", (65, 47)),
        ("c.mov", "qtrle", "argb", (61, 43)),
        ("d.mkv", "ffv1", "yuv420p16le", (64, 48)),
        ("e.avi", "rawvideo", "bgr24", (64, 48)),
        ("f.mov", "rawvideo", "rgb24", (62, 48)),
        ("g.mov", "png", "rgba", (33, 17)),
        ("h.webm", "libvpx-vp9", "yuva420p", (64, 48)),
        ("i.mkv", "ffv1", "gray", (64, 48)),
    ],
)
def test_every_kind_of_pixel_comes_out_as_rgb_bytes(
    name: str, codec: str, pixels: str, size: tuple[int, int], tmp_path: Path
) -> None:
    with open_video(write(tmp_path / name, 4, codec=codec, pixels=pixels, size=size)) as video:
        for frame in video.frames():
            assert (frame.image.dtype, frame.image.shape) == (np.uint8, (size[1], size[0], 3))
            expected = picture(round(frame.time * 25), size).astype(int)
            part = np.s_[size[1] // 2 :, size[0] // 2 :]
            assert np.abs(frame.image[part] - expected[part]).max() < 6
            if pixels != "gray":
                assert np.abs(frame.image[2, 2].astype(int) - [230, 0, 0]).max() < 25


@pytest.mark.parametrize(("height", "coding"), [(480, "ITU601"), (720, "ITU709")])
def test_a_video_that_does_not_name_its_colours_is_taken_as_players_take_it(
    height: int, coding: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.mkv"
    colour = np.full((height, 640, 3), (200, 40, 60), np.uint8)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, height, "yuv444p"
        frame = av.VideoFrame.from_ndarray(colour, format="rgb24")
        frame = frame.reformat(format="yuv444p", dst_colorspace=av.video.reformatter.Colorspace[coding])
        frame.colorspace, frame.pts = 2, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with open_video(path) as video:
        assert np.abs(next(video.frames()).image.astype(int) - colour).max() <= 4


def test_drawing_on_a_frame_leaves_the_frames_after_it_alone(tmp_path: Path) -> None:
    for name, codec, pixels in (("a.mov", "rawvideo", "rgb24"), ("b.mkv", "ffv1", "gbrp"), ("c.mov", "qtrle", "rgb24")):
        with open_video(write(tmp_path / name, 5, codec=codec, pixels=pixels)) as video:
            clean = [frame.image.copy() for frame in video.frames()]
            for frame, expected in zip(video.frames(), clean, strict=True):
                assert np.array_equal(frame.image, expected)
                frame.image[:] = 255


def test_frames_can_be_kept_after_the_video_is_closed(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.mp4")) as video:
        frames = list(video.frames())
    gc.collect()
    assert [number(frame) for frame in frames] == list(range(30))


def test_a_stream_that_changes_its_size_goes_on(tmp_path: Path) -> None:
    small, large = write(tmp_path / "a.h264", 5), write(tmp_path / "b.h264", 5, size=(128, 96))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with open_video(joined) as video:
        assert [frame.image.shape for frame in video.frames()] == [(48, 64, 3)] * 5 + [(96, 128, 3)] * 5


# Passes


def test_every_pass_starts_anew(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.mp4")) as video:
        assert seconds(video.frames(5)) == seconds(video.frames(5)) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        assert len(list(video.frames())) == 30


def test_a_new_pass_ends_the_one_before_it(tmp_path: Path) -> None:
    with open_video(write(tmp_path / "a.mp4")) as video:
        old = video.frames()
        next(old)
        new = video.frames()
        assert number(next(new)) == 0
        assert list(old) == []
        assert len(list(new)) == 29


def test_closing_ends_a_pass_and_lets_go_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    with open_video(path) as video:
        frames = video.frames()
        next(frames)
        assert str(path) in open_files()
    assert str(path) not in open_files()
    assert list(frames) == []


def test_a_refused_video_is_not_left_open(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    assert "pixels" in reason(path, max_pixels=100)
    assert str(path) not in open_files()


def open_files() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.is_symlink():
            found.add(str(descriptor.readlink()))
    return found


# What is refused


def test_files_that_cannot_be_opened_are_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    assert reason(tmp_path / "missing.mp4") == "no such file"
    assert reason(tmp_path / "empty.mp4") == "it is empty"
    assert reason(tmp_path) == "it is a directory"
    assert reason(tmp_path / "pipe.mp4") == "it is not a plain file"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_an_image_by_the_name_of_a_video_is_refused(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    Image.fromarray(picture(0)).save(path, form)
    assert re.fullmatch(r"it is an image \(\w+\), not a video", reason(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"The register of class 4b.\n" * 100, "it is text, not a video"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nSubtitles\n" * 9, "it is text, not a video"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3" * 50, "it is a PDF file, not a video"),
        (bytes(range(256)) * 40, "it is damaged, or not a video"),
        (b"\0" * 5000, "it is damaged, or not a video"),
    ],
)
def test_what_is_no_video_is_called_by_what_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert reason(path) == words


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    part = write(tmp_path / "part.ts")
    for name, content in {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{part}\n#EXT-X-ENDLIST\n",
        "b.txt": f"ffconcat version 1.0\nfile '{part}'\n",
    }.items():
        (tmp_path / name).write_text(content)
        assert reason(tmp_path / name) == "it is text, not a video"


def test_a_song_is_no_video_even_with_a_cover_picture(tmp_path: Path) -> None:
    assert reason(song(tmp_path / "plain.m4a", cover=False)) == "there is no video in it"
    assert reason(song(tmp_path / "cover.m4a", cover=True)) == "there is no video in it"


def song(path: Path, cover: bool) -> Path:
    with av.open(str(path), "w", format="mp4") as output:
        sound: Any = output.add_stream("aac", rate=8000, layout="mono")
        art: Any = output.add_stream("mjpeg", rate=1) if cover else None
        if art is not None:
            art.width, art.height, art.pix_fmt = 64, 48, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
            shown = av.VideoFrame.from_ndarray(picture(0), format="rgb24")
            output.mux(art.encode(shown))
            output.mux(art.encode())
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        heard.rate = 8000
        output.mux(sound.encode(heard))
        output.mux(sound.encode())
    return path


def test_a_frame_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 3)
    assert reason(path, max_pixels=64 * 48 - 1) == "64x48 pixels are more than the 3071 allowed"
    with open_video(path, max_pixels=64 * 48) as video:
        assert len(list(video.frames())) == 3


def test_frames_that_grow_beyond_the_limit_are_left_out(tmp_path: Path) -> None:
    small, large = write(tmp_path / "a.h264", 5), write(tmp_path / "b.h264", 5, size=(128, 96))
    joined = tmp_path / "joined.h264"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with open_video(joined, max_pixels=64 * 48) as video:
        assert {frame.image.shape for frame in video.frames()} == {(48, 64, 3)}
        assert re.fullmatch(r"damaged frames: \d+", video.warnings[0])


def test_an_encrypted_video_is_called_encrypted(tmp_path: Path) -> None:
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "01" * 16, "encryption_kid": "02" * 16}
    assert reason(write(tmp_path / "a.mp4", container=key)) == "it is encrypted"


def test_a_video_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")  # the index comes last
    path.write_bytes(path.read_bytes()[:2000])
    assert reason(path) == "it is damaged, or not a video"


def test_a_video_of_which_no_frame_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", container={"movflags": "faststart"})
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + b"\xff" * (len(data) - start))
    assert reason(path) == "none of its frames can be decoded"


# Damage


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_a_video_cut_short_gives_what_is_there_and_says_so(name: str, tmp_path: Path) -> None:
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    rows = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    path = write(tmp_path / name, 200, codec=codec, container={"movflags": "faststart"} if name == "a.mp4" else None)
    assert rows.size
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with open_video(path) as video:
        frames = list(video.frames())
        assert 20 < len(frames) < 190
        assert re.fullmatch(r"stopped after \d\.\d s of 8\.0 s: the file is damaged or cut short", video.warnings[0])
        told = float(re.findall(r"\d\.\d", video.warnings[0])[0])
        assert told == pytest.approx(frames[-1].time, abs=0.5)


def test_damage_in_the_middle_costs_only_the_frames_it_hits(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avi", 50, codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    for hit in (20, 21, 30):
        data[places[hit] + 8 : places[hit] + 200] = b"\0" * 192
    path.write_bytes(data)
    with open_video(path) as video:
        shown = [round(frame.time * 25) for frame in video.frames()]
        assert shown == [n for n in range(50) if n not in (20, 21, 30)]
        assert video.warnings == ["damaged frames: 3"]
        list(video.frames(1))
        assert len(video.warnings) <= 1


def test_warnings_are_of_the_last_pass_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", 200, container={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with open_video(path) as video:
        assert video.warnings == []
        for _ in range(2):
            list(video.frames(5))
            assert len([line for line in video.warnings if line.startswith("stopped")]) == 1


@pytest.mark.parametrize("name", ["a.mp4", "c.ts", "e.avi", "f.webm"])
def test_damaged_files_give_frames_or_a_plain_refusal_and_nothing_else(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    codec, pixels = CONTAINERS[name]
    data = write(tmp_path / name, codec=codec, pixels=pixels).read_bytes()
    seen = set()
    started = time.perf_counter()
    capfd.readouterr()
    for seed in range(120):
        (tmp_path / name).write_bytes(damaged(data, seed))
        try:
            with open_video(tmp_path / name) as video:
                times = seconds(video.frames((None, 5)[seed % 2]))
                assert times == sorted(times)
                assert len(times) <= 40
                assert all(re.fullmatch(r"[\x20-\x7e]+", line) for line in video.warnings)
                seen.add("read")
        except PhotocallError as refusal:
            assert re.fullmatch(r"[\x20-\x7e]+", str(refusal))
            seen.add("refused")
    assert seen == {"read", "refused"}
    assert time.perf_counter() - started < 30
    assert capfd.readouterr().err == ""


def damaged(data: bytes, seed: int) -> bytes:
    """The same file, cut, or with some bytes flipped, often in its first or last kilobyte, where it hurts."""
    chance = random.Random(seed)
    wrong = bytearray(data)
    if chance.random() < 0.3:
        del wrong[chance.randrange(1, len(wrong)) :]
    for _ in range(chance.choice((0, 1, 2, 4, 30, 200))):
        place = chance.randrange(min(len(wrong), chance.choice((64, 1000, 10**6))))
        wrong[place if chance.random() < 0.6 else len(wrong) - 1 - place] = chance.choice((0, 255, 128, 7))
    return bytes(wrong)


def test_names_that_are_no_unicode_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", 3, before=lambda stream: stream.container.metadata.update(title="QQQQ"))
    data = path.read_bytes()
    assert b"QQQQ" in data
    path.write_bytes(data.replace(b"QQQQ", b"\xff\xfe\xfa\xc0"))
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mkv"))
    path.rename(odd)
    with open_video(odd) as video:
        assert len(list(video.frames())) == 3


# Real clips


def clips() -> list[Path]:
    found = sorted(EVALUATION.glob("classroom-videos/*.mp4")) + sorted(EVALUATION.glob("people-videos/*.m[p4][4g]"))
    if not found:
        pytest.skip(f"no clips below {EVALUATION}; set PHOTOCALL_EVAL_DATA")
    return found


def test_real_clips_give_as_many_frames_as_they_say_evenly_spaced() -> None:
    for path in clips():
        with open_video(path) as video:
            times = [frame.time for frame in video.frames()]
            assert video.frame_count is not None
            assert video.frame_rate is not None
            assert abs(len(times) - video.frame_count) <= 1, path.name
            assert times[0] == 0
            assert np.allclose(np.diff(times), 1 / video.frame_rate, atol=0.002), path.name
            assert video.warnings == []


def test_real_clips_are_sampled_to_the_very_frames_of_a_full_pass() -> None:
    for path in clips():
        with open_video(path) as video:
            sampler = Sampler(3)
            wanted = [(f.time, f.image[::9, ::9].copy()) for f in video.frames() if sampler.takes(f.time)]
            sampled = [(f.time, f.image[::9, ::9].copy()) for f in video.frames(3)]
        assert [moment for moment, _ in sampled] == [moment for moment, _ in wanted]
        assert all(np.array_equal(mine[1], its[1]) for mine, its in zip(sampled, wanted, strict=True)), path.name
