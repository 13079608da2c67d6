"""dlib itself, from dlib-bin, as the reference of the engine's exactness."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
from numpy.typing import NDArray

from photocall.faces import ByteArray, FloatArray


def _model(name: str) -> str:
    spec = find_spec("face_recognition_models")
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parent / "models" / name)


@cache
def _detector() -> "dlib.fhog_object_detector":
    return dlib.get_frontal_face_detector()


@cache
def _predictor() -> "dlib.shape_predictor":
    return dlib.shape_predictor(_model("shape_predictor_5_face_landmarks.dat"))


@cache
def _network() -> "dlib.face_recognition_model_v1":
    return dlib.face_recognition_model_v1(_model("dlib_face_recognition_resnet_model_v1.dat"))


def rectangles(image: ByteArray) -> NDArray[np.int64]:
    """Faces that dlib's HOG detector finds, one upsampling: left, top, right, bottom, inclusive."""
    found = [(r.left(), r.top(), r.right(), r.bottom()) for r in _detector()(image, 1)]
    return np.array(found, np.int64).reshape(-1, 4)


def points(image: ByteArray, rectangle: NDArray[np.int64]) -> NDArray[np.int64]:
    """The five points of one face, shape (5, 2)."""
    shape = _predictor()(image, dlib.rectangle(*(int(edge) for edge in rectangle)))
    return np.array([(part.x, part.y) for part in shape.parts()])


def chip(image: ByteArray, rectangle: NDArray[np.int64]) -> ByteArray:
    """The aligned face picture, uint8 RGB, shape (150, 150, 3)."""
    shape = _predictor()(image, dlib.rectangle(*(int(edge) for edge in rectangle)))
    return np.asarray(dlib.get_face_chip(image, shape, 150, 0.25))


def embedding(chip: ByteArray) -> FloatArray:
    """dlib's face descriptor of an aligned face picture, shape (128,)."""
    return np.array(_network().compute_face_descriptor(chip), np.float32)
