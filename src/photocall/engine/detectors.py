"""What every detector offers, and which one a pack means."""

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

from photocall.engine.detect import CascadeDetector, Detections
from photocall.engine.networks import Network, open_session
from photocall.engine.parts import DetectorPart
from photocall.engine.pyramid import Level
from photocall.engine.single_shot import SingleShotDetector
from photocall.faces import ByteArray


class Detector(Protocol):
    """Finds faces and five points of each."""

    def detect(self, image: ByteArray, min_face: int) -> tuple[Detections, list[Level]]:
        """The faces of at least about `min_face` pixels, best first, and the picture's pyramid.

        Args:
            image: uint8 RGB, shape (h, w, 3), both sides at least 12.
            min_face: shorter side of the smallest face looked for, in pixels, at least 20.
        """
        ...


def open_detector(part: DetectorPart, files: Sequence[Path], pool: Executor) -> Detector:
    """The detector of a pack, its networks loaded.

    Args:
        part: which.
        files: its converted networks.
        pool: what it shares its work out to.

    Raises:
        WeightsInvalid: a network's outputs are not those of its layout.
    """
    if part.layout == "mtcnn":
        pnet, rnet, onet = (open_session(path) for path in files)
        return CascadeDetector(pnet, rnet, onet, pool)
    return SingleShotDetector(Network(files[0], part.part.files[0].source), part)
