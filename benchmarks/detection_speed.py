"""Claim: with the default smallest face, what MTCNN finds looking from 20 pixels, in its time for those from 40.

MTCNN as programs customarily have it is written out here, with the engine's networks: a pyramid in steps of 0.709, each
level resized from the picture, whole levels through P-Net, every candidate cropped and resized from the picture,
thresholds 0.7, 0.7, 0.8. One thread each, decoding left out.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import onnxruntime as ort
from PIL import Image

from benchmarks.material import Material
from benchmarks.tables import Table, percent, target
from benchmarks.timing import Result, Sample, interleaved, summary, timed
from photocall.engine.detect import CascadeDetector, Detections, square, suppress
from photocall.engine.networks import open_session
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.engine.weights import load_weights
from photocall.evaluation.detection import Detected, detection_figures, match_all
from photocall.evaluation.wider import Marked, read_marked
from photocall.faces import BoundingBox, ByteArray, FloatArray
from photocall.media.images import read_image

SIZES = (24, 40, 80)
_P_THRESHOLD, _R_THRESHOLD, _O_THRESHOLD = 0.7, 0.7, 0.8  # the most precise of those measured for accuracy
_FACTOR, _WINDOW, _STRIDE = 0.709, 12, 2  # of MTCNN
_BATCH = 64  # crops a call


class Customary:
    """MTCNN's three stages without any of the engine's own turns.

    Args:
        networks: P-Net, R-Net and O-Net.
        min_face: smallest side of a face that is looked for, in pixels.
    """

    def __init__(self, networks: list[ort.InferenceSession], min_face: int) -> None:
        self._pnet, self._rnet, self._onet = networks
        self._min_face = min_face

    def detect(self, image: ByteArray) -> Detections:
        """The faces of a picture, uint8 RGB, shape (h, w, 3), best first."""
        picture, scale = Image.fromarray(image), _WINDOW / self._min_face
        found = []
        while min(picture.size) * scale >= _WINDOW:
            found.append(self._proposed(picture, scale))
            scale *= _FACTOR
        boxes, logits = (np.concatenate(parts) for parts in zip(*found, strict=True))
        squares = square(boxes[suppress(boxes, logits, 0.7)])
        logits, regression = self._judged(self._rnet, picture, squares, 24)
        boxes, logits = _passed(squares, logits, regression, _R_THRESHOLD)
        squares = square(boxes[suppress(boxes, logits, 0.7)])
        logits, regression, _ = self._judged(self._onet, picture, squares, 48)
        boxes, logits = _passed(squares, logits, regression, _O_THRESHOLD)
        kept = suppress(boxes, logits, 0.7, of_smaller=True)
        return Detections(
            boxes[kept], np.reciprocal(1 + np.exp(-logits[kept])), np.empty((len(kept), 5, 2), np.float32)
        )

    def _proposed(self, picture: Image.Image, scale: float) -> tuple[FloatArray, FloatArray]:
        width, height = (math.ceil(side * scale) for side in picture.size)
        level = np.asarray(picture.resize((width, height), Image.Resampling.BOX))
        logits, regression = self._pnet.run(None, {"image": level[None]})
        rows, columns = np.nonzero(logits[0] > _logit(_P_THRESHOLD))
        corner = np.stack([columns, rows], axis=1).astype(np.float32) * _STRIDE
        windows = np.concatenate([corner, corner + _WINDOW], axis=1) + _WINDOW * regression[0, :, rows, columns]
        scores = logits[0, rows, columns]
        kept = suppress(windows, scores, 0.5)
        return windows[kept] * np.tile(np.divide(picture.size, (width, height)), 2).astype(np.float32), scores[kept]

    def _judged(
        self, network: ort.InferenceSession, picture: Image.Image, squares: FloatArray, size: int
    ) -> list[FloatArray]:
        crops = np.empty((len(squares), size, size, 3), np.uint8)
        for crop, place in zip(crops, squares.round().astype(int).tolist(), strict=True):
            crop[:] = np.asarray(picture.crop(place).resize((size, size), Image.Resampling.BILINEAR))
        batches = [crops[first : first + _BATCH] for first in range(0, max(1, len(crops)), _BATCH)]
        outputs = [network.run(None, {"crops": batch}) for batch in batches]
        return [np.concatenate(columns) for columns in zip(*outputs, strict=True)]


def _passed(
    squares: FloatArray, logits: FloatArray, regression: FloatArray, threshold: float
) -> tuple[FloatArray, FloatArray]:
    passed = logits > _logit(threshold)
    sides = squares[passed, 2:] - squares[passed, :2]
    return squares[passed] + regression[passed] * np.tile(sides, 2), logits[passed]


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


@dataclass
class _Side:
    """One way of detecting, and what it found in each photo."""

    detect: Callable[[ByteArray], Detections]
    found: dict[str, Detected] = field(default_factory=dict)

    def run(self, photo: tuple[str, ByteArray]) -> Sample:
        """What detecting in a photo took."""
        name, image = photo
        answers: list[Detections] = []
        sample = timed(lambda: answers.append(self.detect(image)))
        self.found[name] = Detected(name, _boxes(answers[0]))
        return sample


def _boxes(found: Detections) -> tuple[tuple[BoundingBox, float], ...]:
    boxes = [BoundingBox(float(x), float(y), float(r - x), float(b - y)) for x, y, r, b in found.boxes]
    return tuple(sorted(zip(boxes, found.scores.tolist(), strict=True), key=lambda pair: -pair[1]))


def measure(material: Material) -> Result | None:
    """Both in turns over photos of WIDER FACE; None without evaluation data."""
    if material.evaluation is None:
        return None
    folder = material.evaluation / "wider-dev"
    marked = read_marked(folder / "wider_face_bbx_gt.txt")
    names = list(marked)[: 6 if material.quick else None]
    networks = [open_session(path) for path in load_weights(load_pack(DEFAULT_PACK)).detector]
    with ThreadPoolExecutor(1) as pool:
        cascade = CascadeDetector(networks[0], networks[1], networks[2], pool)
        sides = {f"customary MTCNN, {size}": _Side(Customary(networks, size).detect) for size in (20, 40)}
        for size in (24, 40):
            sides[f"photocall, {size}"] = _Side(partial(_own, cascade, size))
        photos = [(name, read_image(folder / "images" / name)) for name in names]
        samples = interleaved({name: side.run for name, side in sides.items()}, photos, "detection")
    rows = [{"side": name, **_mean(samples[name]), "rates": _rates(side, marked)} for name, side in sides.items()]
    return {"photos": len(names), "rows": rows}


def _own(cascade: CascadeDetector, min_face: int, image: ByteArray) -> Detections:
    return cascade.detect(image, min_face)[0]


def _mean(samples: list[Sample]) -> Result:
    mean_ms = 1000 * float(np.mean([sample.cpu for sample in samples]))
    return {**summary(samples), "mean_cpu_ms": round(mean_ms, 1)}


def _rates(side: _Side, marked: dict[str, tuple[Marked, ...]]) -> list[Result]:
    found = list(side.found.values())
    rates = [detection_figures(match_all(found, marked, size), np.ones(len(found))) for size in SIZES]
    return [{name: round(rate[name], 4) for name in ("recall", "precision")} for rate in rates]


def tables(result: Result) -> list[Table]:
    """One row a way of detecting."""
    sides = {row["side"]: row for row in result["rows"]}
    wide, narrow, own = sides["customary MTCNN, 20"], sides["customary MTCNN, 40"], sides["photocall, 40"]
    reached = own["rates"][0]["recall"] >= wide["rates"][0]["recall"] and own["mean_cpu_ms"] <= narrow["mean_cpu_ms"]
    verdict = f" (default); recall of MTCNN from 20 px in its time from 40 px{target(reached, '')}"
    rows = [
        (
            f"{name} px{verdict if row is own else ''}",
            f"{row['mean_cpu_ms']:.0f} ms",
            f"{row['cpu_ms']:.0f} ms",
            *(f"{percent(rate['recall'])} / {percent(rate['precision'])}" for rate in row["rates"]),
        )
        for name, row in sides.items()
    ]
    note = (
        f"{result['photos']} photos of WIDER FACE, one thread, decoding left out; recall / precision of faces from "
        "a size on, IoU 0.5. Customary MTCNN: the same networks, thresholds 0.7, 0.7, 0.8."
    )
    sizes = [f"faces from {size} px" for size in SIZES]
    return [Table("Finding faces", ("smallest face looked for", "mean CPU", "median CPU", *sizes), rows, note)]
