"""Photos whose faces somebody marked, in the layout of WIDER FACE (its wider_face_*_bbx_gt.txt).

For each photo a line with its path, a line with the number of faces, and a line for each face: left, top, width and
height in pixels, then blur, expression, illumination, invalid, occlusion and pose. A photo without a face has, in the
official files, one line of zeros.
"""

from dataclasses import dataclass
from pathlib import Path

from photocall.errors import LabelsInvalid
from photocall.evaluation.tables import checked_name, read_text
from photocall.faces import BoundingBox

_NUMBERS = 10  # a line of a face


@dataclass(frozen=True, slots=True)
class Marked:
    """A face that somebody marked.

    Attributes:
        box: in pixels of the upright picture.
        valid: whether it is fit to be found.
        blur: 0 clear, 1 normal, 2 heavy.
        illumination: 0 normal, 1 extreme.
    """

    box: BoundingBox
    valid: bool = True
    blur: int = 0
    illumination: int = 0

    @property
    def size(self) -> float:
        """The shorter side, pixels."""
        return min(self.box.width, self.box.height)


def read_marked(path: Path) -> dict[str, tuple[Marked, ...]]:
    """The marked faces of every photo, by the photo's path below the folder of photos.

    Raises:
        LabelsInvalid: it cannot be read, has no photos, or a line is not what it must be; it is named.
    """
    lines = _Lines(path)
    photos: dict[str, tuple[Marked, ...]] = {}
    while (name := lines.next()) is not None:
        name = checked_name(name, path, lines.number)
        if name in photos:
            raise lines.wrong(f"{name!r} is there twice")
        photos[name] = lines.faces()
    if not photos:
        raise LabelsInvalid(str(path), "it has no photos")
    return photos


class _Lines:
    """The lines of the file, one after the other, counted; empty ones do not matter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = enumerate(read_text(path).splitlines(), start=1)
        self._lines = [(number, line.strip()) for number, line in lines if line.strip()]
        self._place = 0
        self.number = 0

    def next(self) -> str | None:
        if self._place == len(self._lines):
            return None
        self.number, line = self._lines[self._place]
        self._place += 1
        return line

    def faces(self) -> tuple[Marked, ...]:
        count = self.next()
        if count is None or not count.isascii() or not count.isdigit():
            raise self.wrong(f"it must be the number of faces, not {count!r}")
        if int(count) > len(self._lines) - self._place:
            raise self.wrong(f"{count} faces are said to follow, and the file ends before")
        faces = tuple(self._face() for _ in range(int(count)))
        if not faces and self._place < len(self._lines) and self._lines[self._place][1].split() == ["0"] * _NUMBERS:
            self.next()
        return faces

    def _face(self) -> Marked:
        line = self.next() or ""
        try:
            left, top, width, height, blur, _, illumination, invalid, _, _ = map(int, line.split())
        except ValueError:
            raise self.wrong(f"a face must be {_NUMBERS} whole numbers, not {line!r}") from None
        if width < 0 or height < 0:
            raise self.wrong(f"the width and height of a face must be 0 or more, not {width} and {height}")
        return Marked(BoundingBox(left, top, width, height), invalid == 0, blur, illumination)

    def wrong(self, reason: str) -> LabelsInvalid:
        return LabelsInvalid(str(self._path), f"line {self.number}: {reason}")
