"""One engine, many threads: each gets what it would get alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray

THREADS = 16


def test_sixteen_threads_at_once_get_the_same_answers_as_one(
    engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    images = [np.ascontiguousarray(image[::2, ::2]) for image in portraits.values()]
    alone = [engine.faces(image) for image in images]
    assert sum(map(len, alone)) >= len(images)
    together = Barrier(THREADS)

    def answers(first: int) -> None:
        together.wait(timeout=60)
        for turn in range(len(images)):
            index = (first + turn) % len(images)
            faces = engine.faces(images[index])
            assert [face.box for face in faces] == [face.box for face in alone[index]]
            for face, expected in zip(faces, alone[index], strict=True):
                assert face.embedding is not None and expected.embedding is not None
                # Which faces share a batch depends on nothing but the picture, so not a bit differs.
                assert np.array_equal(face.embedding.vector, expected.embedding.vector)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(answers, range(THREADS)))
