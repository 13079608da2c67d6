"""Packs on the command line: listed, added, built, verified, chosen."""

import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from onnx_models import constant_maps, mean_embedder, scrfd_maps, yunet_maps
from photocall.app import open_app
from photocall.cli import main
from photocall.demo import Demo
from photocall.engine.packs import DEFAULT_PACK, load_pack
from photocall.settings import Settings

OUTPUT = pytest.CaptureFixture[str]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A detector and an embedder, so small that they know nobody."""
    detector = constant_maps(tmp_path / "finder.onnx", yunet_maps(128), 128)
    return detector, mean_embedder(tmp_path / "namer.onnx", 112, 1)


def add(data: Path, files: tuple[Path, Path], *more: str) -> int:
    detector, embedder = map(str, files)
    arguments = ["--detector", detector, "--embedder", embedder, "--licence", "test only", "--data", str(data)]
    return main(["models", "add", "mine", *arguments, *more])


def test_a_pack_of_ones_own_is_added_listed_built_verified_and_used(
    files: tuple[Path, Path], demo: Demo, tmp_path: Path, capsys: OUTPUT
) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert add(tmp_path / "data", files, "--colour", "bgr", "--mean", "1,2,3", "--scale", "4", "--flip") == 0
    capsys.readouterr()
    assert main(["models", "list", "--json", *data]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["pack"] == "mine"]
    assert [row["role"] for row in rows] == ["detector", "embedder"]
    for row, file in zip(rows, files, strict=True):
        assert (row["licence"], row["present"], row["calibrated"]) == ("test only", True, False)
        assert (row["source"], row["bytes"]) == (str(file), file.stat().st_size)
        assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    embedder = load_pack("mine", tmp_path / "data" / "packs.toml").embedder
    assert embedder.flip
    assert embedder.part.pixels is not None
    assert (embedder.part.pixels.colour, embedder.part.pixels.mean, embedder.part.pixels.scale) == (
        "bgr",
        (1, 2, 3),
        (4, 4, 4),
    )
    assert main(["models", "build", "mine", *data]) == 0
    assert main(["models", "verify", "mine", *data]) == 0
    assert main(["models", "get", "mine", *data]) == 0
    assert "mine: all there already" in capsys.readouterr().out
    assert main(["detect", "--pack", "mine", str(demo.photo), *data]) == 0
    assert capsys.readouterr().out == f"{demo.photo}: 0 faces\n"


def test_a_part_that_is_not_given_is_that_of_a_pack_that_comes_with_photocall(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    scrfd = constant_maps(tmp_path / "scrfd.onnx", scrfd_maps(128), 128)
    common = ["--licence", "test only", "--data", str(tmp_path)]
    assert main(["models", "add", "found", "--detector", str(scrfd), "--detector-layout", "scrfd", *common]) == 0
    assert main(["models", "add", "named", "--embedder", str(files[1]), "--like", "dlib-mtcnn", *common]) == 0
    found, named = (load_pack(name, tmp_path / "packs.toml") for name in ("found", "named"))
    standard = load_pack("standard")
    assert (found.detector.layout, found.model, found.measurement) == ("scrfd", standard.model, standard.measurement)
    assert found.landmarks is not None
    assert (named.detector.layout, named.landmarks, named.measurement) == ("mtcnn", None, None)


@pytest.mark.parametrize(
    ("arguments", "code", "wrong"),
    [
        (["--licence", "x"], 2, "nothing to add; give --detector FILE, --embedder FILE or both"),
        (["--licence", "x", "--detector", "absent.onnx"], 1, "absent.onnx: no such file"),
        (["--licence", "  ", "--detector", "finder.onnx"], 1, "entry detector.licence must be text"),
        (["--licence", "x", "--detector", "namer.onnx"], 1, "its outputs are not those of layout yunet"),
        (["--licence", "x", "--detector", "finder.onnx", "--detector-layout", "scrfd"], 1, "not those of layout scrfd"),
        (["--licence", "x", "--embedder", "finder.onnx"], 1, "it takes pictures of 128x128 pixels"),
        (["--licence", "x", "--embedder", "namer.onnx", "--mean", "1,2"], 2, "--mean: '1,2' is not allowed"),
        (["--licence", "x", "--embedder", "namer.onnx", "--like", "me"], 1, "there is no such pack"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_cannot_be_added_is_told_and_nothing_is_written(
    arguments: list[str], code: int, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: OUTPUT
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "add", "mine", *arguments, "--data", "."]) == code
    assert wrong in capsys.readouterr().err
    assert not (tmp_path / "packs.toml").exists()


def test_a_wrong_entry_of_ones_own_hides_no_other_pack(tmp_path: Path, capsys: OUTPUT) -> None:
    (tmp_path / "packs.toml").write_text("[mine.detector]\nlayout = 'yunet'\n")
    assert main(["models", "list", "--data", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert "opencv-zoo" in output.out
    assert "photocall: model pack 'mine': entry embedder must be a table" in output.err


def test_a_pack_that_was_not_fetched_says_how_to_get_it(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: OUTPUT
) -> None:
    monkeypatch.setenv("PHOTOCALL_CACHE", str(tmp_path))
    monkeypatch.setenv("PHOTOCALL_PACK", "opencv-zoo")
    assert main(["detect", str(demo.photo)]) == 1
    assert "not on this machine yet; photocall models get opencv-zoo" in capsys.readouterr().err
    assert main(["models", "verify"]) == 1
    assert main(["models", "list"]) == 0
    assert "232,589 bytes; not here yet: photocall models get yunet" in capsys.readouterr().out


def test_a_pack_that_nobody_calibrated_compares_nothing(
    files: tuple[Path, Path], demo: Demo, tmp_path: Path, capsys: OUTPUT
) -> None:
    assert main(["models", "add", "mine", "--embedder", str(files[1]), "--licence", "x", "--data", str(tmp_path)]) == 0
    photo = str(demo.photo)
    assert main(["compare", photo, photo, "--pack", "mine", "--data", str(tmp_path)]) == 1
    assert "Nobody has measured what distances of model pack 'mine' mean" in capsys.readouterr().err


def test_a_pack_is_fetched_and_used(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: OUTPUT
) -> None:
    monkeypatch.setenv("PHOTOCALL_CACHE", str(tmp_path / "cache"))
    data = ["--data", str(tmp_path)]
    assert add(tmp_path, files) == 0
    packs_file = tmp_path / "packs.toml"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        text = packs_file.read_text().replace(f'file = "{tmp_path}', f'home = "{address}"\nurl = "{address}')
        packs_file.write_text(text)
        assert main(["models", "build", "mine", *data]) == 1
        assert "not on this machine yet; photocall models get mine" in capsys.readouterr().err
        for fetched in (["detector", "embedder"], []):
            assert main(["models", "get", "mine", "--json", *data]) == 0
            assert json.loads(capsys.readouterr().out) == {"pack": "mine", "fetched": fetched}
        server.shutdown()
        thread.join()
    assert main(["models", "build", "mine", *data]) == 0
    assert main(["models", "verify", "mine", *data]) == 0


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that knows no ranges."""

    def log_message(self, *arguments: object) -> None:
        """Nothing on standard error."""


# Which pack is used


def test_the_enrolled_faces_decide_which_pack_is_used_until_another_is_named(
    demo: Demo, tmp_path: Path, capsys: OUTPUT
) -> None:
    data = ["--data", str(tmp_path)]
    with open_app(Settings(data=tmp_path)) as app:
        assert app.engine.pack == DEFAULT_PACK
    other = "standard" if DEFAULT_PACK == "dlib-mtcnn" else "dlib-mtcnn"
    assert main(["enroll", str(demo.enroll), "--pack", other, *data]) == 0
    with open_app(Settings(data=tmp_path)) as app:
        assert app.engine.pack == other
    capsys.readouterr()
    assert main(["recognize", str(demo.photo), "--pack", DEFAULT_PACK, *data]) == 1
    enrolled, wanted = load_pack(other).model, load_pack(DEFAULT_PACK).model
    message = capsys.readouterr().err
    assert f"Faces embedded by {wanted!r} cannot be compared with faces embedded by {enrolled!r}" in message
    assert f"give --pack with a pack of model {enrolled!r}" in message and "photocall models migrate" in message


def test_the_environment_names_a_pack_and_the_option_another(
    files: tuple[Path, Path], demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: OUTPUT
) -> None:
    assert add(tmp_path, files) == 0
    monkeypatch.setenv("PHOTOCALL_DATA", str(tmp_path))
    monkeypatch.setenv("PHOTOCALL_PACK", "mine")
    capsys.readouterr()
    assert main(["detect", str(demo.photo)]) == 0
    assert main(["detect", "--pack", "dlib-mtcnn", str(demo.photo)]) == 0
    assert capsys.readouterr().out == f"{demo.photo}: 0 faces\n{demo.photo}: 3 faces\n"
    assert main(["detect", "--pack", "nobody", str(demo.photo)]) == 1
    assert "there is no such pack; there is dlib-mtcnn, standard, yunet, opencv-zoo, mine" in capsys.readouterr().err


def test_comparing_is_dlibs_plain_distance_unless_a_pack_is_named(demo: Demo, capsys: OUTPUT) -> None:
    photo = str(demo.photo)
    answers = []
    for more in ([], ["--pack", "dlib-mtcnn"]):
        assert main(["compare", photo, photo, "--json", *more]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
