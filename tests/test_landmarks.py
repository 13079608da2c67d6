import numpy as np
from numpy.typing import NDArray

import dlib_reference
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray

DlibFaces = list[tuple[ByteArray, NDArray[np.int64]]]


def test_points_are_those_of_dlib_to_the_pixel(engine: FaceEngine, dlib_faces: DlibFaces) -> None:
    same = []
    for image, rectangles in dlib_faces:
        assert engine._predictor is not None
        ours = engine._predictor.points(image, rectangles)
        theirs = [dlib_reference.points(image, rectangle) for rectangle in rectangles]
        same += [bool((a == b).all()) for a, b in zip(ours, theirs, strict=True)]
    assert len(same) >= 5
    assert np.mean(same) >= 0.99


def test_points_agree_where_the_face_reaches_out_of_the_picture(
    engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    image = portraits["obama"]
    height, width = image.shape[:2]
    beyond = [(-80, -60, 300, 320), (width - 200, height - 250, width + 150, height + 100), (-900, -900, -500, -500)]
    assert engine._predictor is not None
    ours = engine._predictor.points(image, np.array(beyond))
    for rectangle, points in zip(beyond, ours, strict=True):
        assert (points == dlib_reference.points(image, np.array(rectangle))).all()


def test_a_face_has_the_same_points_alone_and_in_company(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    rectangles = np.array([(300, 100, 700, 500), (310, 120, 680, 490), (100, 100, 400, 400)])
    assert engine._predictor is not None
    together = engine._predictor.points(portraits["biden"], rectangles)
    alone = [engine._predictor.points(portraits["biden"], rectangle[None])[0] for rectangle in rectangles]
    assert (together == np.stack(alone)).all()


def test_no_face_gives_no_points(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    assert engine._predictor is not None
    assert engine._predictor.points(portraits["biden"], np.empty((0, 4), np.int64)).shape == (0, 5, 2)
