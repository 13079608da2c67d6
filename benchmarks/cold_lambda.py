"""Claim: a function on AWS Lambda gives its first answer three times as soon as one written with face_recognition.

Both are real processes of AWS's own runtime, `awslambdaric`, on this machine. What Lambda does before it starts a
process is not in it; that is the same for both, but for the size of the image.
"""

import base64
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.material import ROOT, Material
from benchmarks.tables import Table, milliseconds, target, times
from benchmarks.timing import Result, Sample, cpu_seconds, interleaved, ratio, summary
from photocall.demo.portraits import read_photograph

sys.path.insert(0, str(ROOT / "tests"))  # Lambda's side of a function is there

from requested import rest_api, said
from runtime_api import Environment

TARGET = 3.0
"""Times as soon."""

OURS, THEIRS = "photocall.aws.pictures.encode_face", "benchmarks.classic_function.encode_face"


def measure(material: Material) -> Result:
    """New environments in turns, each given one portrait."""
    portrait = read_photograph(material.archives, "obama")
    body = json.dumps({"image_data": f"data:image/jpeg;base64,{base64.b64encode(portrait).decode()}"})
    event = rest_api("POST", "/encode", body.encode())
    sides: dict[str, Callable[[int], Sample]] = {
        name: partial(_cold, handler, event, material.folder / f"{name}.log")
        for name, handler in (("photocall", OURS), ("face_recognition", THEIRS))
    }
    samples = interleaved(sides, range(3 if material.quick else 15), "cold-start: new environments")
    return {
        "portrait_kib": round(len(portrait) / 1024),
        **{name: summary(samples[name]) for name in sides},
        "ratio": ratio(samples["face_recognition"], samples["photocall"]),
    }


def tables(result: Result) -> list[Table]:
    """One table."""
    ours, theirs = milliseconds(result["photocall"]), milliseconds(result["face_recognition"])
    reached = target(result["ratio"]["wall"] >= TARGET, f"{TARGET:g}x")
    return [
        Table(
            "A function on AWS Lambda, process start to the first answer",
            ("", "photocall", "face_recognition", "ratio"),
            [("`encode-face`", ours, theirs, f"{times(result['ratio'])}; {reached}")],
            f"Asked as API Gateway does, with a portrait of {result['portrait_kib']} KiB; one thread; awslambdaric on "
            "this machine, files in the disk cache, networks converted before. CPU is that of the whole process.",
        )
    ]


def _cold(handler: str, event: dict[str, Any], log: Path, turn: int) -> Sample:
    """From nothing to an answer on the clock; processor time of the process."""
    start, cpu = time.perf_counter(), cpu_seconds()
    with Environment(handler, log, folder=ROOT) as environment:
        status, told = said(environment.invoke(event))
        wall = time.perf_counter() - start
    assert status == 200 and told["success"], told
    return Sample(wall, cpu_seconds() - cpu)
