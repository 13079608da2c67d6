"""Still images, read and written safely: any file is either a right way up RGB array or one plain sentence.

A file is judged by its first bytes, never by its name, and only eight formats are ever decoded, so that no exotic
decoder (one runs Ghostscript) can be reached. Sizes are checked in the header, before pixels are allocated.
"""

import contextlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from photocall.errors import ImageTooLarge, ImageUnreadable, OutputUnwritable
from photocall.faces import ByteArray
from photocall.media import files, jpeg, orientation, signatures

MAX_PIXELS = 100_000_000
"""Width times height, as much as the largest cameras have; decoding one such image takes about 1 GB."""

MAX_FILE_BYTES = 256 * 2**20
"""Larger files are not read: 100 million pixels in lossless PNG come to about as much."""

# Pillow's modules and classes; imported when first needed, since most processes meet one format only.
_DECODERS = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PngImagePlugin", "PngImageFile"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "WebP": ("WebPImagePlugin", "WebPImageFile"),
    "PPM": ("PpmImagePlugin", "PpmImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
}

# What Pillow's decoders are seen to raise on damaged files; Warning, since a process may turn warnings into errors.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,
)


def read_image(source: Path | bytes, *, name: str | None = None, max_pixels: int = MAX_PIXELS) -> ByteArray:
    """Decode a still image the way a viewer shows it.

    Exif orientation is applied, transparency is laid on white, 16-bit grey keeps its upper 8 bits, and of an animation
    or a file of several pages the first picture is taken.

    Args:
        source: a file, or a file's content.
        name: what errors call it; by default the path, or "image".
        max_pixels: limit of width times height.

    Returns:
        uint8 RGB, shape (h, w, 3), C-contiguous and writable; 1x1 is a valid image.

    Raises:
        ImageUnreadable: it is missing, empty, truncated, damaged, larger than `MAX_FILE_BYTES`, or no image.
        ImageTooLarge: it has more pixels than `max_pixels`; nothing has been allocated for them.
    """
    name = name or ("image" if isinstance(source, bytes) else str(source))
    data = _content(source, name)
    kind = signatures.kind(data)
    if kind == "JPEG":
        return _read_jpeg(data, name, max_pixels)
    if kind in _DECODERS:
        return _read_with_pillow(data, kind, name, max_pixels)
    raise ImageUnreadable(name, _other(kind))


def _content(source: Path | bytes, name: str) -> bytes:
    if isinstance(source, Path):
        try:
            return files.read_file(source, MAX_FILE_BYTES)
        except OSError as error:
            raise ImageUnreadable(name, files.reason(error)) from error
    if not source:
        raise ImageUnreadable(name, "it is empty")
    if len(source) > MAX_FILE_BYTES:
        raise ImageUnreadable(name, f"it is larger than {MAX_FILE_BYTES / 2**20:.0f} MiB")
    return source


def _other(kind: str | None) -> str:
    if kind == "HEIC":
        return "it is an HEIC image, which cannot be read; export it as JPEG"
    if kind == "text":
        return "it is text, not an image"
    if kind:
        return f"it is a {kind} file, not an image"
    return f"it is none of {', '.join(signatures.IMAGES)}"


def _read_jpeg(data: bytes, name: str, max_pixels: int) -> ByteArray:
    try:
        jpeg.check_scans(data)
        _check_size(jpeg.size(data), name, max_pixels)
        return jpeg.decode(data)
    except jpeg.JpegUnreadable as error:
        raise ImageUnreadable(name, str(error)) from error
    except jpeg.JpegUnusual:
        return _read_with_pillow(data, "JPEG", name, max_pixels)


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageTooLarge(name, width, height, max_pixels)


def _read_with_pillow(data: bytes, kind: str, name: str, max_pixels: int) -> ByteArray:
    try:
        # Not Image.open: its own limit, a setting of the whole process, would come before ours.
        with _decoder(kind)(BytesIO(data)) as picture:
            _check_size(picture.size, name, max_pixels)
            with _unwarned(picture.size):
                picture.load()
            stored = _rgb(picture)
            # TIFF has been turned by Pillow already, and has no such block.
            return orientation.upright(stored, orientation.from_exif(picture.info.get("exif", b"")))
    except _DECODER_ERRORS as error:
        raise ImageUnreadable(name, _damage(error)) from error


def _decoder(kind: str) -> type[ImageFile]:
    module, name = _DECODERS[kind]
    decoder: type[ImageFile] = getattr(import_module(f"PIL.{module}"), name)
    return decoder


@contextlib.contextmanager
def _unwarned(size: tuple[int, int]) -> Iterator[None]:
    """Keep Pillow from warning about a size between its limit and ours.

    Filters of warnings belong to the whole process, so they are touched for such sizes only, which are rare.
    """
    if size[0] * size[1] <= (Image.MAX_IMAGE_PIXELS or np.inf):
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _damage(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "it claims far more pixels than are allowed"
    if isinstance(error, _UnusualPixels):
        return str(error)
    return "it is truncated" if "truncat" in str(error).lower() else "it is damaged or truncated"


class _UnusualPixels(ValueError):
    """Pixels that are no colours on a screen; its text is the reason in plain words."""


def _rgb(picture: Image.Image) -> ByteArray:
    """The loaded pixels as uint8 RGB, shape (h, w, 3)."""
    if picture.mode.startswith("I"):
        return _scaled(np.asarray(picture))
    if picture.mode in ("F", "LAB", "HSV"):
        raise _UnusualPixels(f"its pixels are of the kind {picture.mode}; save it as 8-bit RGB")
    if picture.has_transparency_data:
        picture = _on_white(picture)
    return np.array(picture.convert("RGB"))


def _scaled(grey: np.ndarray[tuple[int, ...], np.dtype[np.integer]]) -> ByteArray:
    """16-bit grey, shape (h, w), as 8-bit RGB: the upper byte, as Pillow takes it of 16-bit colour."""
    if grey.min() < 0 or grey.max() > 65535:
        raise _UnusualPixels("its pixels are numbers beyond 16 bits; save it as 8-bit RGB")
    return np.repeat((grey >> 8).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def _on_white(picture: Image.Image) -> Image.Image:
    coloured = picture.convert("RGBA")
    page = Image.new("RGB", picture.size, "white")
    page.paste(coloured, mask=coloured)
    return page


def within(image: ByteArray, side: int) -> ByteArray:
    """A picture made smaller, if need be, until neither side is longer than `side` pixels; uint8 RGB."""
    if max(image.shape[:2]) <= side:
        return image
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(picture, np.uint8)


def encode_jpeg(image: ByteArray, quality: int = 90) -> bytes:
    """The content of a JPEG file.

    Args:
        image: uint8 RGB, shape (h, w, 3), at most 65,500 pixels a side.
        quality: 1..100, libjpeg's scale.
    """
    return jpeg.encode(image, quality)


def write_image(path: Path, image: ByteArray) -> None:
    """Write a picture, whole or not at all; the ending of the name says how: .jpg, .jpeg, .png or .webp.

    Args:
        path: where; missing directories are made.
        image: uint8 RGB, shape (h, w, 3).

    Raises:
        OutputUnwritable: the ending is another one, the format cannot hold so large a picture, or the disk refuses.
    """
    files.write_atomically(path, _encoded(path, image))


def _encoded(path: Path, image: ByteArray) -> bytes:
    ending = path.suffix.lower()
    if ending not in (".jpg", ".jpeg", ".png", ".webp"):
        raise OutputUnwritable(str(path), "its name must end in .jpg, .jpeg, .png or .webp")
    try:
        if ending in (".jpg", ".jpeg"):
            return encode_jpeg(image)
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, ending[1:])
        return buffer.getvalue()
    except (ValueError, OSError) as error:
        height, width, *_ = image.shape
        raise OutputUnwritable(str(path), f"{ending} cannot hold {width}x{height} pixels") from error
