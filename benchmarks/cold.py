"""Claim: from process start to the first embedding four times as fast, and a warm engine in at most 200 MB.

Every sample is a fresh process; it notes, by the clock that all processes share, when it had the embedding.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.material import Material
from benchmarks.tables import Table, milliseconds, target, times
from benchmarks.timing import Result, Sample, cpu_seconds, interleaved, ratio, summary
from photocall.demo.portraits import read_photograph
from photocall.media.images import write_image

TARGET = 4.0
"""Times as fast to the first embedding."""

MEMORY_TARGET = 200
"""Megabytes that a warm engine may take."""

_WARM_PHOTOS = 50

_REPORT = """
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
memory = {key: int(status[key].split()[0]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM")}
print(json.dumps({"at": at, "embeddings": count, "rss_mb": memory["VmRSS"], "peak_mb": memory["VmHWM"]}))
"""

_OURS = f"""
import json, sys, time
from pathlib import Path
from photocall import FaceEngine
from photocall.media.images import read_image
with FaceEngine() as engine:
    count = sum(len(engine.faces(read_image(Path(path)))) for path in sys.argv[1:])
    at = time.monotonic()
{_REPORT}
"""

_THEIRS = f"""
import json, sys, time
import face_recognition
count = sum(len(face_recognition.face_encodings(face_recognition.load_image_file(path))) for path in sys.argv[1:])
at = time.monotonic()
{_REPORT}
"""


def measure(material: Material) -> Result:
    """Fresh processes in turns on one portrait, then one process of either side on fifty photos."""
    portrait = material.folder / "portrait.jpg"
    portrait.write_bytes(read_photograph(material.archives, "obama"))
    sides: dict[str, Callable[[Path], Sample]] = {
        "photocall": partial(_embedding, _OURS),
        "face_recognition": partial(_embedding, _THEIRS),
        "detect_command": _command,
    }
    samples = interleaved(sides, [portrait] * (3 if material.quick else 11), "cold: fresh processes")
    many = _mixed_sizes(material)
    return {
        "portrait": "{}x{}".format(*Image.open(portrait).size),
        **{name: summary(samples[name]) for name in sides},
        "ratio": ratio(samples["face_recognition"], samples["photocall"]),
        "memory": {
            name: {"first_photo": _report(code, [portrait]), "warm": _report(code, many)}
            for name, code in (("photocall", _OURS), ("face_recognition", _THEIRS))
        },
        "warm_photos": len(many),
    }


def tables(result: Result) -> list[Table]:
    """Time, and memory."""
    ours, theirs = result["photocall"], result["face_recognition"]
    reached = target(result["ratio"]["wall"] >= TARGET, f"{TARGET:g}x")
    cold = Table(
        "Process start to the first embedding",
        ("", "photocall", "face_recognition", "ratio"),
        [
            (
                f"one portrait, {result['portrait']}",
                milliseconds(ours),
                milliseconds(theirs),
                f"{times(result['ratio'])}; {reached}",
            ),
            ("the command `detect`, start to exit", milliseconds(result["detect_command"]), "", ""),
        ],
        "Fresh processes, files in the disk cache, networks converted before. CPU is that of the whole process.",
    )
    return [cold, _memory_table(result)]


def _memory_table(result: Result) -> Table:
    ours, theirs = result["memory"]["photocall"], result["memory"]["face_recognition"]
    reached = target(ours["warm"]["rss_mb"] <= MEMORY_TARGET, f"{MEMORY_TARGET} MB")
    rows = [
        ("after the first photo", *(_memory(side["first_photo"]) for side in (ours, theirs)), ""),
        (f"after {result['warm_photos']} photos", *(_memory(side["warm"]) for side in (ours, theirs)), reached),
    ]
    return Table(
        "Memory of a process",
        ("", "photocall", "face_recognition", "target"),
        rows,
        "Resident set, and its peak in brackets. The photos are JPEG files of 200 to 4,000 pixels a side.",
    )


def _memory(report: Result) -> str:
    return f"{report['rss_mb']:.0f} MB ({report['peak_mb']:.0f})"


def _embedding(code: str, photo: Path) -> Sample:
    """Start to embedding on the clock; processor time of the whole process."""
    start, cpu = time.monotonic(), cpu_seconds()
    report = _report(code, [photo])
    return Sample(report["at"] - start, cpu_seconds() - cpu)


def _report(code: str, photos: list[Path]) -> Result:
    done = subprocess.run([sys.executable, "-c", code, *map(str, photos)], check=True, capture_output=True, text=True)
    report: Result = json.loads(done.stdout)
    assert report["embeddings"] > 0, "no face was found"
    return report


def _command(photo: Path) -> Sample:
    start, cpu = time.monotonic(), cpu_seconds()
    command = Path(sys.executable).with_name("photocall")
    subprocess.run([command, "detect", photo, "--json"], check=True, capture_output=True)
    return Sample(time.monotonic() - start, cpu_seconds() - cpu)


def _mixed_sizes(material: Material) -> list[Path]:
    """Portraits enlarged and reduced to many sizes and shapes, in no order; the same every time."""
    portraits = [Image.fromarray(image) for image in material.portraits().values()]
    random = np.random.default_rng(7)
    paths = []
    for number in range(5 if material.quick else _WARM_PHOTOS):
        longest = int(200 * 20 ** random.random())  # 200 to 4,000, small ones as often as large ones
        picture = portraits[number % len(portraits)]
        scale = longest / max(picture.size)
        size = max(60, round(picture.width * scale)), max(60, round(picture.height * scale))
        paths.append(material.folder / f"mixed-{number}.jpg")
        write_image(paths[-1], np.array(picture.resize(size)))
    return paths
