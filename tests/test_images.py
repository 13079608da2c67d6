import functools
import os
import random
import re
import struct
import threading
import time
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from photocall.errors import ImageTooLarge, ImageUnreadable, OutputUnwritable, PhotocallError
from photocall.faces import ByteArray
from photocall.media import files, jpeg, orientation
from photocall.media.images import MAX_FILE_BYTES, MAX_PIXELS, encode_jpeg, read_image, write_image

EVALUATION = Path(os.environ.get("PHOTOCALL_EVAL_DATA", Path(__file__).parents[1] / "../shared/data"))


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
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak, VmHWM, back to the present size
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def resident(line: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{line}:\s+(\d+) kB", status)[0]) / 1024


# What is read


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_is_decoded_to_the_very_pixels_that_pillow_sees(options: dict[str, Any]) -> None:
    data = encoded(gradient(), "JPEG", **options)
    assert np.array_equal(read_image(data), np.asarray(Image.open(BytesIO(data))))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_give_back_every_pixel(form: str) -> None:
    assert np.array_equal(read_image(encoded(gradient(), form)), gradient())


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiffs_give_back_every_pixel(compression: str) -> None:
    assert np.array_equal(read_image(encoded(gradient(), "TIFF", compression=compression)), gradient())


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "GIF"])
def test_lossy_formats_give_nearly_the_same_pixels(form: str) -> None:
    image = read_image(encoded(gradient(), form))
    assert image.shape == gradient().shape
    assert np.abs(image.astype(int) - gradient()).mean() < 6


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
def test_every_format_gives_contiguous_writable_rgb_bytes(form: str) -> None:
    image = read_image(encoded(gradient(), form))
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable


PIXELS = {"PNG": ("L", "LA", "1", "P", "RGBA"), "TIFF": ("L", "LA", "1", "P", "RGBA", "CMYK"), "JPEG": ("L", "CMYK")}


@pytest.mark.parametrize(("form", "mode"), [(form, mode) for form, modes in PIXELS.items() for mode in modes])
def test_every_kind_of_pixel_comes_out_as_rgb(form: str, mode: str) -> None:
    picture = Image.fromarray(gradient()).convert(mode)
    expected = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(read_image(encoded(picture, form)) - expected).mean() < (3 if form == "JPEG" else 0.01)


def test_a_cmyk_jpeg_keeps_its_colours_though_adobe_stores_it_inverted() -> None:
    image = read_image(encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"))
    assert np.abs(image.astype(int) - [255, 0, 0]).max() < 6


def test_transparent_pixels_become_white_and_half_transparent_ones_pale() -> None:
    drawn = np.zeros((4, 6, 4), np.uint8)
    drawn[:, 2:4] = (200, 0, 0, 128)
    drawn[:, 4:] = (200, 0, 0, 255)
    image = read_image(encoded(drawn, "PNG"))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[0, 2].tolist() == [227, 127, 127]
    assert image[0, 4].tolist() == [200, 0, 0]


def test_a_palette_with_transparency_is_laid_on_white() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((3, 3), 1)
    for form in ("PNG", "GIF"):
        image = read_image(encoded(picture, form, transparency=0))
        assert image[0, 0].tolist() == [255, 255, 255]
        assert image[3, 3].tolist() == [200, 100, 50]


def test_one_transparent_colour_of_an_rgb_png_becomes_white() -> None:
    rows = b"".join(b"\0" + bytes([9, 8, 7, 1, 2, 3]) for _ in range(2))
    image = read_image(png(2, 2, 8, 2, rows, (b"tRNS", struct.pack(">HHH", 9, 8, 7))))
    assert image.tolist() == [[[255, 255, 255], [1, 2, 3]]] * 2


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(form: str) -> None:
    grey = (np.arange(256, dtype=np.uint16).reshape(16, 16)) * 257
    image = read_image(encoded(Image.fromarray(grey), form))
    assert np.array_equal(image, np.repeat(np.arange(256).reshape(16, 16, 1), 3, axis=2))


def test_sixteen_bit_colour_is_scaled_and_not_clipped() -> None:
    row = b"\0" + struct.pack(">HHH", 0x8000, 0xFFFF, 0x0100)
    assert read_image(png(1, 2, 16, 2, row * 2)).tolist() == [[[128, 255, 1]]] * 2


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(form: str) -> None:
    red, blue = (Image.new("RGB", (20, 10), colour) for colour in ("red", "blue"))
    image = read_image(encoded(red, form, save_all=True, append_images=[blue]))
    assert np.abs(image.astype(int) - [255, 0, 0]).max() < 4


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_comes_out_the_right_way_up(form: str, number: int) -> None:
    options: dict[str, Any] = {"tiffinfo": {0x0112: number}} if form == "TIFF" else {"exif": exif(number)}
    if form == "JPEG":
        options["quality"] = 95
    data = encoded(gradient(), form, **options)
    with Image.open(BytesIO(data)) as picture:
        picture.load()
        expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    image = read_image(data)
    assert np.array_equal(image, expected)
    assert image.shape[:2] == ((64, 48) if number >= 5 else (48, 64))
    assert image.flags.c_contiguous


def test_a_cmyk_jpeg_is_turned_as_well() -> None:
    data = encoded(Image.fromarray(gradient()).convert("CMYK"), "JPEG", exif=exif(6))
    assert read_image(data).shape == (64, 48, 3)


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"MM\0*", b"II*\0\xff\xff\xff\xff", exif(6)[:20], exif(1) + b"x"])
def test_damaged_exif_leaves_the_picture_as_it_is(block: bytes) -> None:
    assert orientation.from_exif(block) == 1
    assert read_image(encoded(gradient(), "JPEG", exif=block)).shape == (48, 64, 3)


def test_a_single_pixel_is_an_image() -> None:
    assert read_image(encoded(np.full((1, 1, 3), 255, np.uint8), "JPEG")).tolist() == [[[255, 255, 255]]]


def test_harmless_bytes_between_the_picture_and_its_end_are_forgiven() -> None:
    data = encoded(gradient(), "JPEG")
    end = data.rindex(b"\xff\xd9")
    padded = data[:end] + b"\x11" * 40 + data[end:]
    with pytest.raises(ValueError, match="extraneous"):
        simplejpeg.decode_jpeg(padded, strict=True)
    assert np.array_equal(read_image(padded), read_image(data))


def test_anything_after_the_end_of_a_jpeg_is_ignored() -> None:
    data = encoded(gradient(), "JPEG")
    assert np.array_equal(read_image(data + b"\0" * 1000 + data), read_image(data))


def test_a_path_and_its_bytes_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "wrong-ending.txt"
    path.write_bytes(encoded(gradient(), "PNG"))
    assert np.array_equal(read_image(path), gradient())


# What is refused


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
@pytest.mark.parametrize("part", [0.4, 0.9])
def test_a_truncated_image_is_refused_with_its_name_and_never_shown_in_part(form: str, part: float) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    data = encoded(noise, form)
    assert "truncated" in reason(data[: int(len(data) * part)])


def test_a_jpeg_with_its_end_cut_off_but_marked_as_complete_is_refused() -> None:
    data = encoded(gradient(400, 400), "JPEG", quality=95)
    assert reason(data[: len(data) // 2] + b"\xff\xd9") == "it is damaged"


def test_files_that_cannot_be_opened_are_refused_in_plain_words(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert reason(tmp_path / "missing.jpg") == "no such file"
    assert reason(tmp_path / "empty.jpg" / "below.jpg") == "a part of its path is a file, not a directory"
    assert reason(tmp_path) == "it is a directory"
    assert reason(tmp_path / "pipe") == "it is not a plain file"
    assert reason(tmp_path / "empty.jpg") == "it is empty"
    assert reason(Path("nul\0byte.jpg")) == "no such file"
    assert reason(tmp_path / ("x" * 300)) == "its name is too long"
    assert "symbolic links" in reason(tmp_path / "loop.jpg")
    assert reason(b"") == "it is empty"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(encoded(gradient(), "JPEG"))
    path.chmod(0)
    assert reason(path) == "permission denied"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"The register of class 4b.\n" * 4, "it is text, not an image"),
        ("کلاس چهارم".encode() * 20, "it is text, not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "it is text, not an image"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "it is a PDF file, not an image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "it is a video file, not an image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is an HEIC image, which cannot be read; export it as JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is text, not an image"),
        (bytes(range(256)), "it is none of JPEG, PNG, GIF, BMP, TIFF, WebP, PPM, AVIF"),
        (b"\xff\xd8\xff", "it is damaged or truncated"),
        (b"\x89PNG\r\n\x1a\n", "it is damaged or truncated"),
    ],
)
def test_what_is_no_image_is_called_by_what_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert reason(path) == words


@pytest.mark.parametrize("form", ["ICO", "PCX", "TGA", "JPEG2000", "SGI", "EPS"])
def test_formats_off_the_list_are_never_decoded(form: str) -> None:
    assert "not an image" in (said := reason(encoded(gradient(), form))) or "none of" in said


def test_pixels_that_are_no_colours_are_refused() -> None:
    measured = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    assert reason(encoded(Image.fromarray(measured), "TIFF")) == "its pixels are of the kind F; save it as 8-bit RGB"
    counted = np.full((8, 8), 70000, np.int32)
    assert "beyond 16 bits" in reason(encoded(Image.fromarray(counted), "TIFF"))


def test_the_message_names_the_file_and_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("hello")
    with pytest.raises(ImageUnreadable, match=re.escape(f"{path}: not a readable image: it is text, not an image")):
        read_image(path)
    with pytest.raises(ImageUnreadable, match=r"^image: "):
        read_image(b"hello")


# Limits


def huge_headers() -> dict[str, bytes]:
    """Small files that say they hold 30,000 x 30,000 pixels, or 16,383 x 16,383 where a format ends there."""
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
    started = time.perf_counter()
    assert reason(data[:-2] + last_scan * 5000 + b"\xff\xd9") == f"it is built of more than {jpeg.MAX_SCANS} scans"
    assert time.perf_counter() - started < 1


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

    started = time.perf_counter()
    assert peak_memory(torture) < 300
    assert time.perf_counter() - started < 20
    assert "refused" in seen


def damaged(data: bytes, seed: int) -> bytes:
    """The same file, cut, or with some bytes flipped, mostly in the header, where it hurts."""
    chance = random.Random(seed)
    wrong = bytearray(data)
    if chance.random() < 0.3:
        del wrong[chance.randrange(1, len(wrong)) :]
    for _ in range(chance.choice((0, 1, 2, 4, 30))):
        wrong[chance.randrange(min(len(wrong), chance.choice((64, 10**6))))] = chance.choice((0, 255, 128, 7))
    return bytes(wrong)


def test_many_threads_read_at_once() -> None:
    data = {form: encoded(gradient(), form) for form in ("JPEG", "PNG", "WEBP", "TIFF")}
    expected = {form: read_image(content) for form, content in data.items()}
    wrong: list[str] = []

    def read(form: str) -> None:
        for _ in range(20):
            image = read_image(data[form])
            wrong.extend([form] * (not np.array_equal(image, expected[form])))

    threads = [threading.Thread(target=read, args=(form,)) for form in data for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_every_photo_of_the_evaluation_set_is_read_as_pillow_reads_it() -> None:
    photos = sorted((EVALUATION / "mixed-photos").glob("*.jpg")) + sorted((EVALUATION / "group-photos").glob("*.jpg"))
    if not photos:
        pytest.skip(f"no photos below {EVALUATION}; set PHOTOCALL_EVAL_DATA")
    for path in photos:
        with Image.open(path) as picture:
            expected = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        assert np.array_equal(read_image(path), expected), path.name


# What is written


def test_an_encoded_jpeg_looks_like_the_picture() -> None:
    data = encode_jpeg(gradient())
    assert np.abs(read_image(data).astype(int) - gradient()).mean() < 3
    assert len(encode_jpeg(gradient(), quality=30)) < len(data)


def test_a_slice_of_a_picture_can_be_encoded() -> None:
    view = gradient()[5:30, 8:40][:, ::-1]
    assert read_image(encode_jpeg(view)).shape == (25, 32, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.webp"])
def test_a_picture_is_written_as_its_name_says(name: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / name
    write_image(path, gradient())
    with Image.open(path) as picture:
        assert picture.format == {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}[name[2:].lower()]
    assert np.abs(read_image(path).astype(int) - gradient()).mean() < 6
    assert [entry.name for entry in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.gif", "a", "a.heic"])
def test_an_unknown_ending_is_refused_with_those_that_are_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match=r"must end in \.jpg, \.jpeg, \.png or \.webp"):
        write_image(tmp_path / name, gradient())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_a_picture_too_long_for_its_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="cannot hold 70000x2 pixels"):
        write_image(tmp_path / name, np.zeros((2, 70000, 3), np.uint8))


def test_writing_replaces_a_file_in_one_step_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "roll.csv"
    files.write_atomically(path, b"old")
    files.write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["roll.csv"]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    files.write_atomically(tmp_path / "atomic", b"x")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_target_that_cannot_be_written_is_named_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    refused = {
        tmp_path / "file" / "below.csv": "a part of its path is a file, not a directory",
        tmp_path / "folder": "it is a directory",
        tmp_path / ("x" * 300): "its name is too long",
        tmp_path / "nul\0": "its name holds a NUL character",
    }
    for path, words in refused.items():
        with pytest.raises(OutputUnwritable) as refusal:
            files.write_atomically(path, b"x")
        assert (refusal.value.path, refusal.value.reason) == (str(path), words)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["full"]
