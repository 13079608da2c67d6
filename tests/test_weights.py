"""The cache of converted networks: built once, by one process, found intact or built again."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import onnxruntime as ort
import pytest

from photocall.engine.packs import load_pack
from photocall.engine.parts import Pack, Part, SourceFile
from photocall.engine.sources import CACHE_VARIABLE, cache_root, read_source
from photocall.engine.weights import load_weights, verify_weights, weights_place
from photocall.errors import WeightsInvalid

PACK = load_pack("dlib-mtcnn")
PNET = PACK.files[0]

LOAD = """
import logging, sys
from pathlib import Path
from photocall.engine.packs import load_pack
from photocall.engine.weights import load_weights
logging.basicConfig(level=logging.INFO, format="%(message)s")
print(load_weights(load_pack("dlib-mtcnn"), Path(sys.argv[1])).embedder)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the default pack; not to be changed."""
    cache = tmp_path_factory.mktemp("weights")
    load_weights(PACK, cache)
    return cache


@pytest.fixture
def cache(built: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "cache"))


def with_files(pack: Pack, change: Callable[[SourceFile], SourceFile]) -> Pack:
    """The pack with every file changed."""

    def changed(part: Part) -> Part:
        return replace(part, files=tuple(map(change, part.files)))

    return replace(
        pack,
        detector=replace(pack.detector, part=changed(pack.detector.part)),
        landmarks=pack.landmarks and changed(pack.landmarks),
        embedder=replace(pack.embedder, part=changed(pack.embedder.part)),
    )


def without_sources(pack: Pack) -> Pack:
    """The pack on a machine where its packages are not installed: whatever has to be converted, fails."""
    return with_files(pack, lambda file: replace(file, package="no_such_package==1.0"))


def place_of(file: str, cache: Path) -> Path:
    """The directory of the part that has this file, or of the embedder."""
    kinds = {"pnet.onnx": 0, "predictor.npz": 1}
    return weights_place(PACK.parts[kinds.get(file, 2)], cache)


def start_loading(cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(cache)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def contents(cache: Path) -> set[str]:
    return {entry.name for entry in cache.iterdir()}


def test_what_is_built_can_be_run(built: Path) -> None:
    files = load_weights(PACK, built)
    assert [path.name for path in files.detector] == ["pnet.onnx", "rnet.onnx", "onet.onnx"]
    for path in (*files.detector, files.embedder):
        assert ort.InferenceSession(path, providers=["CPUExecutionProvider"]).get_outputs()
    assert files.predictor is not None
    with np.load(files.predictor) as arrays:
        assert arrays["leaves"].shape == (15, 500, 16, 10)


def test_a_cache_holds_one_directory_a_part_and_a_manifest_of_its_files(built: Path) -> None:
    places = [weights_place(part, built) for part in PACK.parts]
    assert contents(built) == {".lock", *(place.name for place in places)}
    for part, place in zip(PACK.parts, places, strict=True):
        manifest = json.loads((place / "manifest.json").read_text())
        assert manifest["sources"] == {file.name: file.sha256 for file in part.files}
        assert contents(place) == {"manifest.json", *manifest["files"]}


def test_packs_that_name_the_same_files_share_what_is_built_of_them(built: Path) -> None:
    plain, standard, yunet = (
        [weights_place(part, built) for part in load_pack(name).parts] for name in ("dlib-mtcnn", "standard", "yunet")
    )
    assert standard[:2] == plain[:2]  # detector and landmarks
    assert yunet[1:] == standard[1:]  # landmarks and embedder


def test_a_warm_cache_needs_no_packages(built: Path) -> None:
    assert load_weights(without_sources(PACK), built) == load_weights(PACK, built)


def test_a_warm_cache_imports_neither_the_converter_nor_the_packages(built: Path) -> None:
    program = LOAD + "print({'onnx', 'joblib', 'mtcnn', 'face_recognition_models', 'lz4'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program, str(built)], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [str(load_weights(PACK, built).embedder), "set()"]


def test_finding_a_source_does_not_import_its_package() -> None:
    program = (
        "import sys; from photocall.engine.packs import load_pack; from photocall.engine.sources import read_source; "
    )
    program += "[read_source(file) for file in load_pack('dlib-mtcnn').files]; "
    program += "print({'mtcnn', 'face_recognition_models'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_other_sources_get_another_place(built: Path) -> None:
    part = PACK.detector.part
    other = replace(part, files=(replace(PNET, sha256="0" * 64), *part.files[1:]))
    assert weights_place(other, built) != weights_place(part, built)


def test_other_pixels_get_another_place(built: Path) -> None:
    part = load_pack("opencv-zoo").embedder.part
    assert part.pixels is not None
    other = replace(part, pixels=replace(part.pixels, colour="bgr"))
    assert weights_place(other, built) != weights_place(part, built)


def test_the_environment_names_the_cache(monkeypatch: pytest.MonkeyPatch, built: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(built))
    assert cache_root() == built
    assert load_weights(without_sources(PACK)).embedder.parent.parent == built
    monkeypatch.setenv(CACHE_VARIABLE, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(built / "user"))
    assert cache_root() == built / "user" / "photocall"


# Damage


def flip_a_byte(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 1)


def empty(file: Path) -> None:
    os.truncate(file, 0)


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, empty, Path.unlink])
@pytest.mark.parametrize("file", ["embedder.onnx", "predictor.npz", "manifest.json"])
def test_damage_is_found_before_a_network_is_loaded(cache: Path, file: str, damage: object) -> None:
    place = place_of(file, cache)
    assert callable(damage)
    if (file, damage) == ("manifest.json", flip_a_byte):
        (place / file).write_text('{"files": ["embedder.onnx"]}')  # a flipped byte may be a blank
    else:
        damage(place / file)
    with pytest.raises(WeightsInvalid, match="the package is not installed"):
        load_weights(without_sources(PACK), cache)
    (problem,) = verify_weights(PACK, cache)
    assert file in problem


def test_a_damaged_cache_is_built_again_with_a_warning(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    place, before_all = place_of("embedder.onnx", cache), contents(cache)
    before = (place / "embedder.onnx").read_bytes()
    flip_a_byte(place / "embedder.onnx")
    with caplog.at_level(logging.WARNING):
        files = load_weights(PACK, cache)
    assert "embedder.onnx is damaged; converting again" in caplog.text
    assert files.embedder.read_bytes() == before
    assert contents(cache) == before_all
    assert verify_weights(PACK, cache) == []


def test_verification_finds_a_change_that_a_checksum_was_fitted_to(cache: Path) -> None:
    place = place_of("pnet.onnx", cache)
    flip_a_byte(place / "pnet.onnx")
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"]["pnet.onnx"]["crc32"] = zlib.crc32((place / "pnet.onnx").read_bytes())
    (place / "manifest.json").write_text(json.dumps(manifest))
    load_weights(without_sources(PACK), cache)
    assert verify_weights(PACK, cache) == [f"{place}: pnet.onnx is damaged"]


def test_verification_finds_nothing_wrong_with_what_is_installed_and_built(built: Path) -> None:
    assert verify_weights(PACK, built) == []


def test_verification_names_every_missing_source_and_the_missing_cache(tmp_path: Path) -> None:
    problems = verify_weights(without_sources(PACK), tmp_path / "none")
    assert len(problems) == 8
    assert all(problem.endswith("not converted yet") for problem in problems[5:])
    assert not (tmp_path / "none").exists()


# Sources


def test_a_missing_package_is_refused_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match=r"not installed; pip install no_such_package==1\.0"):
        load_weights(without_sources(PACK), tmp_path)
    assert contents(tmp_path) == {".lock"}


class Trap:
    """An object whose unpickling leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def trapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SourceFile:
    """A package whose pickle has the right size and name, but other bytes."""
    package = tmp_path / "trapped_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    joblib.dump(Trap(tmp_path / "mark"), package / "pnet.lz4")
    monkeypatch.syspath_prepend(tmp_path)
    size = (package / "pnet.lz4").stat().st_size
    return replace(PNET, package="trapped_weights==1.0", path="pnet.lz4", bytes=size)


def test_a_tampered_source_is_refused_before_it_is_unpickled(trapped: SourceFile, tmp_path: Path) -> None:
    with pytest.raises(WeightsInvalid, match=r"trapped_weights==1\.0, pnet\.lz4: not the published file"):
        load_weights(with_files(PACK, lambda file: trapped if file is PNET else file), tmp_path / "cache")
    assert not (tmp_path / "mark").exists()
    joblib.load(tmp_path / "trapped_weights" / "pnet.lz4")
    assert (tmp_path / "mark").exists()  # the trap was live


def test_a_source_of_another_size_or_that_is_missing_is_refused(trapped: SourceFile) -> None:
    with pytest.raises(WeightsInvalid, match="not the published file"):
        read_source(replace(trapped, bytes=trapped.bytes + 1))
    with pytest.raises(WeightsInvalid, match=r"other\.lz4: the file cannot be read: no such file"):
        read_source(replace(trapped, path="other.lz4"))


def test_a_cache_that_cannot_be_written_is_refused_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsInvalid, match=rf"{tmp_path}/file/cache: .*Not a directory; {CACHE_VARIABLE} names"):
        load_weights(PACK, tmp_path / "file" / "cache")
    problems = verify_weights(PACK, tmp_path / "file" / "cache")
    assert [problem.rpartition(": ")[2] for problem in problems] == ["Not a directory"] * 3


# Several processes, and their deaths


def test_of_four_processes_at_once_one_builds_and_all_use_it(tmp_path: Path) -> None:
    processes = [start_loading(tmp_path) for _ in range(4)]
    answers, logs = zip(*(process.communicate(timeout=120) for process in processes), strict=True)
    places = [weights_place(part, tmp_path) for part in PACK.parts]
    assert list(answers) == [f"{places[2] / 'embedder.onnx'}\n"] * 4
    assert sorted("".join(logs).splitlines()) == sorted(f"{place}: converting, once" for place in places)
    assert contents(tmp_path) == {".lock", *(place.name for place in places)}
    assert verify_weights(PACK, tmp_path) == []


def wait_for_building(cache: Path, process: subprocess.Popen[str]) -> None:
    while process.poll() is None and not any(name.startswith(".building-") for name in contents(cache)):
        time.sleep(0.005)


def test_a_killed_build_leaves_nothing_that_is_seen_and_the_next_one_works(tmp_path: Path) -> None:
    left = False
    for delay in (0.0, 0.2, 0.5, 1.0):
        process = start_loading(tmp_path)
        wait_for_building(tmp_path, process)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        problems = verify_weights(PACK, tmp_path)  # a part is whole, or not there at all
        assert all(problem.endswith("not converted yet") for problem in problems)
        left = left or any(name.startswith(".building-") for name in contents(tmp_path))
        for part in PACK.parts:
            shutil.rmtree(weights_place(part, tmp_path), ignore_errors=True)
    assert left  # at least one of them died at work
    load_weights(PACK, tmp_path)
    assert verify_weights(PACK, tmp_path) == []


def test_leftovers_of_the_dead_go_after_an_hour(cache: Path) -> None:
    old, young = cache / ".building-old", cache / ".building-young"
    for left in (old, young):
        left.mkdir()
        (left / "pnet.onnx").touch()
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    before = contents(cache)
    (place_of("embedder.onnx", cache) / "manifest.json").unlink()
    with pytest.raises(WeightsInvalid):
        load_weights(without_sources(PACK), cache)
    assert contents(cache) == before - {old.name}
