"""What is in the image for AWS, in folders: installed packages, pruned as its Dockerfile does it, and the networks."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
CONTAINER = ROOT / "deploy" / "container"
PYTHON = Path(sys.base_prefix) / "bin" / "python3"  # one that sees nothing of the tests' environment


def copy_packages(tree: Path, *extras: str) -> None:
    """Copy photocall and all that it needs with these extras out of the environment of the tests."""
    for name in sorted(needed(*extras)):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            if file.parts[0] != ".." and file.suffix not in (".pyc", ".pth"):
                place = tree / file
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(str(distribution.locate_file(file)), place)
    shutil.copytree(ROOT / "src" / "photocall", tree / "photocall", ignore=shutil.ignore_patterns("__pycache__"))


def needed(*extras: str) -> set[str]:
    """The names of photocall and of all distributions that it needs with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    asked, found = [Requirement(line) for line in lines], {"photocall"}
    while asked:
        each = asked.pop()
        found.add(canonicalize_name(each.name))
        for line in importlib.metadata.requires(each.name) or ():
            inner = Requirement(line)
            marker, asked_for = inner.marker, {"", *each.extras}
            wanted = marker is None or any(marker.evaluate({"extra": extra}) for extra in asked_for)
            if wanted and (inner.extras or canonicalize_name(inner.name) not in found):
                asked.append(inner)
    return found


def finish(tree: Path, cache: Path) -> None:
    """Convert the networks and prune the packages, as the Dockerfile does."""
    told = {"PYTHONPATH": str(tree), "PHOTOCALL_CACHE": str(cache), "ORT_DISABLE_TELEMETRY": "1"}
    subprocess.run([PYTHON, "-B", CONTAINER / "bake.py"], env={**os.environ, **told}, check=True)
    subprocess.run([PYTHON, CONTAINER / "prune.py", tree], check=True)
    shutil.copy2(CONTAINER / "handler.py", tree)


def megabytes(folder: Path) -> float:
    """Of all files in a folder, 10^6 bytes each."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
