"""Videos as frames with real times: any container and codec that FFmpeg reads, through PyAV.

Decoding is most of the cost of analysing a video, so what nobody asked for is left out as early as possible: frames
that no other frame needs are not decoded, and only wanted frames are converted to RGB. A damaged video gives what is
readable and one plain sentence about the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from photocall.errors import SettingInvalid, VideoUnreadable
from photocall.faces import ByteArray
from photocall.media import files, orientation, signatures
from photocall.media.timing import Clock, Sampler

MAX_FRAME_PIXELS = 40_000_000
"""Width times height; 8K UHD has 33 million. A decoder keeps up to 16 frames and one for each thread."""

CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,nut,ivf,dv,rm,wtv,gxf,h264,hevc,obu,m4v,yuv4mpegpipe"
)
"""FFmpeg's names of the containers read. Playlists are left out, since they make it open other files and addresses."""

MAX_FPS = 1000
"""Frames per second; many containers store whole milliseconds."""

_DEFAULT_RATE = 25.0
"""Frames a second where neither container nor codec says; FFmpeg's own default for raw streams."""

_CONVERTIBLE = (0, 1, 4, 5, 6, 7, 9)
"""Matrix coefficients of ITU-T H.273 that FFmpeg's swscale converts to RGB; 2 says that nothing is known."""

_SD_HEIGHT = 576
"""Lines. Players take video that does not say to be coded by BT.709 where it has more lines, else by BT.601."""


if TYPE_CHECKING:
    _Packet = Packet[Any]
else:
    _Packet = Packet  # generic for type checkers alone


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a video.

    Attributes:
        time: seconds since the start of the video, never less than the frame before.
        image: uint8 RGB, shape (h, w, 3), upright, C-contiguous. Usually the video's size; a stream may change it.
    """

    time: float
    image: ByteArray


class Video:
    """An open video; `open_video` makes it, `with` or `close` ends it.

    Attributes:
        path: the file.
        width: pixels, upright.
        height: pixels, upright.
        duration: seconds; None if the file does not say.
        frame_rate: frames per second on average; None if the file does not say.
        frame_count: an estimate; None if the file does not say.
        codec: FFmpeg's name: h264, hevc, vp9, av1, mpeg4, ...
        format: FFmpeg's long name of the container: "QuickTime / MOV", "Matroska / WebM", ...
        warnings: one line for each thing that went wrong during the last pass over the frames.
    """

    def __init__(self, path: Path, max_pixels: int) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._max_pixels = max_pixels
        self._reading: _Reading | None = None
        reading = self._begin()
        self.height, self.width = reading.first.image.shape[:2]
        self.duration = reading.duration
        self.frame_rate = reading.frame_rate
        self.frame_count = reading.frame_count
        self.codec = reading.codec
        self.format = reading.format

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A pass over the frames that is under way ends quietly."""
        if self._reading is not None:
            self._reading.close()
        self._reading = None

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """The frames in the order shown; every call starts anew and ends the pass before it.

        Args:
            fps: frames per second wanted: of each 1/fps seconds the first frame is taken, so a slower video gives each
                of its frames once. None gives every frame.

        Raises:
            SettingInvalid: fps is not above 0 or above `MAX_FPS`.
        """
        if fps is not None and not 0 < fps <= MAX_FPS:
            raise SettingInvalid("fps", f"it must be above 0 and at most {MAX_FPS}, not {fps}")
        return self._pass(Sampler(fps))

    def _pass(self, sampler: Sampler) -> Iterator[Frame]:
        reading = self._begin()
        for frame in reading.frames(sampler):
            yield frame
            if self._reading is not reading:
                return
        self.close()
        self.warnings = reading.complaints()

    def _begin(self) -> "_Reading":
        """A reading at the first frame: the one that opening the video has left there, or else a new one."""
        self.warnings = []
        if self._reading is None or self._reading.begun:
            self.close()
            self._reading = _Reading(self.path, self._max_pixels)
        return self._reading


def open_video(path: Path, *, max_pixels: int = MAX_FRAME_PIXELS) -> Video:
    """Open a video and decode its first frame, so that what opens can be read.

    Args:
        path: a file of any container in `CONTAINERS`; what counts is its content, not its name.
        max_pixels: limit of a frame's width times height; beyond it no frame is allocated.

    Raises:
        VideoUnreadable: it is missing, empty, no video, encrypted, too large, or no frame can be decoded.
    """
    return Video(path, max_pixels)


class _Reading:
    """One pass over a stream: packets in, wanted frames and their times out, and a note of all that went wrong.

    The first frame is decoded at once: only frames tell which way up they are, and whether they can be decoded.
    """

    def __init__(self, path: Path, max_pixels: int) -> None:
        self.begun = False
        self._container = _open(path, max_pixels)
        try:
            self._set_up(_video_stream(self._container, path, max_pixels))
            self.first = self._first_frame(path)
        except BaseException:
            self.close()
            raise

    def _set_up(self, stream: VideoStream) -> None:
        self._stream = stream
        self.codec = stream.codec_context.codec.canonical_name
        self.format = self._container.format.long_name
        self.frame_rate = _frame_rate(stream)
        self.duration = _duration(stream, self._container)
        self.frame_count = _frame_count(stream, self.duration, self.frame_rate)
        self._interval = 1 / (self.frame_rate or _DEFAULT_RATE)
        self._clock = Clock(stream.time_base, stream.start_time, self._interval)
        self._sampler = Sampler(None)
        self._reformatter = VideoReformatter()
        self._rest = self._shown()
        self._end = 0.0
        self._lost = 0
        self._broken = self._encrypted = False

    def _first_frame(self, path: Path) -> Frame:
        frame = next(self._rest, None)
        if self._encrypted:
            raise VideoUnreadable(str(path), "it is encrypted")
        if frame is None:
            raise VideoUnreadable(str(path), "none of its frames can be decoded")
        return frame

    def close(self) -> None:
        self._container.close()

    def frames(self, sampler: Sampler) -> Iterator[Frame]:
        """The frames that the sampler takes; to be called once."""
        self.begun = True
        self._sampler = sampler
        if sampler.takes(self.first.time):
            yield self.first
        yield from self._rest

    def _shown(self) -> Iterator[Frame]:
        for packet in self._packets():
            self._encrypted = self._encrypted or packet.has_sidedata("encryption_info")
            for frame in self._decoded(packet, self._is_spare(packet)):
                time = self._clock.of_frame(frame.pts, frame.dts)
                self._end = max(self._end, time + self._interval)
                if self._sampler.takes(time):
                    yield from self._converted(frame, time)

    def _packets(self) -> Iterator[_Packet]:
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError:
            self._broken = True
        except IndexError:
            pass  # PyAV, at the end of a transport stream in which another stream appeared midway
        yield Packet()  # empty: the decoder hands out the frames that it still holds

    def _is_spare(self, packet: _Packet) -> bool:
        if packet.is_corrupt or packet.is_discard:
            return False  # it may show nothing, so no other packet may be spared for it
        time = self._clock.of_packet(packet.pts)
        self._end = max(self._end, (time or 0.0) + self._interval)
        return self._sampler.spares(time)

    def _decoded(self, packet: _Packet, spare: bool) -> list[VideoFrame]:
        context = self._stream.codec_context
        if spare and context.codec.intra_only:
            return []
        # A frame that others refer to is decoded all the same, so the wanted ones come out as if none were skipped.
        context.skip_frame = "NONREF" if spare else "DEFAULT"
        try:
            frames = context.decode(packet)
        except av.EOFError:  # it has none left
            return []
        except av.FFmpegError:
            self._lost += 1
            return []
        self._lost += packet.is_corrupt
        return frames

    def _converted(self, frame: VideoFrame, time: float) -> Iterator[Frame]:
        try:
            image = _rgb(frame, self._reformatter)
        except av.FFmpegError:  # damage can name colours that do not exist
            self._lost += 1
            return
        yield Frame(time, image)

    def complaints(self) -> list[str]:
        """What went wrong, one line each.

        A second is let pass, and a twentieth of the video: many files round, and some have sound that lasts longer.
        """
        lines = []
        missing = (self.duration or 0.0) - self._end
        if self._broken or missing > 1 + 0.05 * self._end:
            whole = f" of {self.duration:.1f} s" if self.duration else ""
            lines.append(f"stopped after {self._end:.1f} s{whole}: the file is damaged or cut short")
        if self._lost:
            lines.append(f"damaged frames: {self._lost}")
        return lines


def _open(path: Path, max_pixels: int) -> InputContainer:
    try:
        head = files.read_file(path, head=signatures.HEAD)
    except OSError as error:
        raise VideoUnreadable(str(path), files.reason(error)) from error
    kind = signatures.kind(head)
    if kind in (*signatures.IMAGES, "HEIC"):
        raise VideoUnreadable(str(path), f"it is an image ({kind}), not a video")
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_pixels": str(max_pixels)}
    try:
        # The prefix keeps a name like "http:a" from being taken for an address.
        return av.open(f"file:{path}", options=options, metadata_errors="replace")
    except av.FFmpegError as error:
        other = f"it is {'text' if kind == 'text' else f'a {kind} file'}, not a video"
        known = kind is not None and kind != "video"
        raise VideoUnreadable(str(path), other if known else "it is damaged, or not a video") from error


def _video_stream(container: InputContainer, path: Path, max_pixels: int) -> VideoStream:
    """The largest video stream, set up for decoding; a cover picture in a music file is none."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not moving:
        raise VideoUnreadable(str(path), "there is no video in it")
    decodable = [stream for stream in moving if stream.codec_context is not None]
    if not decodable:
        raise VideoUnreadable(str(path), "its codec is not supported")
    stream = max(decodable, key=lambda stream: stream.width * stream.height)
    if stream.width * stream.height > max_pixels:
        size = f"{stream.width}x{stream.height}"
        raise VideoUnreadable(str(path), f"{size} pixels are more than the {max_pixels} allowed")
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(max_pixels)}
    return stream


def _frame_rate(stream: VideoStream) -> float | None:
    # A raw stream has no times to average, so FFmpeg says 25 there; its guess is what the codec says.
    measured = None if stream.start_time is None else stream.average_rate
    rate = measured or stream.guessed_rate
    return float(rate) if rate else None


def _duration(stream: VideoStream, container: InputContainer) -> float | None:
    if stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    else:
        seconds = (container.duration or 0) / av.time_base
    return seconds if seconds > 0 else None


def _frame_count(stream: VideoStream, duration: float | None, rate: float | None) -> int | None:
    if stream.frames > 0:
        return stream.frames
    return max(round(duration * rate), 1) if duration and rate else None


def _rgb(frame: VideoFrame, reformatter: VideoReformatter) -> ByteArray:
    """The frame as uint8 RGB, shape (h, w, 3), upright and not shared with the decoder."""
    coding = None
    if frame.colorspace not in _CONVERTIBLE:
        coding = Colorspace.ITU709 if frame.height > _SD_HEIGHT else Colorspace.ITU601
    converted = reformatter.reformat(frame, format="rgb24", src_colorspace=coding, threads=1)
    stored = np.asarray(converted.to_ndarray(), np.uint8)
    if converted is frame:  # it was RGB already, and the decoder may still draw on it
        stored = stored.copy()
    return orientation.upright(stored, _orientation(frame))


def _orientation(frame: VideoFrame) -> int:
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # it carries a kind of side data that PyAV cannot name; its angle is still told
        return {90: 8, -90: 6, 180: 3, -180: 3}.get(frame.rotation, orientation.UPRIGHT)
    return orientation.UPRIGHT if matrix is None else orientation.from_display_matrix(bytes(matrix))
