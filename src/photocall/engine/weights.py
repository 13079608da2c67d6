"""From published files to networks in the cache, once for each machine, and once for all packs that share a part.

A source is read only if its size and SHA-256 are those that the pack names, and only then unpickled. What comes out is
written beside its place, made durable, and renamed: a process that dies leaves nothing half made. A warm cache costs a
checksum and imports neither onnx nor joblib; those, and the converter itself, are imported where they are needed.
"""

import fcntl
import hashlib
import io
import json
import logging
import mmap
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from photocall.engine.parts import INTEGER_KIND, Pack, Part, SourceFile
from photocall.engine.sources import CACHE_VARIABLE, cache_root, read_source
from photocall.errors import WeightsInvalid

if TYPE_CHECKING:
    from photocall.engine.graphs import Graph

CONVERTER_VERSION = 2
"""Raised with every change of what the conversion writes, so that old caches are left alone and new ones made."""

_MANIFEST, _LOCK, _BUILDING = "manifest.json", ".lock", ".building-"
_STALE_AFTER = 3600  # seconds: no conversion takes an hour, so whoever began it is gone
_FILES = {
    "pnet": "pnet.onnx",
    "rnet": "rnet.onnx",
    "onet": "onet.onnx",
    "predictor": "predictor.npz",
    "detector": "detector.onnx",
    "embedder": "embedder.onnx",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The converted networks of a pack.

    Attributes:
        detector: ONNX, in the order of the pack's entry: P-Net, R-Net and O-Net of MTCNN (`graphs.py` describes them),
            or one network that takes pictures as `onnx_import.py` describes.
        predictor: NumPy archive, not compressed; its arrays are the attributes of `dlib_format.ShapePredictor`. None
            for an alignment that needs none.
        embedder: ONNX; takes chips, uint8 RGB of shape (n, side, side, 3).
    """

    detector: tuple[Path, ...]
    predictor: Path | None
    embedder: Path


def load_weights(pack: Pack, cache_dir: Path | None = None) -> WeightFiles:
    """The pack's networks, converted first if the cache does not hold them, or holds them damaged.

    Args:
        pack: which networks.
        cache_dir: where they are kept; by default `cache_root()`.

    Raises:
        WeightsInvalid: a file is missing or is not the one that the pack names, or the cache cannot be used.
    """
    cache = cache_dir or cache_root()
    (embedder,) = load_part(pack.embedder.part, cache)
    (predictor,) = load_part(pack.landmarks, cache) if pack.landmarks else (None,)
    return WeightFiles(load_part(pack.detector.part, cache), predictor, embedder)


def load_part(part: Part, cache: Path) -> tuple[Path, ...]:
    """The converted networks of one part, in the order of its files; as `load_weights`."""
    place = weights_place(part, cache)
    try:
        if _problem(part, place) is not None:
            with _only_builder(cache):
                _build(part, place)
    except OSError as error:
        reason = f"cannot keep converted networks there: {error.strerror}; {CACHE_VARIABLE} names another directory"
        raise WeightsInvalid(str(cache), reason) from error
    return tuple(place / _FILES[file.name] for file in part.files)


def verify_weights(pack: Pack, cache_dir: Path | None = None) -> list[str]:
    """What is wrong with the pack's files on this machine, in plain words; an empty list if nothing is.

    Reads every byte of the sources and of the converted files and compares SHA-256. `load_weights` trusts a converted
    file by its size and CRC-32, which find damage, but not intent.
    """
    cache = cache_dir or cache_root()
    problems = []
    for file in pack.files:
        try:
            read_source(file, cache)
        except WeightsInvalid as error:
            problems.append(str(error))
    for part in pack.parts:
        place = weights_place(part, cache)
        try:
            problem = _problem(part, place, thorough=True)
        except OSError as error:
            problem = error.strerror
        if problem is not None:
            problems.append(f"{place}: {problem}")
    return problems


def weights_place(part: Part, cache: Path) -> Path:
    """The part's directory in a cache; another one for other sources, other pixels, and for another converter."""
    named = [*(f"{file.name} {file.sha256}" for file in part.files), f"converter {CONVERTER_VERSION}"]
    if part.pixels is not None:
        named.append(repr(part.pixels))
    if part.limits:
        named.append(repr(part.limits))
    if part.kind == INTEGER_KIND:
        named.append(repr(part.sums))
    digest = hashlib.sha256("\n".join(named).encode()).hexdigest()
    return cache / f"{part.kind}-{digest[:12]}"


def _problem(part: Part, place: Path, thorough: bool = False) -> str | None:
    """Why the converted files cannot be used, None if they can; `thorough` compares SHA-256 instead of CRC-32."""
    try:
        manifest = json.loads((place / _MANIFEST).read_bytes())
        for file in (_FILES[source.name] for source in part.files):
            if not _matches(place / file, manifest["files"][file], thorough):
                return f"{file} is damaged"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing" if place.exists() else "not converted yet"
    except (ValueError, KeyError, TypeError):
        return f"{_MANIFEST} is damaged"
    return None


def _matches(path: Path, entry: dict[str, object], thorough: bool) -> bool:
    """Whether a file is the one of its manifest entry."""
    if path.stat().st_size != entry["bytes"]:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return hashlib.sha256(data).hexdigest() == entry["sha256"] if thorough else zlib.crc32(data) == entry["crc32"]


@contextmanager
def _only_builder(cache: Path) -> Iterator[None]:
    """One process at a time; the lock ends with the process, however that ends."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / _LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(part: Part, place: Path) -> None:
    problem = _problem(part, place)
    if problem is None:
        return  # another process was quicker
    if place.exists():
        _log.warning("%s: %s; converting again", place, problem)
    else:
        _log.info("%s: converting, once", place)
    _remove_stale(place.parent)
    made = _unfinished(place.parent)
    made.mkdir()
    try:
        _write_all(part, made, place.parent)
        _publish(part, made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _unfinished(cache: Path) -> Path:
    """A new name for what must not be seen."""
    return cache / f"{_BUILDING}{os.urandom(8).hex()}"


def _remove_stale(cache: Path) -> None:
    """Clear away what processes left that were killed."""
    for left in cache.glob(f"{_BUILDING}*"):
        if time.time() - left.stat().st_mtime > _STALE_AFTER:
            shutil.rmtree(left, ignore_errors=True)


def _write_all(part: Part, made: Path, cache: Path) -> None:
    entries = {}
    for file in part.files:
        data = _convert(part, file, read_source(file, cache))
        _write(made / _FILES[file.name], data)
        entries[_FILES[file.name]] = {
            "bytes": len(data),
            "crc32": zlib.crc32(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    sources = {file.name: file.sha256 for file in part.files}
    manifest = {"part": part.kind, "converter": CONVERTER_VERSION, "sources": sources, "files": entries}
    _write(made / _MANIFEST, json.dumps(manifest, indent=2).encode())
    _sync(made)


def _publish(part: Part, made: Path, place: Path) -> None:
    """Put a finished directory in its place; a damaged one that is there goes."""
    aside = _unfinished(place.parent)
    if place.exists():
        place.rename(aside)
    try:
        made.rename(place)
    except OSError:
        # Locks of some network file systems do not reach other machines; one of them may have been quicker.
        if _problem(part, place) is not None:
            raise
    _sync(place.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make the directory's own entries durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _empty_graph(part: Part) -> "Graph":
    """What dlib's network is to be built in."""
    from photocall.engine import graphs, quantized

    if part.kind == INTEGER_KIND:
        return quantized.QuantizedGraph(part.limits, zip(part.sums[::2], part.sums[1::2], strict=True))
    return graphs.Graph(part.limits)


def _convert(part: Part, file: SourceFile, data: bytes) -> bytes:
    """The converted form of a source that has been checked: MTCNN's are pickles, so never call it with others."""
    import joblib
    import numpy as np

    from photocall.engine import dlib_format, dlib_network, graphs, onnx_import

    if part.kind == "predictor":
        predictor = dlib_format.parse_shape_predictor(data)
        archive = io.BytesIO()
        np.savez(archive, **{field.name: getattr(predictor, field.name) for field in fields(predictor)})
        return archive.getvalue()
    if part.pixels is not None:
        model = onnx_import.import_network(data, file.source, part.pixels)
    elif part.kind in ("dlib", INTEGER_KIND):
        model = graphs.embedder(dlib_network.parse_resnet(data), _empty_graph(part))
    else:
        build = {"pnet": graphs.pnet, "rnet": graphs.rnet, "onet": graphs.onet}[file.name]
        model = build(joblib.load(io.BytesIO(data)))
    converted: bytes = model.SerializeToString()
    return converted
