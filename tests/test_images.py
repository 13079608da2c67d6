import os
import re
import struct
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps

from photocall.errors import ImageUnreadable, OutputUnwritable
from photocall.media import orientation
from photocall.media.images import encode_jpeg, read_image, write_image
from stills import encoded, exif, gradient, png, reason

EVALUATION = Path(os.environ.get("PHOTOCALL_EVAL_DATA", Path(__file__).parents[1] / "../shared/data"))


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
