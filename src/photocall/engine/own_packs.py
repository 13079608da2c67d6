"""Writing a user's own file of packs, and finding out what a user's ONNX files are.

Whatever else is in the file, comments too, stays as it is.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit
from tomlkit.exceptions import ParseError

from photocall.engine.align import CHIP_SIDES
from photocall.engine.networks import Network
from photocall.engine.onnx_import import import_network
from photocall.engine.packs import MAX_MODEL_BYTES, check_pack, load_pack, pack_names, read_text
from photocall.engine.parts import DetectorPart, Part, Pixels
from photocall.engine.single_shot import SingleShotDetector
from photocall.errors import OutputUnwritable, WeightsInvalid
from photocall.media.files import read_file, reason, write_atomically

DETECTOR_PIXELS = {
    "yunet": Pixels("nchw", "bgr", (0, 0, 0), (1, 1, 1)),
    "scrfd": Pixels("nchw", "rgb", (127.5, 127.5, 127.5), (128, 128, 128)),
}
"""What the published files of these layouts want to see (OpenCV's FaceDetectorYN; insightface's scrfd.py)."""

DETECTOR_THRESHOLDS = {"yunet": 0.6, "scrfd": 0.5}
"""Scores at which both are used on WIDER FACE in docs/packs.md; OpenCV's default of 0.9 halves YuNet's recall."""

_LONG_SIDE = 640  # pixels
_MOST_NUMBERS = 4096  # of a vector


def write_calibration(packs_file: Path, name: str, table: Mapping[str, Any]) -> None:
    """Put what was measured of a pack's distances into the user's file, in place of what it said before.

    Args:
        packs_file: of the user's own packs; made if it is missing.
        name: of a pack in it, or of one that comes with photocall.
        table: the entries of `[NAME.calibration]`.

    Raises:
        WeightsInvalid: there is no such pack, or the entries are not those of a calibration.
        OutputUnwritable: the file cannot be written.
    """
    with _only_writer(packs_file):
        load_pack(name, packs_file if packs_file.exists() else None)
        _write(packs_file, name, {"calibration": table})


def write_pack(packs_file: Path, name: str, parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Add a pack to the user's file.

    Args:
        packs_file: of the user's own packs; made if it is missing.
        name: of the new pack.
        parts: its tables, as docs/packs.md describes them.

    Raises:
        WeightsInvalid: there is a pack of that name already, or the tables are not those of a pack.
        OutputUnwritable: the file cannot be written.
    """
    with _only_writer(packs_file):
        if name in pack_names(packs_file if packs_file.exists() else None):
            raise WeightsInvalid(f"model pack {name!r}", f"there is one of that name already; see {packs_file}")
        _write(packs_file, name, parts)


@contextmanager
def _only_writer(packs_file: Path) -> Iterator[None]:
    """One process at a time, by a lock on the directory; it ends with the process, however that ends."""
    try:
        packs_file.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(packs_file.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise OutputUnwritable(str(packs_file), reason(error)) from error
    try:
        with suppress(OSError):  # some network file systems lock no directories
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _write(packs_file: Path, name: str, parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Put tables into a pack, if it then loads."""
    text = read_text(packs_file) if packs_file.exists() else ""
    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise WeightsInvalid(str(packs_file), f"not a list of packs in TOML: {error}") from error
    if name not in document:
        document[name] = tomlkit.table(is_super_table=True)
    for part, entries in parts.items():
        table = tomlkit.table()
        table.update(entries)
        document[name][part] = table
    written = tomlkit.dumps(document)
    check_pack(name, packs_file, written)
    write_atomically(packs_file, written.encode())


def detector_entries(path: Path, licence: str, layout: str | None = None) -> dict[str, Any]:
    """The entries of a detector's file; its layout is found out by trying it on a blank picture.

    Args:
        path: ONNX.
        licence: on which terms the user has it.
        layout: "yunet" or "scrfd"; None to try both.

    Raises:
        WeightsInvalid: it cannot be read, or its outputs are those of neither.
    """
    data = _read_model(path)
    problems = []
    for known in (layout,) if layout else tuple(DETECTOR_PIXELS):
        pixels = DETECTOR_PIXELS[known]
        part = DetectorPart(known, Part("detector", (), pixels), DETECTOR_THRESHOLDS[known], _LONG_SIDE)
        try:
            SingleShotDetector(Network(_imported(data, path, pixels), str(path)), part)
        except WeightsInvalid as error:
            problems.append(error.reason)
            continue
        reading = {"layout": known, "threshold": part.threshold, "long_side": part.long_side}
        return {**reading, **_pixel_entries(pixels), **_source_entries(path, data, licence)}
    raise WeightsInvalid(str(path), "; ".join(dict.fromkeys(problems)))


def embedder_entries(path: Path, licence: str, pixels: Pixels, flip: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entries of an embedder's file, and of its embeddings.

    Whether channels come first or last, the alignment by the side of its input, and the length of its vectors are found
    out by trying it on a blank chip. The name of the embedding space is made of all that changes vectors.

    Args:
        path: ONNX.
        licence: on which terms the user has it.
        pixels: what it wants to see; of its layout nothing is taken.
        flip: whether a chip's vector is averaged with that of the mirrored chip.

    Raises:
        WeightsInvalid: it cannot be read, or does not make one vector of a chip.
    """
    data = _read_model(path)
    problems = []
    for layout in ("nchw", "nhwc"):
        pixels = replace(pixels, layout=layout)
        try:
            network = Network(_imported(data, path, pixels), str(path))
            alignment, dimension = _tried(network)
        except WeightsInvalid as error:
            problems.append(error.reason)
            continue
        embedder = {"layout": layout, "alignment": alignment, "flip": flip, **_pixel_entries(pixels)}
        space = hashlib.sha256(f"{hashlib.sha256(data).hexdigest()} {sorted(embedder.items())}".encode()).hexdigest()
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem)
        embeddings = {"model": f"{stem}-{space[:8]}", "dimension": dimension, "metric": "cosine"}
        return {**embedder, **_source_entries(path, data, licence)}, embeddings
    raise WeightsInvalid(str(path), problems[0])


def _tried(network: Network) -> tuple[str, int]:
    """Alignment and length of the vectors of an embedder."""
    batch, height, width, _ = network.shape
    sides = {side: alignment for alignment, side in CHIP_SIDES.items()}
    side = height or CHIP_SIDES["arcface"]
    if side not in sides or (width or side) != side:
        raise network.invalid(f"it takes pictures of {width}x{height} pixels; chips have 112x112 or 150x150")
    outputs = network.run(np.zeros((batch or 1, side, side, 3), np.uint8))
    lengths = [output.size // (batch or 1) for output in outputs.values()]
    vectors = [length for length in lengths if 1 < length <= _MOST_NUMBERS]
    if len(vectors) != 1:
        raise network.invalid(f"one output with a vector is needed; its outputs have {lengths} numbers a chip")
    return sides[side], vectors[0]


def _imported(data: bytes, path: Path, pixels: Pixels) -> bytes:
    imported: bytes = import_network(data, str(path), pixels).SerializeToString()
    return imported


def _read_model(path: Path) -> bytes:
    try:
        return read_file(path, MAX_MODEL_BYTES)
    except OSError as error:
        raise WeightsInvalid(str(path), reason(error)) from error


def _source_entries(path: Path, data: bytes, licence: str) -> dict[str, Any]:
    place, digest = str(path.resolve()), hashlib.sha256(data).hexdigest()
    if not place.isprintable():
        raise WeightsInvalid(place, "a list of packs cannot hold that path; rename it to one of plain letters")
    return {"file": place, "licence": licence, "bytes": len(data), "sha256": digest}


def _pixel_entries(pixels: Pixels) -> dict[str, Any]:
    return {"colour": pixels.colour, "mean": list(pixels.mean), "scale": list(pixels.scale)}
