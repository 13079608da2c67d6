"""The other side: face_recognition with its defaults on dlib, used the way its examples use it.

Its models package imports pkg_resources, which warns; and it loads all its models when it is imported, so that happens
on first use only.
"""

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.scoring import Seen
from photocall.faces import BoundingBox, ByteArray, FloatArray


@functools.cache
def face_recognition() -> ModuleType:
    """The library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import face_recognition as library

    module: ModuleType = library
    return module


class Peer:
    """Known people, compared with at face_recognition's tolerance of 0.6.

    Args:
        names: of the known encodings.
        encodings: float32, shape (n, 128).
    """

    def __init__(self, names: Sequence[str], encodings: FloatArray) -> None:
        self._names, self._encodings = list(names), list(encodings.astype(np.float64))

    def read(self, path: Path) -> list[Seen]:
        """The faces of a photo file, each with the name of the nearest known person within the tolerance."""
        return self.recognise(face_recognition().load_image_file(path))

    def recognise(self, image: ByteArray) -> list[Seen]:
        """The same of a picture: uint8 RGB, shape (h, w, 3)."""
        library = face_recognition()
        locations = library.face_locations(image)
        encodings = library.face_encodings(image, locations)
        return [Seen(_box(*edges), self._name(code)) for edges, code in zip(locations, encodings, strict=True)]

    def _name(self, encoding: FloatArray) -> str | None:
        library = face_recognition()
        matches = library.compare_faces(self._encodings, encoding)
        best = int(np.argmin(library.face_distance(self._encodings, encoding)))
        return self._names[best] if matches[best] else None


def _box(top: int, right: int, bottom: int, left: int) -> BoundingBox:
    return BoundingBox(left, top, right - left, bottom - top)
