"""Model packs: what those that come with photocall say, and what a pack must say."""

import copy
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from photocall.engine import packs
from photocall.engine.packs import DEFAULT_PACK, load_pack, pack_names, read_pack
from photocall.engine.sources import is_present, source_path
from photocall.errors import NotCalibrated, WeightsInvalid

HERE = Path(packs.__file__).parent
ROLES = ("detector", "landmarks", "embedder")
TABLES: dict[str, Any] = tomllib.loads((HERE / "packs.toml").read_text("utf-8"))


def entries(table: dict[str, Any], *path: str) -> Iterator[tuple[str, ...]]:
    """Where every entry of a table is, the tables within included."""
    for key, value in table.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from entries(value, *path, key)


def spelt_out(name: str) -> dict[str, Any]:
    """A pack's table with nothing taken from others."""
    parts = {}
    for part, table in TABLES[name].items():
        other = table.get("like")
        taken = spelt_out(other).get(part) if other else {}
        if taken is not None:
            parts[part] = taken | {key: value for key, value in table.items() if key != "like"}
    return parts


def changed(name: str, path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A pack's table with one entry replaced, or removed where `value` is None."""
    whole: dict[str, Any] = copy.deepcopy(spelt_out(name))
    table = whole
    for key in path[:-1]:
        table = table[key]
    if value is None:
        del table[path[-1]]
    else:
        table[path[-1]] = value
    return whole


@pytest.mark.parametrize("name", TABLES)
def test_every_pack_loads_and_names_source_licence_and_checksum_of_every_file(name: str) -> None:
    files = load_pack(name).files
    assert {file.role for file in files} == set(ROLES) - ({"landmarks"} if name == "opencv-zoo" else set())
    for file in files:
        assert file.licence in {"MIT", "CC0-1.0", "Apache-2.0"}
        assert file.home.startswith("https://")
        assert file.package.count("==") == 1 if file.package else file.url.startswith("https://")
        assert len(bytes.fromhex(file.sha256)) == 32


def test_the_plain_pack_is_dlibs_network_behind_mtcnn() -> None:
    pack = load_pack("dlib-mtcnn")
    assert (pack.model, pack.dimension, pack.unit_length, pack.embedder.flip) == ("dlib-resnet-v1", 128, False, False)
    assert pack.calibration.customary_threshold == 0.6
    assert pack.measurement is not None
    assert pack.measurement.valid == (0.38, 0.70)
    assert pack.measurement.source.startswith("measured on LFW")


def test_standard_is_the_same_files_with_mirror_images_and_a_model_of_its_own() -> None:
    plain, standard = load_pack("dlib-mtcnn"), load_pack("standard")
    assert [file.sha256 for file in standard.files] == [file.sha256 for file in plain.files]
    assert standard.embedder.flip
    assert standard.model != plain.model  # so that their embeddings are never compared


def test_yunet_stands_before_the_standard_embedder() -> None:
    yunet, standard = load_pack("yunet"), load_pack("standard")
    assert (yunet.detector.layout, yunet.detector.threshold, yunet.detector.long_side) == ("yunet", 0.6, 640)
    assert (yunet.model, yunet.measurement) == (standard.model, standard.measurement)
    assert (yunet.embedder.part.kind, yunet.embedder.flip) == (standard.embedder.part.kind, standard.embedder.flip)


def test_opencvs_networks_are_not_calibrated_and_say_so() -> None:
    pack = load_pack("opencv-zoo")
    assert (pack.embedder.alignment, pack.dimension, pack.unit_length) == ("arcface", 128, True)
    with pytest.raises(NotCalibrated, match=r"photocall evaluate pairs .* --pack opencv-zoo --calibrate"):
        _ = pack.calibration


def test_the_two_similarities_lie_on_the_calibration_curve() -> None:
    calibration = load_pack("dlib-mtcnn").calibration
    assert calibration.false_match_rate(calibration.d80) == pytest.approx(1e-3, rel=0.02)
    assert calibration.false_match_rate(calibration.d99) == pytest.approx(1e-5, rel=0.02)


def test_an_unknown_pack_is_refused_with_the_names_of_those_there_are() -> None:
    assert DEFAULT_PACK in pack_names()
    with pytest.raises(WeightsInvalid, match="no such pack; there is dlib-mtcnn, standard"):
        load_pack("arcface")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("licence", [None, "", "  "])
@pytest.mark.parametrize("name", ["dlib-mtcnn", "yunet"])
def test_a_pack_with_a_part_without_licence_does_not_load(name: str, role: str, licence: str | None) -> None:
    with pytest.raises(WeightsInvalid, match=rf"entry {role}\.licence must be text"):
        read_pack(name, changed(name, (role, "licence"), licence), HERE)


OPTIONAL = {"calibration", "limits", "sums", "hubness", "scatter"}
EVERY_ENTRY = [(name, path) for name in TABLES for path in entries(spelt_out(name))]


@pytest.mark.parametrize(("name", "path"), EVERY_ENTRY, ids=[f"{name}.{'.'.join(path)}" for name, path in EVERY_ENTRY])
def test_no_entry_may_be_of_another_kind_or_missing_unless_it_is_optional(name: str, path: tuple[str, ...]) -> None:
    for value in ([True],) if path[-1] in OPTIONAL else (None, [True]):
        with pytest.raises(WeightsInvalid, match=rf"model pack '{name}': entry [\w.]+ must be"):
            read_pack(name, changed(name, path, value), HERE)


@pytest.mark.parametrize("size", [0, -1, True, 1.5, 2**30 + 1])
def test_a_size_is_a_whole_number_above_zero_and_no_more_than_a_gibibyte(size: object) -> None:
    with pytest.raises(WeightsInvalid, match=r"entry detector\.files\.pnet\.bytes must be a whole number above 0"):
        read_pack("dlib-mtcnn", changed("dlib-mtcnn", ("detector", "files", "pnet", "bytes"), size), HERE)


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        (("embedder", "flop"), True, "there is no entry embedder.flop here; there are layout, alignment, flip"),
        (("embedder", "alignment"), "arc", "embedder.alignment must be one of dlib, arcface, not 'arc'"),
        (("embedder", "scale"), [1, 1, 0], "embedder.scale must be three numbers other than 0"),
        (("embedder", "mean"), [1, 1, float("nan")], "embedder.mean must be 3 numbers"),
        (("embedder", "sha256"), "z" * 64, "embedder.sha256 must be a SHA-256, 64 hexadecimal digits"),
        (("embedder", "file"), "a.onnx", "embedder.file must be given once, as a file, a url or a package"),
        (("detector", "threshold"), 1.5, "detector.threshold must be a number from 0 to 1"),
        (("embeddings", "metric"), "manhattan", "embeddings.metric must be one of euclidean, cosine"),
        (("embeddings", "dimension"), 5000, "embeddings.dimension must be a whole number above 0 and at most 4096"),
        (("embedder", "mean"), [10**400, 1, 1], "embedder.mean must be 3 numbers, not [1000"),
        (("embedder", "url"), "https://a/\0", "embedder.url must be text"),
        (("embedder", "licence"), None, "embedder.licence must be text, and is missing"),
    ],
)
def test_a_wrong_entry_is_refused_with_what_would_be_right(path: tuple[str, ...], value: object, wrong: str) -> None:
    with pytest.raises(WeightsInvalid, match=re.escape(wrong)):
        read_pack("opencv-zoo", changed("opencv-zoo", path, value), HERE)


def test_ranges_of_sums_without_limits_are_refused_since_integers_need_both() -> None:
    table = changed("standard", ("embedder", "limits"), None)
    with pytest.raises(WeightsInvalid, match=r"entry embedder\.sums must be left out where there are no limits"):
        read_pack("standard", table, HERE)
    del table["embedder"]["sums"]
    assert read_pack("standard", table, HERE).embedder.part.limits == ()


# A user's own file

PARTS = ("detector", "landmarks", "embedder", "embeddings", "calibration")
ALL_LIKE = "".join(f'[mine.{part}]\nlike = "dlib-mtcnn"\n' for part in PARTS)


def own(folder: Path, text: str) -> Path:
    (folder / "packs.toml").write_text(text)
    return folder / "packs.toml"


def test_a_pack_whose_parts_are_like_another_is_that_pack(tmp_path: Path) -> None:
    packs_file = own(tmp_path, ALL_LIKE)
    mine, other = load_pack("mine", packs_file), load_pack("dlib-mtcnn")
    assert pack_names(packs_file) == [*pack_names(), "mine"]
    assert (mine.detector.layout, mine.model, mine.calibration) == ("mtcnn", other.model, other.calibration)
    assert [file.sha256 for file in mine.files] == [file.sha256 for file in other.files]


def test_how_a_part_is_read_may_be_changed_but_not_what_it_is(tmp_path: Path) -> None:
    flipped = ALL_LIKE.replace("[mine.embedder]", "[mine.embedder]\nflip = true")
    assert load_pack("mine", own(tmp_path, flipped)).embedder.flip
    for entry in ('file = "a"', 'licence = "mine"', 'layout = "nchw"', 'sha256 = "00"'):
        other = ALL_LIKE.replace("[mine.embedder]", f"[mine.embedder]\n{entry}")
        with pytest.raises(WeightsInvalid, match=r"entry embedder\.\w+ cannot stand beside embedder\.like"):
            load_pack("mine", own(tmp_path, other))


def test_like_means_a_pack_that_comes_with_photocall_and_has_that_part(tmp_path: Path) -> None:
    for other in ("mine", "nobody"):
        text = ALL_LIKE.replace('[mine.embedder]\nlike = "dlib-mtcnn"', f'[mine.embedder]\nlike = "{other}"')
        with pytest.raises(WeightsInvalid, match=f"embedder.like must be a pack that comes .* not '{other}'"):
            load_pack("mine", own(tmp_path, text))
    text = ALL_LIKE.replace('[mine.landmarks]\nlike = "dlib-mtcnn"', '[mine.landmarks]\nlike = "opencv-zoo"')
    with pytest.raises(WeightsInvalid, match="pack opencv-zoo has no landmarks"):
        load_pack("mine", own(tmp_path, text))


def test_a_users_entry_replaces_no_pack_that_comes_with_photocall(tmp_path: Path) -> None:
    packs_file = own(tmp_path, '[standard.detector]\nlike = "yunet"\n')
    for name in (None, "dlib-mtcnn"):
        with pytest.raises(WeightsInvalid, match="a pack of that name comes with photocall; give yours another name"):
            load_pack(name, packs_file) if name else pack_names(packs_file)


@pytest.mark.parametrize("file", ["nets/a.onnx", "/srv/a.onnx"])
def test_a_file_of_a_users_pack_lies_beside_its_list_or_where_its_path_says(file: str, tmp_path: Path) -> None:
    table = spelt_out("opencv-zoo")
    table["embedder"] = {key: value for key, value in table["embedder"].items() if key not in ("url", "home")}
    pack = read_pack("mine", {**table, "embedder": {**table["embedder"], "file": file}}, tmp_path)
    assert pack.files[-1].path == str(tmp_path / file)
    assert pack.files[-1].home == ""


def test_an_empty_file_has_no_packs(tmp_path: Path) -> None:
    assert pack_names(own(tmp_path, "")) == pack_names()


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert "mine" in pack_names(own(tmp_path, "\ufeff" + ALL_LIKE))


MEASURED = """source = "made up"
fmr_curve = [-8.0, 23.0, -13.0]
valid = [0.4, 0.7]
d80 = 0.54
d99 = 0.41
customary_threshold = 0.6
"""


def test_a_calibration_of_ones_own_leaves_the_metric_as_it_is(tmp_path: Path) -> None:
    mine = load_pack("standard", own(tmp_path, "[standard.calibration]\n" + MEASURED))
    metric = load_pack("standard").metric
    assert mine.calibration.d80 == 0.54
    assert metric.hubness is not None and metric.scatter is not None and mine.metric.hubness is not None
    assert (mine.metric.hubness == metric.hubness).all() and mine.metric.scatter == metric.scatter


def test_a_pack_without_scatter_keeps_its_hubness(tmp_path: Path) -> None:
    metric = read_pack("standard", changed("standard", ("embeddings", "scatter"), None), HERE).metric
    assert metric.scatter is None and metric.hubness is not None


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        ("d99 = 0.54", r"calibration\.d99 must be a shorter distance than d80"),
        ("d99 = -1", r"calibration\.d99 must be a number"),
        ("fmr_curve = [0, 23.0, -13.0]", r"calibration\.fmr_curve must be three numbers, the first below 0"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused(entry: str, wrong: str, tmp_path: Path) -> None:
    key = entry.partition(" ")[0]
    lines = [entry if line.startswith(key) else line for line in MEASURED.splitlines()]
    with pytest.raises(WeightsInvalid, match=wrong):
        load_pack("standard", own(tmp_path, "\n".join(["[standard.calibration]", *lines])))


@pytest.mark.parametrize("package", ["==1", "__main__", "no.such==1", ".x"])
def test_a_package_that_cannot_be_is_not_installed(package: str) -> None:
    pack = read_pack("dlib-mtcnn", changed("dlib-mtcnn", ("embedder", "package"), package), HERE)
    assert not is_present(pack.files[-1])
    with pytest.raises(WeightsInvalid, match="the package is not installed"):
        source_path(pack.files[-1])


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"[mine", "not a list of packs in TOML"),
        (b"\xff\xfe", "not a list of packs in TOML"),
        (b"mine = 3", "entry mine must be a table"),
        (b"#" * (2**20 + 1), "it is larger than 1 MiB"),
        (b"a = " + b"[" * 5000, "not a list of packs in TOML"),
        (None, "no such file"),
    ],
    ids=["cut", "no text", "no tables", "too large", "too deep", "missing"],
)
def test_a_file_that_is_no_list_of_packs_is_refused(content: bytes | None, wrong: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "packs.toml").write_bytes(content)
    with pytest.raises(WeightsInvalid, match=rf"packs\.toml: .*{wrong}"):
        pack_names(tmp_path / "packs.toml")
