"""From aligned chips to vectors: batches, mirror images, unit length."""

from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from photocall.engine.align import CHIP_SIDES
from photocall.engine.detect import in_batches
from photocall.engine.networks import Network
from photocall.engine.parts import Pack
from photocall.faces import ByteArray, FloatArray

_MOST_CHIPS = 8  # a call of the network: as fast a face as 32, for a quarter of the memory


class Embedder:
    """The network of a pack, ready to run; safe to share between threads.

    Args:
        pack: which, and how its chips and vectors are treated.
        path: its converted network.
        pool: what it shares its work out to.

    Raises:
        WeightsInvalid: the network does not take the chips, or does not give the vectors, that the pack says.
    """

    def __init__(self, pack: Pack, path: Path, pool: Executor) -> None:
        part = pack.embedder
        self._network, self._pool = Network(path, part.part.files[0].source), pool
        self._flip, self._unit, self._dimension = part.flip, pack.unit_length, pack.dimension
        self._side = CHIP_SIDES[part.alignment]
        batch, height, width, _ = self._network.shape
        self._batch = batch
        if height not in (0, self._side) or width not in (0, self._side):
            reason = (
                f"it takes pictures of {width}x{height} pixels; chips of alignment {part.alignment} have {self._side}"
            )
            raise self._network.invalid(reason)
        self._output = self._found_output()

    def embed(self, chips: ByteArray) -> FloatArray:
        """A vector a chip.

        Args:
            chips: uint8 RGB, shape (n, side, side, 3).

        Returns:
            float32, shape (n, dimension); averaged with the mirrored chip's and of unit length where the pack says so.

        Raises:
            WeightsInvalid: the network fails on them, or gives what is no number.
        """
        if not len(chips):
            return np.empty((0, self._dimension), np.float32)
        rows = np.concatenate([chips, chips[:, :, ::-1]]) if self._flip else chips
        vectors = in_batches(self._pool, lambda part: [self._run(part)], rows, 2, _MOST_CHIPS)[0]
        if not np.isfinite(vectors).all():
            raise self._network.invalid("its vectors hold what is no number; check --mean, --scale and --colour")
        if self._flip:
            vectors = (vectors[: len(chips)] + vectors[len(chips) :]) / np.float32(2)
        if self._unit:
            lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
            vectors = vectors / np.maximum(lengths, np.float32(1e-12))
        return vectors

    def _run(self, chips: ByteArray) -> FloatArray:
        """The network's own vectors; one call, or as many as its fixed batch needs."""
        size = self._batch or len(chips)
        blank = np.zeros((-len(chips) % size, *chips.shape[1:]), np.uint8)
        rows = np.concatenate([chips, blank]) if len(blank) else chips
        parts = [self._network.run(rows[at : at + size])[self._output] for at in range(0, len(rows), size)]
        return np.concatenate([part.reshape(size, self._dimension) for part in parts])[: len(chips)]

    def _found_output(self) -> str:
        """The output that holds the vectors: the one of the right length, tried out where the file does not say it."""
        if [shape[1:] for shape in self._network.outputs.values()] == [(self._dimension,)]:
            (name,) = self._network.outputs
            return name
        size = self._batch or 1
        outputs = self._network.run(np.zeros((size, self._side, self._side, 3), np.uint8))
        fitting = [name for name, output in outputs.items() if output.size == size * self._dimension]
        if len(fitting) != 1:
            shapes = ", ".join(f"{name} {output.shape}" for name, output in outputs.items())
            raise self._network.invalid(f"one output of {self._dimension} numbers is needed; its outputs are {shapes}")
        return fitting[0]
