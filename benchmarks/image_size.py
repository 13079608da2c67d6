"""Claim: what the image for AWS has beside its base is at most 250 MB.

Both sides are installed into a folder by pip, as their images do it. Ours is then what deploy/container makes of it,
with the networks converted; theirs is what the classroom assistant's function needs, whose networks are a package.
"""

import gzip
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.material import ROOT, Material
from benchmarks.tables import Table, target
from benchmarks.timing import Result

MOST = 250
"""Megabytes of 10^6 bytes."""

THEIRS = ("face_recognition==1.3.0", "dlib-bin", "face_recognition_models", "numpy", "pillow", "click", "setuptools<81")
FOR_FUNCTIONS = ("boto3", "awslambdaric", "imageio-ffmpeg")
"""The original calls ffmpeg, the program, and boto3; its base is not Amazon's either here."""

_CONTAINER = ROOT / "deploy" / "container"
_LARGEST = 8


def measure(material: Material) -> Result:
    """Install both, and add up the files."""
    ours, networks, theirs = (material.folder / name for name in ("ours", "networks", "theirs"))
    _install(ours, [f"{ROOT}[server,aws]"])
    environment = {**os.environ, "PYTHONPATH": str(ours), "PHOTOCALL_CACHE": str(networks)}
    subprocess.run([sys.executable, "-B", _CONTAINER / "bake.py"], env=environment, check=True)
    subprocess.run([sys.executable, _CONTAINER / "prune.py", ours], check=True)
    _install(theirs, THEIRS, "--no-deps")
    _install(theirs, FOR_FUNCTIONS)
    return {
        "photocall": _sizes(material.folder, [ours, networks]),
        "classic": _sizes(material.folder, [theirs]),
        "networks_mb": _megabytes(networks),
        "largest_mb": dict(sorted(_folders(ours).items(), key=lambda each: -each[1])[:_LARGEST]),
    }


def tables(result: Result) -> list[Table]:
    """Both sizes, and what is in ours."""
    ours, theirs = result["photocall"], result["classic"]
    reached = target(ours["mb"] <= MOST, f"{MOST} MB")
    sizes = Table(
        "The image without its base",
        ("", "photocall", "face_recognition", "target"),
        [
            ("files", f"{ours['mb']:.0f} MB", f"{theirs['mb']:.0f} MB", reached),
            ("compressed, as a registry keeps them", f"{ours['gzip_mb']:.0f} MB", f"{theirs['gzip_mb']:.0f} MB", ""),
        ],
        "Ours has the server and DynamoDB, theirs face_recognition on dlib-bin, boto3 and the program ffmpeg.",
    )
    largest = Table(
        "What is in it",
        ("", "MB"),
        [
            ("networks, converted", f"{result['networks_mb']:.0f}"),
            *((name, f"{size:.0f}") for name, size in result["largest_mb"].items()),
        ],
        "The largest folders. A folder `.libs` has libraries that a wheel brings along.",
    )
    return [sizes, largest]


def _install(folder: Path, packages: Sequence[str], *options: str) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--quiet",
        "install",
        "--no-compile",
        "--upgrade",
    ]
    subprocess.run([*pip, *options, "--target", str(folder), *packages], check=True)


def _sizes(folder: Path, trees: Sequence[Path]) -> Result:
    archive = folder / "layer.tar.gz"
    with gzip.open(archive, "wb", compresslevel=6) as stream, tarfile.open(fileobj=stream, mode="w") as layer:
        for tree in trees:
            layer.add(tree, tree.name)
    return {"mb": sum(map(_megabytes, trees)), "gzip_mb": archive.stat().st_size / 1e6}


def _folders(tree: Path) -> dict[str, float]:
    return {path.name: _megabytes(path) for path in tree.iterdir() if path.is_dir()}


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
