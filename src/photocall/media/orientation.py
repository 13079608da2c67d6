"""Which way up a picture is: cameras store the sensor's view, and a note on how to turn it.

Stills carry the note as Exif orientation, videos as a display matrix. Both come to one number, Exif's: 1 is upright,
2 to 8 are the other ways of turning and mirroring (Exif 2.32, table 6, tag 0x0112).
"""

import struct

import numpy as np

from photocall.faces import ByteArray

UPRIGHT = 1
_TAG = 0x0112


def upright(image: ByteArray, orientation: int) -> ByteArray:
    """The picture as it should be seen.

    Args:
        image: uint8, shape (h, w, 3), as stored.
        orientation: 1..8.

    Returns:
        uint8, C-contiguous, shape (h, w, 3), or (w, h, 3) where it was turned by a quarter; `image` itself, or a view
        of it, where there was nothing to do.
    """
    pixels = np.ascontiguousarray(image).view("V3")[:, :, 0]  # pixels move as one, in half the time of their bytes
    if orientation >= 5:
        pixels = pixels.T
    # What is left after the transposition: 2, 3, 6, 7 run right to left and 3, 4, 7, 8 run bottom to top.
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels).view(np.uint8).reshape(*pixels.shape, 3)


def from_exif(exif: bytes) -> int:
    """The orientation that a block of Exif names, 1 where it names none or is damaged.

    Pillow can read Exif too, but warns about damaged blocks, which a picture does not need to be seen.

    Args:
        exif: with or without the "Exif" header that JPEG puts before it.
    """
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return UPRIGHT
    try:
        return _find_tag(tiff, order)
    except struct.error:  # it ends too early
        return UPRIGHT


def _find_tag(tiff: bytes, order: str) -> int:
    """The first directory of a TIFF file: a count of entries, then (tag, type, count, value) of 12 bytes each."""
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(entries):
        tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, directory + 2 + 12 * entry)
        if tag == _TAG:
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def from_display_matrix(matrix: bytes) -> int:
    """The orientation nearest to a display matrix of QuickTime and MP4, 1 where it is damaged.

    Args:
        matrix: nine native 32-bit integers (a b u, c d v, x y w); a point (p, q) is shown at (a p + c q, b p + d q).
    """
    if len(matrix) < 36:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(matrix, np.int32, 9).astype(float)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}[bool(a < 0), bool(d < 0)]
    return {(False, False): 5, (False, True): 6, (True, True): 7, (True, False): 8}[bool(b < 0), bool(c < 0)]
