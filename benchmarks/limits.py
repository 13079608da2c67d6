"""Where the limits of the pack `standard` come from: `python -m benchmarks.limits` prints them as packs.toml has them.

They are the highest activations of dlib's network, unlimited, on the demo's five portraits and their mirror images;
`sums` are the extremes of the convolutions that no ReLU follows. The portraits are no part of the project, so the
SHA-256 of the chips stands beside the numbers, which anybody can make again to the bit.
"""

import argparse
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from benchmarks.material import ROOT
from photocall.demo import read_portraits
from photocall.engine.align import cut_chip
from photocall.engine.dlib_network import parse_resnet
from photocall.engine.graphs import Graph, embedder
from photocall.engine.landmarks import LandmarkPredictor
from photocall.engine.networks import Network
from photocall.engine.packs import load_pack
from photocall.engine.sources import cache_root, read_source
from photocall.engine.weights import load_part
from photocall.faces import ByteArray

RECTANGLES = {
    "obama": (362, 134, 626, 398),
    "obama2": (144, 290, 458, 604),
    "obama3": (651, 301, 945, 595),
    "biden": (435, 252, 739, 556),
    "astronaut": (176, 75, 272, 170),
}
"""Left, top, right and bottom of each portrait's face, for dlib's predictor, as MTCNN gave them when the limits were
made: written down, so that a change of the detector does not move the limits."""

_PLAIN = load_pack("dlib-mtcnn")  # dlib's own network, without limits

_A_LINE = 14  # numbers


@dataclass(frozen=True, slots=True)
class Extremes:
    """What dlib's network showed on some chips.

    Attributes:
        limits: the highest value after each ReLU, in the order of the data's flow.
        sums: lowest and highest value of each convolution that no ReLU follows, in order.
        sha256: of the chips' bytes, one chip after the other.
    """

    limits: list[float]
    sums: list[float]
    sha256: str


class _WatchedGraph(Graph):
    """A graph without limits that gives its extremes beside its output."""

    def __init__(self) -> None:
        super().__init__()
        self.highest: list[str] = []
        self.sums: list[str] = []

    def rectify(self, value: str) -> str:
        value = super().rectify(value)
        self.highest.append(self.add("ReduceMax", [value], keepdims=0))
        return value

    def settle(self, value: str) -> str:
        self.sums += [self.add(operator, [value], keepdims=0) for operator in ("ReduceMin", "ReduceMax")]
        return value

    def model(self, inputs: dict[str, list[str | int]], outputs: dict[str, list[str | int]]) -> onnx.ModelProto:
        return super().model(inputs, {**outputs, **{name: [] for name in (*self.highest, *self.sums)}})


def portrait_chips(portraits: Mapping[str, ByteArray]) -> ByteArray:
    """The aligned faces of the demo's portraits, uint8 RGB, shape (5, 150, 150, 3)."""
    assert _PLAIN.landmarks is not None
    with np.load(load_part(_PLAIN.landmarks, cache_root())[0]) as arrays:
        predictor = LandmarkPredictor(arrays)
    places = ((portraits[name], np.array([rectangle])) for name, rectangle in RECTANGLES.items())
    return np.stack([cut_chip(image, predictor.points(image, place)[0]) for image, place in places])


def extremes(chips: ByteArray) -> Extremes:
    """The extremes of dlib's network on chips and their mirror images: uint8 RGB, shape (n, 150, 150, 3)."""
    source = _PLAIN.embedder.part.files[0]
    graph = _WatchedGraph()
    model = embedder(parse_resnet(read_source(source, cache_root())), graph)
    found = Network(model.SerializeToString(), source.source).run(np.concatenate([chips, chips[:, :, ::-1]]))
    limits, sums = ([float(found[name]) for name in names] for names in (graph.highest, graph.sums))
    return Extremes(limits, sums, hashlib.sha256(chips.tobytes()).hexdigest())


def toml(name: str, numbers: Iterable[float], digits: int) -> str:
    """An array of numbers as packs.toml has them."""
    words = [f"{number:.{digits}f}" for number in numbers]
    lines = [", ".join(words[at : at + _A_LINE]) for at in range(0, len(words), _A_LINE)]
    return "\n".join((f"{name} = [", *(f"  {line}," for line in lines), "]"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the two entries and the hash."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description="The limits of pack standard.")
    parser.add_argument("--archives", type=Path, default=ROOT / ".demo", help="folder of the demo's archives")
    options = parser.parse_args(arguments)
    found = extremes(portrait_chips(read_portraits(options.archives)))
    print(f"# sha256 of the five chips: {found.sha256}")
    print(toml("limits", found.limits, 3))
    print(toml("sums", found.sums, 3))


if __name__ == "__main__":
    main()
