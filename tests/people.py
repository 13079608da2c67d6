"""Made-up people for tests of logic: a person is a direction in the embedding space, a photo of one a point near it."""

from dataclasses import replace

import numpy as np

from photocall.calibration import Calibration
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.faces import BoundingBox, Embedding, Face, FaceRecord, Quality

MODEL = load_pack(DEFAULT_PACK).model
CALIBRATION: Calibration = load_pack(DEFAULT_PACK).calibration
GOOD = Quality(size=100, sharpness=0.2, brightness=120, contrast=40, yaw=0, pitch=0, roll=0, misfit=0.03)


def person(number: int, apart: float = 0.0) -> Embedding:
    """Person `number`, `apart` from the enrolled picture in the same direction for everybody; people are 1.4 apart."""
    vector = np.zeros(128, np.float32)
    vector[number] = 1.0
    vector[127] = apart
    return Embedding(vector, MODEL)


def face(embedding: Embedding | None, left: float = 0, top: float = 0, size: float = 100) -> Face:
    """A frontal face with the given embedding and place."""
    unit = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)], np.float32)
    points = unit * size + np.array([left, top], np.float32)
    return Face(BoundingBox(left, top, size, size), 0.99, points, replace(GOOD, size=size), embedding)


def record(name: str, embedding: Embedding, number: int = 0, collection_id: str = "class") -> FaceRecord:
    """An enrolled face."""
    box = BoundingBox(0, 0, 100, 100)
    return FaceRecord(f"{name}-{number}", collection_id, "image", name, box, 200, 200, 0.99, embedding)
