"""Still images for tests, made on the spot: encoded by Pillow, or chunk by chunk where Pillow does not go."""

import gc
import random
import re
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photocall.errors import ImageUnreadable
from photocall.faces import ByteArray
from photocall.media.images import read_image


def gradient(height: int = 48, width: int = 64) -> ByteArray:
    """uint8 RGB, shape (height, width, 3), no two corners alike and smooth enough for lossy formats."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 0] = np.linspace(0, 255, width)
    image[:, :, 1] = np.linspace(0, 255, height)[:, np.newaxis]
    image[:, :, 2] = 90
    return image


def encoded(picture: Image.Image | ByteArray, form: str, **options: Any) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    buffer = BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colours: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file written chunk by chunk, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    every = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = (struct.pack(">I", len(c)) + t + c + struct.pack(">I", zlib.crc32(t + c)) for t, c in every)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def exif(number: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = number
    return block.tobytes()


def reason(source: Path | bytes) -> str:
    with pytest.raises(ImageUnreadable) as refusal:
        read_image(source, name="photo")
    assert refusal.value.source == "photo"
    assert "\n" not in str(refusal.value)
    return refusal.value.reason


def peak_memory(call: Callable[[], object]) -> float:
    """By how many MiB the process grew at most during the call."""
    gc.collect()  # what other tests left must not go during the call
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak, VmHWM, back to the present size
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def resident(line: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{line}:\s+(\d+) kB", status)[0]) / 1024


def damaged(data: bytes, seed: int) -> bytes:
    """The same file, cut, or with some bytes flipped, mostly in the header, where it hurts."""
    chance = random.Random(seed)
    wrong = bytearray(data)
    if chance.random() < 0.3:
        del wrong[chance.randrange(1, len(wrong)) :]
    for _ in range(chance.choice((0, 1, 2, 4, 30))):
        wrong[chance.randrange(min(len(wrong), chance.choice((64, 10**6))))] = chance.choice((0, 255, 128, 7))
    return bytes(wrong)
