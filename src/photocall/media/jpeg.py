"""JPEG, the format of nearly every photo: libjpeg-turbo straight into numpy, bit-equal to Pillow and faster.

Beside the pixels this reads what lies between a JPEG's markers: which way up it is, and whether it was built to keep a
decoder busy for hours.
"""

import re
from collections.abc import Iterator

import numpy as np
import simplejpeg

from photocall.faces import ByteArray
from photocall.media import orientation

MAX_SCANS = 50
"""Passes over the picture. Progressive encoders write about ten.

One of 140 bytes can keep a decoder busy for 0.2 s where the picture has 100 million pixels;
libjpeg-turbo's report "Two Issues with the JPEG Standard" describes it.
"""

# FF 00 is a stuffed byte and FF D0..D7 are restart markers: both belong to a scan. FF FF is padding before a marker.
_MARKER = re.compile(rb"\xff([\x01\xc0-\xcf\xd8-\xfe])")
_START, _END, _SCAN, _APP1, _TEM = 0xD8, 0xD9, 0xDA, 0xE1, 0x01

# libjpeg's warnings that mean: part of the picture is missing or made up.
_LOST_PICTURE = re.compile("premature end|huffman|instead of RST", re.IGNORECASE)


class JpegUnreadable(Exception):
    """Its text is the reason in plain words."""


class JpegUnusual(Exception):
    """A JPEG that is better left to a more tolerant decoder: CMYK, odd subsampling, harmless faults."""


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels as stored, from the header alone.

    Raises:
        JpegUnusual: the header is odd or damaged, or the colours are not RGB or grey.
    """
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as error:
        raise JpegUnusual(str(error)) from error
    if colours in ("CMYK", "YCCK"):
        raise JpegUnusual(colours)
    return width, height


def decode(data: bytes) -> ByteArray:
    """The picture, upright.

    Returns:
        uint8 RGB, shape (h, w, 3), C-contiguous.

    Raises:
        JpegUnreadable: a part is missing.
        JpegUnusual: there is something odd about it, which need not harm.
    """
    try:
        stored: ByteArray = simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError as error:
        raise _judged(str(error)) from error
    return orientation.upright(stored, _orientation(data))


def _judged(complaint: str) -> Exception:
    if "premature end of jpeg file" in complaint.lower():
        return JpegUnreadable("it is truncated")
    if _LOST_PICTURE.search(complaint):
        return JpegUnreadable("it is damaged")
    return JpegUnusual(complaint)


def encode(image: ByteArray, quality: int) -> bytes:
    """A baseline JPEG file with 4:2:0 colour, as cameras write it.

    Args:
        image: uint8 RGB, shape (h, w, 3), at most 65,500 pixels a side.
        quality: 1..100, libjpeg's scale.
    """
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "RGB", "420")
    return data


def check_scans(data: bytes) -> None:
    """Raise `JpegUnreadable` if there are more than `MAX_SCANS`."""
    scans = 0
    for marker, _ in _segments(data):
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            raise JpegUnreadable(f"it is built of more than {MAX_SCANS} scans")


def exif(data: bytes) -> bytes:
    """The block of Exif, its "Exif" header included; empty if there is none."""
    for marker, content in _segments(data):
        if marker == _APP1 and content.startswith(b"Exif\0\0"):
            return content
        if marker == _SCAN:
            break
    return b""


def _orientation(data: bytes) -> int:
    return orientation.from_exif(exif(data))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every marker with its content, from the start of the file to the end marker."""
    position = 0
    while found := _MARKER.search(data, position):
        marker, position = found[1][0], found.end()
        if marker == _END:
            return
        if marker not in (_START, _TEM):  # these two stand alone
            length = int.from_bytes(data[position : position + 2], "big")
            yield marker, data[position + 2 : position + length]
            position += max(length, 2)
