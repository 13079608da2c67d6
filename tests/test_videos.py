import gc
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from clips import CONTAINERS, number, picture, reason, seconds, write
from photocall.faces import ByteArray
from photocall.media.timing import Sampler
from photocall.media.videos import open_video

EVALUATION = Path(os.environ.get("PHOTOCALL_EVAL_DATA", Path(__file__).parents[1] / "../shared/data"))


# What is read


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_common_container_and_codec_gives_all_frames_in_order_at_their_times(name: str, tmp_path: Path) -> None:
    codec, pixels = CONTAINERS[name]
    path = write(tmp_path / name, codec=codec, pixels=pixels)
    with open_video(path) as video:
        frames = list(video.frames())
        assert [number(frame) for frame in frames] == list(range(30))
        # A program stream of such tiny frames has a timestamp for some of them only.
        assert np.allclose(seconds(frames), np.arange(30) * 0.04, atol=0.05 if name == "g.mpg" else 0.0005)
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
            assert frame.image.dtype == np.uint8
            assert frame.image.shape == (size[1], size[0], 3)
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
    for name, codec, pixels in (("a.mov", "rawvideo", "rgb24"), ("b.mov", "qtrle", "rgb24")):
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


# Real clips


def clips() -> list[Path]:
    found = [*EVALUATION.glob("classroom-videos/*.mp4"), *EVALUATION.glob("people-videos/*.m[p4][4g]")]
    if not found:
        pytest.skip(f"no clips below {EVALUATION}; set PHOTOCALL_EVAL_DATA")
    return sorted(path for path in found if path.stat().st_size < 620_000)  # the small ones are quick and say as much


def test_real_clips_are_evenly_spaced_and_sampled_to_the_very_frames_of_a_full_pass() -> None:
    for path in clips():
        with open_video(path) as video:
            sampler = Sampler(3)
            times, wanted = [], []
            for frame in video.frames():
                times.append(frame.time)
                if sampler.takes(frame.time):
                    wanted.append((frame.time, frame.image[::9, ::9].copy()))
            assert abs(len(times) - (video.frame_count or 0)) <= 1, path.name
            assert times[0] == 0
            assert np.allclose(np.diff(times), 1 / (video.frame_rate or 0), atol=0.002), path.name
            assert video.warnings == []
            for frame, (moment, pixels) in zip(video.frames(3), wanted, strict=True):
                assert frame.time == moment, path.name
                assert np.array_equal(frame.image[::9, ::9], pixels), path.name
