"""Files that are no video, or half of one: a plain refusal, or what is readable and a warning."""

import os
import re
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from clips import CONTAINERS, picture, reason, seconds, write
from photocall.errors import PhotocallError
from photocall.media.videos import open_video
from stills import damaged

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
    path = write(tmp_path / name, 200, codec=codec, container={"movflags": "faststart"} if name == "a.mp4" else None)
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
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.pos is not None]
    for hit in (20, 21, 30):
        place, size = packets[hit]
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    with open_video(path) as video:
        shown = [round(frame.time * 25) for frame in video.frames()]
        assert shown == [n for n in range(50) if n not in (20, 21, 30)]
        assert video.warnings == ["damaged frames: 3"]


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
    started = time.process_time()
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
    assert time.process_time() - started < 30
    assert capfd.readouterr().err == ""


def test_names_that_are_no_unicode_do_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", 3, before=lambda stream: stream.container.metadata.update(title="QQQQ"))
    data = path.read_bytes()
    assert b"QQQQ" in data
    path.write_bytes(data.replace(b"QQQQ", b"\xff\xfe\xfa\xc0"))
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mkv"))
    path.rename(odd)
    with open_video(odd) as video:
        assert len(list(video.frames())) == 3
