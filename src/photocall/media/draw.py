"""Pictures for people to look at: boxes and names over a photo, and a sheet of the faces that were found.

A kind of label differs by colour, by line and by the darkness of its tag, so that it can be told apart in print and
without colour vision. The font is the one built into Pillow: nothing to install and the same everywhere, but with
unaccented Latin letters only.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from photocall.errors import SettingInvalid
from photocall.faces import BoundingBox, ByteArray
from photocall.roster import Status

Colour = tuple[int, int, int]

TEXT_LIMIT = 200
"""Characters of a text that are looked at; no picture has room for more."""

SHEET_LIMIT = 200
"""Faces on one contact sheet; the rest is counted in a last cell. Even in one column it fits a JPEG (65,500 px)."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is to be written at a face.

    Attributes:
        box: where the face is; the part of it inside the picture is drawn.
        text: written on one line, shortened where the picture is too narrow; nothing is written if it is empty.
        kind: what the register says; None for a stranger. A student who is absent has no face, so ABSENT is drawn as a
            stranger is.
    """

    box: BoundingBox
    text: str
    kind: Status | None


@dataclass(frozen=True, slots=True)
class _Style:
    """How a kind of label looks: `ink` is the text on the tag and the casing along the line."""

    colour: Colour
    ink: Colour
    thickness: float
    dashed: bool


# Bluish green and orange of Okabe and Ito's palette for colour-blind readers (Color Universal Design, 2008), the green
# darkened until white text on it has a contrast of 4.5:1 (WCAG 2.1, level AA).
_STRANGER = _Style(colour=(206, 210, 214), ink=(32, 36, 40), thickness=0.5, dashed=False)
_STYLES = {
    Status.PRESENT: _Style(colour=(0, 129, 96), ink=(255, 255, 255), thickness=1.0, dashed=False),
    Status.UNCERTAIN: _Style(colour=(240, 168, 16), ink=(32, 24, 0), thickness=1.0, dashed=True),
}


_PAPER: Colour = (255, 255, 255)
_MAT: Colour = (233, 236, 239)
_INK: Colour = (26, 30, 34)
_FAINT_INK: Colour = (92, 99, 106)
_FACE, _GAP, _HEADING, _LINE_HEIGHT, _LINES = 168, 16, 16, 20, 4
_CELL = (_FACE + _GAP, _FACE + _GAP + _LINES * _LINE_HEIGHT + _GAP // 2)
"""Pixels of one place on the contact sheet, width and height, with the gap that follows it."""


def annotate(image: ByteArray, labels: Sequence[Label]) -> ByteArray:
    """Draw boxes and names on a copy of a picture.

    Args:
        image: uint8 RGB, shape (h, w, 3); left as it is.
        labels: what to draw, in pixels of `image`; boxes outside the picture are left out.

    Returns:
        uint8 RGB, the shape of `image`. Lines and letters grow with the picture and with each box.
    """
    picture = Image.fromarray(image).copy()
    visible = [(_inside(label.box, picture.size), label) for label in labels]
    drawn = [(box, label) for box, label in visible if box.width >= 1 and box.height >= 1]
    for box, label in drawn:
        _draw_frame(picture, box, _style(label.kind))
    _draw_tags(picture, drawn)
    return np.array(picture)


def _style(kind: Status | None) -> _Style:
    return _STRANGER if kind is None else _STYLES.get(kind, _STRANGER)


def _inside(box: BoundingBox, size: tuple[int, int]) -> BoundingBox:
    left, right = np.clip((box.left, box.right), 0, size[0])
    top, bottom = np.clip((box.top, box.bottom), 0, size[1])
    return BoundingBox(float(left), float(top), float(right - left), float(bottom - top))


def _line_width(box: BoundingBox, size: tuple[int, int]) -> int:
    """Pixels; 1/45 of the face, kept between 1/540 and 1/200 of the picture's shorter side."""
    return max(2, round(float(np.clip(box.height / 45, min(size) / 540, min(size) / 200))))


def _font_size(box: BoundingBox, size: tuple[int, int]) -> int:
    """Pixels; 1/6 of the face, kept between 1/64 and 1/32 of the picture's shorter side, and legible."""
    return max(12, round(float(np.clip(box.height / 6, min(size) / 64, min(size) / 32))))


# --- the frame around a face ------------------------------------------------------------------------------------------


def _draw_frame(picture: Image.Image, box: BoundingBox, style: _Style) -> None:
    """A line with a thin casing of the opposite lightness, so that it shows on any ground."""
    width = max(1.5, _line_width(box, picture.size) * style.thickness)
    corner = (round(box.left), round(box.top))
    size = (max(1, round(box.width)), max(1, round(box.height)))
    casing = _outline(size, width + 2, inset=0, dash=0)
    picture.paste(style.ink, corner, casing.point([value * 3 // 5 for value in range(256)]))
    picture.paste(style.colour, corner, _outline(size, width, inset=1, dash=width * 4 if style.dashed else 0))


def _outline(size: tuple[int, int], width: float, inset: float, dash: float) -> Image.Image:
    """The coverage (mode L) of a rounded rectangle's line, smoothed by drawing at twice the size."""
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    draw = ImageDraw.Draw(mask)
    edge = round(inset * 2)
    corners = (edge, edge, max(edge, mask.width - 1 - edge), max(edge, mask.height - 1 - edge))
    draw.rounded_rectangle(corners, radius=min(size) * 0.12, outline=255, width=round(width * 2))
    if dash:
        _cut_gaps(draw, mask.size, min(size) * 0.12, dash * 2)
    return mask.reduce(2)


def _cut_gaps(draw: ImageDraw.ImageDraw, size: tuple[int, int], corner: float, dash: float) -> None:
    """Between the corners a column crosses nothing but the two horizontal lines, and a row the two vertical ones."""
    for start, end in _gaps(corner, size[0] - corner, dash):
        draw.rectangle((start, 0, end, size[1]), fill=0)
    for start, end in _gaps(corner, size[1] - corner, dash):
        draw.rectangle((0, start, size[0], end), fill=0)


def _gaps(start: float, end: float, dash: float) -> Iterator[tuple[float, float]]:
    """Gaps that cut a line into dashes of about `dash`, half as long as those, evenly spread."""
    count = max(1, round((end - start) / (1.5 * dash)))
    step = (end - start) / count
    for index in range(count):
        middle = start + (index + 0.5) * step
        yield middle - step / 6, middle + step / 6


# --- the tags with the names ------------------------------------------------------------------------------------------


def _draw_tags(picture: Image.Image, drawn: Sequence[tuple[BoundingBox, Label]]) -> None:
    taken = [box for box, _ in drawn]
    for box, label in drawn:
        font = _font(_font_size(box, picture.size))
        margin = round(font.size * 0.4)
        text = _shortened(label.text, font, picture.width - 2 * margin)
        if text:
            size = (font.getlength(text) + 2 * margin, sum(font.getmetrics()) + margin / 2)
            tag = _place(box, size, picture.size, taken)
            taken.append(tag)
            _draw_tag(picture, tag, text, font, _style(label.kind))


def _draw_tag(picture: Image.Image, tag: BoundingBox, text: str, font: ImageFont.FreeTypeFont, style: _Style) -> None:
    draw = ImageDraw.Draw(picture)
    corners = (round(tag.left), round(tag.top), round(tag.right), round(tag.bottom))
    draw.rounded_rectangle(corners, radius=font.size * 0.25, fill=style.colour)
    middle = ((corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2)
    draw.text(middle, text, fill=style.ink, font=font, anchor="mm")


def _place(
    box: BoundingBox, size: tuple[float, float], picture: tuple[int, int], taken: Sequence[BoundingBox]
) -> BoundingBox:
    """The spot beside the box, inside the picture, that covers least of the faces and of the tags so far."""
    edges = np.array([(other.left, other.top, other.right, other.bottom) for other in taken])
    spots = [_moved_inside(spot, picture) for spot in _spots(box, *size)]
    return min(spots, key=lambda spot: _covered(spot, edges))


def _spots(box: BoundingBox, width: float, height: float) -> list[BoundingBox]:
    """Places for a tag, the most natural first: above the face, below it, beside it, and last inside its lower edge."""
    centre = box.left + (box.width - width) / 2
    lefts = (centre, box.left, box.right - width)
    above_or_below = [(left, top) for top in (box.top - height, box.bottom) for left in lefts]
    beside = [(left, top) for top in (box.top, box.bottom - height) for left in (box.right, box.left - width)]
    corners = [*above_or_below, *beside, (centre, box.bottom - height)]
    return [BoundingBox(left, top, width, height) for left, top in corners]


def _moved_inside(spot: BoundingBox, picture: tuple[int, int]) -> BoundingBox:
    left = max(0.0, min(spot.left, picture[0] - 1 - spot.width))
    top = max(0.0, min(spot.top, picture[1] - 1 - spot.height))
    return BoundingBox(left, top, spot.width, spot.height)


def _covered(spot: BoundingBox, edges: NDArray[np.float64]) -> float:
    """Square pixels of `edges` (left, top, right, bottom; shape (n, 4)) under the spot; overlaps count twice."""
    width = np.minimum(edges[:, 2], spot.right) - np.maximum(edges[:, 0], spot.left)
    height = np.minimum(edges[:, 3], spot.bottom) - np.maximum(edges[:, 1], spot.top)
    return round(float(np.sum(np.clip(width, 0, None) * np.clip(height, 0, None))))


# --- the sheet of faces -----------------------------------------------------------------------------------------------


def contact_sheet(entries: Sequence[tuple[ByteArray, str]], columns: int = 6) -> ByteArray:
    """Show faces side by side, each with its caption.

    Args:
        entries: pairs of a crop (uint8 RGB, shape (h, w, 3), any size) and a caption of up to four lines, the first of
            which stands out. Of more than `SHEET_LIMIT` entries the rest is only counted.
        columns: faces in a row, at least 1.

    Returns:
        uint8 RGB, shape (h, w, 3); without entries a small picture that says so.

    Raises:
        SettingInvalid: `columns` is less than 1.
    """
    if columns < 1:
        raise SettingInvalid("columns", f"a contact sheet cannot have {columns} columns; use 1 or more")
    if not entries:
        return _notice("nobody seen")
    shown = [_cell(crop, caption) for crop, caption in entries[:SHEET_LIMIT]]
    if len(entries) > SHEET_LIMIT:
        shown.append(_cell(None, f"and {len(entries) - SHEET_LIMIT} more"))
    return _grid(shown, min(columns, len(shown)))


def _grid(cells: Sequence[Image.Image], columns: int) -> ByteArray:
    rows = -(-len(cells) // columns)
    width, height = _CELL
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), _PAPER)
    for index, cell in enumerate(cells):
        sheet.paste(cell, (index % columns * width + _GAP, index // columns * height + _GAP))
    return np.array(sheet)


def _cell(crop: ByteArray | None, caption: str) -> Image.Image:
    cell = Image.new("RGB", (_CELL[0] - _GAP, _CELL[1] - _GAP), _PAPER)
    if crop is not None:
        face = ImageOps.pad(Image.fromarray(crop), (_FACE, _FACE), Image.Resampling.LANCZOS, color=_MAT)
        cell.paste(face, (0, 0), _rounded(face.size, radius=10))
    draw = ImageDraw.Draw(cell)
    for row, line in enumerate(caption.splitlines()[:_LINES]):
        font = _font(_HEADING if row == 0 else _HEADING - 2)
        top = _FACE + _GAP // 2 + row * _LINE_HEIGHT
        draw.text((2, top), _shortened(line, font, _FACE - 2), fill=_INK if row == 0 else _FAINT_INK, font=font)
    return cell


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    mask = Image.new("L", (size[0] * 2, size[1] * 2))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, mask.width - 1, mask.height - 1), radius * 2, fill=255)
    return mask.reduce(2)


def _notice(text: str) -> ByteArray:
    picture = Image.new("RGB", (2 * _FACE, _FACE // 2), _PAPER)
    middle = (picture.width / 2, picture.height / 2)
    ImageDraw.Draw(picture).text(middle, text, fill=_FAINT_INK, font=_font(_HEADING + 2), anchor="mm")
    return np.array(picture)


# --- text -------------------------------------------------------------------------------------------------------------

# Letters that Unicode does not decompose into a plain one and a mark.
_SUBSTITUTES = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "þ": "th", "Þ": "Th", "\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's own font, Aileron, cut down to ASCII. With a size it is always a FreeType font."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text on one line, its end replaced by an ellipsis until it is at most `width` pixels wide."""
    plain = _plain(text[:TEXT_LIMIT])
    if not plain or (font.getlength(plain) <= width and len(text) <= TEXT_LIMIT):
        return plain
    while plain and font.getlength(plain + "…") > width:
        plain = plain[:-1]
    return plain.rstrip() + "…"


def _plain(text: str) -> str:
    """Letters without their accents, since the font has none of those; other scripts show as empty boxes."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_SUBSTITUTES))
    return " ".join("".join(map(_drawable, decomposed)).split())


def _drawable(letter: str) -> str:
    if unicodedata.combining(letter):
        return ""
    if unicodedata.category(letter) == "Pd":
        return "-"
    return letter if letter.isprintable() else " "
