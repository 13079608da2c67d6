import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import dlib_reference
from photocall import FaceEngine as ExportedEngine
from photocall.demo import Demo
from photocall.engine.face_engine import FaceEngine
from photocall.engine.sources import CACHE_VARIABLE, cache_root
from photocall.faces import BoundingBox, ByteArray
from photocall.media.images import read_image


def test_the_engine_is_exported() -> None:
    assert ExportedEngine is FaceEngine


def test_embeddings_of_the_same_chip_are_those_of_dlib(dlib_engine: FaceEngine, photos: dict[str, ByteArray]) -> None:
    chips = np.concatenate([dlib_engine.chips(image, dlib_engine.detect(image)) for image in photos.values()])[:24]
    assert len(chips) >= 5
    ours = dlib_engine.embed_chips(chips)
    theirs = np.stack([dlib_reference.embedding(chip) for chip in chips])
    assert np.abs(ours - theirs).max() <= 1e-5


def test_the_whole_pipeline_stays_close_to_the_whole_of_dlib(
    dlib_engine: FaceEngine, dlib_faces: list[tuple[ByteArray, NDArray[np.int64]]]
) -> None:
    """Another detector gives other boxes; dlib differs from itself by 0.04 in the median if it upsamples once more."""
    apart = []
    for image, rectangles in dlib_faces:
        faces = dlib_engine.faces(image)
        for rectangle in rectangles:
            theirs = BoundingBox(*(float(v) for v in (*rectangle[:2], *(rectangle[2:] - rectangle[:2]))))
            mine = max(faces, key=lambda face: face.box.iou(theirs), default=None)
            if mine is not None and mine.embedding is not None and mine.box.iou(theirs) > 0.4:
                vector = dlib_reference.embedding(dlib_reference.chip(image, rectangle))
                apart.append(float(np.linalg.norm(mine.embedding.vector - vector)))
    assert len(apart) >= 5
    assert np.median(apart) < 0.08
    assert max(apart) < 0.3


def test_every_face_of_the_class_photo_is_found_and_nothing_else(engine: FaceEngine, demo: Demo) -> None:
    faces = engine.faces(read_image(demo.photo))
    assert len(faces) == len(demo.faces)
    for placed in demo.faces:
        assert max(face.box.iou(placed.box) for face in faces) > 0.3
    for face in faces:
        assert face.embedding is not None and face.embedding.vector.shape == (128,)
        assert face.embedding.model == engine.model
        assert 0.7 <= face.score <= 1


def test_landmarks_lie_where_their_names_say(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    (face,) = engine.detect(portraits["biden"])
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert face.box.left < left_eye[0] < right_eye[0] < face.box.right


def test_a_mirrored_face_is_found_in_the_mirrored_place(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    image = portraits["biden"]
    (face,), (mirrored,) = engine.detect(image), engine.detect(image[:, ::-1])
    box = replace(face.box, left=image.shape[1] - face.box.right)
    assert mirrored.box.iou(box) > 0.8
    assert mirrored.quality.yaw == pytest.approx(-face.quality.yaw, abs=6)
    assert mirrored.quality.roll == pytest.approx(-face.quality.roll, abs=3)


def test_a_head_that_leans_clockwise_has_a_positive_roll(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    leaning = np.asarray(Image.fromarray(portraits["biden"]).rotate(-15))
    (upright,), (face,) = engine.detect(portraits["biden"]), engine.detect(leaning)
    assert face.quality.roll - upright.quality.roll == pytest.approx(15, abs=4)


def test_a_blurred_face_is_less_sharp_and_a_dark_one_less_bright(
    engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    image = portraits["biden"]
    small = Image.fromarray(image).reduce(6)
    blurred = np.asarray(small.resize((image.shape[1], image.shape[0])))
    (sharp,), (soft,), (dark,) = engine.detect(image), engine.detect(blurred), engine.detect(image // 2)
    assert soft.quality.sharpness < 0.7 * sharp.quality.sharpness
    assert dark.quality.brightness == pytest.approx(sharp.quality.brightness / 2, rel=0.1)
    assert sharp.quality.size == min(sharp.box.width, sharp.box.height)


@pytest.mark.parametrize("size", [(1, 1), (11, 400), (12, 12), (13, 37), (24, 24), (36, 35), (40, 500), (601, 33)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_without_faces_of_any_size_has_none(engine: FaceEngine, size: tuple[int, int], value: int) -> None:
    assert engine.faces(np.full((*size, 3), value, np.uint8)) == []


def test_noise_has_no_face(engine: FaceEngine) -> None:
    assert engine.detect(np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3), np.float32)],
    ids=["grey", "alpha", "float"],
)
def test_an_array_that_is_no_picture_is_refused_with_what_would_be_right(engine: FaceEngine, wrong: ByteArray) -> None:
    with pytest.raises(ValueError, match=r"uint8 RGB array of shape \(h, w, 3\)"):
        engine.faces(wrong)


def test_a_view_that_is_not_contiguous_is_fine(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    image = portraits["biden"]
    framed = np.zeros((image.shape[0] + 10, image.shape[1] + 10, 3), np.uint8)
    framed[5:-5, 5:-5] = image
    (a,), (b,) = engine.faces(image), engine.faces(framed[5:-5, 5:-5])
    assert a.embedding is not None and b.embedding is not None
    assert (a.embedding.vector == b.embedding.vector).all()


def test_many_threads_get_what_one_gets(engine: FaceEngine, portraits: dict[str, ByteArray]) -> None:
    names = ["obama2", "biden", "astronaut"] * 4
    alone = {name: engine.faces(portraits[name]) for name in set(names)}
    with ThreadPoolExecutor(6) as pool:
        for name, faces in zip(names, pool.map(lambda name: engine.faces(portraits[name]), names), strict=True):
            for mine, theirs in zip(faces, alone[name], strict=True):
                assert mine.box == theirs.box
                assert mine.embedding is not None and theirs.embedding is not None
                assert np.abs(mine.embedding.vector - theirs.embedding.vector).max() < 1e-5


def test_a_batch_of_any_size_gives_every_chip_its_own_embedding(
    engine: FaceEngine, portraits: dict[str, ByteArray]
) -> None:
    chip = engine.chips(portraits["biden"], engine.detect(portraits["biden"]))
    many = np.concatenate([chip, chip[:, :, ::-1], np.roll(chip, 7, axis=1)] * 15)[:37]
    vectors = engine.embed_chips(many)
    assert vectors.shape == (37, 128)
    for index in (0, 1, 2, 17, 36):
        assert np.abs(vectors[index] - engine.embed_chips(many[index : index + 1])[0]).max() < 1e-5
    assert engine.embed_chips(many[:0]).shape == (0, 128)


def test_an_engine_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must be"):
        FaceEngine(threads=-1)
    with pytest.raises(ValueError, match="min_face must be"):
        FaceEngine(min_face=19)


def test_memory_stays_flat_over_pictures_of_all_sizes() -> None:
    """In a process of its own: what is resident after 40 sizes is what was after the largest ones."""
    script = """
import numpy as np, resource
from photocall import FaceEngine

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

rng = np.random.default_rng(0)
engine = FaceEngine(threads=2)
chips = rng.integers(0, 256, (40, 150, 150, 3), np.uint8)
def work(rounds):
    for _ in range(rounds):
        height, width = rng.integers(30, 900, 2)
        engine.detect(rng.integers(0, 256, (height, width, 3), np.uint8))
        engine.embed_chips(chips[: rng.integers(1, 40)])
engine.detect(rng.integers(0, 256, (900, 900, 3), np.uint8))
work(20)
before = resident()
work(40)
print(before, resident())
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    before, after = map(float, answer.stdout.split())
    assert after - before < 12, f"{before:.0f} MB became {after:.0f} MB"
    assert after < 200, f"a warm engine takes {after:.0f} MB"


def test_the_largest_face_is_the_one_that_looking_for_all_finds(
    engine: FaceEngine, photos: dict[str, ByteArray]
) -> None:
    for name, image in photos.items():
        every = engine.detect(image)
        found = engine.detect_largest(image)
        assert found is not None, name
        largest = max(every, key=lambda face: face.box.area)
        assert (found.box, found.score) == (largest.box, largest.score), name


def test_a_picture_of_nobody_has_no_largest_face(engine: FaceEngine) -> None:
    assert engine.detect_largest(np.full((400, 300, 3), 127, np.uint8)) is None
    assert engine.detect_largest(np.zeros((5, 5, 3), np.uint8)) is None


def test_the_runtime_leaves_no_trace_of_telemetry(tmp_path: Path) -> None:
    """As it comes, ONNX Runtime writes an id of the machine and its events below the home directory."""
    script = "from photocall.engine.face_engine import FaceEngine; FaceEngine().close()"
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), CACHE_VARIABLE: str(cache_root())}
    subprocess.run([sys.executable, "-c", script], env={**inherited, **home}, check=True)
    assert list(tmp_path.rglob("*")) == []
