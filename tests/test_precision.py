"""Whether faces are embedded in 8-bit integers: only where they pay, were chosen, and on that very processor."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commandline import photocall
from photocall.engine import precision
from photocall.engine.face_engine import FaceEngine
from photocall.engine.packs import load_pack
from photocall.engine.parts import INTEGER_KIND
from photocall.engine.precision import FLOAT, INTEGER, choose_precision, in_chosen_form, runs_in_integers
from photocall.errors import WeightsInvalid

STANDARD, PLAIN = load_pack("standard"), load_pack("dlib-mtcnn")
PART = STANDARD.embedder.part
VNNI = "avx2 avx512f avx512_vnni"


def processor(folder: Path, flags: str = VNNI, name: str = "Made Up 9000") -> Path:
    """What Linux would tell of such a processor, with two cores."""
    core = f"processor\t: 0\nmodel name\t: {name}\nflags\t\t: fpu {flags}\n\n"
    path = folder / f"{name} {flags}".replace(" ", "-")
    path.write_text(core * 2)
    return path


def choice_file(cache: Path) -> Path:
    (file,) = cache.glob("*.precision.json")
    return file


def kinds(cache: Path, cpuinfo: Path) -> str:
    return in_chosen_form(STANDARD, cache, cpuinfo).embedder.part.kind


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What measuring both forms gives, so that every outcome can be tried: speed-up and drift."""
    found = {"speedup": 2.0, "drift": 0.03}
    monkeypatch.setattr(precision, "_measured", lambda part, cache: (found["speedup"], found["drift"]))
    return found


@pytest.mark.parametrize("flags", [VNNI, "avx2 avx_vnni"])
def test_integers_are_chosen_where_they_are_faster_and_the_choice_is_remembered(
    flags: str, measured: dict[str, float], tmp_path: Path
) -> None:
    cpuinfo = processor(tmp_path, flags)
    assert kinds(tmp_path / "cache", cpuinfo) == PART.kind  # nobody has chosen yet
    choice = choose_precision(PART, tmp_path / "cache", cpuinfo=cpuinfo)
    assert (choice.precision, choice.speedup, choice.drift) == (INTEGER, measured["speedup"], measured["drift"])
    assert choice.processor == "Made Up 9000"
    chosen = in_chosen_form(STANDARD, tmp_path / "cache", cpuinfo)
    assert chosen.embedder.part == replace(PART, kind=INTEGER_KIND)
    assert chosen.model == STANDARD.model


def test_the_processor_of_an_arm_machine_is_known_by_its_number_and_features(
    measured: dict[str, float], tmp_path: Path
) -> None:
    cpuinfo = tmp_path / "arm"
    cpuinfo.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU part\t: 0xd40\n")
    assert choose_precision(PART, tmp_path / "cache", cpuinfo=cpuinfo).processor == "0xd40"
    assert kinds(tmp_path / "cache", cpuinfo) == INTEGER_KIND


@pytest.mark.parametrize(("speedup", "drift"), [(1.19, 0.03), (0.4, 0.03), (2.5, 0.11)])
def test_floating_point_is_chosen_where_integers_are_hardly_faster_or_move_vectors(
    speedup: float, drift: float, measured: dict[str, float], tmp_path: Path
) -> None:
    measured |= {"speedup": speedup, "drift": drift}
    cpuinfo = processor(tmp_path)
    assert choose_precision(PART, tmp_path / "cache", cpuinfo=cpuinfo).precision == FLOAT
    assert kinds(tmp_path / "cache", cpuinfo) == PART.kind


def test_a_user_may_have_it_otherwise(measured: dict[str, float], tmp_path: Path) -> None:
    cache, cpuinfo = tmp_path / "cache", processor(tmp_path)
    assert choose_precision(PART, cache, FLOAT, cpuinfo).precision == FLOAT
    assert kinds(cache, cpuinfo) == PART.kind
    measured["speedup"] = 1.0
    assert choose_precision(PART, cache, INTEGER, cpuinfo).precision == INTEGER
    assert kinds(cache, cpuinfo) == INTEGER_KIND


@pytest.mark.parametrize("flags", ["avx2 avx512f", ""])
def test_integers_are_refused_without_vnni(flags: str, tmp_path: Path) -> None:
    cpuinfo = processor(tmp_path, flags)
    with pytest.raises(WeightsInvalid, match="the processor, Made Up 9000, has no VNNI; use fp32"):
        choose_precision(PART, tmp_path / "cache", INTEGER, cpuinfo)
    choice = choose_precision(PART, tmp_path / "cache", cpuinfo=cpuinfo)
    assert (choice.precision, choice.speedup, choice.drift) == (FLOAT, None, None)


def test_where_nothing_is_known_of_the_processor_it_is_floating_point(tmp_path: Path) -> None:
    choice = choose_precision(PART, tmp_path / "cache", cpuinfo=tmp_path / "missing")
    assert (choice.precision, choice.processor) == (FLOAT, "")
    with pytest.raises(WeightsInvalid, match="has no VNNI"):
        choose_precision(PART, tmp_path / "cache", INTEGER, tmp_path / "missing")


def test_a_network_without_ranges_of_its_sums_stays_in_floating_point(tmp_path: Path) -> None:
    cpuinfo = processor(tmp_path)
    part = PLAIN.embedder.part
    with pytest.raises(WeightsInvalid, match="it has no form in 8-bit integers; use fp32"):
        choose_precision(part, tmp_path / "cache", INTEGER, cpuinfo)
    assert choose_precision(part, tmp_path / "cache", cpuinfo=cpuinfo).precision == FLOAT
    choice_file(tmp_path / "cache").write_text(json.dumps({"precision": INTEGER, "processor": "Made Up 9000"}))
    assert in_chosen_form(PLAIN, tmp_path / "cache", cpuinfo) == PLAIN


def test_another_processor_goes_back_to_floating_point(measured: dict[str, float], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    choose_precision(PART, cache, cpuinfo=processor(tmp_path))
    assert kinds(cache, processor(tmp_path, name="Made Up 1")) == PART.kind
    assert kinds(cache, processor(tmp_path, flags="avx2")) == PART.kind  # the name alone does not make it able
    assert kinds(cache, processor(tmp_path)) == INTEGER_KIND


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"int8"', b"\xff", b'{"precision": "int8"}', b"{}", None])
def test_a_damaged_or_missing_choice_is_floating_point(
    content: bytes | None, measured: dict[str, float], tmp_path: Path
) -> None:
    cache, cpuinfo = tmp_path / "cache", processor(tmp_path)
    choose_precision(PART, cache, cpuinfo=cpuinfo)
    if content is None:
        choice_file(cache).unlink()
    else:
        choice_file(cache).write_bytes(content)
    assert kinds(cache, cpuinfo) == PART.kind


def test_a_choice_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    with pytest.raises(WeightsInvalid, match="cannot keep there how faces are embedded"):
        choose_precision(PART, tmp_path / "cache", FLOAT, processor(tmp_path, flags=""))


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_both_forms_are_measured_on_this_machine(own_cache: Path) -> None:
    """The figures are this machine's own; without VNNI the integers may be slow and far off, but they run."""
    speedup, drift = precision._measured(PART, own_cache)
    assert speedup > 0.05
    assert drift > 1e-4
    kinds = {path.name.rsplit("-", 1)[0] for path in own_cache.iterdir() if path.is_dir()}
    assert kinds == {PART.kind, INTEGER_KIND}


@pytest.mark.skipif(not runs_in_integers(PART), reason="this processor multiplies no bytes (VNNI)")
def test_an_engine_runs_in_the_form_that_was_chosen(own_cache: Path) -> None:
    chips = precision._made_up_chips()
    vectors = {}
    for form in (FLOAT, INTEGER):
        choose_precision(PART, own_cache, form)
        with FaceEngine(cache_dir=own_cache, threads=2) as engine:
            vectors[form] = engine.embed_chips(chips)
            assert engine.model == STANDARD.model
    drift = np.linalg.norm(vectors[FLOAT] - vectors[INTEGER], axis=1)
    assert drift.min() > 1e-4
    assert drift.max() < precision.MOST_DRIFT


def test_models_build_tells_what_was_chosen_and_why(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCALL_CACHE", str(own_cache))
    answer = photocall("models", "build", "standard", "--precision", FLOAT, "--json")
    assert (answer.code, answer.err) == (0, "")
    (told,) = answer.values
    assert set(told) == {"pack", "place", "parts", "precision", "speedup", "drift", "processor"}
    assert (told["pack"], told["precision"]) == ("standard", FLOAT)
    assert (told["speedup"] is not None) == runs_in_integers(PART)
    assert all(Path(place).is_dir() for place in told["parts"])
    assert json.loads(choice_file(own_cache).read_text())["precision"] == FLOAT


def test_models_build_refuses_integers_for_a_pack_that_has_none(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCALL_CACHE", str(own_cache))
    answer = photocall("models", "build", "dlib-mtcnn", "--precision", INTEGER)
    assert answer.code == 1
    assert "it has no form in 8-bit integers; use fp32" in answer.problems[0]
