"""Draws docs/picture.png: a class of eight cartoon people, framed and named by photocall.

Nobody in it exists: faces, clothes and classroom are drawn below with Pillow, and where the faces are is known from the
drawing, not from the detector. Frames and names are those that `photocall attend --draw` writes, drawn by the same
function. Run `python docs/picture.py` after a change of either; a test holds the picture to this script.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from photocall.faces import BoundingBox, ByteArray
from photocall.media.draw import Label, annotate
from photocall.roster import Status

TARGET = Path(__file__).with_name("picture.png")
SIZE = (1600, 860)
"""Width and height in pixels."""

_FINE = 3  # drawn so many times larger, then reduced: Pillow's shapes have hard edges
_HEAD = 78  # half the width of a head, pixels

Colour = str | tuple[int, int, int]
Pen = ImageDraw.ImageDraw
Hair = Callable[["Canvas", "Person"], None]


class Canvas:
    """Shapes in units of half a head's width, around the middle of one face; x to the right, y down."""

    def __init__(self, pen: Pen, x: float, y: float, unit: float) -> None:
        self._pen, self._x, self._y, self._unit = pen, x, y, unit

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        x, y, unit = self._x, self._y, self._unit
        return x + left * unit, y + top * unit, x + right * unit, y + bottom * unit

    def oval(self, x: float, y: float, half_width: float, half_height: float, fill: Colour) -> None:
        """A filled ellipse around (x, y)."""
        self._pen.ellipse(self._box(x - half_width, y - half_height, x + half_width, y + half_height), fill)

    def ring(self, x: float, y: float, radii: tuple[float, float], colour: Colour, width: float) -> None:
        """An ellipse's line around (x, y), inside the radii."""
        box = self._box(x - radii[0], y - radii[1], x + radii[0], y + radii[1])
        self._pen.ellipse(box, None, colour, round(width * self._unit))

    def text(self, x: float, y: float, text: str, colour: Colour, size: float) -> None:
        """Text whose left middle is at (x, y)."""
        font = ImageFont.load_default(round(size * self._unit))
        self._pen.text(self._box(x, y, x, y)[:2], text, colour, font, anchor="lm")

    def slab(self, box: tuple[float, float, float, float], radius: float, fill: Colour) -> None:
        """A filled rectangle with round corners; left, top, right, bottom."""
        self._pen.rounded_rectangle(self._box(*box), radius * self._unit, fill)

    def pie(self, x: float, y: float, radii: tuple[float, float], angles: tuple[float, float], fill: Colour) -> None:
        """A filled part of an ellipse, cut straight; degrees clockwise from the right."""
        self._pen.chord(self._box(x - radii[0], y - radii[1], x + radii[0], y + radii[1]), *angles, fill)

    def arc(self, x: float, y: float, radius: float, angles: tuple[float, float], colour: Colour, width: float) -> None:
        """A part of a circle's line; degrees clockwise from the right."""
        box = self._box(x - radius, y - radius, x + radius, y + radius)
        self._pen.arc(box, *angles, colour, round(width * self._unit))

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: Colour, width: float) -> None:
        """A straight line."""
        self._pen.line(self._box(*start, *end), colour, round(width * self._unit))


@dataclass(frozen=True)
class Person:
    """How somebody looks: colours, and what is drawn behind and before the head."""

    skin: Colour
    hair: Colour
    shirt: Colour
    behind: Hair | None = None
    before: Hair | None = None
    extra: Hair | None = None


# --- hair and what else makes a face ----------------------------------------------------------------------------------


def _cap(canvas: Canvas, person: Person, fringe: float = -0.36) -> None:
    """Short hair over the top of the head, parted in the middle, down to the fringe."""
    canvas.pie(0, -0.12, (1.05, 1.18), (205, 335), person.hair)
    for side in (-0.47, 0.47):
        canvas.oval(side, fringe - 0.24, 0.5, 0.28, person.hair)


def _parted(canvas: Canvas, person: Person) -> None:
    """Hair over the top of the head, parted on one side."""
    canvas.pie(0, -0.12, (1.07, 1.2), (200, 340), person.hair)
    canvas.oval(-0.66, -0.58, 0.38, 0.34, person.hair)
    canvas.oval(0.3, -0.62, 0.74, 0.36, person.hair)


def _long(canvas: Canvas, person: Person, length: float = 1.5) -> None:
    """Hair that falls behind the shoulders."""
    canvas.slab((-1.2, -1.0, 1.2, length), 1.0, person.hair)


def _curls(canvas: Canvas, person: Person, reach: float = 20) -> None:
    """Curls around the top of the head, so many degrees beyond a half circle."""
    for angle in np.radians(np.linspace(180 - reach, 360 + reach, 11)):
        canvas.oval(1.08 * float(np.cos(angle)), -0.22 + 1.1 * float(np.sin(angle)), 0.36, 0.36, person.hair)


def _fringe(canvas: Canvas, person: Person) -> None:
    """Curls over the forehead."""
    for angle in np.radians(np.linspace(208, 332, 6)):
        canvas.oval(0.86 * float(np.cos(angle)), -0.12 + 0.86 * float(np.sin(angle)), 0.27, 0.25, person.hair)


def _bun(canvas: Canvas, person: Person) -> None:
    canvas.oval(0.75, -1.2, 0.44, 0.42, person.hair)


def _scarf(canvas: Canvas, person: Person) -> None:
    canvas.slab((-1.15, 0.2, 1.15, 1.85), 0.7, person.hair)


def _scarf_edge(canvas: Canvas, person: Person) -> None:
    canvas.slab((-0.66, 1.05, 0.66, 1.98), 0.5, person.hair)
    canvas.ring(0, 0.0, (1.24, 1.38), person.hair, 0.36)


def _beard(canvas: Canvas, person: Person) -> None:
    canvas.pie(0, 0.14, (0.97, 1.06), (14, 166), person.hair)
    for side in (-0.24, 0.24):
        canvas.oval(side, 0.42, 0.34, 0.16, person.hair)
    canvas.pie(0, 0.56, (0.32, 0.26), (0, 180), "#ffffff")


def _glasses(canvas: Canvas, person: Person, colour: Colour = "#33404d") -> None:
    for side in (-0.4, 0.4):
        canvas.ring(side, -0.02, (0.31, 0.31), colour, 0.06)
    canvas.line((-0.1, -0.05), (0.1, -0.05), colour, 0.06)


def _band(canvas: Canvas, person: Person) -> None:
    canvas.arc(0, 0.12, 1.16, (222, 318), "#e4572e", 0.15)


# --- one person, the class --------------------------------------------------------------------------------------------


def draw_person(canvas: Canvas, person: Person) -> None:
    """Somebody from the chest up."""
    if person.behind:
        person.behind(canvas, person)
    canvas.slab((-1.55, 1.42, 1.55, 4.5), 0.85, person.shirt)
    canvas.slab((-0.36, 0.8, 0.36, 1.75), 0.34, _darker(person.skin))
    canvas.pie(0, 1.43, (0.5, 0.42), (0, 180), _darker(person.skin))
    for side in (-1, 1):
        canvas.oval(side, 0.06, 0.17, 0.23, _darker(person.skin))
    canvas.oval(0, 0, 1.0, 1.14, person.skin)
    _features(canvas, person)
    for part in (person.before, person.extra):
        if part:
            part(canvas, person)


def _features(canvas: Canvas, person: Person) -> None:
    """Eyes, brows, nose, cheeks and a smile."""
    for side in (-0.4, 0.4):
        canvas.oval(side, 0, 0.11, 0.14, "#26211f")
        canvas.oval(side + 0.04, -0.05, 0.038, 0.045, "#ffffff")
        canvas.arc(side, -0.1, 0.24, (225, 315), _darker(person.skin, 0.4), 0.07)
        canvas.oval(side * 1.45, 0.36, 0.17, 0.11, _mixed(person.skin, "#f2545b", 0.25))
    canvas.arc(0, 0.16, 0.13, (30, 150), _darker(person.skin, 0.72), 0.06)
    canvas.pie(0, 0.5, (0.38, 0.3), (0, 180), "#7d2b2f")
    canvas.pie(0, 0.5, (0.3, 0.1), (0, 180), "#ffffff")


def _mixed(colour: Colour, other: Colour, share: float) -> tuple[int, int, int]:
    """A colour with a share of another in it."""
    a, b = (np.array(_rgb(one), float) for one in (colour, other))
    red, green, blue = (round(value) for value in (a * (1 - share) + b * share).tolist())
    return red, green, blue


def _darker(colour: Colour, keep: float = 0.86) -> tuple[int, int, int]:
    return _mixed(colour, "#2a1a14", 1 - keep)


def _rgb(colour: Colour) -> tuple[int, int, int]:
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)) if isinstance(colour, str) else colour


PEOPLE: Mapping[str, Person] = {
    "Ada": Person("#f6cfb0", "#5b3a29", "#3d7ea6", _long, _parted),
    "Kofi": Person("#7a4a30", "#241a17", "#f2b134", None, partial(_cap, fringe=-0.44), _glasses),
    "Mei": Person("#f3d3ab", "#1f1c24", "#d1495b", partial(_long, length=0.95), _cap),
    "Omar": Person("#d9a679", "#2b211c", "#5c9a8b", None, _cap, _beard),
    "Ines": Person("#eab98f", "#8c3f1f", "#7b6fb0", _bun, _parted, _band),
    "Sam": Person("#fbdcc6", "#e0b154", "#4f9d69", _curls, _fringe),
    "Noor": Person("#d8a47f", "#2f7f86", "#27646a", _scarf, _scarf_edge),
    "": Person(
        "#a96c46", "#2a1c18", "#b8604d", partial(_curls, reach=42), _fringe, partial(_glasses, colour="#f4efe6")
    ),
}
"""The class, from left to right, the back row first; the one without a name is a stranger to it."""

UNSURE = "Ines"
"""The one whose name would have to be looked at before it counts."""

_PLACES = [(250 + 366 * seat, 262) for seat in range(4)] + [(250 + 366 * seat, 590) for seat in range(4)]


def draw_class() -> ByteArray:
    """The class without frames: uint8 RGB, shape (height, width, 3)."""
    width, height = SIZE
    picture = Image.new("RGB", (width * _FINE, height * _FINE), "#f3e9dc")
    pen = ImageDraw.Draw(picture)
    room = Canvas(pen, 0, 0, _FINE)
    _draw_room(room)
    for index, (person, (x, y)) in enumerate(zip(PEOPLE.values(), _PLACES, strict=True)):
        draw_person(Canvas(pen, x * _FINE, y * _FINE, _HEAD * _FINE), person)
        if index == 3:
            _draw_desk(room, 452)
    _draw_desk(room, 782)
    return np.array(picture.reduce(_FINE))


def _draw_room(room: Canvas) -> None:
    room.slab((60, 24, 1540, 420), 14, "#8a6a4f")
    room.slab((76, 40, 1524, 404), 6, "#2f5d50")
    room.text(112, 88, "roll call", "#8fb5a8", 46)
    room.ring(1470, 92, (32, 32), "#8fb5a8", 5)
    room.line((1470, 92), (1470, 70), "#8fb5a8", 5)
    room.line((1470, 92), (1488, 99), "#8fb5a8", 5)


def _draw_desk(room: Canvas, top: float) -> None:
    room.slab((0, top, 1600, top + 26), 0, "#d7a86e")
    room.slab((0, top + 26, 1600, 860), 0, "#c4955f")
    room.slab((0, top + 26, 1600, top + 34), 0, "#a97c4b")


def labels() -> list[Label]:
    """What the program writes at every face: a name, a name with a question mark, or nothing for a stranger."""
    return [_label(name, x, y) for name, (x, y) in zip(PEOPLE, _PLACES, strict=True)]


def _label(name: str, x: float, y: float) -> Label:
    box = BoundingBox(x - 1.05 * _HEAD, y - 1.15 * _HEAD, 2.1 * _HEAD, 2.38 * _HEAD)
    if not name:
        return Label(box, "", None)
    return Label(box, f"{name}?", Status.UNCERTAIN) if name == UNSURE else Label(box, name, Status.PRESENT)


def make_picture() -> Image.Image:
    """The picture as it is kept, in 256 colours."""
    picture = Image.fromarray(annotate(draw_class(), labels()))
    return picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


if __name__ == "__main__":
    make_picture().save(TARGET, optimize=True)
