"""Runs the measurements: all of them, or those named. `python -m benchmarks.run photo cold`."""

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.material import ROOT, Material, cores, evaluation_folder
from benchmarks.page import CLAIMS, keep
from benchmarks.tables import markdown
from benchmarks.timing import Result
from photocall.engine.face_engine import FaceEngine

_PACKAGES = ("photocall", "onnxruntime", "numpy", "pillow", "simplejpeg", "av", "face_recognition", "dlib-bin")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and keep the results unless the run was a quick one."""
    options = _options(arguments)
    claims = {}
    with tempfile.TemporaryDirectory(prefix="photocall-benchmarks-") as folder, FaceEngine() as engine:
        material = Material(engine, options.archives, Path(folder), evaluation_folder(), options.quick)
        for name in options.claims or CLAIMS:
            entry = _measured(name, material)
            if entry is None:
                sys.stderr.write(f"{name}: left out, since there is no evaluation data (PHOTOCALL_EVAL_DATA)\n")
                continue
            claims[name] = entry
            print("\n".join(map(markdown, CLAIMS[name].tables(entry["result"]))), flush=True)
    if not options.quick:
        keep(_machine(), claims)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure photocall's claims.")
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=f"{', '.join(CLAIMS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="few repetitions, only to see that it runs; keeps nothing")
    parser.add_argument("--archives", type=Path, default=ROOT / ".demo", help="folder of the demo's archives")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.claims) - set(CLAIMS))
    if unknown:
        parser.error(f"no such claim: {', '.join(unknown)}; there are {', '.join(CLAIMS)}")
    return options


def _measured(name: str, material: Material) -> Result | None:
    """The result with the circumstances it was measured in."""
    started, load = dt.datetime.now(dt.UTC), os.getloadavg()[0]
    result = CLAIMS[name].measure(material)
    if result is None:
        return None
    return {
        "started": started.strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": round((dt.datetime.now(dt.UTC) - started).total_seconds()),
        "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        "result": result,
    }


def _machine() -> Result:
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
