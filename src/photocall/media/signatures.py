"""What a file is, by its first bytes: names lie, and a precise refusal saves its reader a guess.

Only what is listed here as an image is ever given to an image decoder.
"""

import codecs

IMAGES = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP", "PPM", "AVIF")
"""Kinds of image that can be decoded."""

HEAD = 64
"""How many bytes `kind` wants to see."""

_PREFIXES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"P4\n": "PPM",
    b"P5\n": "PPM",
    b"P6\n": "PPM",
    b"P4 ": "PPM",
    b"P5 ": "PPM",
    b"P6 ": "PPM",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
    b"\x1a\x45\xdf\xa3": "video",
}


def kind(data: bytes) -> str | None:
    """One of `IMAGES`, or HEIC, PDF, ZIP, video, text; None if it is none of them.

    Args:
        data: the start of a file, `HEAD` bytes or more.
    """
    if data[:4] == b"RIFF":
        return {b"WEBP": "WebP", b"AVI ": "video"}.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _brand(data)
    for prefix, name in _PREFIXES.items():
        if data.startswith(prefix):
            return name
    return "text" if _is_text(data[:HEAD]) else None


def _brand(data: bytes) -> str:
    """Which of the formats built on ISO/IEC 14496-12 it is, by the brands in its first box."""
    brands = data[8 : min(HEAD, int.from_bytes(data[:4], "big"))]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1")):
        return "HEIC"
    return "video"


def _is_text(head: bytes) -> bool:
    try:
        # Incremental, since the head may end inside a character.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(character.isprintable() or character in "\t\n\r\f" for character in text)
