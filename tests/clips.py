"""Clips for tests, encoded on the spot, whose frames tell their own number."""

import itertools
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from photocall.errors import VideoUnreadable
from photocall.faces import ByteArray
from photocall.media.videos import Frame, open_video

MILLISECOND = Fraction(1, 1000)
FINE = {codec: {"qmin": "1", "qmax": "2"} for codec in ("mpeg4", "mpeg2video", "mjpeg")}

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
        stream: Any = output.add_stream(codec, rate=rate, options=FINE.get(codec, {}) | (options or {}))
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
