"""`photocall evaluate` as it is typed: what it prints, what it counts, and what it says of bad input."""

import argparse
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import photocall.evaluation.fitting as fitting
from commandline import Answer
from commandline import photocall as typed
from photocall import cli
from photocall.engine.face_engine import FaceEngine
from photocall.faces import ByteArray
from photocall.media.images import write_image

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "cli.md").read_text()
SECTION = PAGE.split("## photocall evaluate")[1].split("\n## ")[0]

PHOTOS = {
    "Barack_Obama/1.jpg": "obama",
    "Barack_Obama/2.jpg": "obama2",
    "Joe_Biden/1.jpg": "biden",
    "Eileen_Collins/1.jpg": "astronaut",
}
PAIRS = """fold,a,b,same
1,Barack_Obama/1.jpg,Barack_Obama/2.jpg,1
1,Barack_Obama/1.jpg,Joe_Biden/1.jpg,0
2,Barack_Obama/2.jpg,Barack_Obama/1.jpg,1
2,Eileen_Collins/1.jpg,Joe_Biden/1.jpg,0
"""


@pytest.fixture(scope="module")
def images(portraits: dict[str, ByteArray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos of people, a picture without a face among them."""
    folder = tmp_path_factory.mktemp("images")
    for name, portrait in PHOTOS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_image(folder / name, portraits[portrait])
    (folder / "Nobody").mkdir()
    write_image(folder / "Nobody" / "1.png", np.full((90, 90, 3), 128, np.uint8))
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS)
    return path


def evaluated(*arguments: object) -> dict[str, object]:
    """The JSON of an evaluation that went well."""
    answer = typed("evaluate", *arguments, "--json")
    assert (answer.code, answer.err) == (0, ""), answer.err
    (value,) = answer.values
    assert keys(value) <= set(re.findall(r'"([^"]+)"', SECTION)), "every key is in docs/cli.md"
    return dict(value)


def keys(value: object) -> set[str]:
    if isinstance(value, dict):
        return value.keys() | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


def test_pairs_are_told_to_machines(images: Path, pairs: Path) -> None:
    result = evaluated("pairs", pairs, "--images", images)
    assert {"accuracy", "fnmr_at_fmr", "failures_to_acquire", "pairs"} <= result.keys()
    assert (result["accuracy"], result["pairs"], result["failures_to_acquire"]) == (1, 4, 0)
    assert result["fnmr_at_fmr"] == {"1e-2": 0, "1e-3": 0}
    assert (result["impostor_pairs"], result["people"], result["folds"]) == (5, 3, 2)


def test_people_read_tables_with_counts(images: Path, pairs: Path, tmp_path: Path) -> None:
    answer = typed("evaluate", "pairs", pairs, "--images", images, "--plot", tmp_path / "det.svg")
    assert (answer.code, answer.err) == (0, "")
    assert "100.00 %" in answer.out and "4 pairs in 2 folds, 4 photos of 3 people" in answer.out
    assert (tmp_path / "det.svg").read_text().startswith("<?xml")


def test_identification_names_counts_and_draws(images: Path, pairs: Path, tmp_path: Path) -> None:
    result = evaluated("identify", pairs, "--images", images, "--plot", tmp_path / "det.png", "--target", "0.02")
    assert {"rank1", "fnir_at_fpir", "strangers_named_at_target", "gallery", "mated", "non_mated"} <= result.keys()
    assert (result["gallery"], result["mated"], result["non_mated"], result["target"]) == (1, 1, 2, 0.02)
    assert (result["rank1"], result["strangers_named_at_target"]) == (1, 0)
    assert result["fnir_at_fpir"] == {"0.01": 0, "0.05": 0}
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")
    assert "1 person enrolled" in typed("evaluate", "identify", pairs, "--images", images).out


def test_detection_counts_faces_that_were_marked(
    images: Path, engine: FaceEngine, portraits: dict[str, ByteArray], tmp_path: Path
) -> None:
    labels = tmp_path / "gt.txt"
    box = max(engine.detect(portraits["biden"]), key=lambda face: face.box.area).box
    left, top, width, height = (round(edge) for edge in (box.left, box.top, box.width, box.height))
    labels.write_text(
        f"Joe_Biden/1.jpg\n2\n{left} {top} {width} {height} 0 0 0 0 0 0\n1 1 90 90 0 0 0 0 0 0\n"
        "Nobody/1.png\n0\n0 0 0 0 0 0 0 0 0 0\n"
    )
    result = evaluated("detection", labels, "--images", images)
    assert result["recall"] == {"16": 0.5, "24": 0.5, "40": 0.5, "80": 0.5}
    assert result["precision"] == {"16": 1, "24": 1, "40": 1, "80": 1}
    assert result["ap"] == result["recall"] and result["photos"] == 2
    assert "2 photos" in typed("evaluate", "detection", labels, "--images", images).out
    few = evaluated("cohorts", "detection", labels, "--images", images, "--by", "blur")
    assert [row["too_small"] for row in few["groups"]] == [True, True, True]  # type: ignore[attr-defined]


@pytest.mark.parametrize("of", ["pairs", "identify"])
def test_cohorts_are_told_by_measure_or_by_table(of: str, images: Path, pairs: Path, tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("person,age group\nBarack_Obama,40-50\nJoe_Biden,60-70\n")
    by_size = evaluated("cohorts", of, pairs, "--images", images, "--by", "size")
    assert (by_size["of"], by_size["by"]) == (of, "size")
    by_age = ("cohorts", of, pairs, "--images", images, "--by", "age group", "--table", table)
    groups = [row["group"] for row in evaluated(*by_age)["groups"]]  # type: ignore[attr-defined]
    assert groups[:3] == ["40-50", "60-70", "not in the table"]
    assert "40-50 (fewer than 30)" in typed("evaluate", *by_age).out


def test_photos_that_cannot_be_read_are_named_and_counted(images: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(
        "fold,a,b,same\n1,Barack_Obama/1.jpg,Barack_Obama/9.jpg,1\n1,Joe_Biden/1.jpg,Nobody/1.png,0\n"
    )
    answer = typed("evaluate", "pairs", tmp_path / "pairs.csv", "--images", images, "--json")
    assert answer.code == 1
    assert answer.names({images / "Barack_Obama" / "9.jpg": "no such file"})
    (result,) = answer.values
    assert result["failures_to_acquire"] == 2
    assert result["pairs_with_failures"] == {"same": 1, "different": 1}
    assert result["at_similarity"]["80"]["fnmr"] == 1


def refused(reason: str, *arguments: object) -> Answer:
    answer = typed("evaluate", *arguments)
    assert answer.out == "" and reason in answer.problems[0]
    return answer


def test_what_cannot_be_evaluated_is_refused_before_the_work(images: Path, pairs: Path, tmp_path: Path) -> None:
    some = ("--images", images)
    assert refused("none of the photos of", "pairs", pairs, "--images", tmp_path).code == 2
    assert refused("must end in .png or .svg", "pairs", pairs, *some, "--plot", tmp_path / "a.gif").code == 2
    assert refused("is none of size, blur, light", "cohorts", "pairs", pairs, *some, "--by", "age").code == 2
    assert refused("not allowed", "identify", pairs, *some, "--target", "5").code == 2
    assert refused("--pack NAME", "pairs", pairs, *some, "--calibrate").code == 2
    assert refused("no such file", "pairs", tmp_path / "none.csv", *some).code == 1
    assert refused("line 2: it must be the number", "detection", pairs, *some).code == 1
    long = tmp_path / "long.csv"
    long.write_text(f"fold,a,b,same\n1,{'x' * 300},{'y' * 300},1\n")
    assert refused("none of the photos of", "pairs", long, *some).code == 2
    grouped = ("cohorts", "pairs", pairs, *some, "--by", "age", "--table", tmp_path / "people.csv")
    assert refused("no such file", *grouped).code == 1
    (tmp_path / "people.csv").write_text("person,city\nJoe_Biden,Scranton\n")
    assert refused("no column age", *grouped).code == 1


MINE = "".join(f'[mine.{part}]\nlike = "dlib-mtcnn"\n' for part in ("detector", "landmarks", "embedder", "embeddings"))


def test_a_pack_that_nobody_calibrated_can_be_evaluated(images: Path, pairs: Path, tmp_path: Path) -> None:
    (tmp_path / "packs.toml").write_text(MINE)
    some = (pairs, "--images", images, "--data", tmp_path, "--pack", "mine")
    result = evaluated("pairs", *some)
    assert (result["accuracy"], result["at_similarity"]) == (1, None)
    result = evaluated("identify", *some, "--plot", tmp_path / "det.png")
    assert (result["rank1"], result["strangers_named_at_target"], result["threshold"]) == (1, None, None)
    assert "not calibrated" in typed("evaluate", "identify", *some).out


def test_too_few_people_are_no_calibration_and_the_rest_is_told(images: Path, pairs: Path, tmp_path: Path) -> None:
    some = ("--images", images, "--data", tmp_path, "--pack", "dlib-mtcnn", "--calibrate", "--json")
    answer = typed("evaluate", "pairs", pairs, *some)
    assert answer.code == 1 and answer.values[0]["accuracy"] == 1 and "calibration" not in answer.values[0]
    assert "3 people whose faces were found make 5 pairs" in answer.problems[0]
    assert not (tmp_path / "packs.toml").exists()


def test_a_calibration_is_printed_written_and_used(
    eval_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (eval_data / "lfw-dev" / "pairs.csv").read_text().splitlines()
    different = [line for line in lines if line.endswith(",0")][:20]
    (tmp_path / "pairs.csv").write_text("\n".join([lines[0], *lines[1:5], *different]))
    monkeypatch.setattr(fitting, "LEAST_PAIRS", 500)
    (tmp_path / "packs.toml").write_text(MINE)
    some = (tmp_path / "pairs.csv", "--images", eval_data / "lfw-dev" / "images", "--data", tmp_path)
    answer = typed("evaluate", "pairs", *some, "--pack", "mine", "--calibrate")
    assert answer.code == 0, answer.err
    written = tomllib.loads((tmp_path / "packs.toml").read_text())["mine"]["calibration"]
    assert f"d80 = {written['d80']}" in answer.out and "[mine.calibration]" in answer.out
    assert 0.4 < written["d80"] < 0.65 and written["source"].startswith("measured on pairs.csv")
    with FaceEngine(packs_file=tmp_path / "packs.toml", pack="mine") as engine:
        assert engine.calibration.d80 == written["d80"]


def test_every_option_is_in_the_docs() -> None:
    """Of the commands below evaluate, which the general test of options does not see."""
    common = PAGE.split("## Every command")[1].split("\n## ")[0]
    for parser in parsers().values():
        for action in parser._actions:
            for option in set(action.option_strings) - {"-h", "--help"}:
                shown = option if action.nargs == 0 else f"{option} {action.metavar}"
                assert f"`{shown}`" in SECTION + common, shown


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The commands below evaluate."""
    found = cli._parser()
    for name in ("evaluate", "pairs"):
        (choices,) = (a.choices for a in found._actions if isinstance(a, argparse._SubParsersAction))
        found = dict(choices or {})[name]
    return dict(choices or {})


def test_json_is_one_line(images: Path, pairs: Path) -> None:
    answer = typed("evaluate", "pairs", pairs, "--images", images, "--json")
    assert answer.out.count("\n") == 1 and json.loads(answer.out)["pairs"] == 4
