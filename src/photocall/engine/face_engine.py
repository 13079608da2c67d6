"""The engine's one door: pictures in, faces out."""

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
import onnxruntime as ort

from photocall.calibration import Calibration
from photocall.engine.align import CHIP_SIZE, cut_chip, predictor_rectangles
from photocall.engine.detect import CascadeDetector, in_batches
from photocall.engine.landmarks import LandmarkPredictor
from photocall.engine.packs import load_pack
from photocall.engine.quality import assess
from photocall.engine.weights import load_weights
from photocall.faces import BoundingBox, ByteArray, Embedding, Face, FloatArray

DEFAULT_PACK = "dlib-mtcnn"
_LARGE = (
    4_000_000  # pixels of a picture after which freed memory is given back: some milliseconds, once the work is done
)
_MOST_CHIPS = 8  # a call of the network: as fast a face as 32, for a quarter of the memory


class FaceEngine:
    """Finds faces in pictures and turns them into embeddings; safe to share between threads.

    Building one loads the networks (0.1 s; the first time on a machine they are converted, some seconds). Use
    one a process. Its threads end with `close` or with the `with` block.

    Args:
        threads: how many threads it computes on; 0 for as many as this process may use cores.
        min_face: smallest side of a face that is looked for, in pixels, 20 or more.
        pack: name of the model pack.
        cache_dir: where converted networks are kept; by default the user's cache directory.

    Raises:
        WeightsInvalid: the weights are missing, or not the ones that the pack names.
        ValueError: for an argument out of range.
    """

    def __init__(
        self, *, threads: int = 0, min_face: int = 40, pack: str = DEFAULT_PACK, cache_dir: Path | None = None
    ) -> None:
        if threads < 0:
            raise ValueError(f"threads must be 0 (all cores) or more, not {threads}")
        if min_face < 20:
            raise ValueError(f"min_face must be 20 pixels or more, not {min_face}")
        self._pack = load_pack(pack)
        weights = load_weights(self._pack, cache_dir)
        self._min_face = min_face
        self._pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)), thread_name_prefix="photocall-engine")
        embedder = self._pool.submit(_session, weights.embedder)
        networks = [_session(path) for path in (weights.pnet, weights.rnet, weights.onet)]
        self._detector = CascadeDetector(networks[0], networks[1], networks[2], self._pool)
        with np.load(weights.predictor) as arrays:
            self._predictor = LandmarkPredictor(arrays)
        self._embedder = embedder.result()
        _return_freed_memory()

    @property
    def model(self) -> str:
        """Name of the embedding space; embeddings of other models are never compared with it."""
        return self._pack.model

    @property
    def calibration(self) -> Calibration:
        """What distances between this model's embeddings mean."""
        return self._pack.calibration

    def faces(self, image: ByteArray) -> list[Face]:
        """Every face of a picture, with its embedding, best detected first.

        Args:
            image: uint8 RGB, shape (h, w, 3).

        Raises:
            ValueError: for an array of another type or shape.
        """
        return self.embed(image, self.detect(image))

    def detect(self, image: ByteArray) -> list[Face]:
        """Every face of a picture, without embeddings, best detected first.

        Args:
            image: uint8 RGB, shape (h, w, 3).

        Raises:
            ValueError: for an array of another type or shape.
        """
        image = _checked(image)
        if min(image.shape[:2]) < 12:  # no window of the detector fits
            return []
        found, levels = self._detector.detect(image, self._min_face)
        boxes = [
            BoundingBox(float(left), float(top), float(right - left), float(bottom - top))
            for left, top, right, bottom in found.boxes
        ]
        qualities = assess(levels, boxes, found.points)
        if image.shape[0] * image.shape[1] > _LARGE:
            del levels
            _return_freed_memory()
        return [
            Face(box, float(score), points, quality)
            for box, score, points, quality in zip(boxes, found.scores, found.points, qualities, strict=True)
        ]

    def embed(self, image: ByteArray, faces: Sequence[Face]) -> list[Face]:
        """The same faces with their embeddings, all in one batch.

        Args:
            image: the picture that the faces were detected in, uint8 RGB, shape (h, w, 3).
            faces: as `detect` gives them.

        Raises:
            ValueError: for an array of another type or shape.
        """
        vectors = self.embed_chips(self.chips(image, faces))
        return [
            replace(face, embedding=Embedding(vector, self.model)) for face, vector in zip(faces, vectors, strict=True)
        ]

    def chips(self, image: ByteArray, faces: Sequence[Face]) -> ByteArray:
        """The aligned face pictures that the network sees; small, so they may be kept to be embedded in bulk later.

        Args:
            image: the picture that the faces were detected in, uint8 RGB, shape (h, w, 3).
            faces: n faces as `detect` gives them.

        Returns:
            uint8 RGB, shape (n, 150, 150, 3).
        """
        image = _checked(image)
        if not faces:
            return np.empty((0, CHIP_SIZE, CHIP_SIZE, 3), np.uint8)
        rectangles = predictor_rectangles(np.stack([face.landmarks for face in faces]))
        points = self._predictor.points(image, rectangles)
        return np.stack(list(self._pool.map(lambda five: cut_chip(image, five), points)))

    def embed_chips(self, chips: ByteArray) -> FloatArray:
        """Embeddings of aligned face pictures, of any number of pictures at once.

        Args:
            chips: uint8 RGB, shape (n, 150, 150, 3), as `chips` or dlib's `get_face_chip` give them.

        Returns:
            float32, shape (n, 128): dlib's face descriptors, not normalised.
        """

        def run(part: ByteArray) -> list[FloatArray]:
            return [self._embedder.run(None, {"chips": part})[0]]

        if not len(chips):
            return np.empty((0, self._pack.dimension), np.float32)
        return in_batches(self._pool, run, chips, 2, _MOST_CHIPS)[0]

    def close(self) -> None:
        """End the engine's threads."""
        self._pool.shutdown()

    def __enter__(self) -> "FaceEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked(image: ByteArray) -> ByteArray:
    """The picture as a C-contiguous array, if it is one."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image must be a uint8 RGB array of shape (h, w, 3), not {image.dtype} {image.shape}")
    return np.ascontiguousarray(image)


def _session(path: Path) -> ort.InferenceSession:
    """A network on one thread: the engine's own threads share the work, which scales better than the runtime's."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps a plan for every input size: memory would grow, nothing gets faster
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _return_freed_memory() -> None:
    """Give freed memory back to the system: tens of megabytes after loading networks; glibc keeps it unless asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # None with another C library
        trim(0)
