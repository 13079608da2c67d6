"""What a face's picture is worth, before it is compared with anything.

Size, sharpness and misfit predict errors (docs/accuracy.md); brightness and angles are there to tell people what to do
better. Everything is measured on a 64-pixel grey square of the inner face, so that numbers compare between sizes.
"""

import math

import numpy as np

from photocall.engine.align import MTCNN_CHIP_POINTS, similarity
from photocall.engine.pyramid import Level, crop_squares
from photocall.faces import BoundingBox, ByteArray, FloatArray, Quality

_SQUARE = 64  # side of the grey square, pixels
_INNER = 0.7  # of the box's longer side: leaves hair and background out

# A mean face in units of the eye distance, origin between the eyes, x right, y down, z towards the viewer. x and y are
# the mean frontal points above made symmetric; depths are rough anthropometry (nose tip 0.45 before the eyes, mouth
# corners 0.1). Rough is enough: angles are shown, and never decide.
_EYE_DISTANCE = float(MTCNN_CHIP_POINTS[1, 0] - MTCNN_CHIP_POINTS[0, 0])
_NOSE_Y = float(MTCNN_CHIP_POINTS[2, 1] - MTCNN_CHIP_POINTS[:2, 1].mean()) / _EYE_DISTANCE
_MOUTH_Y = float(MTCNN_CHIP_POINTS[3:, 1].mean() - MTCNN_CHIP_POINTS[:2, 1].mean()) / _EYE_DISTANCE
_MOUTH_X = float(MTCNN_CHIP_POINTS[4, 0] - MTCNN_CHIP_POINTS[3, 0]) / 2 / _EYE_DISTANCE
_MEAN_FACE = np.array(
    [(-0.5, 0, 0), (0.5, 0, 0), (0, _NOSE_Y, 0.45), (-_MOUTH_X, _MOUTH_Y, 0.1), (_MOUTH_X, _MOUTH_Y, 0.1)]
)
_TO_CAMERA = np.linalg.pinv(_MEAN_FACE - _MEAN_FACE.mean(axis=0))


def assess(levels: list[Level], boxes: list[BoundingBox], points: FloatArray) -> list[Quality]:
    """The quality of every face.

    Args:
        levels: the picture's pyramid.
        boxes: n boxes.
        points: float32, shape (n, 5, 2), in the order of `LANDMARK_NAMES`.
    """
    if not boxes:
        return []
    grey = _inner_grey(levels, boxes)
    mean, deviation, sharpness = _statistics(grey)
    return [
        Quality(
            size=min(box.width, box.height),
            sharpness=float(sharpness[i]),
            brightness=float(mean[i]),
            contrast=float(deviation[i]),
            **_angles(points[i]),
            misfit=_misfit(points[i]),
        )
        for i, box in enumerate(boxes)
    ]


def _inner_grey(levels: list[Level], boxes: list[BoundingBox]) -> FloatArray:
    """Grey squares of the inner faces, 0..255; float32, shape (n, 64, 64)."""
    edges = np.array([(box.left, box.top, box.right, box.bottom) for box in boxes], np.float32)
    centre = (edges[:, :2] + edges[:, 2:]) / 2
    half = (edges[:, 2:] - edges[:, :2]).max(axis=1, keepdims=True) * (_INNER / 2)
    crops: ByteArray = crop_squares(levels, np.concatenate([centre - half, centre + half], axis=1), _SQUARE)
    # Channel by channel: a mean over an axis of three takes ten times as long.
    grey = crops[..., 0].astype(np.float32)
    grey += crops[..., 1]
    grey += crops[..., 2]
    grey /= 3
    return grey


def _statistics(grey: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, standard deviation and sharpness of every square."""
    mean, deviation = grey.mean(axis=(1, 2)), grey.std(axis=(1, 2))
    inner = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    sharpness = (4 * inner - around).var(axis=(1, 2)) / np.maximum(deviation * deviation, 1)
    return mean, deviation, sharpness


def _angles(points: FloatArray) -> dict[str, float]:
    """Yaw, pitch and roll in degrees, from the affine camera that best maps the mean face to the points."""
    camera = (_TO_CAMERA @ (points - points.mean(axis=0)).astype(np.float64)).T
    across, down = ([value / (math.hypot(*row) or 1) for value in row] for row in camera.tolist())
    # The face's own z axis, the way the nose points, in the picture: x right, y down, z to the viewer.
    x, y, z = across[2], down[2], across[0] * down[1] - across[1] * down[0]
    return {
        "yaw": _degrees(math.atan2(x, z)),
        "pitch": _degrees(math.asin(max(-1.0, min(1.0, -y)))),
        "roll": _degrees(math.atan2(points[1, 1] - points[0, 1], points[1, 0] - points[0, 0])),
    }


def _degrees(radians: float) -> float:
    return round(math.degrees(radians), 1)


def _misfit(points: FloatArray) -> float:
    """Root mean square distance from the mean face's points after the best similarity, in eye distances."""
    factor, offset = similarity(points, MTCNN_CHIP_POINTS)
    fitted = (points.astype(np.float64) @ (1, 1j)) * factor + offset
    apart = np.abs(fitted - MTCNN_CHIP_POINTS @ (1, 1j))
    return float(np.sqrt((apart**2).mean()) / _EYE_DISTANCE)
