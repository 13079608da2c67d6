"""A class photo and a clip, composed of cut-out people in a drawn classroom.

Since every person is put where this module says, the truth about who is where and when needs no labelling.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from photocall.demo.portraits import CutOut, cut_out
from photocall.faces import BoundingBox

PHOTO_SIZE = (1920, 1080)
CLIP_SIZE = (1280, 720)
CLIP_SECONDS = 8
CLIP_FRAME_RATE = 25


@dataclass(frozen=True, slots=True)
class PlacedFace:
    """A face in the class photo.

    Attributes:
        name: the student's; None for the stranger.
        box: from the middle of the forehead to the chin, in pixels of the photo; measured by eye, so good to a tenth.
    """

    name: str | None
    box: BoundingBox


@dataclass(frozen=True, slots=True)
class Appearance:
    """One stretch of the clip in which a face is whole inside the picture.

    Attributes:
        name: the student's; None for the stranger.
        start: seconds, of the first such frame.
        end: seconds, of the last such frame.
    """

    name: str | None
    start: float
    end: float


def _stand(scene: Image.Image, person: CutOut, x: float, bottom: float) -> BoundingBox:
    """Put a person into a scene by the face's centre and the lower edge of the cut-out; where the face is then."""
    corner = _corner(person, x, bottom)
    scene.paste(person.image, corner, person.image)
    return replace(person.box, left=person.box.left + corner[0], top=person.box.top + corner[1])


def _shade(scene: Image.Image, person: CutOut, x: float, bottom: float) -> None:
    """Darken what is behind a person a little, so that the cut-out stands in the room and not on it."""
    shadow = Image.new("L", scene.size)
    shadow.paste(person.image.getchannel("A"), _corner(person, x + 24, bottom))
    dark = shadow.filter(ImageFilter.GaussianBlur(30)).point([value * 2 // 5 for value in range(256)])
    scene.paste(ImageChops.multiply(scene, Image.new("RGB", scene.size, (60, 50, 40))), (0, 0), dark)


def _corner(person: CutOut, x: float, bottom: float) -> tuple[int, int]:
    return round(x - person.box.left - person.box.width / 2), round(bottom - person.image.height)


# --- the classroom ----------------------------------------------------------------------------------------------------


def _classroom() -> Image.Image:
    """A wall with a blackboard and a window, out of focus as behind people; RGB, the size of the class photo."""
    room = _gradient(PHOTO_SIZE, (238, 232, 220), (196, 184, 166))
    draw = ImageDraw.Draw(room)
    draw.rectangle((0, 800, *PHOTO_SIZE), fill=(150, 132, 112))
    draw.rectangle((0, 790, PHOTO_SIZE[0], 804), fill=(232, 226, 216))
    _draw_blackboard(draw, (560, 110, 1500, 620))
    _draw_window(room, (90, 90, 400, 640))
    _draw_window(room, (1640, 90, 1950, 640))
    return room.filter(ImageFilter.GaussianBlur(2.5))


def _gradient(size: tuple[int, int], top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    share = np.linspace(0, 1, size[1])[:, None, None]
    rows = np.array(top) * (1 - share) + np.array(bottom) * share
    return Image.fromarray(np.broadcast_to(rows.round().astype(np.uint8), (size[1], size[0], 3)).copy())


def _draw_blackboard(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    draw.rectangle((left - 16, top - 16, right + 16, bottom + 16), fill=(146, 104, 66))
    draw.rectangle(box, fill=(44, 78, 64))
    chalk = (214, 226, 216)
    draw.text((left + 520, top + 50), "Roll call", fill=chalk, font=ImageFont.load_default(84))
    for row, y in enumerate(range(top + 190, bottom - 60, 56)):
        draw.line((left + 524, y, left + 740 + 60 * (row % 3), y), fill=(120, 152, 136), width=6)
    draw.rectangle((left + 40, bottom + 16, right - 40, bottom + 30), fill=(120, 84, 52))


def _draw_window(room: Image.Image, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    draw = ImageDraw.Draw(room)
    draw.rectangle((left - 14, top - 14, right + 14, bottom + 14), fill=(246, 244, 238))
    room.paste(_gradient((right - left, bottom - top), (176, 208, 236), (232, 240, 236)), (left, top))
    middle = (left + right) // 2
    draw.rectangle((middle - 7, top, middle + 7, bottom), fill=(246, 244, 238))
    draw.rectangle((left, top + 240, right, top + 252), fill=(246, 244, 238))


def _draw_desks(scene: Image.Image, top: int) -> None:
    """A row of desks across the front, from `top` down to the lower edge."""
    front = _gradient((scene.width, scene.height - top), (176, 126, 80), (120, 80, 48))
    draw = ImageDraw.Draw(front)
    draw.rectangle((0, 0, scene.width, 26), fill=(206, 158, 108))
    draw.rectangle((0, 26, scene.width, 34), fill=(98, 64, 38))
    for x in range(scene.width // 3, scene.width, scene.width // 3):
        draw.rectangle((x - 5, 0, x + 5, front.height), fill=(74, 48, 30))
    scene.paste(front, (0, top))


# --- the class photo --------------------------------------------------------------------------------------------------

# Portrait, x of the face's centre, scale, brightness, mirrored.
_PLACES = (
    ("obama3", 370, 0.62, 1.3, False),
    ("biden", 950, 0.58, 1.25, True),
    ("astronaut", 1490, 1.35, 1.0, False),
)
_DESK_TOP = 905


def class_photo(archives: Path) -> tuple[Image.Image, tuple[PlacedFace, ...]]:
    """The photo, RGB, and every face in it from left to right. Raises `ImageUnreadable`."""
    scene, faces = _classroom(), []
    for name, x, scale, brightness, mirrored in _PLACES:
        person = cut_out(archives, name).lit(brightness).scaled(scale)
        person = person.mirrored() if mirrored else person
        _shade(scene, person, x, _DESK_TOP + 40)
        faces.append(PlacedFace(person.name, _stand(scene, person, x, _DESK_TOP + 40)))
    _draw_desks(scene, _DESK_TOP)
    return scene, tuple(faces)


# --- the clip ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Walk:
    """A person's way through the clip.

    Attributes:
        portrait: whose photograph.
        brightness: factor on every colour.
        scale: the person's largest.
        steps: (second, x of the face's centre, share of `scale`), with straight lines from one to the next.
    """

    portrait: str
    brightness: float
    scale: float
    steps: Sequence[tuple[float, float, float]]


# People come in from the nearer side and come closer; from 4.2 s to 4.8 s there is nobody.
_WALKS = (
    _Walk("obama2", 1.0, 0.66, ((0.0, -300, 0.8), (1.2, 360, 0.85), (2.2, 400, 1.0), (3.4, -350, 0.95))),
    _Walk("biden", 1.2, 0.48, ((1.2, 1600, 0.9), (2.4, 900, 0.92), (3.2, 880, 1.0), (4.2, 1650, 0.95))),
    _Walk("astronaut", 1.0, 1.38, ((4.8, 1650, 0.84), (6.0, 900, 0.88), (7.0, 880, 1.0), (7.9, 1650, 0.95))),
    _Walk("obama2", 0.9, 0.66, ((5.8, -300, 0.8), (7.0, 340, 0.85), (8.0, 370, 1.0))),
)


def class_clip(archives: Path) -> tuple[bytes, tuple[Appearance, ...]]:
    """The clip as MP4, and every appearance in it by start. Raises `ImageUnreadable`."""
    cast = [(cut_out(archives, walk.portrait).lit(walk.brightness).scaled(walk.scale), walk) for walk in _WALKS]
    appearances = sorted((_appearance(*actor) for actor in cast), key=lambda appearance: appearance.start)
    return _encoded(_pictures(cast)), tuple(appearances)


def _seconds() -> list[float]:
    """When each frame is shown."""
    return [frame / CLIP_FRAME_RATE for frame in range(CLIP_SECONDS * CLIP_FRAME_RATE)]


def _pose(walk: _Walk, second: float) -> tuple[float, float] | None:
    """The x of the face's centre and the share of the scale; None before and after the walk."""
    times, xs, shares = zip(*walk.steps, strict=True)
    if not times[0] <= second <= times[-1]:
        return None
    return float(np.interp(second, times, xs)), float(np.interp(second, times, shares))


def _appearance(person: CutOut, walk: _Walk) -> Appearance:
    seen = [second for second in _seconds() if (pose := _pose(walk, second)) and _is_whole(person, *pose)]
    return Appearance(person.name, seen[0], seen[-1])


def _is_whole(person: CutOut, x: float, share: float) -> bool:
    half = person.box.width * share / 2
    return half <= x <= CLIP_SIZE[0] - half


def _pictures(cast: Sequence[tuple[CutOut, _Walk]]) -> Iterator[Image.Image]:
    """Every frame, while the camera pans slowly to the right."""
    room = _classroom().resize((CLIP_SIZE[0] * 9 // 8, CLIP_SIZE[1] * 9 // 8))
    for second in _seconds():
        left = round((room.width - CLIP_SIZE[0]) * second / CLIP_SECONDS)
        scene = room.crop((left, 0, left + CLIP_SIZE[0], CLIP_SIZE[1]))
        for person, walk in cast:
            if pose := _pose(walk, second):
                _stand(scene, person.scaled(pose[1]), pose[0], CLIP_SIZE[1])
        yield scene


def _encoded(pictures: Iterable[Image.Image]) -> bytes:
    """H.264 in MP4; by one thread, so that the bytes do not depend on the machine's cores."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=CLIP_FRAME_RATE, options={"crf": "21", "preset": "superfast"})
        stream.width, stream.height = CLIP_SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.array(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()
