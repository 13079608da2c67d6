"""When a photo was taken, as its camera says: Exif 2.32, tags DateTimeOriginal and OffsetTimeOriginal."""

import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from photocall.media import jpeg

_EXIF, _TIME, _OFFSET = 0x8769, 0x9003, 0x9011  # where the further directory is; the time; how far it is from UTC
_TEXT = 2
_STAMP = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)")
_ZONE = re.compile(r"([+-])(\d\d):(\d\d)")


def photo_time(data: bytes, zone: tzinfo) -> datetime | None:
    """When a photo was taken, with a time zone; None if it does not say, or nothing that makes sense.

    Args:
        data: content of an image file; only JPEG says.
        zone: of the camera's clock, where the photo does not say that either.
    """
    tiff = jpeg.exif(data).removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return None
    try:
        texts = dict(_texts(tiff, order))
        return _time(texts.get(_TIME, ""), _zone(texts.get(_OFFSET, ""), zone))
    except (struct.error, ValueError, OverflowError):  # it ends too early, or names a 32nd of January
        return None


def _texts(tiff: bytes, order: str) -> Iterator[tuple[int, str]]:
    """The texts of the directory that says how the photo was taken."""
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    places = [value for tag, _, _, value in _entries(tiff, order, first) if tag == _EXIF]
    for tag, kind, count, place in _entries(tiff, order, places[0]) if places else ():
        if kind == _TEXT and 4 < count <= 64:  # up to four bytes would stand in place of the place
            yield tag, tiff[place : place + count].split(b"\0")[0].decode("ascii", "replace")


def _entries(tiff: bytes, order: str, directory: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count, and value or its place, of each entry."""
    (entries,) = struct.unpack_from(order + "H", tiff, directory)
    for entry in range(entries):
        yield struct.unpack_from(order + "HHII", tiff, directory + 2 + 12 * entry)


def _time(text: str, zone: tzinfo) -> datetime | None:
    match = _STAMP.fullmatch(text)
    return datetime(*map(int, match.groups()), tzinfo=zone).astimezone(UTC) if match else None  # type: ignore[arg-type, misc]


def _zone(text: str, zone: tzinfo) -> tzinfo:
    match = _ZONE.fullmatch(text)
    if match is None:
        return zone
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)
