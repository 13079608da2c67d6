"""The faces of a video's sampled frames as a table, and that table as objects of which a page reads one or two.

A row takes 112 bytes, so hours of a full classroom fit into memory. It says where a face is and what its picture is
worth, and nothing that it could be compared by.
"""

import io
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocall.errors import StoreUnavailable
from photocall.faces import BoundingBox, Face, Quality
from photocall.ports import ObjectStore

ROW = np.dtype(
    [
        ("time", "<i8"),  # milliseconds since the start of the video
        ("person", "<i4"),  # index; 0 for everybody where people were not told apart
        ("size", "<i4", 2),  # width and height of the frame, pixels
        ("box", "<f4", 4),  # left, top, width, height, pixels
        ("score", "<f4"),
        ("landmarks", "<f4", (5, 2)),
        ("quality", "<f4", 8),  # in the order of `Quality`
    ]
)
"""One face in one frame."""

PART = 1000
"""Rows of an object."""

Rows = NDArray[np.void]


def as_rows(time: float, size: tuple[int, int], faces: Sequence[Face], people: Sequence[int]) -> Rows:
    """The faces of a frame as rows.

    Args:
        time: of the frame, seconds.
        size: of the frame, width and height in pixels.
        faces: of it.
        people: the index of each face's person.
    """
    table = np.zeros(len(faces), ROW)
    for row, face, person in zip(table, faces, people, strict=True):
        row["time"], row["size"], row["person"] = round(1000 * time), size, person
        row["box"], row["score"] = astuple(face.box), face.score
        row["landmarks"], row["quality"] = face.landmarks, astuple(face.quality)
    return table


def joined(tables: Sequence[Rows]) -> Rows:
    """Tables one below the other."""
    return np.concatenate([np.empty(0, ROW), *tables])


def face_of(row: np.void) -> Face:
    """The face of a row, in pixels of its frame."""
    box, quality = BoundingBox(*row["box"].tolist()), Quality(*row["quality"].tolist())
    return Face(box, float(row["score"]), row["landmarks"], quality)


def write_rows(objects: ObjectStore, folder: str, rows: Rows) -> None:
    """Keep a table.

    Args:
        objects: where.
        folder: whose objects 000000.npy, 000001.npy ... it becomes, `PART` rows each.
        rows: of it.
    """
    for number, start in enumerate(range(0, len(rows), PART)):
        file = io.BytesIO()
        np.lib.format.write_array(file, rows[start : start + PART], allow_pickle=False)
        objects.put(_key(folder, number), file.getvalue())


def read_rows(objects: ObjectStore, folder: str, start: int, stop: int) -> Rows:
    """The rows of a table from `start` to before `stop`, both within it.

    Raises:
        ObjectNotFound: it is not there any more.
        StoreUnavailable: it is damaged.
    """
    numbers = range(start // PART, -(-stop // PART))
    before = numbers.start * PART
    return joined([_read(objects, _key(folder, number)) for number in numbers])[start - before : stop - before]


def _read(objects: ObjectStore, key: str) -> Rows:
    data = objects.get(key)
    try:
        found: NDArray[Any] = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise StoreUnavailable(key, "it is no table of faces") from error
    if found.dtype != ROW:
        raise StoreUnavailable(key, "it is no table of faces")
    return found


def _key(folder: str, number: int) -> str:
    return f"{folder}/{number:06d}.npy"
