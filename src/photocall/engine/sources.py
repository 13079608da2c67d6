"""Where the published files of networks lie on this machine, and reading them, verified.

A file comes out of an installed package, from a path of the user's, or from `downloads.py`. It is read only if its size
and SHA-256 are those that its pack names.
"""

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path

from photocall.engine.parts import SourceFile
from photocall.errors import WeightsInvalid
from photocall.media.files import reason

CACHE_VARIABLE = "PHOTOCALL_CACHE"
"""Environment variable that names the cache directory."""


def cache_root() -> Path:
    """Where fetched files and converted networks are kept: $PHOTOCALL_CACHE, or else the user's cache directory."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("photocall")


def download_place(file: SourceFile, cache: Path) -> Path:
    """Where a fetched file lies in a cache: named after its SHA-256, so that packs share it."""
    return cache / "downloads" / file.sha256


def source_path(file: SourceFile, cache_dir: Path | None = None) -> Path:
    """Where a published file should lie; its package is found, but not imported.

    Args:
        file: which.
        cache_dir: where fetched files are kept; by default `cache_root()`.

    Raises:
        WeightsInvalid: the package is not installed.
    """
    if file.url:
        return download_place(file, cache_dir or cache_root())
    if not file.package:
        return Path(file.path)
    try:
        spec = find_spec(file.package.partition("==")[0])
    except (ImportError, ValueError):  # a name that no package can have
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise _invalid(file, f"the package is not installed; pip install {file.package}")
    return Path(spec.submodule_search_locations[0], file.path)


def read_source(file: SourceFile, cache_dir: Path | None = None) -> bytes:
    """A published file, if it is exactly the one that the pack names.

    Args:
        file: which.
        cache_dir: where fetched files are kept; by default `cache_root()`.

    Raises:
        WeightsInvalid: its package is not installed, or it is missing or has another size or SHA-256.
    """
    path = source_path(file, cache_dir)
    try:
        data = path.read_bytes() if path.stat().st_size == file.bytes else b""
    except FileNotFoundError as error:
        if file.url:
            raise _invalid(file, f"not on this machine yet; photocall models get {file.pack}") from error
        raise _invalid(file, "the file cannot be read: no such file") from error
    except OSError as error:
        raise _invalid(file, f"the file cannot be read: {reason(error)}") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise _invalid(file, f"not the published file; {_remedy(file)}")
    return data


def is_present(file: SourceFile) -> bool:
    """Whether a file of the right size lies where it should; its checksum is left for `read_source`."""
    try:
        return source_path(file).stat().st_size == file.bytes
    except (OSError, WeightsInvalid):
        return False


def _remedy(file: SourceFile) -> str:
    if file.package:
        return f"pip install --force-reinstall {file.package}"
    if file.url:
        return f"photocall models get {file.pack} fetches it again"
    return f"pack {file.pack} says {file.bytes} bytes, SHA-256 {file.sha256}"


def _invalid(file: SourceFile, why: str) -> WeightsInvalid:
    return WeightsInvalid(f"{file.package}, {file.path}" if file.package else file.source, why)
