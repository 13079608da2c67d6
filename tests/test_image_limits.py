"""Files made to hurt: huge claims, bombs and damage. They are refused at once, and cost next to nothing."""

import functools
import re
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photocall.errors import ImageTooLarge, ImageUnreadable, PhotocallError
from photocall.media import jpeg
from photocall.media.images import MAX_FILE_BYTES, MAX_PIXELS, read_image
from stills import damaged, encoded, exif, gradient, peak_memory, png, reason

# Limits


def huge_headers() -> dict[str, bytes]:
    """Small files that say they hold 30,000 x 30,000 pixels."""
    jpeg_data = bytearray(encoded(gradient(), "JPEG"))
    frame = jpeg_data.index(b"\xff\xc0")
    jpeg_data[frame + 5 : frame + 9] = struct.pack(">HH", 30000, 30000)
    bmp = bytearray(encoded(gradient(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 30000, 30000)
    gif = bytearray(encoded(gradient(), "GIF"))
    gif[6:10] = struct.pack("<HH", 30000, 30000)
    tiff = bytearray(encoded(gradient(), "TIFF"))
    for tag in (b"\x00\x01\x04\x00\x01\x00\x00\x00", b"\x01\x01\x04\x00\x01\x00\x00\x00"):
        place = tiff.index(tag) + 8
        tiff[place : place + 4] = struct.pack("<I", 30000)
    return {
        "JPEG": bytes(jpeg_data),
        "PNG": png(30000, 30000, 8, 2, b""),
        "BMP": bytes(bmp),
        "GIF": bytes(gif),
        "TIFF": bytes(tiff),
        "PPM": b"P6\n30000 30000\n255\n",
    }


def test_the_memory_gauge_sees_an_allocation() -> None:
    assert peak_memory(lambda: np.ones(10 * 2**20)) > 70


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "PPM"])
def test_thirty_thousand_pixels_a_side_are_refused_before_anything_is_allocated(form: str) -> None:
    data = huge_headers()[form]

    def refused() -> None:
        with pytest.raises(ImageTooLarge, match="30000x30000 pixels are more than the 100000000 allowed") as refusal:
            read_image(data, name="poster")
        assert (refusal.value.source, refusal.value.limit) == ("poster", MAX_PIXELS)

    assert peak_memory(refused) < 50


def test_a_webp_with_the_largest_canvas_is_refused_without_using_memory() -> None:
    data = bytearray(encoded(gradient(), "WEBP", exif=exif(1)))
    assert data[12:16] == b"VP8X"
    data[24:30] = (16382).to_bytes(3, "little") * 2

    def refused() -> None:
        with pytest.raises((ImageTooLarge, ImageUnreadable)):
            read_image(bytes(data))

    assert peak_memory(refused) < 50


def test_the_limit_of_pixels_is_inclusive() -> None:
    for form in ("JPEG", "PNG"):
        data = encoded(gradient(10, 20), form)
        assert read_image(data, max_pixels=200).shape == (10, 20, 3)
        with pytest.raises(ImageTooLarge):
            read_image(data, max_pixels=199)


def test_a_size_between_pillows_limit_and_ours_is_read_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for form in ("PNG", "GIF", "TIFF", "BMP", "WEBP"):
        assert read_image(encoded(gradient(30, 50), form)).shape == (30, 50, 3)


@functools.cache
def bomb() -> bytes:
    """512 MiB of zeros in half a megabyte."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(b"\0" * 2**24) for _ in range(32)) + packer.flush()


@pytest.mark.parametrize("chunk", [b"iCCP", b"zTXt", b"iTXt"])
def test_a_compressed_note_that_unpacks_to_half_a_gigabyte_costs_nothing(chunk: bytes) -> None:
    prefix = {b"iCCP": b"a\0\0", b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}[chunk]
    data = png(1, 1, 8, 2, b"\0\1\2\3", (chunk, prefix + bomb()))

    def read() -> None:
        try:
            assert read_image(data).tolist() == [[[1, 2, 3]]]
        except ImageUnreadable as refusal:
            assert "damaged" in refusal.reason

    assert peak_memory(read) < 100


def test_pixels_that_unpack_to_more_than_the_header_says_cost_nothing() -> None:
    data = png(4, 4, 8, 2, b"")
    pixels = struct.pack(">I", len(bomb())) + b"IDAT" + bomb() + struct.pack(">I", zlib.crc32(b"IDAT" + bomb()))
    place = data.index(b"IDAT") - 4
    data = data[:place] + pixels + data[place:]
    assert peak_memory(lambda: read_image(data)) < 100


def test_a_jpeg_of_endless_scans_is_refused_at_once() -> None:
    data = encoded(np.full((2000, 2000), 128, np.uint8), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    started = time.process_time()
    assert reason(data[:-2] + last_scan * 5000 + b"\xff\xd9") == f"it is built of more than {jpeg.MAX_SCANS} scans"
    assert time.process_time() - started < 1


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert peak_memory(lambda: reason(path)) < 20
    assert reason(path) == "it is larger than 256 MiB"


# Damage


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "PPM", "AVIF", "TIFF"])
def test_damaged_files_give_a_picture_or_a_plain_refusal_and_nothing_else(form: str) -> None:
    data, seen = encoded(gradient(), form), set()

    def torture() -> None:
        for seed in range(200):
            try:
                read_image(damaged(data, seed))
                seen.add("read")
            except PhotocallError as refusal:
                assert re.fullmatch(r"image: [\x20-\x7e]+", str(refusal))
                seen.add("refused")

    started = time.process_time()
    assert peak_memory(torture) < 300
    assert time.process_time() - started < 20
    assert "refused" in seen
