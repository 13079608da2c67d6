"""The engine's one door: pictures in, faces out."""

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from photocall.calibration import Calibration
from photocall.engine.align import CHIP_SIDES, cut_arcface_chip, cut_chip, predictor_rectangles
from photocall.engine.detectors import open_detector
from photocall.engine.embed import Embedder
from photocall.engine.follow import follow
from photocall.engine.landmarks import LandmarkPredictor
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.engine.precision import in_chosen_form
from photocall.engine.quality import assess
from photocall.engine.sources import cache_root
from photocall.engine.weights import load_weights
from photocall.faces import BoundingBox, ByteArray, Embedding, Face, FloatArray
from photocall.metric import Metric

_LARGE = 4_000_000  # pixels of a picture after which freed memory is given back, which takes some milliseconds
_FACES_TO_SHARE = 4  # faces of a picture whose chips two threads cut: for fewer, the predictor is as fast on one


class FaceEngine:
    """Finds faces in pictures and turns them into embeddings; safe to share between threads.

    Building one loads the networks (0.1 s; the first time on a machine they are converted, some seconds). Use
    one a process. Its threads end with `close` or with the `with` block.

    Args:
        threads: how many threads it computes on; 0 for as many as this process may use cores.
        min_face: smallest side of a face that is looked for, in pixels, 20 or more.
        pack: name of the model pack.
        packs_file: the user's own packs, beside those that come with photocall.
        cache_dir: where converted networks are kept; by default the user's cache directory.

    Raises:
        WeightsInvalid: there is no such pack, or its files are missing, or not what it says.
        ValueError: for an argument out of range.
    """

    def __init__(
        self,
        *,
        threads: int = 0,
        min_face: int = 40,
        pack: str = DEFAULT_PACK,
        packs_file: Path | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        if threads < 0:
            raise ValueError(f"threads must be 0 (all cores) or more, not {threads}")
        if min_face < 20:
            raise ValueError(f"min_face must be 20 pixels or more, not {min_face}")
        self._pack = load_pack(pack, packs_file)
        weights = load_weights(in_chosen_form(self._pack, cache_dir or cache_root()), cache_dir)
        self._min_face = min_face
        self._pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)), thread_name_prefix="photocall-engine")
        embedder = self._pool.submit(Embedder, self._pack, weights.embedder, self._pool)
        self._detector = open_detector(self._pack.detector, weights.detector, self._pool)
        self._predictor = None
        if weights.predictor is not None:
            with np.load(weights.predictor) as arrays:
                self._predictor = LandmarkPredictor(arrays)
        self._embedder = embedder.result()
        _return_freed_memory()

    @property
    def pack(self) -> str:
        """Name of the model pack."""
        return self._pack.name

    @property
    def model(self) -> str:
        """Name of the embedding space; embeddings of other models are never compared with it."""
        return self._pack.model

    @property
    def metric(self) -> Metric:
        """How embeddings of this model are compared."""
        return self._pack.metric

    @property
    def calibration(self) -> Calibration:
        """What distances between this model's embeddings mean. Raises `NotCalibrated` if nobody has measured it."""
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
        return self._detect(_checked(image), self._min_face)

    def detect_largest(self, image: ByteArray) -> Face | None:
        """The largest face of a picture, without its embedding: the one that `detect` finds, in a portrait far sooner.

        Where there is a large face, small ones are not looked for. A face of a quarter of the picture or more is the
        same to the last bit, since all sizes from half of it on have been looked at (docs/benchmarks.md).

        Args:
            image: uint8 RGB, shape (h, w, 3).

        Raises:
            ValueError: for an array of another type or shape.
        """
        image = _checked(image)
        eighth = min(image.shape[:2]) // 8
        if eighth > self._min_face:
            large = [face for face in self._detect(image, eighth) if face.quality.size >= 2 * eighth]
            if large:
                return max(large, key=lambda face: face.box.area)
        return max(self._detect(image, self._min_face), key=lambda face: face.box.area, default=None)

    def _detect(self, image: ByteArray, min_face: int) -> list[Face]:
        if min(image.shape[:2]) < 12:  # no window of the detector fits
            return []
        found, levels = self._detector.detect(image, min_face)
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

    def follow(self, image: ByteArray, faces: Sequence[Face]) -> list[Face | None]:
        """Faces of the frame before or after, where they are in this one; None for each that is not there any more.

        Much cheaper than `detect`, but nobody new is found.

        Args:
            image: uint8 RGB, shape (h, w, 3).
            faces: as `detect` or `follow` give them for a frame a fraction of a second away.

        Raises:
            ValueError: for an array of another type or shape.
        """
        return follow(self._detector, _checked(image), faces)

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
            uint8 RGB, shape (n, 150, 150, 3), or (n, 112, 112, 3) for a pack with ArcFace's alignment.
        """
        image = _checked(image)
        if not faces:
            side = CHIP_SIDES[self._pack.embedder.alignment]
            return np.empty((0, side, side, 3), np.uint8)
        landmarks = np.stack([face.landmarks for face in faces])
        if self._predictor is None:
            return np.stack(list(self._pool.map(lambda five: cut_arcface_chip(image, five), landmarks)))
        predictor, rectangles = self._predictor, predictor_rectangles(landmarks, self._pack.detector.layout)

        def cut(part: NDArray[np.int64]) -> list[ByteArray]:
            return [cut_chip(image, five) for five in predictor.points(image, part)]

        parts = np.array_split(rectangles, 2 if len(faces) >= _FACES_TO_SHARE else 1)
        return np.stack([chip for chips in self._pool.map(cut, parts) for chip in chips])

    def embed_chips(self, chips: ByteArray) -> FloatArray:
        """Embeddings of aligned face pictures, of any number of pictures at once.

        Args:
            chips: uint8 RGB, as `chips` gives them, shape (n, 150, 150, 3) or (n, 112, 112, 3); dlib's `get_face_chip`
                gives the former.

        Returns:
            float32, shape (n, d); d = 128 with dlib's network, whose own descriptors the pack `dlib-mtcnn` gives. Packs
            whose metric is the cosine give vectors of unit length.
        """
        return self._embedder.embed(chips)

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


def _return_freed_memory() -> None:
    """Give freed memory back to the system: tens of megabytes after loading networks; glibc keeps it unless asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # None with another C library
        trim(0)
