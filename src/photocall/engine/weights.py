"""From the files of installed packages to networks in the cache, once for each machine and pack.

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
from importlib.util import find_spec
from pathlib import Path

from photocall.engine.packs import Pack, SourceFile
from photocall.errors import WeightsInvalid

CONVERTER_VERSION = 1
"""Raised with every change of what the conversion writes, so that old caches are left alone and new ones made."""

CACHE_VARIABLE = "PHOTOCALL_CACHE"
"""Environment variable that names the cache directory."""

_MANIFEST, _LOCK, _BUILDING = "manifest.json", ".lock", ".building-"
_STALE_AFTER = 3600  # seconds: no conversion takes an hour, so whoever began it is gone
_FILES = {
    "pnet": "pnet.onnx",
    "rnet": "rnet.onnx",
    "onet": "onet.onnx",
    "predictor": "predictor.npz",
    "embedder": "embedder.onnx",
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The converted networks of a pack: ONNX graphs as `graphs.py` describes them, and the predictor's arrays.

    Attributes:
        pnet: ONNX.
        rnet: ONNX.
        onet: ONNX.
        predictor: NumPy archive, not compressed; its arrays are the attributes of `dlib_format.ShapePredictor`.
        embedder: ONNX.
    """

    pnet: Path
    rnet: Path
    onet: Path
    predictor: Path
    embedder: Path


def load_weights(pack: Pack, cache_dir: Path | None = None) -> WeightFiles:
    """The pack's networks, converted first if the cache does not hold them, or holds them damaged.

    Args:
        pack: which networks.
        cache_dir: where they are kept; by default `cache_root()`.

    Raises:
        WeightsInvalid: a package is missing or has other files than the pack names, or the cache cannot be used.
    """
    cache = cache_dir or cache_root()
    place = weights_place(pack, cache)
    try:
        if _problem(place) is not None:
            with _only_builder(cache):
                _build(pack, place)
    except OSError as error:
        reason = f"cannot keep converted networks there: {error.strerror}; {CACHE_VARIABLE} names another directory"
        raise WeightsInvalid(str(cache), reason) from error
    return WeightFiles(**{name: place / file for name, file in _FILES.items()})


def verify_weights(pack: Pack, cache_dir: Path | None = None) -> list[str]:
    """What is wrong with the pack's files on this machine, in plain words; an empty list if nothing is.

    Reads every byte of the sources and of the converted files and compares SHA-256. `load_weights` trusts a converted
    file by its size and CRC-32, which find damage, but not intent.
    """
    problems = []
    for file in pack.files:
        try:
            read_source(file)
        except WeightsInvalid as error:
            problems.append(str(error))
    place = weights_place(pack, cache_dir or cache_root())
    try:
        problem = _problem(place, thorough=True)
    except OSError as error:
        problem = error.strerror
    return problems if problem is None else [*problems, f"{place}: {problem}"]


def cache_root() -> Path:
    """Where converted networks are kept: $PHOTOCALL_CACHE, or else the user's cache directory."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("photocall")


def weights_place(pack: Pack, cache: Path) -> Path:
    """The pack's directory in a cache; another one for other sources, and for another converter."""
    named = [*(f"{file.name} {file.sha256}" for file in pack.files), f"converter {CONVERTER_VERSION}"]
    digest = hashlib.sha256("\n".join(named).encode()).hexdigest()
    return cache / f"{pack.name}-{digest[:12]}"


def read_source(file: SourceFile) -> bytes:
    """A published file, if it is exactly the one that the pack names.

    Raises:
        WeightsInvalid: its package is not installed, or it is missing or has another size or SHA-256.
    """
    path = source_path(file)
    try:
        data = path.read_bytes() if path.stat().st_size == file.bytes else b""
    except OSError as error:
        raise _source_invalid(file, f"the file cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise _source_invalid(file, f"not the published file; pip install --force-reinstall {file.package}")
    return data


def source_path(file: SourceFile) -> Path:
    """Where a published file should lie; its package is found, but not imported.

    Raises:
        WeightsInvalid: the package is not installed.
    """
    spec = find_spec(file.package.partition("==")[0])
    if spec is None or not spec.submodule_search_locations:
        raise _source_invalid(file, f"the package is not installed; pip install {file.package}")
    return Path(spec.submodule_search_locations[0], file.path)


def _source_invalid(file: SourceFile, reason: str) -> WeightsInvalid:
    return WeightsInvalid(f"{file.package}, {file.path}", reason)


def _problem(place: Path, thorough: bool = False) -> str | None:
    """Why the converted files cannot be used, None if they can; `thorough` compares SHA-256 instead of CRC-32."""
    try:
        manifest = json.loads((place / _MANIFEST).read_bytes())
        for file in _FILES.values():
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


def _build(pack: Pack, place: Path) -> None:
    problem = _problem(place)
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
        _write_all(pack, made)
        _publish(made, place)
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


def _write_all(pack: Pack, made: Path) -> None:
    entries = {}
    for file in pack.files:
        data = _convert(file.name, read_source(file))
        _write(made / _FILES[file.name], data)
        entries[_FILES[file.name]] = {
            "bytes": len(data),
            "crc32": zlib.crc32(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    sources = {file.name: file.sha256 for file in pack.files}
    manifest = {"pack": pack.name, "converter": CONVERTER_VERSION, "sources": sources, "files": entries}
    _write(made / _MANIFEST, json.dumps(manifest, indent=2).encode())
    _sync(made)


def _publish(made: Path, place: Path) -> None:
    """Put a finished directory in its place; a damaged one that is there goes."""
    aside = _unfinished(place.parent)
    if place.exists():
        place.rename(aside)
    try:
        made.rename(place)
    except OSError:
        # Locks of some network file systems do not reach other machines; one of them may have been quicker.
        if _problem(place) is not None:
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


def _convert(name: str, data: bytes) -> bytes:
    """The converted form of a source that has been checked: MTCNN's are pickles, so never call it with others."""
    import joblib
    import numpy as np

    from photocall.engine import dlib_format, dlib_network, graphs

    if name == "predictor":
        predictor = dlib_format.parse_shape_predictor(data)
        archive = io.BytesIO()
        np.savez(archive, **{field.name: getattr(predictor, field.name) for field in fields(predictor)})
        return archive.getvalue()
    if name == "embedder":
        model = graphs.embedder(dlib_network.parse_resnet(data))
    else:
        build = {"pnet": graphs.pnet, "rnet": graphs.rnet, "onet": graphs.onet}[name]
        model = build(joblib.load(io.BytesIO(data)))
    converted: bytes = model.SerializeToString()
    return converted
