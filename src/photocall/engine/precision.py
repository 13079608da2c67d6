"""Whether the embedder runs in 8-bit integers or in floating point: measured on this machine, and remembered.

Integers pay only on processors that multiply and add bytes in one step (VNNI); without, they are slower, and sums of
two products may even be cut off. Both forms limit activations alike, so that their vectors may be compared
(docs/decisions/0014). What was chosen lies in the cache, with the processor that it was measured on.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from photocall.engine.networks import Network
from photocall.engine.parts import INTEGER_KIND, Pack, Part
from photocall.engine.weights import load_part, weights_place
from photocall.errors import WeightsInvalid
from photocall.faces import ByteArray, FloatArray

FLOAT, INTEGER = "fp32", "int8"

WORTH_IT = 1.2
"""Integers are chosen if they are this many times as fast: below it, exactness is worth more."""

MOST_DRIFT = 0.1
"""Integers are not chosen if a vector moves by more than this; 0.03 is usual, cut-off sums give more."""

CPUINFO = Path("/proc/cpuinfo")
"""Where Linux tells what the processor is and what it can do."""

_ROUNDS, _CHIPS, _SIDE = 5, 8, 150
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "asimddp"}  # flags of x86 and of ARM processors


@dataclass(frozen=True, slots=True)
class Choice:
    """How an embedder runs on a machine.

    Attributes:
        precision: "fp32" or "int8".
        speedup: how many times as fast integers are; None if they were not measured.
        drift: the largest distance by which they moved a vector; None if they were not measured.
        processor: its name.
    """

    precision: str
    speedup: float | None
    drift: float | None
    processor: str


def choose_precision(part: Part, cache: Path, precision: str | None = None, cpuinfo: Path = CPUINFO) -> Choice:
    """Decide how an embedder is to run from now on, by measuring both forms if there are two.

    Args:
        part: the embedder.
        cache: where converted networks are kept.
        precision: "fp32" or "int8" to have it so; None for what is better.
        cpuinfo: what tells of the processor.

    Raises:
        WeightsInvalid: int8 is asked for, but the network has no such form, or the processor is not made for it; or
            the choice cannot be kept.
    """
    name, able = _processor(cpuinfo)[0], runs_in_integers(part, cpuinfo)
    if precision == INTEGER and not able:
        why = f"the processor, {name}, has no VNNI" if part.sums else "it has no form in 8-bit integers"
        raise WeightsInvalid(part.files[0].source, f"cannot run in {INTEGER}: {why}; use {FLOAT}")
    speedup, drift = _measured(part, cache) if able else (None, None)
    better = speedup is not None and drift is not None and speedup >= WORTH_IT and drift <= MOST_DRIFT
    choice = Choice(precision or (INTEGER if better else FLOAT), speedup, drift, name)
    _keep(choice, _place(part, cache))
    return choice


def in_chosen_form(pack: Pack, cache: Path, cpuinfo: Path = CPUINFO) -> Pack:
    """A pack with its embedder as it is to run here: in integers only if they were chosen, on this very processor."""
    return replace(pack, embedder=replace(pack.embedder, part=_chosen_form(pack.embedder.part, cache, cpuinfo)))


def _keep(choice: Choice, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(asdict(choice), indent=1))
    except OSError as error:
        raise WeightsInvalid(str(place), f"cannot keep there how faces are embedded: {error.strerror}") from error


def _chosen_form(part: Part, cache: Path, cpuinfo: Path) -> Part:
    if not part.sums:
        return part
    try:
        choice = json.loads(_place(part, cache).read_text())
    except (OSError, ValueError):
        return part
    name = _processor(cpuinfo)[0]
    if not isinstance(choice, dict) or (choice.get("precision"), choice.get("processor")) != (INTEGER, name):
        return part
    return in_integers(part) if runs_in_integers(part, cpuinfo) else part


def in_integers(part: Part) -> Part:
    """The same network in 8-bit integers."""
    return replace(part, kind=INTEGER_KIND)


def runs_in_integers(part: Part, cpuinfo: Path = CPUINFO) -> bool:
    """Whether a network has such a form, and the processor is made for it."""
    return bool(part.sums) and bool(_processor(cpuinfo)[1] & _DOT_PRODUCTS)


def _place(part: Part, cache: Path) -> Path:
    place = weights_place(part, cache)
    return place.with_name(f"{place.name}.precision.json")


def _measured(part: Part, cache: Path) -> tuple[float, float]:
    """How many times as fast integers are, and how far they move a vector at most."""
    networks = [Network(load_part(form, cache)[0], form.files[0].source) for form in (part, in_integers(part))]
    runs: list[Callable[[ByteArray], FloatArray]] = [
        lambda chips, network=network: network.run(chips)["embeddings"]  # type: ignore[misc]
        for network in networks
    ]
    chips = _made_up_chips()
    exact, rounded = (run(chips) for run in runs)
    seconds: list[list[float]] = [[], []]
    for _ in range(_ROUNDS):
        for run, taken in zip(runs, seconds, strict=True):
            start = time.thread_time()
            run(chips)
            taken.append(time.thread_time() - start)
    drift = float(np.linalg.norm(exact - rounded, axis=1).max())
    return round(median(seconds[0]) / median(seconds[1]), 2), round(drift, 4)


def _made_up_chips() -> ByteArray:
    """Pictures of soft noise: the time does not depend on what is in them."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (_CHIPS, _SIDE // 10, _SIDE // 10, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(10, axis=1).repeat(10, axis=2))


def _processor(cpuinfo: Path) -> tuple[str, set[str]]:
    """The processor's name and what it can do, as Linux tells them; nothing where it does not."""
    try:
        told = cpuinfo.read_text()
    except OSError:
        return "", set()
    said: dict[str, str] = dict(re.findall(r"^(model name|CPU part|flags|Features)\s*: (.*)$", told, re.M))
    flags = said.get("flags") or said.get("Features", "")
    return said.get("model name", said.get("CPU part", "")), set(flags.split())
