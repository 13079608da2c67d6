"""Commands that look at pictures and know nobody: detect, compare."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from photocall import report
from photocall.commands.engines import open_engine
from photocall.console import counted, failing, progress, say, say_json
from photocall.errors import OutputUnwritable
from photocall.media.draw import Label, annotate
from photocall.media.images import read_image, write_image
from photocall.recognition import compare_faces
from photocall.roster import Status

PLAIN_PACK = "dlib-mtcnn"
"""What `compare` uses where nobody names a pack: dlib's own distance, with the threshold that its users know."""


def detect(options: argparse.Namespace) -> int:
    """Print the faces of pictures; draw them if asked."""
    outputs = drawings(options.draw, options.images)
    failures = 0
    with open_engine(options) as engine:
        for path in progress(options.images, "looking"):
            with failing() as failed:
                image = read_image(path)
                faces = engine.detect(image)
                if path in outputs:
                    labels = [Label(face.box, f"{face.score:.2f}", Status.PRESENT) for face in faces]
                    write_image(outputs[path], annotate(image, labels))
                if options.json:
                    say_json({"image": str(path), "faces": [report.face_json(face) for face in faces]})
                else:
                    say(f"{path}: {counted(len(faces), 'face')}")
            failures += failed()
    return failures


def compare(options: argparse.Namespace) -> int:
    """Print whether two pictures show the same person."""
    a, b = str(options.a), str(options.b)
    with open_engine(options, PLAIN_PACK) as engine:
        found = compare_faces(engine, read_image(options.a), read_image(options.b), names=(a, b))
    similarity, distance = round(found.similarity, 2), round(found.distance, 4)
    if options.json:
        say_json({"a": a, "b": b, "same": found.same, "similarity": similarity, "distance": distance})
    else:
        say(f"{'same person' if found.same else 'different people'} (similarity {similarity}, distance {distance})")
    return 0


def drawings(out: Path | None, pictures: Sequence[Path]) -> dict[Path, Path]:
    """Where each picture's drawing goes: to `out`; with several pictures each to `out` with its own name added.

    A number is added too where two pictures have one name.
    """
    if out is None:
        return {}
    if not out.name:
        raise OutputUnwritable(str(out), "it names no file")
    if any(out.resolve() == picture.resolve() for picture in pictures):
        raise OutputUnwritable(str(out), "it is the picture itself")
    if len(pictures) == 1:
        return {pictures[0]: out}
    places: dict[Path, Path] = {}
    for path in dict.fromkeys(pictures):
        numbers = ("", *(f"-{number}" for number in range(2, len(pictures) + 1)))
        names = (out.parent / f"{out.stem}-{path.stem}{number}{out.suffix}" for number in numbers)
        places[path] = next(name for name in names if name not in places.values())
    return places
