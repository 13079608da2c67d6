"""A user's own packs: written, found out from the files, loaded, and used like those that come with photocall."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_models import constant_maps, mean_embedder, scrfd_maps, yunet_maps
from photocall.engine.face_engine import FaceEngine
from photocall.engine.own_packs import detector_entries, embedder_entries, write_calibration, write_pack
from photocall.engine.packs import load_pack, pack_names, pack_of_model
from photocall.engine.parts import Pixels
from photocall.errors import NotCalibrated, WeightsInvalid
from photocall.faces import ByteArray, FloatArray

MEASURED: dict[str, Any] = {
    "source": "made up",
    "fmr_curve": [-8.0, 23.0, -13.0],
    "valid": [0.4, 0.7],
    "d80": 0.54,
    "d99": 0.41,
    "customary_threshold": 0.6,
}
PIXELS = Pixels("nchw", "rgb", (127.5, 127.5, 127.5), (127.5, 127.5, 127.5))


@pytest.fixture
def packs_file(tmp_path: Path) -> Path:
    """A user's file with one pack, `mine`, of tiny networks."""
    detector = constant_maps(tmp_path / "yunet.onnx", yunet_maps(128), 128)
    embedder = mean_embedder(tmp_path / "embedder.onnx", 112, 1)
    add(tmp_path / "packs.toml", "mine", detector, embedder)
    return tmp_path / "packs.toml"


def add(packs_file: Path, name: str, detector: Path, embedder: Path, pixels: Pixels = PIXELS) -> None:
    entries, embeddings = embedder_entries(embedder, "test only", pixels, flip=True)
    parts = {"detector": detector_entries(detector, "test only"), "embedder": entries, "embeddings": embeddings}
    write_pack(packs_file, name, parts)


def opened(packs_file: Path, pack: str = "mine") -> FaceEngine:
    return FaceEngine(threads=2, pack=pack, packs_file=packs_file, cache_dir=packs_file.parent / "cache")


def test_what_a_file_is_is_found_out_from_it(packs_file: Path) -> None:
    pack = load_pack("mine", packs_file)
    assert (pack.detector.layout, pack.embedder.alignment, pack.dimension, pack.unit_length) == (
        "yunet",
        "arcface",
        4,
        True,
    )
    assert pack.embedder.part.pixels == PIXELS
    assert pack.landmarks is None
    last = mean_embedder(packs_file.parent / "last.onnx", 150, "n", last=True)
    embedder, embeddings = embedder_entries(last, "test only", PIXELS, flip=False)
    assert (embedder["layout"], embedder["alignment"], embeddings["dimension"]) == ("nhwc", "dlib", 4)
    scrfd = constant_maps(packs_file.parent / "scrfd.onnx", scrfd_maps(128), 128)
    assert detector_entries(scrfd, "test only")["layout"] == "scrfd"


def test_vectors_that_are_made_otherwise_are_of_another_model(packs_file: Path) -> None:
    path = packs_file.parent / "embedder.onnx"
    bgr = Pixels("nchw", "bgr", PIXELS.mean, PIXELS.scale)
    models = [
        embedder_entries(path, "test only", pixels, flip)[1]["model"]
        for pixels in (PIXELS, bgr)
        for flip in (True, False)
    ]
    assert len(set(models)) == 4


@pytest.mark.parametrize("batch", [1, 3, "n"])
def test_vectors_are_averaged_with_the_mirror_image_and_of_unit_length(
    batch: int | str, packs_file: Path, tmp_path: Path
) -> None:
    add(packs_file, "other", tmp_path / "yunet.onnx", mean_embedder(tmp_path / "b.onnx", 112, batch))
    chips = np.random.default_rng(0).integers(0, 256, (5, 112, 112, 3), np.uint8)
    chips[:, :, :30] = 0  # a left half that differs from the right one
    means = (chips.astype(np.float64).mean(axis=(1, 2)) - 127.5) / 127.5
    expected = np.concatenate([means, means[:, :1]], axis=1)  # both halves together
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    with opened(packs_file, "other") as engine:
        vectors = engine.embed_chips(chips)
        assert vectors == pytest.approx(expected, abs=1e-5)
        assert vectors.dtype == np.float32
        assert engine.embed_chips(chips[:0]).shape == (0, 4)


def test_a_pack_that_nobody_measured_embeds_but_says_nothing_of_distances(packs_file: Path) -> None:
    with opened(packs_file) as engine:
        assert engine.pack == "mine"
        assert engine.faces(np.zeros((64, 64, 3), np.uint8)) == []
        with pytest.raises(NotCalibrated, match="--pack mine --calibrate"):
            _ = engine.calibration


def test_an_embedder_for_other_chips_or_with_other_vectors_is_refused_when_it_is_loaded(packs_file: Path) -> None:
    text = packs_file.read_text()
    packs_file.write_text(text.replace("dimension = 4", "dimension = 5"))
    with pytest.raises(WeightsInvalid, match=r"one output of 5 numbers is needed; its outputs are vector \(1, 4\)"):
        opened(packs_file)
    packs_file.write_text(text.replace('layout = "nchw"', 'layout = "nhwc"'))
    with pytest.raises(WeightsInvalid, match="layout nhwc needs an input of shape"):
        opened(packs_file)
    small = mean_embedder(packs_file.parent / "small.onnx", 96, 1)
    with pytest.raises(WeightsInvalid, match="it takes pictures of 96x96 pixels"):
        embedder_entries(small, "test only", PIXELS, flip=False)


def test_a_file_that_was_changed_or_is_gone_is_refused_until_it_has_been_converted(packs_file: Path) -> None:
    embedder = packs_file.parent / "embedder.onnx"
    data = embedder.read_bytes()
    embedder.write_bytes(data[:-1] + b"?")
    with pytest.raises(WeightsInvalid, match=r"embedder\.onnx: not the published file; pack mine says"):
        opened(packs_file)
    embedder.write_bytes(data)
    opened(packs_file).close()
    embedder.unlink()
    opened(packs_file).close()


def test_vectors_that_are_no_numbers_are_refused(packs_file: Path) -> None:
    nothing = Pixels("nchw", "rgb", (0, 0, 0), (1e-44, 1, 1))  # all that is not black becomes infinite
    add(packs_file, "other", packs_file.parent / "yunet.onnx", packs_file.parent / "embedder.onnx", nothing)
    with (
        opened(packs_file, "other") as engine,
        pytest.raises(WeightsInvalid, match="vectors hold what is no number"),
    ):
        engine.embed_chips(np.full((1, 112, 112, 3), 255, np.uint8))


# What is written


def test_processes_that_add_packs_at_once_lose_none(packs_file: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from photocall.engine.own_packs import write_pack; "
        "write_pack(Path(sys.argv[1]), sys.argv[2], {part: {'like': 'standard'} for part in "
        "('detector', 'landmarks', 'embedder', 'embeddings')})"
    )
    names = [f"pack{number}" for number in range(4)]
    running = [subprocess.Popen([sys.executable, "-c", script, str(packs_file), name]) for name in names]
    assert [process.wait() for process in running] == [0] * len(names)
    assert set(pack_names(packs_file)) == {*pack_names(), "mine", *names}


@pytest.mark.parametrize("name", ["a\nb.onnx", "\udcff.onnx"])
def test_a_path_that_no_list_of_packs_can_hold_is_refused(name: str, packs_file: Path) -> None:
    path = shutil.copy(packs_file.parent / "embedder.onnx", packs_file.parent / name)
    with pytest.raises(WeightsInvalid, match="a list of packs cannot hold that path; rename it"):
        embedder_entries(Path(path), "test only", PIXELS, flip=False)


def test_a_calibration_is_written_and_replaced_and_the_rest_of_the_file_stays(packs_file: Path) -> None:
    before = "# my own networks\n\n" + packs_file.read_text().replace("flip = true", "flip = true  # measured")
    packs_file.write_text(before)
    write_calibration(packs_file, "mine", {**MEASURED, "d80": 0.5})
    write_calibration(packs_file, "mine", MEASURED)
    assert packs_file.read_text().startswith(before)
    assert load_pack("mine", packs_file).calibration.d80 == 0.54
    assert list(tomllib.loads(packs_file.read_text())) == ["mine"]
    assert sorted(path.name for path in packs_file.parent.iterdir() if "packs" in path.name) == ["packs.toml"]


def test_a_pack_that_comes_with_photocall_can_be_measured_by_its_user(tmp_path: Path) -> None:
    packs_file = tmp_path / "new" / "packs.toml"
    write_calibration(packs_file, "opencv-zoo", MEASURED)
    assert load_pack("opencv-zoo", packs_file).calibration.d80 == 0.54
    assert pack_names(packs_file) == pack_names()
    with pytest.raises(NotCalibrated):
        _ = load_pack("opencv-zoo").calibration


@pytest.mark.parametrize(
    ("name", "table", "wrong"),
    [
        ("mine", {**MEASURED, "d80": "near"}, r"entry calibration\.d80 must be a number"),
        ("mine", {"d80": 0.5}, r"entry calibration\.fmr_curve"),
        ("thine", MEASURED, "there is no such pack"),
    ],
)
def test_a_calibration_that_would_not_load_is_not_written(
    name: str, table: dict[str, Any], wrong: str, packs_file: Path
) -> None:
    before = packs_file.read_bytes()
    with pytest.raises(WeightsInvalid, match=wrong):
        write_calibration(packs_file, name, table)
    assert packs_file.read_bytes() == before


@pytest.mark.parametrize("name", ["mine", "dlib-mtcnn"])
def test_a_name_is_given_once(name: str, packs_file: Path) -> None:
    with pytest.raises(WeightsInvalid, match="there is one of that name already"):
        write_pack(packs_file, name, {})


def test_a_file_that_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    packs_file = tmp_path / "packs.toml"
    packs_file.write_text("[mine\n")
    with pytest.raises(WeightsInvalid, match="not a list of packs in TOML"):
        write_calibration(packs_file, "opencv-zoo", MEASURED)
    assert packs_file.read_text() == "[mine\n"


def test_the_pack_of_a_model_is_found_and_wrong_entries_are_passed_over(packs_file: Path) -> None:
    mine = load_pack("mine", packs_file)
    packs_file.write_text('[broken.embedder]\nlayout = "nchw"\n' + packs_file.read_text())
    assert pack_of_model(mine.model, packs_file) == "mine"
    assert pack_of_model("dlib-resnet-v1", packs_file) == "dlib-mtcnn"
    assert pack_of_model("nobody's", packs_file) is None


# Real networks, which are no part of the project


@pytest.fixture(scope="session")
def real_packs(eval_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YuNet and SCRFD, each in front of MobileFaceNet and of the standard embedder."""
    models, packs_file = eval_data / "models", tmp_path_factory.mktemp("packs") / "packs.toml"
    if not models.is_dir():
        pytest.skip(f"there are no networks in {models}")
    pixels = Pixels("nchw", "rgb", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))  # ImageNet's
    for name, file in (("yunet", "yunet_n_dynamic.onnx"), ("scrfd", "scrfd_2.5g_bnkps.onnx")):
        detector = shutil.copy(models / file, packs_file.parent)
        add(packs_file, f"{name}-mobile", Path(detector), models / "mobilefacenet_darzhz.onnx", pixels)
        like = {part: {"like": "standard"} for part in ("landmarks", "embedder", "embeddings")}
        write_pack(packs_file, f"{name}-dlib", {"detector": detector_entries(Path(detector), "test only"), **like})
    return packs_file


@pytest.mark.parametrize("name", ["yunet-mobile", "scrfd-mobile", "yunet-dlib", "scrfd-dlib"])
def test_other_peoples_networks_find_faces_and_tell_people_apart(
    name: str, real_packs: Path, portraits: dict[str, ByteArray]
) -> None:
    with FaceEngine(threads=2, pack=name, packs_file=real_packs) as engine:
        vectors: dict[str, FloatArray] = {}
        for person, image in portraits.items():
            (face,) = engine.faces(image)
            assert face.embedding is not None
            vectors[person] = face.embedding.vector
            left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
            assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
            assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    apart = {(a, b): float(np.linalg.norm(vectors[a] - vectors[b])) for a in vectors for b in vectors if a < b}
    same = {pair for pair in apart if all(name.startswith("obama") for name in pair)}
    assert len(same) == 3
    assert max(apart[pair] for pair in same) < 0.8 * min(apart[pair] for pair in apart.keys() - same)
    if load_pack(name, real_packs).unit_length:
        assert all(np.linalg.norm(vector) == pytest.approx(1, abs=1e-5) for vector in vectors.values())


@pytest.mark.parametrize("name", ["yunet-mobile", "scrfd-mobile"])
def test_other_peoples_detectors_find_a_crowd(name: str, real_packs: Path, photos: dict[str, ByteArray]) -> None:
    if "bald_guys.jpg" not in photos:
        pytest.skip("there are no group photos")
    with FaceEngine(threads=2, pack=name, packs_file=real_packs, min_face=20) as engine:
        assert 23 <= len(engine.detect(photos["bald_guys.jpg"])) <= 26
